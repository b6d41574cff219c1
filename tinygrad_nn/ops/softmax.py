"""Sums of exponentials, each as one stable operation."""

from __future__ import annotations

from math import inf
from typing import Any, TypeVar

from tinygrad_nn.core.op import op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.ops.axis import Axes, over_axes, restored
from tinygrad_nn.ops.elementwise import exp
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import equal, where

__all__ = ["log_softmax", "logsumexp", "softmax"]

T = TypeVar("T")


def _logsumexp_slope(g: Any, y: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    y = restored(where(equal(y, -inf), 0.0, y), axis, keepdims)
    return restored(g, axis, keepdims) * exp(x - y)


def _filled(draw: Draw) -> Sample:
    return over_axes(draw, min_side=1)


@op(kernel="logsumexp", vjp=_logsumexp_slope, samples=_filled)
def logsumexp(x: T, /, axis: Axes = None, keepdims: bool = False) -> T:
    """ln Σ e^x over `axis` (all axes if None), without overflow; dy/dx = e^(x - y).

    -inf where all elements are -inf or there are none; the gradient is 0 there.

    Raises:
        ShapeError: An axis is out of range.
    """


def _filled_one(draw: Draw) -> Sample:
    (x,), static = over_axes(draw, min_side=1)
    return (x,), {"axis": static["axis"]}


@op(
    kernel="softmax",
    vjp=lambda g, y, x, axis: y * (g - total(g * y, axis, True)),
    samples=_filled_one,
)
def softmax(x: T, /, axis: Axes = -1) -> T:
    """e^x / Σ e^x over `axis`, without overflow; dx = y (g - Σ g y).

    NaN where all elements are -inf, as in PyTorch.

    Raises:
        ShapeError: The axis is out of range.
    """


@op(
    kernel="log_softmax",
    vjp=lambda g, y, x, axis: g - exp(y) * total(g, axis, True),
    quick="log_softmax_slope",
    samples=_filled_one,
)
def log_softmax(x: T, /, axis: Axes = -1) -> T:
    """x - ln Σ e^x over `axis`, without overflow; dx = g - e^y Σ g.

    NaN where all elements are -inf, as in PyTorch.

    Raises:
        ShapeError: The axis is out of range.
    """
