"""Sorting, and what is found by it."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.align import arrays
from tinygrad_nn.ops.axis import along_axis, normal
from tinygrad_nn.ops.gather import add_along_axis, take_along_axis
from tinygrad_nn.ops.index import add_at
from tinygrad_nn.ops.shape import astype, ravel, reshape

__all__ = [
    "argsort",
    "bincount",
    "digitize",
    "searchsorted",
    "sort",
    "topk",
    "unique",
]

DISTINCT = Domain(distinct=True)


def _sorted_samples(draw: Draw) -> Sample:
    # NumPy has no `descending`; it has tests of its own.
    return along_axis(draw, DISTINCT, flat=True)


def _sort_slope(g: Any, y: Any, x: Any, *, axis: int | None, descending: bool, stable: bool) -> Any:
    if axis is None:
        return reshape(
            _sort_slope(g, y, ravel(x), axis=0, descending=descending, stable=stable), x.shape
        )
    return add_along_axis(g, argsort(x, axis=axis, descending=descending), axis, x.shape)


@op(vjp=_sort_slope, samples=_sorted_samples, numpy="sort")
def sort(x: Any, /, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Any:
    """Elements in order along `axis` (of the flattened array if None); NaN counts as largest.

    Each gradient goes to where its element came from; equal elements keep their order. Only
    the gradient depends on that, so `stable`, as the array API has it, changes nothing.

    Raises:
        ShapeError: The axis is out of range.
    """
    functions = namespace(x)
    y = functions.sort(x, axis=axis)
    return functions.flip(y, -1 if axis is None else axis) if descending else y


@op(kind=Kind.CONSTANT, samples=_sorted_samples, numpy="argsort")
def argsort(x: Any, /, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Any:
    """Positions along `axis` that put its elements in order; integers, no gradient.

    Equal elements keep their order, also with `descending`. `take_along_axis(x, order,
    axis)` are the sorted elements.

    Raises:
        ShapeError: The axis is out of range.
    """
    functions = namespace(x)
    if not descending:
        return functions.argsort(x, axis=axis, stable=True)
    if axis is None:
        x, axis = x.reshape(-1), 0
    last = x.shape[axis] - 1
    backwards = functions.argsort(functions.flip(x, axis), axis=axis, stable=True)
    return last - functions.flip(backwards, axis)


def _highest(draw: Draw) -> Sample:
    (x,), static = along_axis(draw, DISTINCT, min_side=1)
    k = draw.integer(0, x.shape[static["axis"]])
    return (x,), {"k": k, **static, "largest": draw.choice([False, True])}


@composed(samples=_highest)
def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """The `k` largest elements along `axis` (smallest if not `largest`), in order.

    Returns:
        Values, and their positions (integers without a gradient).

    Raises:
        OptionError: `k` is negative or more than there are elements.
        ShapeError: The axis is out of range.
    """
    axis = normal("topk", axis, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        raise OptionError(
            f"topk: got k={k} for axis {axis} of shape {tuple(x.shape)}, "
            f"expected 0 to {x.shape[axis]}"
        )
    order = argsort(x, axis=axis, descending=largest)
    positions = order[(*[slice(None)] * axis, slice(0, k))]
    return take_along_axis(x, positions, axis=axis), positions


# ── Places in an order ──────────────────────────────────────────────────────────────────


def _edges_and_values(draw: Draw) -> Sample:
    edges = draw.array((draw.integer(0, 4),), DISTINCT)
    return (namespace(edges).sort(edges), draw.array(draw.shape())), {}


@op(kind=Kind.CONSTANT, samples=_edges_and_values, numpy="searchsorted")
def searchsorted(a: Any, v: Any, /, side: str = "left") -> Any:
    """Where each of `v` would be inserted into the sorted vector `a`; integers, no gradient.

    Before equal elements with `side="left"`, behind them with "right".
    """
    return namespace(a).searchsorted(a, v, side=side)


def _values_and_edges(draw: Draw) -> Sample:
    (edges, values), _ = _edges_and_values(draw)
    return (values, edges), {"right": draw.choice([False, True])}


@op(kind=Kind.CONSTANT, samples=_values_and_edges, numpy="digitize")
def digitize(x: Any, bins: Any, /, right: bool = False) -> Any:
    """Number of the interval between the monotonic `bins` that holds `x`; no gradient.

    An interval includes its lower edge, or with `right` its upper one.
    """
    return namespace(bins).digitize(x, bins, right=right)


def _numbers(draw: Draw) -> Sample:
    return (draw.integers((draw.integer(0, 5),), 0, 3),), {"minlength": draw.choice([0, 2, 6])}


@op(kernel="bincount", kind=Kind.CONSTANT, samples=_numbers)
def _counted(x: Any, /, weights: None = None, minlength: int = 0) -> Any:
    """How often each number from 0 on occurs."""


def _weighted_numbers(draw: Draw) -> Sample:
    (x,), static = _numbers(draw)
    # Of no numbers NumPy gives integers with weights too.
    weights = (draw.array(x.shape),) if x.size and draw.choice([False, True, True]) else ()
    return (x, *weights), static


@composed(samples=_weighted_numbers, numpy="bincount")
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number from 0 on occurs in the vector `x`, or the sum of their weights.

    y[k] = Σ_i weights[i] over the i with x[i] = k; (max(x) + 1,) elements, or `minlength`
    if that is more. Sums are float64, as NumPy's. The gradient of the weights is g[x].

    Raises:
        ShapeError: The weights have another shape than `x`.
        ValueError: A number is negative, or `x` is no vector.
    """
    counts = _counted(x, minlength=minlength)
    if weights is None:
        return counts
    x, weights = arrays("bincount", x, weights)
    if tuple(weights.shape) != tuple(x.shape):
        raise ShapeError(
            f"bincount: got weights of shape {tuple(weights.shape)} for numbers of "
            f"{tuple(x.shape)}, expected the same"
        )
    weights = weights if weights.dtype == "float64" else astype(weights, "float64")
    return add_at(weights, (x,), tuple(counts.shape))


def _some(draw: Draw) -> Sample:
    return (draw.array(draw.shape(), DISTINCT),), {}


@op(kind=Kind.CONSTANT, samples=_some)
def _first_places(x: Any, /) -> Any:
    """Positions in the flattened array at which each different element first stands."""
    return namespace(x).unique(x, return_index=True)[1]


@composed(samples=_some, numpy="unique")
def unique(x: Any) -> Any:
    """The different elements of the flattened array, in order.

    The gradient goes to the first of equal elements.
    """
    return ravel(x)[_first_places(x)]
