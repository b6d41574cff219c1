"""Rounding, elementwise. The results are constant between jumps: every gradient is 0."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.ops.select import no_gradient

__all__ = ["around", "ceil", "fix", "floor", "modf", "rint", "round", "trunc"]

T = TypeVar("T")
_BETWEEN_INTEGERS = Domain(avoid=(-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0))
_BETWEEN_HALVES = Domain(avoid=(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5))


@op(
    kernel="floor",
    vjp=lambda g, y, x: no_gradient(g),
    kind=Kind.ELEMENTWISE,
    domain=_BETWEEN_INTEGERS,
    numpy="floor",
)
def floor(x: T, /) -> T:
    """Largest integer that is not above `x`; dy/dx = 0."""


@op(
    kernel="ceil",
    vjp=lambda g, y, x: no_gradient(g),
    kind=Kind.ELEMENTWISE,
    domain=_BETWEEN_INTEGERS,
    numpy="ceil",
)
def ceil(x: T, /) -> T:
    """Smallest integer that is not below `x`; dy/dx = 0."""


@op(
    kernel="trunc",
    vjp=lambda g, y, x: no_gradient(g),
    kind=Kind.ELEMENTWISE,
    domain=_BETWEEN_INTEGERS,
    numpy=("trunc", "fix"),
)
def trunc(x: T, /) -> T:
    """`x` without its fraction; dy/dx = 0."""


fix = trunc


@op(
    kernel="rint",
    vjp=lambda g, y, x: no_gradient(g),
    kind=Kind.ELEMENTWISE,
    domain=_BETWEEN_HALVES,
    numpy="rint",
)
def rint(x: T, /) -> T:
    """Nearest integer, halves to the even one; dy/dx = 0."""


def _rounded(draw: Draw) -> Sample:
    decimals = draw.choice([0, -1])
    domain = Domain(-4.5, 4.5) if decimals else _BETWEEN_HALVES
    return (draw.array(draw.shape(), domain),), {"decimals": decimals}


@op(
    kernel="round",
    vjp=lambda g, y, x, decimals: no_gradient(g),
    kind=Kind.ELEMENTWISE,
    samples=_rounded,
    numpy=("round", "around"),
)
def round(x: T, /, decimals: int = 0) -> T:
    """Nearest multiple of 10^-decimals, halves to the even one; dy/dx = 0."""


around = round


@composed(domain=_BETWEEN_INTEGERS, numpy="modf")
def modf(x: Any, /) -> tuple[Any, Any]:
    """Fraction and integer part, both with the sign of `x`; derivatives 1 and 0."""
    whole = trunc(x)
    return x - whole, whole
