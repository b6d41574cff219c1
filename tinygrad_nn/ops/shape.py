"""Operations that move numbers without changing them, and their transposes."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample

__all__ = ["astype", "broadcast_to", "expand_dims", "reshape", "sum_to"]

T = TypeVar("T")


def _reshaped(draw: Draw) -> Sample:
    shape = draw.shape()
    return (draw.array(shape),), {"shape": draw.choice([(-1,), shape[::-1], (*shape, 1)])}


@op(
    vjp=lambda g, y, x, shape: reshape(g, x.shape),
    kind=Kind.LINEAR,
    samples=_reshaped,
    numpy="reshape",
)
def reshape(x: T, /, shape: int | tuple[int, ...]) -> T:
    """The elements of `x` in row-major order with another shape; one side may be -1."""
    return namespace(x).reshape(x, shape)


def _broadcast(draw: Draw) -> Sample:
    small, large = draw.shapes(2)
    array = draw.array(small)
    return (array,), {"shape": (array + draw.array(large)).shape}


@op(
    kernel="broadcast_to",
    vjp=lambda g, y, x, shape: sum_to(g, x.shape),
    kind=Kind.LINEAR,
    samples=_broadcast,
    numpy="broadcast_to",
)
def broadcast_to(x: T, /, shape: tuple[int, ...]) -> T:
    """`x` repeated along new and length-one axes to `shape`."""


def _summed(draw: Draw) -> Sample:
    small, large = draw.shapes(2)
    array = draw.array(small)
    return (array + draw.array(large),), {"shape": small}


@op(
    vjp=lambda g, y, x, shape: broadcast_to(g, x.shape),
    kind=Kind.LINEAR,
    samples=_summed,
)
def sum_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """Sum over the axes that broadcasting from `shape` would have added: its transpose."""
    added = x.ndim - len(shape)
    ones = tuple(
        i + added for i, side in enumerate(shape) if side == 1 and x.shape[i + added] != 1
    )
    total = namespace(x).sum(x, axis=(*range(added), *ones), keepdims=True)
    return total.reshape(shape)


@op(vjp=lambda g, y, x, dtype: astype(g, x.dtype), kind=Kind.LINEAR, samples=lambda draw: (
    (draw.array(draw.shape()),), {"dtype": "float64"}))
def astype(x: T, /, dtype: Any) -> T:
    """`x` with another dtype."""
    return namespace(x).astype(x, dtype)


def _expanded(draw: Draw) -> Sample:
    shape = draw.shape()
    return (draw.array(shape),), {"axis": draw.integer(-len(shape) - 1, len(shape))}


@op(
    kernel="expand_dims",
    vjp=lambda g, y, x, axis: reshape(g, x.shape),
    kind=Kind.LINEAR,
    samples=_expanded,
    numpy="expand_dims",
)
def expand_dims(x: T, /, axis: int | tuple[int, ...]) -> T:
    """`x` with axes of length one inserted so that they end up at `axis`."""
