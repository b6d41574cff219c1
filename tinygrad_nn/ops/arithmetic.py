"""Arithmetic: sums, products, quotients, powers."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import NONZERO, POSITIVE, REAL
from tinygrad_nn.ops.elementwise import log
from tinygrad_nn.ops.select import where

__all__ = ["add", "divide", "multiply", "negative", "positive", "pow", "subtract"]

T = TypeVar("T")


@op(
    kernel="add",
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: g),
    kind=Kind.ELEMENTWISE,
    domain=(REAL, REAL),
    numpy="add",
)
def add(a: Any, b: Any, /) -> Any:
    """Sum a + b, elementwise with broadcasting."""


@op(
    kernel="subtract",
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -g),
    kind=Kind.ELEMENTWISE,
    domain=(REAL, REAL),
    numpy="subtract",
)
def subtract(a: Any, b: Any, /) -> Any:
    """Difference a - b, elementwise with broadcasting."""


@op(
    kernel="multiply",
    vjp=(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    kind=Kind.ELEMENTWISE,
    domain=(REAL, REAL),
    numpy="multiply",
)
def multiply(a: Any, b: Any, /) -> Any:
    """Product a · b, elementwise with broadcasting."""


@op(
    kernel="divide",
    vjp=(lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    kind=Kind.ELEMENTWISE,
    domain=(REAL, NONZERO),
    numpy=("divide", "true_divide"),
)
def divide(a: Any, b: Any, /) -> Any:
    """Quotient a / b, elementwise with broadcasting. d/db = -y / b."""


@op(kernel="negative", vjp=lambda g, y, x: -g, kind=Kind.ELEMENTWISE, numpy="negative")
def negative(x: T, /) -> T:
    """-x, elementwise."""


@op(kernel="positive", vjp=lambda g, y, x: g, kind=Kind.ELEMENTWISE, numpy="positive")
def positive(x: T, /) -> T:
    """+x, elementwise."""


def _base_slope(g: Any, y: Any, a: Any, b: Any) -> Any:
    """b · a^(b-1); 0 where b is 0, also at a = 0."""
    if isinstance(b, (int, float)):
        return g * (b * a ** (b - 1)) if b != 0 else g * 0.0
    return g * b * a ** where(b == 0, 1.0, b - 1)


def _exponent_slope(g: Any, y: Any, a: Any, b: Any) -> Any:
    """y · ln a; 0 where a is 0."""
    return g * y * log(where(a == 0, 1.0, a))


@op(
    kernel="pow",
    vjp=(_base_slope, _exponent_slope),
    kind=Kind.ELEMENTWISE,
    domain=(POSITIVE, REAL),
    numpy=("pow", "power"),
)
def pow(a: Any, b: Any, /) -> Any:
    """a to the power b, elementwise with broadcasting.

    d/da = b · a^(b-1), and 0 where b is 0 (also at a = 0); d/db = y · ln a, and 0 at a = 0.
    """
