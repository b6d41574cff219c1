"""Cutting arrays along an axis. The parts are views; their gradients are put back in place."""

from __future__ import annotations

import operator
from itertools import accumulate
from typing import Any

from tinygrad_nn.core.op import composed
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.axis import normal

__all__ = ["array_split", "chunk", "dsplit", "hsplit", "split", "unstack", "vsplit"]


def _part(axis: int, start: int | None, stop: int | None) -> tuple[Any, ...]:
    return (slice(None),) * axis + (slice(start, stop),)


def _to_cut(draw: Draw, even: bool) -> Sample:
    shape = list(draw.shape(min_dims=1))
    axis = draw.integer(-len(shape), len(shape) - 1)
    parts = draw.integer(1, 3)
    shape[axis] = parts * draw.integer(0, 2) if even else draw.integer(0, 7)
    sections = draw.choice([parts, (1, 3), (2,), (3, 1), ()])
    return (draw.array(tuple(shape)),), {"indices_or_sections": sections, "axis": axis}


@composed(samples=lambda draw: _to_cut(draw, even=False), numpy="array_split")
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into parts: at positions, or into so many that differ by one at most.

    Args:
        x: Array.
        indices_or_sections: Number of parts, or the positions at which parts begin.
        axis: Axis to cut.

    Raises:
        OptionError: The number of parts is not positive.
        ShapeError: The axis is out of range.
    """
    return _parts("array_split", x, indices_or_sections, axis)


def _parts(name: str, x: Any, cuts: Any, axis: int) -> list[Any]:
    axis = normal(name, axis, x.ndim)
    n = x.shape[axis]
    if hasattr(cuts, "tolist"):
        cuts = cuts.tolist()
    if isinstance(cuts, (list, tuple)):
        at = [operator.index(c) for c in cuts]
    else:
        count = operator.index(cuts)
        if count < 1:
            raise OptionError(f"{name}: got {count} parts, expected at least one")
        sizes = [n // count + (i < n % count) for i in range(count)]
        at = list(accumulate(sizes))[:-1]
    return [x[_part(axis, start, stop)] for start, stop in zip([0, *at], [*at, None], strict=True)]


@composed(samples=lambda draw: _to_cut(draw, even=True), numpy="split")
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """`x` cut along `axis` at positions (not sizes), or into a number of equal parts.

    Raises:
        OptionError: The number of parts is not positive.
        ShapeError: The parts would differ in size, or the axis is out of range.
    """
    return _even_parts("split", x, indices_or_sections, axis)


def _even_parts(name: str, x: Any, cuts: Any, axis: int) -> list[Any]:
    n = x.shape[normal(name, axis, x.ndim)]
    if not isinstance(cuts, (list, tuple)) and not getattr(cuts, "ndim", 0):
        count = operator.index(cuts)
        if count > 0 and n % count:
            raise ShapeError(
                f"{name}: got {count} parts of an axis of length {n}, expected a divisor; "
                "array_split makes parts of different size"
            )
    return _parts(name, x, cuts, axis)


def _to_chunk(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    axis = draw.integer(-len(shape), len(shape) - 1)
    return (draw.array(shape),), {"chunks": draw.integer(1, 4), "axis": axis}


@composed(samples=_to_chunk)
def chunk(x: Any, chunks: int, axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into at most `chunks` parts of one size, the last one the rest.

    As in PyTorch there may be fewer parts: 5 rows in 4 chunks are 2, 2 and 1. For exactly as
    many parts: `array_split`.

    Raises:
        OptionError: The number of parts is not positive.
        ShapeError: The axis is out of range.
    """
    n = x.shape[normal("chunk", axis, x.ndim)]
    count = operator.index(chunks)
    if count < 1:
        raise OptionError(f"chunk: got {count} parts, expected at least one")
    size = max(-(-n // count), 1)
    # Of an axis without elements there are as many parts as asked for, all of them empty.
    return _parts("chunk", x, list(range(size, n, size)) if n else [0] * (count - 1), axis)


def _thirds(axes: int) -> Any:
    def drawn(draw: Draw) -> Sample:
        shape = (2, 4, 2)[: draw.integer(axes, 3)]
        return (draw.array(shape),), {"indices_or_sections": draw.choice([2, (1,)])}

    return drawn


@composed(samples=_thirds(1), numpy="hsplit")
def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along axis 1, or 0 where there is only one."""
    return _even_parts("hsplit", x, indices_or_sections, 1 if x.ndim > 1 else 0)


@composed(samples=_thirds(2), numpy="vsplit")
def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along axis 0 of an array with two axes or more."""
    _has_axes("vsplit", x, 2)
    return _even_parts("vsplit", x, indices_or_sections, 0)


@composed(samples=_thirds(3), numpy="dsplit")
def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along axis 2."""
    _has_axes("dsplit", x, 3)
    return _even_parts("dsplit", x, indices_or_sections, 2)


def _has_axes(name: str, x: Any, ndim: int) -> None:
    if x.ndim < ndim:
        raise ShapeError(f"{name}: got shape {tuple(x.shape)}, expected at least {ndim} axes")


def _to_unstack(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    return (draw.array(shape),), {"axis": draw.integer(-len(shape), len(shape) - 1)}


@composed(samples=_to_unstack, numpy="unstack")
def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices of `x` along `axis`, without that axis.

    Raises:
        ShapeError: The axis is out of range.
    """
    axis = normal("unstack", axis, x.ndim)
    return tuple(x[(*[slice(None)] * axis, i)] for i in range(x.shape[axis]))
