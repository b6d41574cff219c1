"""Axes: checking them, and putting back those that a reduction removed."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

from tinygrad_nn.core.samples import REAL, Domain, Draw, Sample
from tinygrad_nn.errors import OperandError, ShapeError
from tinygrad_nn.ops.shape import broadcast_to, expand_dims, permute_dims, reshape

__all__: list[str] = []

Axes = int | tuple[int, ...] | None


def normal(name: str, axis: Any, ndim: int) -> int:
    """`axis` counted from the front; `name` is the operation that asks."""
    try:
        at = operator.index(axis)
    except TypeError as error:
        raise OperandError(f"{name}: got axis={axis!r}, expected an integer") from error
    if not -ndim <= at < ndim:
        raise ShapeError(
            f"{name}: got axis {at} of an array with {ndim} axes, expected {-ndim} <= axis < {ndim}"
        )
    return at % ndim


def normals(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """One, several or all axes (None), counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = tuple(normal(name, a, ndim) for a in axes)
    if len(set(found)) < len(found):
        raise ShapeError(f"{name}: got axis={axis!r}, expected each axis once")
    return found


def restored(g: Any, axis: Axes, keepdims: bool) -> Any:
    """The result or gradient of a reduction, with length-one axes for those removed."""
    if axis is None or keepdims:
        return g
    return expand_dims(g, axis)


def spread(g: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """A reduction's gradient, repeated over the axes that it had removed."""
    # NumPy lets axis 0 of a number without axes be reduced; there is nothing to put back.
    if not x.shape:
        return g
    return broadcast_to(g if axis is None else restored(g, axis, keepdims), x.shape)


def kept_shape(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """Shape of a reduction over `axes` with `keepdims`."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def lined_up(x: Any, axes: Sequence[int]) -> Any:
    """`x` with `axes` moved to the end and made one."""
    rest = [i for i in range(x.ndim) if i not in axes]
    count = prod([x.shape[a] for a in axes])
    moved = permute_dims(x, (*rest, *axes))
    return reshape(moved, (*[x.shape[i] for i in rest], count))


def set_back(z: Any, shape: tuple[int, ...], axes: Sequence[int]) -> Any:
    """Inverse of `lined_up` for an array of `shape`."""
    order = [*[i for i in range(len(shape)) if i not in axes], *axes]
    back = sorted(range(len(shape)), key=order.__getitem__)
    return permute_dims(reshape(z, tuple([shape[i] for i in order])), tuple(back))


def over_axes(
    draw: Draw, domain: Domain = REAL, min_side: int = 0, **more: Sequence[Any]
) -> Sample:
    """One array, `axis` and `keepdims` that fit it, and one of each of `more`."""
    shape = draw.shape(min_side=min_side)
    axes: list[Axes] = [None, (), *range(-len(shape), len(shape))]
    if len(shape) > 1:
        axes.append((0, -1))
    static = {"axis": draw.choice(axes), "keepdims": draw.choice([False, True])}
    static.update({name: draw.choice(options) for name, options in more.items()})
    return (draw.array(shape, domain),), static


def along_axis(draw: Draw, domain: Domain = REAL, min_side: int = 0, flat: bool = False) -> Sample:
    """One array and one `axis` of it, or None where `flat`."""
    shape = draw.shape(min_dims=1, min_side=min_side)
    axes: list[int | None] = [*range(-len(shape), len(shape))]
    if flat:
        axes.append(None)
    return (draw.array(shape, domain),), {"axis": draw.choice(axes)}


def listed(numbers: tuple[Any, ...]) -> Any:
    """The tuple, number or None that was given alone, or the tuple of several."""
    return numbers[0] if len(numbers) == 1 else numbers
