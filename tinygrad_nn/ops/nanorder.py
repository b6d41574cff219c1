"""Medians and quantiles that leave out NaN. The elements left out get a gradient of 0."""

from __future__ import annotations

from math import nan
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.axis import Axes, kept_shape, lined_up, normals, over_axes
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.join import stack
from tinygrad_nn.ops.order import sort
from tinygrad_nn.ops.rounding import floor
from tinygrad_nn.ops.select import greater, where
from tinygrad_nn.ops.shape import astype, reshape
from tinygrad_nn.ops.statistics import METHODS, place_of

__all__ = ["nanmedian", "nanpercentile", "nanquantile"]

DISTINCT = Domain(distinct=True)


def _some(draw: Draw) -> Sample:
    """Arrays with a few NaN, but with a number along every axis."""
    (x,), static = over_axes(draw, DISTINCT, min_side=1)
    if x.ndim and x.shape[-1] > 1 and static["axis"] not in ((), *range(-x.ndim, x.ndim - 1)):
        x[..., draw.integer(0, x.shape[-1] - 1)] = nan
    if static["axis"] == ():
        static["axis"] = None
    return (x,), static


def _quantiles(draw: Draw) -> Sample:
    (x,), static = _some(draw)
    return (x,), {"q": draw.choice([0.0, 0.3, 0.5, 1.0]), **static, "method": draw.choice(METHODS)}


@composed(samples=_quantiles, numpy="nanquantile")
def nanquantile(
    x: Any, q: Any, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`quantile` of the elements over `axis` that are not NaN; NaN for none."""
    return _nanquantile("nanquantile", x, q, 1.0, axis=axis, method=method, keepdims=keepdims)


def _percentiles(draw: Draw) -> Sample:
    (x,), static = _quantiles(draw)
    return (x,), {**static, "q": draw.choice([0, 50.0, 99])}


@composed(samples=_percentiles, numpy="nanpercentile")
def nanpercentile(
    x: Any, q: Any, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`nanquantile` of `q` / 100."""
    return _nanquantile("nanpercentile", x, q, 100.0, axis=axis, method=method, keepdims=keepdims)


@composed(samples=_some, numpy="nanmedian")
def nanmedian(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """`median` of the elements over `axis` that are not NaN; NaN for none."""
    return _nanquantile("nanmedian", x, 0.5, 1.0, axis=axis, method="linear", keepdims=keepdims)


def _nanquantile(
    name: str, x: Any, q: Any, whole: float, *, axis: Axes, method: str, keepdims: bool
) -> Any:
    if method not in METHODS:
        raise OptionError(f"{name}: got method={method!r}, expected one of {', '.join(METHODS)}")
    axes = normals(name, axis, x.ndim)
    # Sorting puts NaN behind the numbers.
    ordered = sort(lined_up(x, axes), axis=-1)
    if not ordered.shape[-1]:
        raise ShapeError(f"{name}: got shape {tuple(x.shape)}, which has no elements over {axis}")
    sides = kept_shape(x.shape, axes)

    def at(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            return stack([at(p) for p in part])
        if not 0 <= part <= whole:
            raise OptionError(f"{name}: got q={part}, expected 0 <= q <= {whole:g}")
        y = _between(ordered, _places(ordered, q=part / whole, method=method))
        return reshape(y, sides) if keepdims else y[..., 0]

    return at(q.tolist() if hasattr(q, "tolist") else q)


@op(
    kind=Kind.CONSTANT,
    samples=lambda draw: ((draw.array((2, 3)),), {"q": 0.3, "method": draw.choice(METHODS)}),
)
def _places(ordered: Any, /, q: float, method: str) -> Any:
    """Place of the quantile among the numbers of each row; -1 for a row of NaN. No gradient."""
    functions = namespace(ordered)
    places = [-1.0, *(place_of(q, n, method) for n in range(1, ordered.shape[-1] + 1))]
    count = functions.sum(~functions.isnan(ordered), axis=-1, keepdims=True)
    return functions.asarray(places, dtype="float64")[count]


def _between(ordered: Any, place: Any) -> Any:
    """What lies at `place` of each row, as one column."""
    low = floor(place)
    part = place - low
    first = astype(low, "int64")
    # Beside the last number stands a NaN, which must not be read for a share of 0.
    second = first + astype(greater(part, 0), "int64")
    dtype = ordered.dtype if ordered.dtype.kind == "f" else "float64"
    share = astype(part, dtype)
    y = take_along_axis(ordered, first) * (1 - share) + take_along_axis(ordered, second) * share
    # A row of NaN has its place before the first; its gradient is cut off.
    return where(greater(0.0, place), nan, y)
