"""Parametrisations of weights: by length and direction, by singular value, orthogonal."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.utils.parametrize import register_parametrization
from tinygrad_nn.nn.utils.reparametrization import (
    as_matrix,
    axis_of_outputs,
    norm_except,
    normalized,
    power_method,
    singular_value,
    start,
    steps_of,
    weighted,
)
from tinygrad_nn.ops.decomposition import qr
from tinygrad_nn.ops.diagonal import diagonal, tril
from tinygrad_nn.ops.elementwise import sign
from tinygrad_nn.ops.inverse import expm, solve
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.reduce import sum
from tinygrad_nn.ops.shape import expand_dims
from tinygrad_nn.tensor import Tensor, tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)

_MAPS = ("matrix_exp", "cayley", "householder")
_FIRST_STEPS = 15


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn the length and the direction of a weight apart: w = g · v / |v|.

    g is `parametrizations.weight.original0`, v is `original1`. State dicts of the older form
    (`weight_g`, `weight_v`) load too.

    Args:
        module: The layer.
        name: Of its weight.
        dim: Axis along which there is a length for each index; None for one length.

    Returns:
        `module`.

    Example:
        >>> from tinygrad_nn import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
        >>> [name for name, _ in layer.named_parameters()][1:]
        ['parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_OldNames(name))
    return module


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    rng: Any = None,
) -> M:
    """Divide a weight by its greatest singular value (Miyato et al. 2018); a vector by its norm.

    The value is estimated by power iteration: a few steps on each use in training.

    Args:
        module: The layer.
        name: Of its weight.
        n_power_iterations: Steps on each use.
        eps: Least length to divide by.
        dim: Axis of the outputs; 0, and 1 for transposed convolutions, if None.
        rng: Seed or generator of the first singular vectors.

    Returns:
        `module`.
    """
    weight = _weight("spectral_norm", module, name)
    at = axis_of_outputs(module, dim)
    if not -weight.ndim <= at < weight.ndim:
        raise OptionError(f"spectral_norm: got dim={dim}, expected an axis of {weight.shape}")
    steps = steps_of("spectral_norm", n_power_iterations)
    made = _SpectralNorm(weight, steps, at % weight.ndim, eps, rng)
    register_parametrization(module, name, made)
    return module


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
    rng: Any = None,
) -> M:
    """Keep a weight orthogonal: orthonormal columns, or rows where there are fewer.

    The matrix is Q = B · f(A), with f a map from all matrices to orthogonal ones and B a fixed
    orthogonal matrix, so that A = 0 gives what the weight was, made orthogonal (Lezcano
    Casado 2019).

    Args:
        module: The layer.
        name: Of its weight `(..., m, n)`.
        orthogonal_map: "matrix_exp" (e to a skew-symmetric matrix; the default of square
            weights), "cayley" ((I + S/2) (I − S/2)⁻¹), or "householder" (a product of
            reflections; the default of others).
        use_trivialization: Whether there is a B.
        rng: Seed or generator, for the columns that make a narrow B square.

    Returns:
        `module`.

    Raises:
        OptionError: The map is unknown, or the module has no such weight.
        ShapeError: The weight is a vector.
    """
    weight = _weight("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(f"orthogonal: got shape {weight.shape}, expected a matrix (..., m, n)")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in _MAPS:
        raise OptionError(
            f"orthogonal: got orthogonal_map={orthogonal_map!r}, expected one of {', '.join(_MAPS)}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization, rng)
    register_parametrization(module, name, made, unsafe=True)
    return module


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        """g · v / |v|."""
        return weighted(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """Length and direction."""
        return norm_except(weight, self.dim), weight


class _OldNames:
    """Hook that lets the entries of the older form pass."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Any, state: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{self.name}_{part}" for part in "gv"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{self.name}.original{i}"] = state.pop(key)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, steps: int, dim: int, eps: float, rng: Any) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps
        if weight.ndim > 1:
            self.n_power_iterations = steps
            matrix = as_matrix(weight.detach(), dim)
            u, v = start(rng, matrix, eps)
            u, v = power_method(matrix, u, v, _FIRST_STEPS, eps, u_first=True)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Any) -> Any:
        """The weight over its greatest singular value."""
        if weight.ndim == 1:
            return normalized(weight, self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            steps = self.n_power_iterations
            self._u, self._v = power_method(matrix, self._u, self._v, steps, self.eps, u_first=True)
        return weight / singular_value(matrix, self._u, self._v)

    def right_inverse(self, value: Any) -> Any:
        """The weight itself: on first use it is scaled."""
        return value


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, trivial: bool, rng: Any) -> None:
        super().__init__()
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        self.rng = generator(rng)
        self.trivial = trivial
        if trivial:
            self.register_buffer("base", None)

    def forward(self, x: Any) -> Any:
        """B · f(X)."""
        wide = x.shape[-2] < x.shape[-1]
        tall = x.mT if wide else x
        if self.orthogonal_map == "householder":
            q = _reflections(tall)
        else:
            q = _rotation(tall, self.orthogonal_map)
        if self.trivial and self.base is not None:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, q: Any) -> Any:
        """What gives `q`, made orthogonal if it is not."""
        if q.shape != self.shape:
            raise ShapeError(f"orthogonal: got shape {q.shape}, expected {self.shape}")
        wide = q.shape[-2] < q.shape[-1]
        tall = (q.mT if wide else q).detach()
        if not self.trivial:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "orthogonal: without trivialisation the maps 'matrix_exp' and 'cayley' have "
                    "no inverse here; use use_trivialization=True to assign a weight"
                )
            packed = _packed(tall)
            return packed.mT if wide else packed
        n, k = tall.shape[-2:]
        if n != k:
            more = self.rng.standard_normal((*tall.shape[:-1], n - k))
            tall = concat([tall, tensor(more, dtype=tall.dtype)], axis=-1)
        error = abs(tall.mT @ tall - _eye(tall, n))
        close = 10.0 * n * float(namespace(tall._data).finfo(tall.dtype).eps)
        if n != k or not error.size or float(error.max()) > close:
            tall = _orthonormal(tall)
        self.base = tall
        # The diagonal of −1 is what the reflections read their signs from: zeros give I.
        payload = namespace(q._data).zeros_like(q._data)
        least = min(q.shape[-2:])
        payload[..., range(least), range(least)] = -1
        return Tensor.wrap(payload)


def _eye(like: Any, n: int) -> Any:
    return Tensor.wrap(namespace(like._data).eye(n, dtype=like.dtype))


def _orthonormal(a: Any) -> Any:
    """Q of a = QR with a diagonal of R that is not negative."""
    with no_grad():
        q, r = qr(a)
        return q * expand_dims(sign(diagonal(r, axis1=-2, axis2=-1)), -2)


def _rotation(x: Any, kind: str) -> Any:
    """Columns of a rotation, from the lower triangle of a tall matrix."""
    n, k = x.shape[-2:]
    low = tril(x)
    if n != k:
        low = concat([low, namespace(x._data).zeros((*x.shape[:-1], n - k), x.dtype)], axis=-1)
    skew = low - low.mT
    if kind == "matrix_exp":
        q = expm(skew)
    else:
        one = _eye(x, n)
        q = solve(one - 0.5 * skew, one + 0.5 * skew)
    return q[..., :k] if n != k else q


def _reflections(x: Any) -> Any:
    """Product of the reflections whose vectors stand below the diagonal; signs on it.

    Reflection i is I − τ v vᵀ with v = (0, ..., 0, 1, x[i+1:, i]) and τ = 2 / |v|².
    """
    n, k = x.shape[-2:]
    below = tril(x, -1)
    tau = 2.0 / (1.0 + sum(below * below, axis=-2))
    eye = _eye(x, n)[:, :k]
    vectors = below + eye
    q = eye
    for i in reversed(range(k)):
        v = vectors[..., :, i : i + 1]
        q = q - tau[..., i : i + 1, None] * v @ (v.mT @ q)
    # Signs are no numbers to learn.
    signs = tensor(diagonal(x.detach(), axis1=-2, axis2=-1).astype("int64"), dtype=x.dtype)
    return q * expand_dims(signs, -2)


def _packed(q: Any) -> Any:
    """Vectors of the reflections that make `q`, with signs on the diagonal."""
    payload = q._data
    functions = namespace(payload)
    packed, tau = functions.linalg.reflections(payload)
    n = range(packed.shape[-1])
    ends = functions.sign(packed[..., n, n])
    packed[..., n, n] = functions.where(tau == 0, -ends, ends)
    return Tensor.wrap(packed)


def _weight(caller: str, module: Any, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        own = [n for n, _ in module.named_parameters(recurse=False)]
        raise OptionError(
            f"{caller}: {type(module).__name__} has no parameter or buffer {name!r}; it has "
            f"{', '.join(own) or 'none'}"
        )
    return weight
