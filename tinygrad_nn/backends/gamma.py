"""ln Γ and its derivatives, the polygamma functions, for NumPy arrays.

Accurate to a few units in the last place of float64, except next to zeros that are no exact
numbers. float32 gives float32. No warnings: a pole is an infinity, or NaN where it has no sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial
from typing import Any

import numpy as np

from tinygrad_nn.backends import special_fits as fits
from tinygrad_nn.backends.fitted import DOUBLE, blocked, horner, rational

__all__ = ["lgamma", "psi"]

# B₂ₖ, k = 1, 2, …: NIST Digital Library of Mathematical Functions (DLMF), table 24.2.1.
# fmt: off
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)
# fmt: on
# Coefficients of 1/x² in the series of Stirling (DLMF 5.11.1) and of its derivative (5.11.2).
_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:8], 1))
_STIRLING_SLOPE = tuple(b / (2 * k) for k, b in enumerate(_BERNOULLI[:8], 1))
_SERIES = 10.0
_HALF_LOG_TWO_PI = 0.9189385332046727
# The positive root of ψ, as a number of few bits and the rest.
_ROOT_HEAD, _ROOT_TAIL = 1.4616321325302124, 1.2438149938918909e-08


def _lowered(w: Any) -> Iterator[tuple[Any, Any]]:
    """Take 1 off each number below 10 that is 2 or more, until none is; and where it was done."""
    t = np.minimum(w, _SERIES)
    for _ in range(8):
        step = t >= 2
        t = t - step
        yield t, step


def _lgamma_positive(w: Any) -> Any:
    """ln Γ(w): the fit on [1, 2], the recurrence up to 10, then Stirling's series."""
    product: Any = 1.0
    t = w
    for t, step in _lowered(w):
        product = product * np.where(step, t, 1.0)
    small = w < 1
    z = np.where(small, w, t - 1.0)
    rest = np.log(np.where(small, w, product)) * np.where(small, -1.0, 1.0)
    out = z * (z - 1.0) * rational(fits.LGAMMA, z) + rest
    large = w >= _SERIES
    if large.any():
        v = w[large]
        series = horner(_STIRLING, 1 / (v * v)) / v
        out[large] = (v - 0.5) * (np.log(v) - 1) + (_HALF_LOG_TWO_PI - 0.5) + series
    return out


@blocked(DOUBLE)
def lgamma(x: Any) -> Any:
    """ln |Γ(x)|; below 0 by reflection, DLMF 5.5.3."""
    w = np.abs(x)
    out = _lgamma_positive(w)
    below = x < 0
    if below.any():
        v = w[below]
        r = np.abs(v - np.rint(v))
        reflected = np.log(np.pi) - np.log(np.sin(np.pi * r)) - (out[below] + np.log(v))
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
    out = (t - _ROOT_HEAD - _ROOT_TAIL) * rational(fits.DIGAMMA, t - 1.0) + shift
    large = w >= _SERIES
    if large.any():
        v = w[large]
        square = 1 / (v * v)
        out[large] = np.log(v) - 0.5 / v - square * horner(_STIRLING_SLOPE, square)
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
        poly = horner(_cotangent_derivative(n), 1 / np.tan(np.pi * r))
        reflected = -(np.pi ** (n + 1)) * poly - sign * out[below]
        out[below] = np.where(r == 0, sign * np.inf, reflected)
    out[x == 0] = sign * np.inf
    out[x == np.inf] = 0.0
    return out


@blocked(DOUBLE)
def psi(x: Any, n: int = 0) -> Any:
    """n-th derivative of ψ = (ln Γ)'."""
    return _polygamma(x, n) if n else _digamma(x)
