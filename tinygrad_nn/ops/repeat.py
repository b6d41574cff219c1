"""Repeating elements: copies side by side, grids and margins."""

from __future__ import annotations

import operator
from math import prod
from typing import Any, TypeVar

from tinygrad_nn.core.op import composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.align import arrays, common_shape
from tinygrad_nn.ops.axis import normal
from tinygrad_nn.ops.shape import broadcast_to, expand_dims, ravel, reshape

__all__ = ["meshgrid", "pad", "repeat", "tile"]

T = TypeVar("T")
Widths = tuple[tuple[int, int], ...]


def _tiled(draw: Draw) -> Sample:
    reps: list[Any] = [2, (2, 1), (1, 3), (2, 0), (), (2, 1, 1, 2)]
    return (draw.array(draw.shape()),), {"reps": draw.choice(reps)}


@composed(samples=_tiled, numpy="tile")
def tile(x: Any, reps: Any) -> Any:
    """Copies of `x` side by side, `reps[i]` along axis i, counted from the last.

    The gradient is the sum over the copies.

    Raises:
        ShapeError: A number of copies is negative.
    """
    times = tuple(reps) if isinstance(reps, (list, tuple)) else (operator.index(reps),)
    if any(n < 0 for n in times):
        raise ShapeError(f"tile: got reps={reps!r}, expected 0 or more")
    ndim = max(x.ndim, len(times))
    sides = (1,) * (ndim - x.ndim) + tuple(x.shape)
    times = (1,) * (ndim - len(times)) + times
    apart = reshape(x, tuple(k for n in sides for k in (1, n)))
    shown = broadcast_to(apart, tuple(k for m, n in zip(times, sides, strict=True) for k in (m, n)))
    return reshape(shown, tuple(m * n for m, n in zip(times, sides, strict=True)))


def _repeated(draw: Draw) -> Sample:
    shape = draw.shape()
    axes: list[int | None] = [None, *range(-len(shape), len(shape))]
    axis = draw.choice(axes)
    n = prod(shape) if axis is None else shape[axis]
    each = tuple(draw.integer(0, 2) for _ in range(n))
    return (draw.array(shape),), {"repeats": draw.choice([2, 0, (3,), each]), "axis": axis}


@composed(samples=_repeated, numpy="repeat")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element along `axis` (of the flattened array if None) `repeats` times in a row.

    `repeats` is one number, or one for each element. The gradient is the sum over copies.

    Raises:
        OptionError: A number of copies is negative.
        ShapeError: The numbers are not as many as the elements, or the axis is out of range.
    """
    if axis is None:
        x, axis = ravel(x), 0
    axis = normal("repeat", axis, x.ndim)
    times = repeats.tolist() if hasattr(repeats, "tolist") else repeats
    if isinstance(times, (list, tuple)) and len(times) == 1:
        times = times[0]
    several = isinstance(times, (list, tuple))
    if min(times if several else (times,), default=0) < 0:
        raise OptionError(f"repeat: got repeats={repeats!r}, expected 0 or more")
    n, sides = x.shape[axis], tuple(x.shape)
    if not several:
        before, after = sides[:axis], sides[axis + 1 :]
        wide = broadcast_to(expand_dims(x, axis + 1), (*before, n, times, *after))
        return reshape(wide, (*before, n * times, *after))
    if len(times) != n:
        raise ShapeError(f"repeat: got {len(times)} numbers for the {n} elements of axis {axis}")
    return x[(*[slice(None)] * axis, [i for i, k in enumerate(times) for _ in range(k)])]


def _grid_axes(draw: Draw) -> Sample:
    arrays = tuple(draw.array((draw.integer(0, 3),)) for _ in range(draw.integer(1, 3)))
    static = {"indexing": draw.choice(["xy", "ij"]), "sparse": draw.choice([False, True])}
    return arrays, static


@composed(samples=_grid_axes, numpy="meshgrid")
def meshgrid(*xs: Any, indexing: str = "xy", sparse: bool = False) -> tuple[Any, ...]:
    """Coordinates of a grid from those along each of its axes.

    Args:
        xs: For each axis of the grid its coordinates, an array with at most one axis.
        indexing: "ij": axis i belongs to argument i; "xy": the first two are exchanged.
        sparse: Leave the axes along which a coordinate is constant at length one.

    Raises:
        OptionError: `indexing` is something else.
        ShapeError: An argument has more than one axis.
    """
    if indexing not in ("xy", "ij"):
        raise OptionError(f"meshgrid: got indexing={indexing!r}, expected 'xy' or 'ij'")
    xs = arrays("meshgrid", *xs)
    for x in xs:
        if x.ndim > 1:
            raise ShapeError(f"meshgrid: got shape {tuple(x.shape)}, expected one axis; use ravel")
    places = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        places[:2] = 1, 0
    lines = [
        reshape(x, (1,) * at + (-1,) + (1,) * (len(xs) - at - 1))
        for x, at in zip(xs, places, strict=True)
    ]
    if sparse:
        return tuple(lines)
    shape = common_shape("meshgrid", [tuple(line.shape) for line in lines])
    return tuple(broadcast_to(line, shape) for line in lines)


# ── Margins ─────────────────────────────────────────────────────────────────────────────

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def _margins(draw: Draw) -> Sample:
    shape = draw.shape()
    widths = tuple((draw.integer(0, 2), draw.integer(0, 2)) for _ in shape)
    return (draw.array(shape),), {"pad_width": widths, "constant_values": draw.choice([0, 1.5])}


def _cut_out(g: Any, y: Any, x: Any, pad_width: Widths, constant_values: float) -> Any:
    return g[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, pad_width, strict=True))]


def _pushed(t: Any, y: Any, x: Any, pad_width: Widths, constant_values: float) -> Any:
    return _pad(t[0], pad_width=pad_width)


@op(
    kernel="pad_constant",
    vjp=_cut_out,
    jvp=_pushed,
    samples=_margins,
)
def _pad(x: T, /, pad_width: Widths, constant_values: float = 0) -> T:
    """`x` inside a margin of a constant; the gradient is that of the inside."""


def _padded(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, min_side=1)
    each = tuple((draw.integer(0, 5), draw.integer(0, 5)) for _ in shape)
    static = {"pad_width": draw.choice([1, (2, 1), each]), "mode": draw.choice(MODES)}
    return (draw.array(shape),), static


@composed(samples=_padded, numpy="pad")
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Any:
    """`x` inside a margin.

    Args:
        x: Array.
        pad_width: Number of elements before and after each axis: one number for all,
            `(before, after)` for all axes, or such a pair for each.
        mode: What the margin holds: "constant"; the "edge"; the elements mirrored at the
            edge, which is not repeated ("reflect") or is ("symmetric"); those of the other
            end ("wrap"). The gradients of copies add up.
        constant_values: The constant.

    Raises:
        OptionError: The mode is none of these, or a width is negative.
        ShapeError: The widths do not fit the axes, or an empty axis has nothing to copy.
    """
    widths = _widths(x, pad_width)
    if mode == "constant":
        return _pad(x, pad_width=widths, constant_values=constant_values)
    if mode not in MODES:
        raise OptionError(f"pad: got mode={mode!r}, expected one of {', '.join(MODES)}")
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        if not before and not after:
            continue
        if not n:
            raise ShapeError(f"pad: axis {axis} of shape {tuple(x.shape)} has nothing to copy")
        places = [_source(i, n, mode) for i in range(-before, n + after)]
        x = x[(*[slice(None)] * axis, places)]
    return x


def _source(i: int, n: int, mode: str) -> int:
    """Place of the element that stands at `i`, perhaps outside of 0 .. n-1."""
    if mode == "edge":
        return min(max(i, 0), n - 1)
    if mode == "wrap":
        return i % n
    if mode == "symmetric":
        i %= 2 * n
        return min(i, 2 * n - 1 - i)
    i %= max(2 * (n - 1), 1)
    return min(i, 2 * (n - 1) - i)


def _widths(x: Any, pad_width: Any) -> Widths:
    """Widths before and after each axis."""
    if hasattr(pad_width, "tolist"):
        pad_width = pad_width.tolist()
    try:
        widths = _pairs(pad_width, x.ndim)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"pad: got pad_width={pad_width!r} for {x.ndim} axes, expected an integer, a pair, "
            "or a pair for each axis"
        ) from error
    if any(n < 0 for pair in widths for n in pair):
        raise OptionError(f"pad: got pad_width={pad_width!r}, expected 0 or more; cut with x[...]")
    return widths


def _pairs(given: Any, ndim: int) -> Widths:
    if not isinstance(given, (list, tuple)):
        n = operator.index(given)
        return ((n, n),) * ndim
    if given and not isinstance(given[0], (list, tuple)):
        given = [given]
    pairs = [tuple(map(operator.index, p if len(p) > 1 else (*p, *p))) for p in given]
    if len(pairs) == 1:
        pairs = pairs * ndim
    if len(pairs) != ndim or any(len(p) != 2 for p in pairs):
        raise ValueError(f"{len(pairs)} widths")
    return tuple((a, b) for a, b in pairs)
