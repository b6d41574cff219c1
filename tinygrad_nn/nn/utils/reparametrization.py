"""What the two forms of weight normalisation and of spectral normalisation share."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OptionError
from tinygrad_nn.generator import generator
from tinygrad_nn.ops.reduce import sum, vector_norm
from tinygrad_nn.ops.shape import permute_dims, reshape
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "as_matrix",
    "axis_of_outputs",
    "norm_except",
    "normalized",
    "power_method",
    "singular_value",
    "start",
    "weighted",
]


def norm_except(v: Any, dim: int) -> Any:
    """Norm of `v` over all axes but `dim`, which keep length one; -1: one number."""
    if dim == -1:
        return vector_norm(v)
    if not 0 <= dim < v.ndim:
        raise OptionError(
            f"weight_norm: got dim={dim}, expected an axis of {v.shape} counted from 0, or None "
            "(or -1) for one norm of the whole weight"
        )
    axes = tuple(axis for axis in range(v.ndim) if axis != dim)
    return vector_norm(v, axis=axes, keepdims=True) if axes else abs(v)


def weighted(v: Any, g: Any, dim: int) -> Any:
    """g · v / |v|: the direction of `v` with the length `g` (Salimans and Kingma 2016)."""
    return v * (g / norm_except(v, dim))


def axis_of_outputs(module: Any, dim: int | None) -> int:
    """`dim`, or the axis of outputs in the weight of `module`."""
    if dim is not None:
        return dim
    return int(any(kind.__name__.startswith("ConvTranspose") for kind in type(module).__mro__))


def as_matrix(weight: Any, dim: int) -> Any:
    """`weight` with `dim` in front and the other axes as one."""
    if dim:
        weight = permute_dims(weight, (dim, *(d for d in range(weight.ndim) if d != dim)))
    count = weight.shape[0]
    return reshape(weight, (count, weight.size // count if count else 0))


def normalized(x: Any, eps: float) -> Any:
    """x / max(|x|, eps)."""
    return x / vector_norm(x).clip(eps, None)


def start(rng: Any, matrix: Any, eps: float) -> tuple[Tensor, Tensor]:
    """Random unit vectors (u, v) to begin with, of the matrix's sides and dtype."""
    draws = generator(rng)
    u, v = (
        normalized(tensor(draws.standard_normal(side), dtype=matrix.dtype), eps)
        for side in matrix.shape
    )
    return u, v


def power_method(
    matrix: Any, u: Any, v: Any, steps: int, eps: float, u_first: bool
) -> tuple[Any, Any]:
    """Singular vectors (u, v) of the greatest singular value, some steps nearer."""
    with no_grad():
        for _ in range(steps):
            if u_first:
                u = normalized(matrix @ v, eps)
            v = normalized(matrix.mT @ u, eps)
            if not u_first:
                u = normalized(matrix @ v, eps)
    return u, v


def singular_value(matrix: Any, u: Any, v: Any) -> Any:
    """uᵀ M v; the gradient reaches M alone."""
    return sum(u * (matrix @ v))


def steps_of(name: str, n_power_iterations: Any) -> int:
    """The number of steps, checked."""
    if not isinstance(n_power_iterations, int) or n_power_iterations < 1:
        raise OptionError(
            f"{name}: got n_power_iterations={n_power_iterations!r}, expected an integer of at "
            "least 1"
        )
    return n_power_iterations
