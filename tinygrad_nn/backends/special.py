"""Special functions for NumPy arrays: the error function, the normal distribution, entropies.

In double precision the relative error stays within a few units in the last place, except
next to zeros that are no exact numbers. float32 gives float32, float16 float16. No warnings:
a pole is an infinity, and what lies outside the domain is NaN.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from tinygrad_nn.backends import special_fits as fits
from tinygrad_nn.backends.fitted import DOUBLE, SINGLE, blocked, rational

__all__ = [
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "log_ndtr",
    "logit",
    "ndtr",
    "ndtri",
    "sinc_derivative",
    "xlog1py",
    "xlogy",
]

_SQRT_HALF = 0.7071067811865476
# exp(-x² / 2) is zero beyond.
_FAR = 40.0
# Where central fits end and those of the tails begin.
_CENTRE, _QUARTER = 0.5, 0.25
_QUANTILE_END = 6.25


# ── The normal distribution ─────────────────────────────────────────────────────────────


def _exp_square(x: Any, factor: float) -> Any:
    """exp(factor · x²) without the rounding error of x², which e to its power would magnify.

    With h the nearest sixteenth, h² is exact and x² = h² + (x - h)(x + h). The splitting
    is that of W. J. Cody, "Rational Chebyshev approximations for the error function",
    Mathematics of Computation 23 (1969), 631-637.
    """
    h = np.rint(16.0 * x) * 0.0625
    return np.exp(factor * h * h) * np.exp(factor * ((x - h) * (x + h)))


def _erfcx(x: Any) -> Any:
    """exp(x²) erfc(x) for x ≥ 0."""
    fit = fits.ERFCX_SINGLE if x.dtype == SINGLE else fits.ERFCX
    return rational(fit, 2.0 / (x + 2.0)) / (x + 2.0)


@blocked(DOUBLE, SINGLE)
def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ exp(-t²) dt."""
    single = x.dtype == SINGLE
    # Beyond these the nearest number is 1, which the fit gives there.
    end = 3.9 if single else 6.0
    c = np.clip(x, -end, end)
    return np.clip(c * rational(fits.ERF_SINGLE if single else fits.ERF, c * c), -1.0, 1.0)


@blocked(DOUBLE, SINGLE)
def erfc(x: Any) -> Any:
    """1 - erf(x), also where that is tiny."""
    u = np.minimum(np.abs(x), _FAR)
    tail = _exp_square(u, -1.0) * _erfcx(u)
    return tail + (x < 0) * (2.0 - 2.0 * tail)


@blocked(DOUBLE, SINGLE)
def erfcx(x: Any) -> Any:
    """exp(x²) erfc(x)."""
    out = _erfcx(np.abs(x))
    below = x < 0
    if below.any():
        out[below] = 2.0 * _exp_square(np.maximum(x[below], -_FAR), 1.0) - out[below]
    return out


def _normal_tail(u: Any) -> Any:
    """Probability that a standard normal number is above u ≥ 0."""
    u = np.minimum(u, _FAR)
    return 0.5 * _exp_square(u, -0.5) * _erfcx(u * _SQRT_HALF)


@blocked(DOUBLE, SINGLE)
def ndtr(x: Any) -> Any:
    """Distribution function of the standard normal distribution."""
    tail = _normal_tail(np.abs(x))
    return tail + (x > 0) * (1.0 - 2.0 * tail)


@blocked(DOUBLE)
def log_ndtr(x: Any) -> Any:
    """Logarithm of `ndtr`, also where that underflows."""
    below = np.minimum(x, 0.0)
    out = np.log(0.5 * _erfcx(-below * _SQRT_HALF)) - 0.5 * below * below
    above = x > 0
    if above.any():
        out[above] = np.log1p(-_normal_tail(x[above]))
    return out


def _upper_quantile(p: Any) -> Any:
    """z ≥ 0 that a standard normal number exceeds with probability p ≤ 1/4."""
    r = np.sqrt(-np.log(p))
    out = rational(fits.QUANTILE, np.minimum(r, _QUANTILE_END))
    far = r > _QUANTILE_END
    if far.any():
        out[far] = r[far] * rational(fits.QUANTILE_FAR, r[far])
    out[p == 0] = np.inf
    return out


@blocked(DOUBLE)
def erfinv(y: Any) -> Any:
    """Inverse of erf, in two regions as in M. J. Wichura's AS 241 (Applied Statistics 37, 1988)."""
    a = np.abs(y)
    out = y * rational(fits.ERFINV, np.minimum(a * a, _QUARTER))
    tail = a > _CENTRE
    if tail.any():
        # 1 - a is exact here.
        out[tail] = np.copysign(_SQRT_HALF * _upper_quantile(0.5 * (1.0 - a[tail])), y[tail])
    return out


@blocked(DOUBLE)
def ndtri(p: Any) -> Any:
    """Inverse of `ndtr`."""
    y = 2.0 * p - 1.0
    out = y * rational(fits.ERFINV, np.minimum(y * y, _QUARTER)) / _SQRT_HALF
    low, high = p < _QUARTER, 1.0 - p < _QUARTER
    if low.any():
        out[low] = -_upper_quantile(p[low])
    if high.any():
        out[high] = _upper_quantile(1.0 - p[high])
    return out


# ── Logarithms with care ────────────────────────────────────────────────────────────────


@blocked(DOUBLE)
def logit(p: Any) -> Any:
    """ln(p / (1 - p)); near 1/2 as 2 artanh(2p - 1), where the difference would cancel."""
    middle = np.abs(p - 0.5) <= _QUARTER
    return np.where(middle, 2 * np.arctanh(2 * p - 1), np.log(p) - np.log1p(-p))


def _beside(x: Any, y: Any) -> Any:
    """`y`; a Python number in the dtype of the float array `x`, which it must not widen."""
    narrow = isinstance(y, (int, float)) and x.dtype.kind == "f"
    return x.dtype.type(y) if narrow and not isinstance(y, np.generic) else y


def xlogy(x: Any, y: Any) -> Any:
    """x ln y, and 0 where x is 0 (NaN where y is)."""
    y = _beside(x, y)
    zero = np.equal(x, 0) & ~np.isnan(y)
    return x * np.log(np.where(zero, 1.0, y))


def xlog1py(x: Any, y: Any) -> Any:
    """x ln(1 + y), and 0 where x is 0 (NaN where y is)."""
    y = _beside(x, y)
    zero = np.equal(x, 0) & ~np.isnan(y)
    return x * np.log1p(np.where(zero, 0.0, y))


@blocked(DOUBLE)
def entr(x: Any) -> Any:
    """-x ln x, 0 at 0 and -inf below."""
    out = -x * np.log(np.where(x == 0, 1.0, x))
    out[x < 0] = -np.inf
    return out


@blocked(DOUBLE)
def sinc_derivative(x: Any, order: int) -> Any:
    """Derivative of sin(πx) / (πx) of the given order.

    With s(t) = sin t / t: t s⁽ⁿ⁾ + n s⁽ⁿ⁻¹⁾ = sin⁽ⁿ⁾ t, from t s = sin t; for t below n + 1,
    where dividing by t would magnify errors, the power series of ∫₀¹ uⁿ cos(ut + nπ/2) du.
    """
    t = np.pi * x
    near = np.minimum(np.abs(t), order + 1.0)
    odd = order % 2
    terms = 12 + 2 * order
    series = np.zeros_like(t)
    for k in range(terms, -1, -1):
        m = 2 * k + odd
        coefficient = (-1) ** (k + (order + 1) // 2) / factorial(m) / (m + order + 1)
        series = series * near * near + coefficient
    out = series * (near * np.sign(t) if odd else 1.0)
    far = np.abs(t) > order + 1.0
    if far.any():
        v = t[far]
        s = np.sin(v) / v
        for n in range(1, order + 1):
            s = (np.sin(v + n * (np.pi / 2)) - n * s) / v
        s[np.isinf(v)] = 0.0
        out[far] = s
    return out * np.pi**order
