"""Functions of one number, applied to each element."""

from __future__ import annotations

from typing import TypeVar

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import NONZERO, POSITIVE
from tinygrad_nn.ops.select import where

__all__ = ["abs", "exp", "log", "relu", "sigmoid", "sign", "sqrt", "tanh"]

T = TypeVar("T")


@op(kernel="exp", vjp=lambda g, y, x: g * y, kind=Kind.ELEMENTWISE, numpy="exp")
def exp(x: T, /) -> T:
    """Exponential e^x, elementwise; dy/dx = y."""


@op(
    kernel="log",
    vjp=lambda g, y, x: g / x,
    kind=Kind.ELEMENTWISE,
    domain=POSITIVE,
    numpy="log",
)
def log(x: T, /) -> T:
    """Natural logarithm ln x, elementwise; dy/dx = 1 / x (inf at 0)."""


@op(
    kernel="sqrt",
    vjp=lambda g, y, x: g * 0.5 / y,
    kind=Kind.ELEMENTWISE,
    domain=POSITIVE,
    numpy="sqrt",
)
def sqrt(x: T, /) -> T:
    """Square root, elementwise; dy/dx = 1 / (2 y) (inf at 0)."""


@op(kernel="tanh", vjp=lambda g, y, x: g * (1 - y * y), kind=Kind.ELEMENTWISE, numpy="tanh")
def tanh(x: T, /) -> T:
    """Hyperbolic tangent, elementwise; dy/dx = 1 - y²."""


@op(kernel="sigmoid", vjp=lambda g, y, x: g * (y - y * y), kind=Kind.ELEMENTWISE)
def sigmoid(x: T, /) -> T:
    """Logistic function 1 / (1 + e^-x), elementwise; dy/dx = y (1 - y)."""


@op(
    kernel="sign",
    vjp=lambda g, y, x: g * 0.0,
    kind=Kind.ELEMENTWISE,
    domain=NONZERO,
    numpy="sign",
)
def sign(x: T, /) -> T:
    """-1, 0 or 1, elementwise; dy/dx = 0."""


@op(
    kernel="abs",
    vjp=lambda g, y, x: g * sign(x),
    kind=Kind.ELEMENTWISE,
    domain=NONZERO,
    numpy=("abs", "absolute", "fabs"),
)
def abs(x: T, /) -> T:
    """|x|, elementwise; dy/dx = sign x (0 at 0)."""


@op(
    kernel="relu",
    vjp=lambda g, y, x: where(x > 0, g, 0.0),
    kind=Kind.ELEMENTWISE,
    domain=NONZERO,
)
def relu(x: T, /) -> T:
    """max(x, 0), elementwise; dy/dx = 1 where x > 0, else 0 (0 at 0)."""
