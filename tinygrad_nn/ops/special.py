"""Special functions: the error function and the normal distribution, Γ, I₀, entropies.

The names are SciPy's, and PyTorch's where SciPy has none. Values are as accurate as double
precision allows (`backends/special.py` says how); there is no dependence on SciPy.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import POSITIVE, REAL, UNIT, Domain, Draw, Sample
from tinygrad_nn.errors import OptionError
from tinygrad_nn.ops.elementwise import exp, log, log1p
from tinygrad_nn.ops.select import equal, greater, logical_and, where

__all__ = [
    "betaln",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "gammaln",
    "i0",
    "i1",
    "lgamma",
    "log_ndtr",
    "logit",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "trigamma",
    "xlog1py",
    "xlogy",
]

T = TypeVar("T")
_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
_HALF_SQRT_PI = math.sqrt(math.pi) / 2
_SQRT_TWO_PI = math.sqrt(2 * math.pi)
_SQRT_TWO_OVER_PI = math.sqrt(2 / math.pi)
_SQRT_HALF = math.sqrt(0.5)
_PROBABILITY = Domain(low=0.0, high=1.0)


# ── The error function, the normal distribution ─────────────────────────────────────────


@op(
    kernel="erf",
    vjp=lambda g, y, x: g * (_TWO_OVER_SQRT_PI * exp(-(x * x))),
    kind=Kind.ELEMENTWISE,
)
def erf(x: T, /) -> T:
    """Error function 2/√π ∫₀ˣ exp(-t²) dt, elementwise; dy/dx = 2/√π exp(-x²)."""


@op(
    kernel="erfc",
    vjp=lambda g, y, x: -g * (_TWO_OVER_SQRT_PI * exp(-(x * x))),
    kind=Kind.ELEMENTWISE,
)
def erfc(x: T, /) -> T:
    """1 - erf(x), elementwise, also where that is tiny; dy/dx = -2/√π exp(-x²)."""


@op(
    kernel="erfcx",
    vjp=lambda g, y, x: g * (2.0 * x * y - _TWO_OVER_SQRT_PI),
    kind=Kind.ELEMENTWISE,
)
def erfcx(x: T, /) -> T:
    """exp(x²) erfc(x), elementwise, for the far tail; dy/dx = 2xy - 2/√π."""


@op(
    kernel="erfinv",
    vjp=lambda g, y, x: g * (_HALF_SQRT_PI * exp(y * y)),
    kind=Kind.ELEMENTWISE,
    domain=UNIT,
)
def erfinv(x: T, /) -> T:
    """Inverse of `erf` on [-1, 1], elementwise; dy/dx = √π/2 exp(y²)."""


@op(
    kernel="ndtr",
    vjp=lambda g, y, x: g * (exp(-0.5 * x * x) / _SQRT_TWO_PI),
    kind=Kind.ELEMENTWISE,
)
def ndtr(x: T, /) -> T:
    """Probability that a standard normal number is below `x`, elementwise.

    dy/dx = exp(-x²/2) / √(2π). Accurate in both tails.
    """


def _log_ndtr_slope(g: Any, y: Any, x: Any) -> Any:
    """φ(x) / Φ(x). Above 0 erfcx would overflow, below it exp would lose digits."""
    above = greater(x, 0.0)
    right = exp(-0.5 * where(above, x * x, 0.0) - where(above, y, 0.0)) / _SQRT_TWO_PI
    left = _SQRT_TWO_OVER_PI / erfcx(-_SQRT_HALF * where(above, 0.0, x))
    return g * where(above, right, left)


@op(
    kernel="log_ndtr",
    vjp=_log_ndtr_slope,
    kind=Kind.ELEMENTWISE,
)
def log_ndtr(x: T, /) -> T:
    """ln ndtr(x), elementwise, also where `ndtr` underflows; dy/dx = φ(x) / ndtr(x)."""


@op(
    kernel="ndtri",
    vjp=lambda g, y, p: g * (_SQRT_TWO_PI * exp(0.5 * y * y)),
    kind=Kind.ELEMENTWISE,
    domain=_PROBABILITY,
)
def ndtri(p: T, /) -> T:
    """Inverse of `ndtr` on [0, 1], elementwise: the normal quantile; dy/dp = √(2π) exp(y²/2)."""


# ── Γ ───────────────────────────────────────────────────────────────────────────────────


def _psi_slope(g: Any, y: Any, x: Any, n: int = -1) -> Any:
    return g * psi(x, n + 1)


@op(
    kernel="lgamma",
    vjp=_psi_slope,
    kind=Kind.ELEMENTWISE,
    domain=Domain(low=0.4, high=6.0),
)
def lgamma(x: T, /) -> T:
    """ln |Γ(x)|, elementwise (inf at 0, -1, -2, …); dy/dx = digamma(x)."""


gammaln = lgamma


def _orders(draw: Draw) -> Sample:
    domain = Domain(low=0.6, high=6.0)
    return (draw.array(draw.shape(), domain),), {"n": draw.integer(0, 2)}


@op(
    kernel="psi",
    vjp=_psi_slope,
    kind=Kind.ELEMENTWISE,
    samples=_orders,
)
def psi(x: T, /, n: int = 0) -> T:
    """n-th derivative of ψ = (ln Γ)', elementwise; its own derivative is the (n + 1)-th."""


@composed(domain=Domain(low=0.6, high=6.0))
def digamma(x: T, /) -> T:
    """ψ(x) = d ln Γ(x) / dx, elementwise; its derivative is `trigamma`."""
    return psi(x)


@composed(domain=Domain(low=0.6, high=6.0))
def trigamma(x: T, /) -> T:
    """ψ'(x), elementwise."""
    return psi(x, 1)


def polygamma(n: Any, x: Any) -> Any:
    """n-th derivative of ψ, elementwise, with SciPy's order of arguments.

    Raises:
        OptionError: `n` is not an integer that is 0 or more.
    """
    if not isinstance(n, int) or n < 0:
        raise OptionError(f"polygamma: got n = {n!r}, expected an integer that is 0 or more")
    return psi(x, n)


@composed(domain=(Domain(low=0.4, high=4.0), Domain(low=0.4, high=4.0)))
def betaln(a: Any, b: Any, /) -> Any:
    """ln B(a, b) = ln Γ(a) + ln Γ(b) - ln Γ(a + b), elementwise with broadcasting.

    The difference cancels digits where one argument is much larger than the other.
    """
    return lgamma(a) + lgamma(b) - lgamma(a + b)


# ── Entropies and odds ──────────────────────────────────────────────────────────────────


@op(
    kernel="logit",
    vjp=lambda g, y, p: g / (p * (1.0 - p)),
    kind=Kind.ELEMENTWISE,
    domain=_PROBABILITY,
)
def logit(p: T, /) -> T:
    """ln(p / (1 - p)), elementwise, the inverse of `sigmoid`; dy/dp = 1 / (p (1 - p))."""


def _unless_both(x: Any, y: Any, other: float, zero: float = 0.0) -> Any:
    """`y`, and `other` where x is 0 and y is `zero`."""
    return where(logical_and(equal(x, 0), equal(y, zero)), other, y)


@op(
    kernel="xlogy",
    vjp=(
        lambda g, out, x, y: g * log(_unless_both(x, y, 1.0)),
        lambda g, out, x, y: g * (x / _unless_both(x, y, 1.0)),
    ),
    kind=Kind.ELEMENTWISE,
    domain=(REAL, POSITIVE),
)
def xlogy(x: Any, y: Any, /) -> Any:
    """x ln y, and 0 where x = 0, elementwise with broadcasting.

    d/dx = ln y, d/dy = x / y; both 0 where x = y = 0.
    """


@op(
    kernel="xlog1py",
    vjp=(
        lambda g, out, x, y: g * log1p(_unless_both(x, y, 0.0, -1.0)),
        lambda g, out, x, y: g * (x / (1.0 + _unless_both(x, y, 0.0, -1.0))),
    ),
    kind=Kind.ELEMENTWISE,
    domain=(REAL, Domain(low=-1.0)),
)
def xlog1py(x: Any, y: Any, /) -> Any:
    """x ln(1 + y), and 0 where x = 0, elementwise with broadcasting.

    d/dx = ln(1 + y), d/dy = x / (1 + y); both 0 where x = 0 and y = -1.
    """


@op(
    kernel="entr",
    vjp=lambda g, y, x: -g * (log(x) + 1.0),
    kind=Kind.ELEMENTWISE,
    domain=POSITIVE,
)
def entr(x: T, /) -> T:
    """-x ln x, 0 at 0 and -inf below, elementwise; dy/dx = -ln x - 1 (inf at 0)."""


# ── Bessel functions ────────────────────────────────────────────────────────────────────

# The trapezoid rule on the circle is exact to rounding with n points if n² is above 74 |x|;
# by symmetry a quarter of them is enough.
_POINTS = 240
_COSINES = [math.cos(2 * math.pi * (k + 0.5) / _POINTS) for k in range(_POINTS // 4)]


def _i1_slope(g: Any, y: Any, x: Any) -> Any:
    """I₀ - I₁/x, of which the limit at 0 is 1/2."""
    zero = equal(x, 0.0)
    return g * where(zero, 0.5, i0(x) - y / where(zero, 1.0, x))


@op(vjp=_i1_slope, kind=Kind.ELEMENTWISE)
def i1(x: Any, /) -> Any:
    """Modified Bessel function I₁ = 2/π ∫₀^(π/2) sinh(x cos t) cos t dt, elementwise.

    dy/dx = I₀(x) - y/x. The relative error grows with |x|, to 4e-14 at 700; infinite from 711.
    """
    functions = namespace(x)
    return sum(functions.sinh(c * x) * c for c in _COSINES) * (4 / _POINTS)


@op(kernel="i0", vjp=lambda g, y, x: g * i1(x), kind=Kind.ELEMENTWISE, numpy="i0")
def i0(x: T, /) -> T:
    """Modified Bessel function I₀ = 1/π ∫₀^π exp(x cos t) dt, elementwise; dy/dx = I₁(x)."""
