"""Selecting by conditions: masks and the positions where they hold."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import DTypeError, ShapeError
from tinygrad_nn.ops.index import getitem
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import broadcast_to, reshape

__all__ = [
    "argwhere",
    "compress",
    "extract",
    "flatnonzero",
    "masked_fill",
    "masked_select",
    "nonzero",
]


def _mask(name: str, mask: Any, like: Any) -> Any:
    """A mask as an array; refuses numbers, which would be positions."""
    if not hasattr(mask, "dtype"):
        mask = namespace(like._data if isinstance(like, Node) else like).asarray(mask)
    if mask.dtype.kind != "b":
        raise DTypeError(
            f"{name}: got the mask {describe(mask)}, expected booleans; compare, as in x > 0, or "
            "use mask != 0"
        )
    return mask


def _masked(draw: Draw) -> Sample:
    x, mask = draw.shapes(2)
    return (draw.array(x), draw.mask(mask)), {}


def _filled(draw: Draw) -> Sample:
    args, _ = _masked(draw)
    return (*args, draw.array(())), {}


@composed(samples=_filled)
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """`value` where `mask` holds, else `x`, elementwise with broadcasting."""
    return where(_mask("masked_fill", mask, x), value, x)


@composed(samples=_masked)
def masked_select(x: Any, mask: Any) -> Any:
    """The elements where `mask` holds, in row-major order: one axis. Both broadcast."""
    mask = _mask("masked_select", mask, x)
    functions = namespace(x._data if isinstance(x, Node) else x)
    shape = functions.broadcast_shapes(x.shape, mask.shape)
    return getitem(broadcast_to(x, shape), broadcast_to(mask, shape))


def _array(draw: Draw) -> Sample:
    return (draw.array(draw.shape()) * draw.mask(()),), {}


@op(kernel="flatnonzero", kind=Kind.CONSTANT, samples=_array, numpy="flatnonzero")
def flatnonzero(x: Any, /) -> Any:
    """Positions of the elements that are not 0, in the flattened array. No gradient."""


@op(kernel="argwhere", kind=Kind.CONSTANT, samples=_array, numpy="argwhere")
def argwhere(x: Any, /) -> Any:
    """Indices of the elements that are not 0, a row for each: `(count, axes)`. No gradient."""


def _with_axes(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=1)),), {}


@composed(samples=_with_axes, numpy="nonzero")
def nonzero(x: Any, /) -> tuple[Any, ...]:
    """Indices of the elements that are not 0, an array for each axis: a key for `x[...]`."""
    if not x.ndim:
        raise ShapeError("nonzero: got no axes, expected at least one; use reshape(x, (1,))")
    where_ = argwhere(x)
    return tuple(getitem(where_, (slice(None), axis)) for axis in range(x.ndim))


def _compressed(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    axis = draw.choice([None, *range(-len(shape), len(shape))])
    x = draw.array(shape)
    side = x.size if axis is None else shape[axis]
    return (draw.mask((draw.integer(0, side),)), x), {"axis": axis}


@composed(samples=_compressed, numpy="compress")
def compress(condition: Any, x: Any, /, axis: int | None = None) -> Any:
    """Slices of `x` along `axis` where `condition` holds; of the flattened array if None.

    `condition` has one axis and may be shorter than that of `x`.
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    condition = _mask("compress", condition, x)
    if condition.ndim != 1:
        raise ShapeError(
            f"compress: got a condition of shape {tuple(condition.shape)}, expected one axis; "
            "use x[condition] for more"
        )
    chosen = flatnonzero(condition)
    return getitem(x, (*[slice(None)] * (axis % x.ndim), chosen))


def _extracted(draw: Draw) -> Sample:
    x = draw.array(draw.shape())
    return (draw.mask(x.shape), x), {}


@composed(samples=_extracted, numpy="extract")
def extract(condition: Any, x: Any, /) -> Any:
    """Elements of the flattened `x` where the flattened `condition` holds."""
    return getitem(reshape(x, (-1,)), reshape(_mask("extract", condition, x), (-1,)))
