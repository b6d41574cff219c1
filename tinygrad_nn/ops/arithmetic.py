"""Arithmetic: sums, products, quotients, powers."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import NONZERO, POSITIVE, REAL, Domain, Draw, Sample
from tinygrad_nn.ops.elementwise import log
from tinygrad_nn.ops.select import equal, masked, no_gradient, not_equal, where

__all__ = [
    "add",
    "conj",
    "conjugate",
    "divide",
    "divmod",
    "float_power",
    "floor_divide",
    "fmod",
    "ldexp",
    "lerp",
    "mod",
    "multiply",
    "negative",
    "positive",
    "pow",
    "power",
    "real",
    "reciprocal",
    "remainder",
    "square",
    "subtract",
    "true_divide",
]

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


true_divide = divide


@op(kernel="negative", vjp=lambda g, y, x: -g, kind=Kind.ELEMENTWISE, numpy="negative")
def negative(x: T, /) -> T:
    """-x, elementwise."""


@op(kernel="positive", vjp=lambda g, y, x: g, kind=Kind.ELEMENTWISE, numpy="positive")
def positive(x: T, /) -> T:
    """+x, elementwise."""


@op(kernel="positive", vjp=lambda g, y, x: g, kind=Kind.ELEMENTWISE, numpy="real")
def real(x: T, /) -> T:
    """Real part: `x` itself, as all numbers here are real."""


@op(
    kernel="positive",
    vjp=lambda g, y, x: g,
    kind=Kind.ELEMENTWISE,
    numpy=("conj", "conjugate"),
)
def conj(x: T, /) -> T:
    """Complex conjugate: `x` itself, as all numbers here are real."""


conjugate = conj


@op(
    kernel="reciprocal",
    vjp=lambda g, y, x: -g * y * y,
    kind=Kind.ELEMENTWISE,
    domain=NONZERO,
    numpy="reciprocal",
)
def reciprocal(x: T, /) -> T:
    """1 / x, elementwise; dy/dx = -y²."""


# ── Powers ──────────────────────────────────────────────────────────────────────────────


@op(kernel="square", vjp=lambda g, y, x: g * (2.0 * x), kind=Kind.ELEMENTWISE, numpy="square")
def square(x: T, /) -> T:
    """x², elementwise; dy/dx = 2x."""


def _base_slope(g: Any, y: Any, a: Any, b: Any) -> Any:
    """b · a^(b-1); 0 where b is 0, also at a = 0."""
    if isinstance(b, (int, float)):
        if b == 0:
            return no_gradient(g)
        if b == 1:
            return g
        return g * (2.0 * a) if b == 2 else g * (b * pow(a, b - 1))
    # Only at a = b = 0 is the power infinite and its factor 0.
    return g * (b * pow(where(equal(a, 0), where(equal(b, 0), 1.0, a), a), b - 1))


def _exponent_slope(g: Any, y: Any, a: Any, b: Any) -> Any:
    """y · ln a; 0 where a is 0."""
    if isinstance(a, (int, float)):
        return g * (y * log(a)) if a != 0 else no_gradient(g)
    return g * (masked(y, not_equal(a, 0)) * log(where(equal(a, 0), 1.0, a)))


@op(
    kernel="pow",
    vjp=(_base_slope, _exponent_slope),
    kind=Kind.ELEMENTWISE,
    domain=(POSITIVE, REAL),
    numpy=("pow", "power"),
)
def pow(a: Any, b: Any, /) -> Any:
    """a to the power b, elementwise with broadcasting.

    A whole Python number from -3 to 12 as exponent is computed by multiplication, which is
    a hundred times quicker and exact to twelve roundings. d/da = b · a^(b-1), and 0 where b
    is 0 (also at a = 0); d/db = y · ln a, and 0 at a = 0 (NaN below 0).
    """


power = pow


@composed(domain=(POSITIVE, REAL), numpy="float_power")
def float_power(a: Any, b: Any, /) -> Any:
    """a to the power b in float64, as NumPy's; see `pow`, which keeps float32."""
    return pow(_widened(a), _widened(b))


@op(vjp=lambda g, y, x: g, kind=Kind.LINEAR)
def _widened(x: Any, /) -> Any:
    """`x` in float64."""
    return namespace(x).astype(x, "float64") if hasattr(x, "dtype") else float(x)


# ── Division with remainder ─────────────────────────────────────────────────────────────


def _quotients(draw: Draw) -> Sample:
    """Divisors in (4, 4.2), and dividends whose quotients are in (k, k + 1) for all of them."""
    k = draw.integer(-2, 2)
    low, high = (4.2 * k, 4.0 * k + 4) if k >= 0 else (4.0 * k, 4.2 * k + 4.2)
    a, b = draw.shapes(2)
    return (draw.array(a, Domain(low + 0.1, high - 0.1)), draw.array(b, Domain(4.0, 4.2))), {}


@op(
    kernel="floor_divide",
    vjp=(lambda g, y, a, b: no_gradient(g), lambda g, y, a, b: no_gradient(g)),
    kind=Kind.ELEMENTWISE,
    samples=_quotients,
    numpy="floor_divide",
)
def floor_divide(a: Any, b: Any, /) -> Any:
    """Largest integer that is not above a / b, elementwise with broadcasting; gradient 0."""


@op(
    kernel="remainder",
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -g * floor_divide(a, b)),
    kind=Kind.ELEMENTWISE,
    samples=_quotients,
    numpy=("remainder", "mod"),
)
def remainder(a: Any, b: Any, /) -> Any:
    """a - b · floor(a / b), with the sign of b, elementwise with broadcasting.

    d/da = 1, d/db = -floor(a / b), as between the jumps.
    """


mod = remainder


@op(
    kernel="fmod",
    vjp=(lambda g, y, a, b: g, lambda g, y, a, b: -g * ((a - y) / b)),
    kind=Kind.ELEMENTWISE,
    samples=_quotients,
    numpy="fmod",
)
def fmod(a: Any, b: Any, /) -> Any:
    """a - b · trunc(a / b), with the sign of a, elementwise with broadcasting.

    d/da = 1, d/db = -trunc(a / b), as between the jumps.
    """


@composed(samples=_quotients, numpy="divmod")
def divmod(a: Any, b: Any, /) -> tuple[Any, Any]:
    """`(floor_divide(a, b), remainder(a, b))`."""
    return floor_divide(a, b), remainder(a, b)


@composed(domain=(REAL, REAL, REAL))
def lerp(a: Any, b: Any, weight: Any, /) -> Any:
    """a + weight · (b - a), elementwise with broadcasting: `a` for weight 0, `b` for weight 1."""
    return a + weight * (b - a)


def _scaled(draw: Draw) -> Sample:
    x, i = draw.shapes(2)
    return (draw.array(x), draw.integers(i, -3, 3)), {}


def _scaled_slope(g: Any, y: Any, x: Any, i: Any) -> Any:
    return ldexp(g, i)


@op(
    kernel="ldexp",
    vjp=(_scaled_slope, lambda g, y, x, i: no_gradient(g)),
    kind=Kind.ELEMENTWISE,
    samples=_scaled,
    numpy="ldexp",
)
def ldexp(x: Any, i: Any, /) -> Any:
    """x · 2^i for integers `i`, elementwise with broadcasting; d/dx = 2^i, exact."""
