"""Reductions over axes."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.ops.shape import broadcast_to, expand_dims

__all__ = ["sum"]

T = TypeVar("T")
Axes = int | tuple[int, ...] | None


def over_axes(draw: Draw) -> Sample:
    """One array, and `axis` and `keepdims` that fit it."""
    shape = draw.shape()
    axes: list[Axes] = [None, (), *range(-len(shape), len(shape))]
    if len(shape) > 1:
        axes.append((0, -1))
    return (draw.array(shape),), {"axis": draw.choice(axes), "keepdims": draw.choice([False, True])}


def spread(g: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """A reduction's gradient, repeated over the axes that it had removed."""
    if axis is not None and not keepdims:
        g = expand_dims(g, axis)
    return broadcast_to(g, x.shape)


@op(
    kernel="sum",
    vjp=lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims),
    kind=Kind.LINEAR,
    samples=over_axes,
    numpy="sum",
)
def sum(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """Sum over `axis` (all axes if None)."""
