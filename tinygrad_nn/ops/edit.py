"""Copies of an array with slices put in or left out, and choices between arrays."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import DTypeError, OptionError, PositionError, ShapeError
from tinygrad_nn.ops.align import arrays, broadcast_arrays
from tinygrad_nn.ops.axis import normal
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.index import getitem
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.rearrange import moveaxis
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import astype, broadcast_to, expand_dims, ravel, reshape

__all__ = ["choose", "delete", "insert", "select"]


def _payload(x: Any) -> Any:
    return x._data if isinstance(x, Node) else x


# ── Slices along an axis ────────────────────────────────────────────────────────────────


def _places(name: str, obj: Any, side: int, end: int) -> list[int]:
    """The positions that `obj` stands for, from 0 to `end`."""
    if isinstance(obj, slice):
        return list(range(*obj.indices(side)))
    listed = obj.synced() if isinstance(obj, Node) else obj
    listed = listed.tolist() if hasattr(listed, "tolist") else listed
    found = list(listed) if isinstance(listed, (list, tuple, range)) else [listed]
    if found and all(isinstance(p, bool) for p in found):
        if len(found) != side:
            raise PositionError(f"{name}: got a mask of length {len(found)} for an axis of {side}")
        return [i for i, p in enumerate(found) if p]
    places = [operator.index(p) for p in found]
    for p in places:
        if not -side <= p <= end:
            raise PositionError(f"{name}: got position {p}, expected {-side} <= position <= {end}")
    return [p % side if p < 0 else p for p in places]


def _single(obj: Any) -> bool:
    return not isinstance(obj, (slice, list, tuple, range)) and not getattr(obj, "ndim", 0)


def _along(name: str, x: Any, axis: int | None) -> tuple[Any, int]:
    if axis is None:
        return ravel(x), 0
    return x, normal(name, axis, x.ndim)


def _taken(x: Any, places: list[int], axis: int) -> Any:
    places = namespace(_payload(x)).asarray(places, dtype=int)
    return getitem(x, (*[slice(None)] * axis, places))


def _deletions(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, min_side=1)
    axis = draw.choice([None, *range(-len(shape), len(shape))])
    x = draw.array(shape)
    side = x.size if axis is None else shape[axis]
    some = draw.integers((2,), -side, side - 1)
    obj = draw.choice([side - 1, -side, [0, side - 1], some, [], slice(None, None, 2)])
    return (x,), {"obj": obj, "axis": axis}


@composed(samples=_deletions, numpy="delete")
def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """`x` without the slices `obj` along `axis` (flattened first if it is None).

    What is left out gets a gradient of 0.

    Args:
        x: Array.
        obj: Position, several of them, a slice, or a mask.
        axis: Axis to shorten.

    Raises:
        PositionError: A position is out of range, or a mask of another length.
        ShapeError: The axis is out of range.
    """
    x, axis = _along("delete", x, axis)
    side = x.shape[axis]
    gone = set(_places("delete", obj, side, side - 1))
    return _taken(x, [i for i in range(side) if i not in gone], axis)


def _inserted(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, max_dims=2, min_side=1)
    axis = draw.choice([None, *range(-len(shape), len(shape))])
    x = draw.array(shape)
    side = x.size if axis is None else shape[axis]
    obj: Any = draw.choice([0, side, -1, [side], [0, -1, side], slice(0, 2)])
    slab = list(x.shape) if axis is not None else [x.size]
    along = axis or 0
    slab[along] = 1
    options: list[Any] = [()]
    if not _single(obj):
        options.append(tuple(slab))
    elif along % len(slab) == 0:
        options += [tuple(slab[1:]), (2, *slab[1:])]
    return (x, obj, draw.array(draw.choice(options))), {"axis": axis}


@composed(samples=_inserted, numpy="insert")
def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """`x` with `values` put in before the positions `obj` along `axis` (flattened if None).

    Both get gradients. The result has the dtype of `x`.

    Args:
        x: Array.
        obj: Position from -n to n, several of them, a slice, or a mask; all count as before
            anything was put in.
        values: Broadcast to the slices put in. At a single position their first axis becomes
            `axis`, and may bring several slices.
        axis: Axis to lengthen.

    Raises:
        PositionError: A position is out of range, or a mask of another length.
        ShapeError: The axis is out of range, or the values do not fit.
    """
    x, axis = _along("insert", x, axis)
    x, values = arrays("insert", x, values)
    side = x.shape[axis]
    places = _places("insert", obj, side, side)
    values = _as_slices(x, values, _single(obj), axis, len(places))
    if len(places) == 1:
        places = places * values.shape[axis]
    sides = [len(places) if i == axis else n for i, n in enumerate(x.shape)]
    joined = concat([x, broadcast_to(values, tuple(sides))], axis)
    # Behind the old elements come the new ones; of those at one place the first stays first.
    new = [(place, 0, side + i) for i, place in enumerate(places)]
    old = [(place, 1, place) for place in range(side)]
    return _taken(joined, [source for _, _, source in sorted(new + old)], axis)


def _as_slices(x: Any, values: Any, single: bool, axis: int, count: int) -> Any:
    """`values` with the dtype of `x` and as many axes."""
    if not hasattr(values, "dtype"):
        values = namespace(_payload(x)).asarray(values, dtype=x.dtype)
    if values.dtype != x.dtype:
        values = astype(values, x.dtype)
    if values.ndim < x.ndim:
        values = reshape(values, (1,) * (x.ndim - values.ndim) + tuple(values.shape))
    if values.ndim > x.ndim:
        raise ShapeError(
            f"insert: got values of shape {tuple(values.shape)} for {tuple(x.shape)}, expected "
            "no more axes"
        )
    return moveaxis(values, 0, axis) if single and count == 1 else values


# ── Choices ─────────────────────────────────────────────────────────────────────────────


def _selections(draw: Draw) -> Sample:
    shapes = draw.shapes(4)
    conditions = [draw.mask(shape) for shape in shapes[:2]]
    choices = [draw.array(shape) for shape in shapes[2:]]
    return (conditions, choices), {"default": draw.choice([0, 1.5])}


@composed(samples=_selections, numpy="select")
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Elementwise the choice of the first condition that holds, `default` where none does.

    All broadcast. Only what was selected gets a gradient.

    Raises:
        DTypeError: A condition is not boolean.
        ShapeError: There are no conditions, or not as many choices.
    """
    conditions, choices = list(condlist), list(choicelist)
    if not conditions or len(conditions) != len(choices):
        raise ShapeError(
            f"select: got {len(conditions)} conditions and {len(choices)} choices, expected as "
            "many, at least one"
        )
    y = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        kind = getattr(getattr(condition, "dtype", None), "kind", None)
        if kind != "b" and not isinstance(condition, bool):
            raise DTypeError("select: got a condition that is not boolean; compare, as in x > 0")
        y = where(condition, choice, y)
    return y


@op(
    kind=Kind.CONSTANT,
    samples=lambda draw: (
        (draw.integers((3,), 0, 3),),
        {"count": 4, "mode": draw.choice(["raise", "wrap", "clip"])},
    ),
)
def _numbered(a: Any, /, count: int, mode: str) -> Any:
    """Numbers of choices brought into range; or refused if they are not. No gradient."""
    if mode == "wrap":
        return a % count
    if mode == "clip":
        return namespace(a).clip(a, 0, count - 1)
    if ((a < 0) | (a >= count)).any():
        raise PositionError(
            f"choose: got a number outside of 0 to {count - 1}; use mode='wrap' or 'clip'"
        )
    return a


def _chosen(draw: Draw) -> Sample:
    shapes = draw.shapes(3)
    mode = draw.choice(["raise", "wrap", "clip"])
    low, high = (0, 1) if mode == "raise" else (-3, 4)
    choices = [draw.array(shape) for shape in shapes[1:]]
    return (draw.integers(shapes[0], low, high), choices), {"mode": mode}


@composed(samples=_chosen, numpy="choose")
def choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    """Elementwise that of `choices` whose number stands in `a`: y[i] = choices[a[i]][i].

    `a` and all choices broadcast. Only what was chosen gets a gradient.

    Args:
        a: Integers.
        choices: Arrays, or one array whose slices along the first axis they are.
        mode: For numbers out of range: "raise", "wrap" around, or "clip" to the ends (then
            negative ones count as 0).

    Raises:
        DTypeError: `a` has no integers.
        OptionError: The mode is unknown.
        PositionError: A number is out of range.
        ShapeError: There are no choices, or they do not broadcast.
    """
    if mode not in ("raise", "wrap", "clip"):
        raise OptionError(f"choose: got mode={mode!r}, expected 'raise', 'wrap' or 'clip'")
    found = list(choices)
    if not found:
        raise ShapeError("choose: got no choices, expected at least one")
    if not hasattr(a, "dtype"):
        a = namespace(_payload(found[0])).asarray(a)
    if a.dtype.kind not in "iub":
        raise DTypeError(f"choose: got numbers of dtype {a.dtype}, expected integers")
    places = _numbered(a, count=len(found), mode=mode)
    places, *found = broadcast_arrays(places, *found)
    return take_along_axis(stack(found), expand_dims(places, 0), axis=0)[0]
