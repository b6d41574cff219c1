"""Joining arrays along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.align import arrays as plain_arrays
from tinygrad_nn.ops.align import atleast_1d, atleast_2d, atleast_3d
from tinygrad_nn.ops.shape import ravel, reshape

__all__ = [
    "append",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "row_stack",
    "stack",
    "vstack",
]

Arrays = Sequence[Any]


def _part(axis: int, start: int | None, stop: int | None) -> tuple[Any, ...]:
    return (slice(None),) * axis + (slice(start, stop),)


def _in_line(draw: Draw) -> Sample:
    """Arrays of the same sides but for one axis."""
    shape = draw.shape(min_dims=1)
    axis = draw.integer(-len(shape), len(shape) - 1)
    arrays = []
    for _ in range(draw.integer(1, 3)):
        sides = list(shape)
        sides[axis] = draw.integer(0, 3)
        arrays.append(draw.array(tuple(sides)))
    return tuple(arrays), {"axis": axis}


def _cut(g: Any, y: Any, *xs: Any, needs: tuple[bool, ...], axis: int) -> list[Any]:
    axis = axis % y.ndim
    ends = accumulate(x.shape[axis] for x in xs)
    return [
        g[_part(axis, end - x.shape[axis], end)] if need else None
        for x, end, need in zip(xs, ends, needs, strict=True)
    ]


@op(pullback=_cut, kind=Kind.LINEAR, samples=_in_line)
def _concat(*xs: Any, axis: int = 0) -> Any:
    """Arrays joined along an axis."""
    return namespace(xs[0]).concatenate(xs, axis=axis)


def _listed(name: str, xs: Any) -> list[Any]:
    arrays = list(xs)
    if not arrays:
        raise ShapeError(f"{name}: got no arrays, expected at least one")
    return arrays


def _shaped(name: str, xs: Any) -> Any:
    """The same, with lists and numbers made arrays: each has `ndim`."""
    return plain_arrays(name, *_listed(name, xs))


def _sequence(samples: Any) -> Any:
    """Samples of a variadic operation, for a function that takes a sequence."""

    def drawn(draw: Draw) -> Sample:
        arrays, static = samples(draw)
        return (list(arrays),), static

    return drawn


@composed(samples=_sequence(_in_line), numpy=("concatenate", "concat"))
def concat(arrays: Arrays, /, axis: int | None = 0) -> Any:
    """Arrays joined along an existing axis (flattened first if it is None).

    They have the same sides but along `axis`. The gradient is cut into their parts. Also
    `concatenate`.

    Raises:
        ShapeError: There are none, their sides differ, or the axis is out of range.
    """
    xs = _listed("concat", arrays)
    return _concat(*xs, axis=axis) if axis is not None else _concat(*map(ravel, xs), axis=0)


concatenate = concat


def _alike(draw: Draw) -> Sample:
    shape = draw.shape(max_dims=2)
    axis = draw.integer(-len(shape) - 1, len(shape))
    return tuple(draw.array(shape) for _ in range(draw.integer(1, 3))), {"axis": axis}


def _layers(g: Any, y: Any, *xs: Any, needs: tuple[bool, ...], axis: int) -> list[Any]:
    before = (slice(None),) * (axis % y.ndim)
    return [g[(*before, i)] if need else None for i, need in enumerate(needs)]


@op(pullback=_layers, kind=Kind.LINEAR, samples=_alike)
def _stack(*xs: Any, axis: int = 0) -> Any:
    """Arrays of the same shape joined along a new axis."""
    return namespace(xs[0]).stack(xs, axis=axis)


@composed(samples=_sequence(_alike), numpy="stack")
def stack(arrays: Arrays, /, axis: int = 0) -> Any:
    """Arrays of the same shape joined along a new axis.

    Raises:
        ShapeError: There are none, their shapes differ, or the axis is out of range.
    """
    return _stack(*_listed("stack", arrays), axis=axis)


def _pairs(draw: Draw) -> Sample:
    shape = draw.shape(max_dims=2, min_side=1)
    return ([draw.array(shape), draw.array(shape)],), {}


@composed(samples=_pairs, numpy="hstack")
def hstack(arrays: Arrays, /) -> Any:
    """Arrays joined side by side: along axis 1, or 0 where they have one axis."""
    xs = [atleast_1d(x) for x in _shaped("hstack", arrays)]
    return _concat(*xs, axis=0 if xs[0].ndim == 1 else 1)


@composed(samples=_pairs, numpy="vstack")
def vstack(arrays: Arrays, /) -> Any:
    """Arrays joined as rows: along axis 0, those with one axis as one row. Also `row_stack`."""
    return _concat(*[atleast_2d(x) for x in _shaped("vstack", arrays)], axis=0)


row_stack = vstack


@composed(samples=_pairs, numpy="dstack")
def dstack(arrays: Arrays, /) -> Any:
    """Arrays joined along axis 2, as `atleast_3d` gives it."""
    return _concat(*[atleast_3d(x) for x in _shaped("dstack", arrays)], axis=2)


@composed(samples=_pairs, numpy="column_stack")
def column_stack(arrays: Arrays, /) -> Any:
    """Arrays joined as columns: along axis 1, those with one axis as one column."""
    xs = [x if x.ndim > 1 else reshape(x, (-1, 1)) for x in _shaped("column_stack", arrays)]
    return _concat(*xs, axis=1)


@composed(samples=lambda draw: (_pairs(draw)[0][0], {}), numpy="append")
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """`values` joined to the end of `x` along `axis`; both flattened if it is None."""
    return concat([x, values], axis)
