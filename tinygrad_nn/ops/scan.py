"""Running reductions along an axis."""

from __future__ import annotations

from math import inf, nan
from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.axis import along_axis, normal
from tinygrad_nn.ops.elementwise import exp
from tinygrad_nn.ops.gather import add_along_axis
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.rearrange import flip
from tinygrad_nn.ops.select import equal, not_equal, where
from tinygrad_nn.ops.shape import ones_like, ravel, reshape, zeros_like

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "logcumsumexp",
    "nancumprod",
    "nancumsum",
]

T = TypeVar("T")


def _part(axis: int, start: int | None, stop: int | None) -> tuple[Any, ...]:
    """Key of the elements from `start` to `stop` along `axis`, counted from the front."""
    return (slice(None),) * axis + (slice(start, stop),)


def suffix_recurrence(a: Any, b: Any, axis: int) -> Any:
    """Solution of s[i] = b[i] + a[i] s[i+1] along `axis`; `a` has one element less than `b`.

    By doubling: after k rounds s holds the terms of 2^k places (Hillis and Steele, "Data
    parallel algorithms", 1986). log n steps of whole arrays, and products and sums only,
    so that derivatives of every order are right where elements are zero.
    """
    n, step = b.shape[axis], 1
    while step < n:
        front, end = _part(axis, None, n - step), _part(axis, n - step, None)
        ahead = _part(axis, step, None)
        b = concat([b[front] + a * b[ahead], b[end]], axis)
        if 2 * step < n:
            a = a[_part(axis, None, n - 2 * step)] * a[ahead]
        step *= 2
    return b


def _flattened(draw: Draw) -> Sample:
    return along_axis(draw, flat=True)


# ── Sums and products ───────────────────────────────────────────────────────────────────


def _cumsum_slope(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    along = 0 if axis is None else axis
    return reshape(flip(cumsum(flip(g, along), along), along), x.shape)


@op(kernel="cumsum", vjp=_cumsum_slope, kind=Kind.LINEAR, samples=_flattened, numpy="cumsum")
def cumsum(x: T, /, axis: int | None = None) -> T:
    """Sums of the first 1, 2, ... elements along `axis` (of the flattened array if None).

    The gradient is the sums from the other end. float16 adds up in float32.

    Raises:
        ShapeError: The axis is out of range.
    """


def _cumprod_slope(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    """dx[j] = y[j-1] s[j], with s[j] = g[j] + x[j+1] s[j+1]."""
    if axis is None:
        return reshape(_cumprod_slope(g, y, ravel(x), 0), x.shape)
    axis = normal("cumprod", axis, x.ndim)
    if x.shape[axis] < 2:
        return g
    before = concat([ones_like(x[_part(axis, 0, 1)]), y[_part(axis, None, -1)]], axis)
    return before * suffix_recurrence(x[_part(axis, 1, None)], g, axis)


@op(kernel="cumprod", vjp=_cumprod_slope, samples=_flattened, numpy="cumprod")
def cumprod(x: T, /, axis: int | None = None) -> T:
    """Products of the first 1, 2, ... elements along `axis` (of the flattened array if None).

    dy[i]/dx[j] is the product of the other elements up to i. Nothing is divided by x, so
    that it is right where elements are zero, at every order.

    Raises:
        ShapeError: The axis is out of range.
    """


def products_of_others(x: Any) -> Any:
    """For each element, the product of the others along the last axis, without dividing."""
    if x.shape[-1] < 2:
        return ones_like(x)
    one = ones_like(x[..., :1])
    before = cumprod(concat([one, x[..., :-1]], -1), -1)
    after = cumprod(concat([one, flip(x, -1)[..., :-1]], -1), -1)
    return before * flip(after, -1)


def _cumulated(draw: Draw) -> Sample:
    (x,), static = along_axis(draw)
    if x.ndim == 1:
        static["axis"] = draw.choice([None, 0])
    return (x,), {**static, "include_initial": draw.choice([False, True])}


def _alone(name: str, axis: int | None, ndim: int) -> int:
    """The axis, which may be left out where there is only one."""
    if axis is None and ndim != 1:
        raise ShapeError(f"{name}: got {ndim} axes and axis=None, expected one axis, or its number")
    return normal(name, 0 if axis is None else axis, ndim)


@composed(samples=_cumulated, numpy="cumulative_sum")
def cumulative_sum(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """`cumsum` as the array API has it: `axis` may be None for a vector only.

    With `include_initial` a 0 in front, which makes the axis longer by one.

    Raises:
        ShapeError: The axis is out of range, or missing.
    """
    axis = _alone("cumulative_sum", axis, x.ndim)
    y = cumsum(x, axis)
    return concat([zeros_like(y, shape=_one_long(y, axis)), y], axis) if include_initial else y


@composed(samples=_cumulated, numpy="cumulative_prod")
def cumulative_prod(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """`cumprod` as the array API has it; with `include_initial` a 1 in front.

    Raises:
        ShapeError: The axis is out of range, or missing (with more than one).
    """
    axis = _alone("cumulative_prod", axis, x.ndim)
    y = cumprod(x, axis)
    return concat([ones_like(y, shape=_one_long(y, axis)), y], axis) if include_initial else y


def _one_long(x: Any, axis: int) -> tuple[int, ...]:
    return tuple(1 if i == axis else n for i, n in enumerate(x.shape))


def _with_missing(draw: Draw) -> Sample:
    (x,), static = _flattened(draw)
    if x.size:
        x.reshape(-1)[draw.integer(0, x.size - 1)] = nan
    return (x,), static


@composed(samples=_with_missing, numpy="nancumsum")
def nancumsum(x: Any, axis: int | None = None) -> Any:
    """`cumsum` with 0 for NaN, which gets a gradient of 0."""
    return cumsum(where(not_equal(x, x), 0, x), axis)


@composed(samples=_with_missing, numpy="nancumprod")
def nancumprod(x: Any, axis: int | None = None) -> Any:
    """`cumprod` with 1 for NaN, which gets a gradient of 0."""
    return cumprod(where(not_equal(x, x), 1, x), axis)


def _reals_along(draw: Draw) -> Sample:
    return along_axis(draw)


def _logcumsumexp_slope(g: Any, y: Any, x: Any, axis: int) -> Any:
    """dx[j] = e^(x[j]-y[j]) s[j], s[j] = g[j] + e^(y[j]-y[j+1]) s[j+1]; no power exceeds 1."""
    axis = normal("logcumsumexp", axis, x.ndim)
    if not x.shape[axis]:
        return g
    finite = where(equal(y, -inf), 0.0, y)
    decay = exp(y[_part(axis, None, -1)] - finite[_part(axis, 1, None)])
    return exp(x - finite) * suffix_recurrence(decay, g, axis)


@op(kernel="logcumsumexp", vjp=_logcumsumexp_slope, samples=_reals_along)
def logcumsumexp(x: T, /, axis: int) -> T:
    """ln of the sums of e^x over the first 1, 2, ... elements along `axis`, without overflow.

    dy[i]/dx[j] = e^(x[j] - y[i]) for j <= i; 0 where y is -inf.

    Raises:
        ShapeError: The axis is out of range.
    """


# ── Running extremes ────────────────────────────────────────────────────────────────────


def _extreme_samples(draw: Draw) -> Sample:
    return along_axis(draw, Domain(distinct=True))


@op(kind=Kind.CONSTANT, samples=_extreme_samples)
def _last_record(x: Any, /, axis: int, largest: bool = True) -> Any:
    """Position along `axis` of the last element so far that none before it surpasses."""
    functions = namespace(x)
    running = functions.cummax(x, axis) if largest else functions.cummin(x, axis)
    holds = functions.equal(x, running) | functions.not_equal(x, x)
    sides = [1] * x.ndim
    sides[axis] = -1
    places = functions.arange(x.shape[axis]).reshape(sides)
    return functions.cummax(functions.where(holds, places, 0), axis)


@op(
    kernel="cummax",
    vjp=lambda g, y, x, axis: add_along_axis(g, _last_record(x, axis=axis), axis, x.shape),
    samples=_extreme_samples,
)
def cummax(x: T, /, axis: int) -> T:
    """Largest of the first 1, 2, ... elements along `axis`; NaN from the first NaN on.

    The gradient goes to the element that is largest so far, of equal ones to the last.

    Raises:
        ShapeError: The axis is out of range.
    """


@op(
    kernel="cummin",
    vjp=lambda g, y, x, axis: add_along_axis(
        g, _last_record(x, axis=axis, largest=False), axis, x.shape
    ),
    samples=_extreme_samples,
)
def cummin(x: T, /, axis: int) -> T:
    """Smallest of the first 1, 2, ... elements along `axis`; see `cummax`."""
