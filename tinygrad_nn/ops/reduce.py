"""Reductions over axes."""

from __future__ import annotations

from math import inf
from math import prod as product
from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.errors import OptionError
from tinygrad_nn.ops.axis import (
    Axes,
    lined_up,
    normals,
    over_axes,
    restored,
    set_back,
    spread,
)
from tinygrad_nn.ops.elementwise import abs, sign
from tinygrad_nn.ops.scan import products_of_others
from tinygrad_nn.ops.select import equal, greater, less, logical_or, where
from tinygrad_nn.ops.shape import astype, broadcast_to

__all__ = [
    "amax",
    "amin",
    "max",
    "mean",
    "min",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
    "vector_norm",
]

T = TypeVar("T")
DISTINCT = Domain(distinct=True)


@op(
    kernel="sum",
    vjp=lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims),
    quick="sum_slope",
    kind=Kind.LINEAR,
    samples=over_axes,
    numpy="sum",
)
def sum(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """Sum over `axis` (all axes if None); dy/dx = 1. float16 adds up in float32.

    Raises:
        ShapeError: An axis is out of range.
    """


def _prod_slope(g: Any, y: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    axes = normals("prod", axis, x.ndim)
    others = set_back(products_of_others(lined_up(x, axes)), x.shape, axes)
    return restored(g, axis, keepdims) * others


@op(kernel="prod", vjp=_prod_slope, samples=over_axes, numpy="prod")
def prod(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """Product over `axis` (all axes if None); dy/dx is the product of the other elements.

    That is never computed by dividing by x, so that it and its own derivatives are right
    where elements are zero.

    Raises:
        ShapeError: An axis is out of range.
    """


# ── Mean and spread ─────────────────────────────────────────────────────────────────────


def count(x: Any, axis: Axes) -> int:
    """Number of elements of `x` that a reduction over `axis` makes one."""
    if axis is None or not x.shape:
        return product(x.shape)
    return product([x.shape[a] for a in (axis if isinstance(axis, tuple) else (axis,))])


def _filled_over_axes(draw: Draw) -> Sample:
    return over_axes(draw, min_side=1)


@op(
    kernel="mean",
    vjp=lambda g, y, x, axis, keepdims: spread(g / (count(x, axis) or 1), x, axis, keepdims),
    kind=Kind.LINEAR,
    samples=_filled_over_axes,
    numpy="mean",
)
def mean(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """Mean over `axis` (all axes if None) of n elements; dy/dx = 1 / n.

    Of integers in float64; float16 adds up in float32. NaN, and NumPy's warning, for none.

    Raises:
        ShapeError: An axis is out of range.
    """


def _freedom(name: str, x: Any, axis: Axes, ddof: float, correction: float | None) -> float:
    """Number of elements less the degrees of freedom, not below 0."""
    if correction is not None and ddof:
        raise OptionError(
            f"{name}: got ddof={ddof} and correction={correction}, which mean the same; "
            "expected one of them"
        )
    number = product([x.shape[a] for a in normals(name, axis, x.ndim)])
    free = number - (ddof if correction is None else correction)
    return free if free > 0 else 0


def _var_slope(
    g: Any, y: Any, x: Any, *, axis: Axes, keepdims: bool, ddof: float, correction: float | None
) -> Any:
    scaled = g * 2.0 / _freedom("var", x, axis, ddof, correction)
    return restored(scaled, axis, keepdims) * (x - mean(x, axis, True))


def _spread_samples(draw: Draw) -> Sample:
    """Some number of degrees of freedom is left."""
    (x,), static = over_axes(draw, DISTINCT, min_side=2)
    name = draw.choice(["ddof", "correction"])
    return (x,), {**static, name: draw.choice([0, 1, 0.5]) if count(x, static["axis"]) > 1 else 0}


@op(vjp=_var_slope, samples=_spread_samples, numpy="var")
def var(
    x: T,
    /,
    axis: Axes = None,
    keepdims: bool = False,
    ddof: float = 0,
    correction: float | None = None,
) -> T:
    """Variance Σ (x - mean)² / (n - ddof) over `axis` (all axes if None).

    dy/dx = 2 (x - mean) / (n - ddof). `correction` is the array API's name of `ddof`; the
    default is 0, where PyTorch has 1. inf or NaN, and NumPy's warning, where n <= ddof.

    Raises:
        OptionError: Both `ddof` and `correction` are given.
        ShapeError: An axis is out of range.
    """
    return namespace(x).var(x, axis, keepdims, _freedom("var", x, axis, ddof, correction))  # type: ignore[no-any-return]


def _std_slope(
    g: Any, y: Any, x: Any, *, axis: Axes, keepdims: bool, ddof: float, correction: float | None
) -> Any:
    level = equal(y, 0)
    free = _freedom("std", x, axis, ddof, correction)
    scaled = where(level, 0.0, g / (where(level, 1.0, y) * free))
    return restored(scaled, axis, keepdims) * (x - mean(x, axis, True))


def _std_samples(draw: Draw) -> Sample:
    (x,), static = _spread_samples(draw)
    # The deviation of one element is 0, where it has no derivative.
    if x.size < 2:
        x = draw.array((2,), DISTINCT)
    return (x,), static if count(x, static["axis"]) > 1 else {"axis": None, "correction": 0}


@op(vjp=_std_slope, samples=_std_samples, numpy="std")
def std(
    x: T,
    /,
    axis: Axes = None,
    keepdims: bool = False,
    ddof: float = 0,
    correction: float | None = None,
) -> T:
    """Standard deviation √var over `axis` (all axes if None); see `var`.

    dy/dx = (x - mean) / ((n - ddof) y), and 0 where y is 0.

    Raises:
        OptionError: Both `ddof` and `correction` are given.
        ShapeError: An axis is out of range.
    """
    return namespace(x).std(x, axis, keepdims, _freedom("std", x, axis, ddof, correction))  # type: ignore[no-any-return]


# ── Extremes ────────────────────────────────────────────────────────────────────────────


def _shared(g: Any, beaten: Any, axis: Axes, keepdims: bool) -> Any:
    """`g` in equal shares to the elements over `axis` that are not `beaten`."""
    winners = count(beaten, axis) - sum(beaten, axis, True)
    shares = restored(g, axis, keepdims) / astype(winners, g.dtype)
    return where(beaten, 0.0, shares)


def _extreme_samples(draw: Draw) -> Sample:
    return over_axes(draw, DISTINCT, min_side=1)


@op(
    kernel="max",
    vjp=lambda g, y, x, axis, keepdims: _shared(
        g, less(x, restored(y, axis, keepdims)), axis, keepdims
    ),
    samples=_extreme_samples,
    numpy=("max", "amax"),
)
def max(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """Largest element over `axis` (all axes if None); NaN where there is one.

    dy/dx = 1 / k for the k elements that are equally large, 0 for the others. Where y is
    NaN, all elements share, so that a NaN that arrives goes on.

    Raises:
        ShapeError: An axis is out of range or empty.
    """


@op(
    kernel="min",
    vjp=lambda g, y, x, axis, keepdims: _shared(
        g, greater(x, restored(y, axis, keepdims)), axis, keepdims
    ),
    samples=_extreme_samples,
    numpy=("min", "amin"),
)
def min(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """Smallest element over `axis` (all axes if None); see `max`."""


amax, amin = max, min


@composed(samples=_extreme_samples, numpy="ptp")
def ptp(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Largest less smallest element over `axis` (all axes if None)."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


# ── Vector norms ────────────────────────────────────────────────────────────────────────


def _norm_slope(g: Any, y: Any, x: Any, *, axis: Axes, keepdims: bool, ord: Any) -> Any:
    g, y = restored(g, axis, keepdims), restored(y, axis, keepdims)
    if ord in (2, None):
        zero = equal(y, 0)
        return x * where(zero, 0.0, g / where(zero, 1.0, y))
    if ord == 0:
        return broadcast_to(g * 0.0, x.shape)
    if ord == 1:
        return g * sign(x)
    if ord in (inf, -inf):
        size = abs(x)
        return sign(x) * _shared(g, less(size, y) if ord > 0 else greater(size, y), axis, True)
    zero = equal(x, 0)
    if ord < 0:  # one 0 makes the norm 0, whatever the others are
        zero = logical_or(zero, equal(y, 0))
    ratio = where(zero, 1.0, abs(x)) / where(equal(y, 0), 1.0, y)
    return where(zero, 0.0, g * sign(x) * ratio ** (ord - 1))


def _norm_samples(draw: Draw) -> Sample:
    domain = Domain(avoid=(0.0,), distinct=True)
    return over_axes(draw, domain, min_side=1, ord=[2, None, 1, 3, 2.5, 0.5, inf, -inf, 0, -1])


@op(kernel="vector_norm", vjp=_norm_slope, samples=_norm_samples, numpy="linalg.vector_norm")
def vector_norm(x: T, /, axis: Axes = None, keepdims: bool = False, ord: float | None = 2) -> T:
    """(Σ |x|^ord)^(1/ord) over `axis` (all axes if None); `ord` may be ±inf and 0 too.

    dy/dx = sign x (|x| / y)^(ord - 1): x / y for 2, sign x for 1, the sign of the greatest
    elements in equal shares for inf (the smallest for -inf), 0 for 0, which counts what is
    not zero. The gradient is 0 where x is 0, and of a negative `ord` where y is 0.

    Raises:
        OperandError: `ord` is no number.
        ShapeError: An axis is out of range, or empty with ±inf.
    """
