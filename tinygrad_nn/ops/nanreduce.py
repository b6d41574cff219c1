"""Reductions that leave out NaN. The elements left out get a gradient of 0."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from tinygrad_nn.core.op import composed
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.ops.axis import Axes, over_axes
from tinygrad_nn.ops.elementwise import sqrt
from tinygrad_nn.ops.find import all as every
from tinygrad_nn.ops.reduce import count, max, min, prod, sum
from tinygrad_nn.ops.select import equal, greater, not_equal, where
from tinygrad_nn.ops.shape import astype

__all__ = ["nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]

DISTINCT = Domain(distinct=True)


def _numbers(draw: Draw) -> Sample:
    return over_axes(draw, DISTINCT, min_side=1)


def _missing(x: Any) -> Any:
    return not_equal(x, x)


def _present(x: Any, axis: Axes, keepdims: bool) -> Any:
    """Number of elements that are not NaN, in the dtype of the result."""
    number = count(x, axis) - sum(_missing(x), axis, keepdims)
    return astype(number, x.dtype) if x.dtype.kind == "f" else number


@composed(samples=_numbers, numpy="nansum")
def nansum(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Sum of the elements over `axis` that are not NaN; 0 for none."""
    return sum(where(_missing(x), 0, x), axis, keepdims)


@composed(samples=_numbers, numpy="nanprod")
def nanprod(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Product of the elements over `axis` that are not NaN; 1 for none."""
    return prod(where(_missing(x), 1, x), axis, keepdims)


@composed(samples=_numbers, numpy="nanmean")
def nanmean(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Mean of the elements over `axis` that are not NaN; NaN, with NumPy's warning, for none."""
    return nansum(x, axis, keepdims) / _present(x, axis, keepdims)


@composed(samples=_numbers, numpy="nanmax")
def nanmax(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Largest of the elements over `axis` that are not NaN; NaN for none. See `max`."""
    if x.dtype.kind != "f":
        return max(x, axis, keepdims)
    missing = _missing(x)
    y = max(where(missing, -inf, x), axis, keepdims)
    return where(every(missing, axis, keepdims=keepdims), nan, y)


@composed(samples=_numbers, numpy="nanmin")
def nanmin(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Smallest of the elements over `axis` that are not NaN; NaN for none. See `min`."""
    if x.dtype.kind != "f":
        return min(x, axis, keepdims)
    missing = _missing(x)
    y = min(where(missing, inf, x), axis, keepdims)
    return where(every(missing, axis, keepdims=keepdims), nan, y)


@composed(samples=_numbers, numpy="nanvar")
def nanvar(x: Any, axis: Axes = None, keepdims: bool = False, ddof: float = 0) -> Any:
    """Variance Σ (x - mean)² / (n - ddof) of the n elements over `axis` that are not NaN.

    NaN where n <= ddof, as in NumPy.
    """
    centred = where(_missing(x), 0.0, x - nanmean(x, axis, True))
    free = _present(x, axis, keepdims) - ddof
    free = where(greater(free, 0), free, nan)
    return sum(centred * centred, axis, keepdims) / free


def _spreads(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, min_side=2)
    axes = [None, *range(-len(shape), len(shape))]
    static = {"axis": draw.choice(axes), "keepdims": draw.choice([False, True])}
    return (draw.array(shape, DISTINCT),), {**static, "ddof": draw.choice([0, 1])}


@composed(samples=_spreads, numpy="nanstd")
def nanstd(x: Any, axis: Axes = None, keepdims: bool = False, ddof: float = 0) -> Any:
    """Root of `nanvar`; dy/dx is 0 where y is 0."""
    y = nanvar(x, axis, keepdims, ddof)
    level = equal(y, 0)
    return where(level, 0.0, sqrt(where(level, 1.0, y)))
