"""Where the coefficients of `backends/special_fits.py` come from: targets, intervals, equations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp

Target = Callable[[Any], Any]


@dataclass(frozen=True)
class Fit:
    """A rational function of degrees `degrees` that equals `target` at Chebyshev's points.

    Attributes:
        target: The function.
        low: Lower end of the interval.
        high: Upper end of the interval.
        degrees: Degree of numerator and denominator.
        error: Largest relative error that is accepted.
    """

    target: Target
    low: Any
    high: Any
    degrees: int
    error: float


def solve(fit: Fit) -> tuple[list[Any], list[Any]]:
    """Coefficients of numerator and denominator, lowest power first, the denominator's first 1."""
    n = fit.degrees
    count = 2 * n + 1
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)
    matrix, right = mp.matrix(count, count), mp.matrix(count, 1)
    for i in range(count):
        t = (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count))
        value = fit.target(t)
        right[i] = value
        for k in range(n + 1):
            matrix[i, k] = t**k
        for k in range(1, n + 1):
            matrix[i, n + k] = -value * t**k
    found = list(mp.lu_solve(matrix, right))
    return found[: n + 1], [mp.mpf(1), *found[n + 1 :]]


def evaluate(fit: tuple[Any, Any], t: Any) -> Any:
    """p(t) / q(t)."""
    p, q = (sum(mp.mpf(c) * t**k for k, c in enumerate(part)) for part in fit)
    return p / q


def erf_over_x(t: Any) -> Any:
    x = mp.sqrt(t)
    return mp.erf(x) / x


def scaled_erfc(t: Any) -> Any:
    x = 2 / t - 2
    return mp.exp(x * x) * mp.erfc(x) * (x + 2)


def lgamma_without_zeros(t: Any) -> Any:
    return mp.loggamma(1 + t) / (t * (t - 1))


def digamma_root() -> Any:
    return mp.findroot(lambda x: mp.psi(0, x), 1.46)


def digamma_without_zero(t: Any) -> Any:
    return mp.psi(0, 1 + t) / (1 + t - digamma_root())


def erfinv_over_y(t: Any) -> Any:
    y = mp.sqrt(t)
    return mp.erfinv(y) / y


def quantile(t: Any) -> Any:
    """z such that a standard normal number is above it with probability exp(-t²); by Newton."""
    z = mp.sqrt(2) * (mp.sqrt(t * t - mp.log(3.5 * t)) if t > 2 else 0.9 * t - 0.3)
    for _ in range(60):
        tail = mp.erfc(z / mp.sqrt(2)) / 2
        density = mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
        change = (mp.log(tail) + t * t) * tail / density
        z += change
        if abs(change) < mp.mpf(10) ** -50:
            break
    return z


def logit_normal(t: Any) -> Any:
    x = mp.sqrt(t)
    tail = mp.erfc(x / mp.sqrt(2))
    return (mp.log(2 - tail) - mp.log(tail)) / x


FITS = {
    "ERF": Fit(erf_over_x, 0, 36, 15, 3e-16),
    "ERF_SINGLE": Fit(erf_over_x, 0, 16, 7, 4e-9),
    "ERFCX": Fit(scaled_erfc, 0, 1, 10, 3e-16),
    "ERFCX_SINGLE": Fit(scaled_erfc, 0, 1, 5, 1e-8),
    "LGAMMA": Fit(lgamma_without_zeros, 0, 1, 7, 2e-18),
    "DIGAMMA": Fit(digamma_without_zero, 0, 1, 6, 2e-18),
    "ERFINV": Fit(erfinv_over_y, 0, 0.25, 5, 2e-18),
    "QUANTILE": Fit(quantile, float(mp.sqrt(mp.log(4))) * 0.999, 6.3, 10, 3e-16),
    "QUANTILE_FAR": Fit(lambda t: quantile(t) / t, 6.2, 27.4, 8, 2e-17),
    "LOGIT_NDTR_SINGLE": Fit(logit_normal, 0, 49, 4, 1e-6),
}
