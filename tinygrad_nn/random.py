"""Random tensors. Every function takes `rng=`: a seed, a generator, or None.

There is no global seed: a generator made with `numpy.random.default_rng(0)` and handed from
call to call gives the same run each time; an int seed gives the same numbers each call; None
gives different numbers on each run.

Where a distribution's parameters are tensors that require a gradient, the draw is
differentiable in them (it is a standard draw, scaled and shifted). `bernoulli`, `categorical`,
`choice` and `integers` have no gradient.

Example:
    >>> import tinygrad_nn as tg
    >>> scale = tg.tensor(2.0, requires_grad=True)
    >>> y = tg.random.normal(0.0, scale, size=(3,), rng=0)
    >>> y.shape
    (3,)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn import ops
from tinygrad_nn.core.capturing import Traced, wrong
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.ops.noise import noise
from tinygrad_nn.payload import default_float
from tinygrad_nn.ported import check_device
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "bernoulli",
    "categorical",
    "choice",
    "exponential",
    "gumbel",
    "integers",
    "laplace",
    "logistic",
    "normal",
    "permutation",
    "rand",
    "rand_like",
    "randn",
    "randn_like",
    "standard_normal",
    "uniform",
]

Size = int | Sequence[int] | None


def _sides(size: int | Sequence[int]) -> tuple[int, ...]:
    return (int(size),) if isinstance(size, (int, np.integer)) else tuple(size)


def _drawn(name: str, kind: str, rng: Any, size: Size, dtype: Any, *parameters: Any) -> Tensor:
    """Standard draws in the shape that the parameters and `size` ask for."""
    first = parameters[0] if parameters else None
    if size is None and type(first) is tuple and all(isinstance(side, int) for side in first):
        raise OptionError(
            f"{name}: got the tuple {first} as the first parameter of the distribution, expected "
            f"a number or an array; a shape is given by name: {name}(size={first})"
        )
    shapes = [np.shape(p) for p in parameters]
    wanted = () if size is None else _sides(size)
    try:
        shape = np.broadcast_shapes(wanted, *shapes)
    except ValueError:
        shape = None
    if shape is None or (size is not None and shape != wanted):
        raise ShapeError(
            f"{name}: got size={size} and parameters of shapes {shapes}, expected shapes that "
            "broadcast to the size"
        )
    if dtype is None:
        kinds = [p.dtype for p in parameters if hasattr(p, "dtype") and p.dtype.kind == "f"]
        dtype = np.result_type(*kinds) if kinds else default_float()
    template = np.broadcast_to(np.zeros((), _float(name, dtype)), shape)
    return noise(Tensor.wrap(template), kind, generator(rng))  # type: ignore[no-any-return]


def _float(name: str, dtype: Any) -> Any:
    if np.dtype(dtype).kind != "f":
        raise DTypeError(f"{name}: got dtype {np.dtype(dtype)}, expected a float dtype")
    return dtype


def _scale(name: str, scale: Any) -> Any:
    if wrong((_numbers(scale) < 0).any()):
        raise OptionError(f"{name}: got a negative scale, expected 0 or more")
    return scale


def _numbers(x: Any) -> Any:
    """Array behind a parameter, whatever it is."""
    if isinstance(x, Tensor):
        return x.synced()
    return x if isinstance(x, Traced) else np.asarray(x)


def normal(
    loc: Any = 0.0, scale: Any = 1.0, size: Size = None, *, rng: Any = None, dtype: Any = None
) -> Tensor:
    """Normal draws with mean `loc` and standard deviation `scale`: loc + scale · z.

    Args:
        loc: Number or array; a tensor gets a gradient.
        scale: The same, not negative.
        size: Shape; None for that of the parameters.
        rng: Seed or generator.
        dtype: Float dtype; None for that of the parameters.
    """
    z = _drawn("normal", "normal", rng, size, dtype, loc, scale)
    return loc + _scale("normal", scale) * z  # type: ignore[no-any-return]


def uniform(
    low: Any = 0.0, high: Any = 1.0, size: Size = None, *, rng: Any = None, dtype: Any = None
) -> Tensor:
    """Uniform draws between `low` (included) and `high`: low + (high - low) · u."""
    u = _drawn("uniform", "uniform", rng, size, dtype, low, high)
    return low + (high - low) * u  # type: ignore[no-any-return]


def exponential(
    scale: Any = 1.0, size: Size = None, *, rng: Any = None, dtype: Any = None
) -> Tensor:
    """Exponential draws with mean `scale`."""
    z = _drawn("exponential", "exponential", rng, size, dtype, scale)
    return _scale("exponential", scale) * z  # type: ignore[no-any-return]


def gumbel(
    loc: Any = 0.0, scale: Any = 1.0, size: Size = None, *, rng: Any = None, dtype: Any = None
) -> Tensor:
    """Gumbel draws; the greatest of `logits + gumbel` is a categorical draw."""
    z = _drawn("gumbel", "gumbel", rng, size, dtype, loc, scale)
    return loc + _scale("gumbel", scale) * z  # type: ignore[no-any-return]


def logistic(
    loc: Any = 0.0, scale: Any = 1.0, size: Size = None, *, rng: Any = None, dtype: Any = None
) -> Tensor:
    """Logistic draws with mean `loc`."""
    z = _drawn("logistic", "logistic", rng, size, dtype, loc, scale)
    return loc + _scale("logistic", scale) * z  # type: ignore[no-any-return]


def laplace(
    loc: Any = 0.0, scale: Any = 1.0, size: Size = None, *, rng: Any = None, dtype: Any = None
) -> Tensor:
    """Laplace draws with mean `loc`: exponential with mean `scale` to either side."""
    z = _drawn("laplace", "laplace", rng, size, dtype, loc, scale)
    return loc + _scale("laplace", scale) * z  # type: ignore[no-any-return]


def standard_normal(size: Size = (), *, rng: Any = None, dtype: Any = None) -> Tensor:
    """Normal draws with mean 0 and variance 1."""
    return _drawn("standard_normal", "normal", rng, size, dtype)


def randn(
    *shape: int, rng: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal draws: `randn(2, 3, rng=0)`."""
    check_device("randn", device)
    found = _drawn("randn", "normal", rng, _spread(shape), dtype)
    return found.requires_grad_(requires_grad)


def rand(
    *shape: int, rng: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform draws from 0 to 1: `rand(2, 3, rng=0)`."""
    check_device("rand", device)
    found = _drawn("rand", "uniform", rng, _spread(shape), dtype)
    return found.requires_grad_(requires_grad)


def randn_like(x: Any, *, rng: Any = None, dtype: Any = None) -> Tensor:
    """Normal draws in the shape and dtype of `x`: the noise of a variational autoencoder."""
    return _drawn("randn_like", "normal", rng, np.shape(x), dtype or getattr(x, "dtype", None))


def rand_like(x: Any, *, rng: Any = None, dtype: Any = None) -> Tensor:
    """Uniform draws from 0 to 1 in the shape and dtype of `x`."""
    return _drawn("rand_like", "uniform", rng, np.shape(x), dtype or getattr(x, "dtype", None))


def _spread(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Sides given one by one, or as one tuple."""
    return _sides(shape[0]) if len(shape) == 1 else shape


# ── Without a gradient ──────────────────────────────────────────────────────────────────


def integers(low: int, high: int | None = None, size: Size = None, *, rng: Any = None) -> Tensor:
    """Integers from `low` (0, if only one number is given) up to `high`, which is excluded."""
    return tensor(_numbers(generator(rng).integers(low, high, size)))


def bernoulli(p: Any, size: Size = None, *, rng: Any = None, dtype: Any = None) -> Tensor:
    """1 with probability `p`, else 0, as floats; no gradient.

    Raises:
        OptionError: `p` is outside [0, 1].
    """
    values = _numbers(p)
    if wrong((~((values >= 0) & (values <= 1))).any()):
        raise OptionError(
            "bernoulli: got a probability outside [0, 1], or NaN; expected 0 <= p <= 1"
        )
    u = _drawn("bernoulli", "uniform", rng, size, dtype, p)
    return ops.astype(ops.less(u, p), u.dtype)  # type: ignore[no-any-return]


def categorical(logits: Any, size: Size = None, *, axis: int = -1, rng: Any = None) -> Tensor:
    """Class numbers, drawn with probabilities softmax(logits) along `axis`; no gradient.

    Args:
        logits: Unnormalised log-probabilities; -inf for never.
        size: Axes of draws put in front; None for one draw each.
        axis: Axis of the classes, which is dropped.
        rng: Seed or generator.
    """
    logits = logits if isinstance(logits, Tensor) else tensor(logits)
    lead = () if size is None else _sides(size)
    z = _drawn("categorical", "gumbel", rng, (*lead, *logits.shape), None, logits)
    axis = axis if axis < 0 else axis - logits.ndim
    return ops.argmax(logits + z, axis=axis)  # type: ignore[no-any-return]


def choice(
    a: Any,
    size: Size = None,
    replace: bool = True,
    p: Any = None,
    *,
    axis: int = 0,
    rng: Any = None,
) -> Tensor:
    """Elements of `a` along `axis`, or numbers below an int `a`, chosen at random.

    Args:
        a: Array, or int. A tensor gets the gradient of what was chosen of it.
        size: Shape of the choice.
        replace: Whether an element may be chosen repeatedly.
        p: Probabilities of the elements.
        axis: Axis to choose along.
        rng: Seed or generator.
    """
    count = a if isinstance(a, (int, np.integer)) else np.shape(a)[axis]
    weights = None if p is None else _numbers(p).astype(np.float64)
    try:
        chosen = _numbers(generator(rng).choice(count, size, replace, weights))
    except ValueError as error:
        raise OptionError(f"choice: {error}; got {count} elements, size={size}") from error
    if count is a:
        return tensor(chosen)
    return ops.take(a if isinstance(a, Tensor) else tensor(a), chosen, axis=axis)  # type: ignore[no-any-return]


def permutation(x: Any, *, axis: int = 0, rng: Any = None) -> Tensor:
    """`x` in random order along `axis`, or the numbers below an int `x` in random order."""
    if isinstance(x, (int, np.integer)):
        return tensor(generator(rng).permutation(x))
    x = x if isinstance(x, Tensor) else tensor(x)
    return ops.take(x, generator(rng).permutation(x.shape[axis]), axis=axis)  # type: ignore[no-any-return]
