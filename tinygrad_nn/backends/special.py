"""Special functions for NumPy arrays: the error function and its relatives, ln Γ and polygamma.

In double precision the relative error stays within a few units in the last place, except
next to zeros that are no exact numbers. float32 gives float32, float16 float16. No warnings:
a pole is an infinity, and what lies outside the domain is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import factorial
from typing import Any

import numpy as np

from tinygrad_nn.backends import special_fits as fits

__all__ = [
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "lgamma",
    "log_ndtr",
    "logit",
    "ndtr",
    "ndtri",
    "psi",
    "sinc_derivative",
    "xlog1py",
    "xlogy",
]

_DOUBLE, _SINGLE = np.dtype(np.float64), np.dtype(np.float32)
_SQRT_HALF = 0.7071067811865476
# exp(-x² / 2) is zero beyond.
_FAR = 40.0
# Elements computed at a time, so that the passes over them stay in the cache: three times quicker.
_BLOCK = 4096


def _blocked(*native: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of short float vectors one of arrays of any shape and real dtype.

    Args:
        native: dtypes that the function computes in; any other is computed in float64.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def kernel(x: Any, **static: Any) -> Any:
            x = np.asarray(x)
            dtype = x.dtype if x.dtype.kind == "f" else _DOUBLE
            flat = x.astype(dtype if dtype in native else _DOUBLE, copy=False).reshape(-1)
            out = np.empty_like(flat)
            with np.errstate(all="ignore"):
                for start in range(0, flat.size, _BLOCK):
                    block = slice(start, start + _BLOCK)
                    out[block] = function(flat[block], **static)
                return out.reshape(x.shape).astype(dtype, copy=False)[()]

        return kernel

    return decorate


def _horner(coefficients: tuple[float, ...], t: Any) -> Any:
    total = t * coefficients[-1]
    total += coefficients[-2]
    for c in coefficients[-3::-1]:
        total *= t
        total += c
    return total


def _rational(fit: tuple[tuple[float, ...], tuple[float, ...]], t: Any) -> Any:
    total = _horner(fit[0], t)
    total /= _horner(fit[1], t)
    return total


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
    fit = fits.ERFCX_SINGLE if x.dtype == _SINGLE else fits.ERFCX
    return _rational(fit, 2.0 / (x + 2.0)) / (x + 2.0)


@_blocked(_DOUBLE, _SINGLE)
def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ exp(-t²) dt."""
    single = x.dtype == _SINGLE
    # Beyond these the nearest number is 1, which the fit gives there.
    end = 3.9 if single else 6.0
    c = np.clip(x, -end, end)
    return np.clip(c * _rational(fits.ERF_SINGLE if single else fits.ERF, c * c), -1.0, 1.0)


@_blocked(_DOUBLE, _SINGLE)
def erfc(x: Any) -> Any:
    """1 - erf(x), also where that is tiny."""
    u = np.minimum(np.abs(x), _FAR)
    tail = _exp_square(u, -1.0) * _erfcx(u)
    return tail + (x < 0) * (2.0 - 2.0 * tail)


@_blocked(_DOUBLE, _SINGLE)
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


@_blocked(_DOUBLE, _SINGLE)
def ndtr(x: Any) -> Any:
    """Distribution function of the standard normal distribution."""
    tail = _normal_tail(np.abs(x))
    return tail + (x > 0) * (1.0 - 2.0 * tail)


@_blocked(_DOUBLE)
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
    out = _rational(fits.QUANTILE, np.minimum(r, 6.25))
    far = r > 6.25
    if far.any():
        out[far] = r[far] * _rational(fits.QUANTILE_FAR, r[far])
    out[p == 0] = np.inf
    return out


@_blocked(_DOUBLE)
def erfinv(y: Any) -> Any:
    """Inverse of erf, in two regions as in M. J. Wichura's AS 241 (Applied Statistics 37, 1988)."""
    a = np.abs(y)
    out = y * _rational(fits.ERFINV, np.minimum(a * a, 0.25))
    tail = a > 0.5
    if tail.any():
        # 1 - a is exact here.
        out[tail] = np.copysign(_SQRT_HALF * _upper_quantile(0.5 * (1.0 - a[tail])), y[tail])
    return out


@_blocked(_DOUBLE)
def ndtri(p: Any) -> Any:
    """Inverse of `ndtr`."""
    y = 2.0 * p - 1.0
    out = y * _rational(fits.ERFINV, np.minimum(y * y, 0.25)) / _SQRT_HALF
    low, high = p < 0.25, p > 0.75
    if low.any():
        out[low] = -_upper_quantile(p[low])
    if high.any():
        out[high] = _upper_quantile(1.0 - p[high])
    return out


# ── Γ and its logarithmic derivatives ───────────────────────────────────────────────────

# B₂ₖ, k = 1, 2, …: NIST Digital Library of Mathematical Functions (DLMF), table 24.2.1.
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)
# Coefficients of 1/x² in the series of Stirling (DLMF 5.11.1) and of its derivative (5.11.2).
_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:8], 1))
_STIRLING_SLOPE = tuple(b / (2 * k) for k, b in enumerate(_BERNOULLI[:8], 1))
_SERIES = 10.0
_HALF_LOG_TWO_PI = 0.9189385332046727
# The positive root of ψ, as a number of few bits and the rest.
_ROOT_HEAD, _ROOT_TAIL = 1.4616321325302124, 1.2438149938918909e-08


def _lowered(w: Any) -> Any:
    """Numbers below 10, each with an integer taken off that leaves it in [1, 2)."""
    t = np.minimum(w, _SERIES)
    for _ in range(8):
        step = t >= 2
        t = t - step
        yield t, step


def _lgamma_positive(w: Any) -> Any:
    """ln Γ(w): the fit on [1, 2], the recurrence up to 10, then Stirling's series."""
    product: Any = 1.0
    t = w
    for t, step in _lowered(w):  # noqa: B007
        product = product * np.where(step, t, 1.0)
    small = w < 1
    z = np.where(small, w, t - 1.0)
    rest = np.log(np.where(small, w, product)) * np.where(small, -1.0, 1.0)
    out = z * (z - 1.0) * _rational(fits.LGAMMA, z) + rest
    large = w >= _SERIES
    if large.any():
        v = w[large]
        series = _horner(_STIRLING, 1 / (v * v)) / v
        out[large] = (v - 0.5) * (np.log(v) - 1) + (_HALF_LOG_TWO_PI - 0.5) + series
    return out


@_blocked(_DOUBLE)
def lgamma(x: Any) -> Any:
    """ln |Γ(x)|; below 0 by reflection, DLMF 5.5.3."""
    w = np.abs(x)
    out = _lgamma_positive(w)
    below = x < 0
    if below.any():
        v = w[below]
        r = np.abs(v - np.rint(v))
        reflected = np.log(np.pi / np.sin(np.pi * r)) - (out[below] + np.log(v))
        out[below] = np.where(r == 0, np.inf, reflected)
    out[np.isinf(x)] = np.inf
    return out


def _digamma_positive(w: Any) -> Any:
    """ψ(w): the fit on [1, 2], the recurrence up to 10, then the asymptotic series."""
    small = w < 1
    shift: Any = np.where(small, -1 / w, 0.0)
    start = w + small
    t = start
    for t, step in _lowered(start):
        shift = shift + step / t
    out = (t - _ROOT_HEAD - _ROOT_TAIL) * _rational(fits.DIGAMMA, t - 1.0) + shift
    large = w >= _SERIES
    if large.any():
        v = w[large]
        square = 1 / (v * v)
        out[large] = np.log(v) - 0.5 / v - square * _horner(_STIRLING_SLOPE, square)
    return out


def _digamma(x: Any) -> Any:
    """ψ(x); below 0 by reflection, DLMF 5.5.4."""
    w = np.abs(x)
    out = _digamma_positive(w)
    below = x < 0
    if below.any():
        v = w[below]
        r = v - np.rint(v)
        out[below] += 1 / v + np.where(r == 0, np.nan, np.pi / np.tan(np.pi * r))
    out[x == 0] = -np.copysign(np.inf, x[x == 0])
    return out


def _zeta(s: int, x: Any) -> Any:
    """Hurwitz's Σ (x + k)^-s for x > 0, by Euler and Maclaurin's formula (DLMF 25.11.5)."""
    far = 10 + s
    total = np.zeros_like(x)
    for k in range(far):
        t = x + k
        total += np.where(t < far, (1 / t) ** s, 0.0)
    # The first x + k that is not below `far`.
    v = x + np.maximum(np.ceil(far - x), 0.0)
    inverse = 1 / v
    series = np.zeros_like(x)
    for j in range(len(_BERNOULLI), 0, -1):
        rising = factorial(s + 2 * j - 2) / factorial(s - 1) / factorial(2 * j)
        series = series * inverse * inverse + _BERNOULLI[j - 1] * rising
    return total + inverse ** (s - 1) * (1 / (s - 1) + inverse * (0.5 + inverse * series))


def _cotangent_derivative(n: int) -> tuple[float, ...]:
    """Polynomial in c = cot(z) that is the n-th derivative of cot(z), since c' = -(1 + c²)."""
    p = [0, 1]
    for _ in range(n):
        slope = [k * p[k] for k in range(1, len(p))]
        p = [0] * (len(p) + 1)
        for k, value in enumerate(slope):
            p[k] -= value
            p[k + 2] -= value
    return tuple(map(float, p))


def _polygamma(x: Any, n: int) -> Any:
    """ψ⁽ⁿ⁾(x) for n ≥ 1; below 0 by reflection, DLMF 5.15.6."""
    sign = -1.0 if n % 2 == 0 else 1.0
    below = x < 0
    w = np.where(below, 1.0 - x, x)
    out = sign * factorial(n) * _zeta(n + 1, w)
    if below.any():
        r = x[below] - np.rint(x[below])
        poly = _horner(_cotangent_derivative(n), 1 / np.tan(np.pi * r))
        reflected = -(np.pi ** (n + 1)) * poly - sign * out[below]
        out[below] = np.where(r == 0, sign * np.inf, reflected)
    out[x == 0] = sign * np.inf
    out[x == np.inf] = 0.0
    return out


@_blocked(_DOUBLE)
def psi(x: Any, n: int = 0) -> Any:
    """n-th derivative of ψ = (ln Γ)'."""
    return _polygamma(x, n) if n else _digamma(x)


# ── Logarithms with care ────────────────────────────────────────────────────────────────


@_blocked(_DOUBLE)
def logit(p: Any) -> Any:
    """ln(p / (1 - p)); near 1/2 as 2 artanh(2p - 1), where the difference would cancel."""
    middle = np.abs(p - 0.5) <= 0.25
    return np.where(middle, 2 * np.arctanh(2 * p - 1), np.log(p) - np.log1p(-p))


def xlogy(x: Any, y: Any) -> Any:
    """x ln y, and 0 where x is 0 (NaN where y is)."""
    zero = np.equal(x, 0) & ~np.isnan(y)
    return x * np.log(np.where(zero, 1.0, y))


def xlog1py(x: Any, y: Any) -> Any:
    """x ln(1 + y), and 0 where x is 0 (NaN where y is)."""
    zero = np.equal(x, 0) & ~np.isnan(y)
    return x * np.log1p(np.where(zero, 0.0, y))


@_blocked(_DOUBLE)
def entr(x: Any) -> Any:
    """-x ln x, 0 at 0 and -inf below."""
    out = -x * np.log(np.where(x == 0, 1.0, x))
    out[x < 0] = -np.inf
    return out


@_blocked(_DOUBLE)
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
