"""The coefficients in the package are what their equations give, and good enough."""

import math
from collections.abc import Iterator

import mpmath as mp
import numpy as np
import pytest

from tests.backends.rational import FITS, Fit, evaluate, solve
from tinygrad_nn.backends import special_fits

Coefficients = tuple[tuple[float, ...], tuple[float, ...]]


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    with mp.workdps(60):
        yield


def worst(fit: Fit, coefficients: Coefficients) -> float:
    """Largest relative error of the quotient at points between those where it was fitted."""
    inside = np.linspace(float(fit.low), float(fit.high), 42)[1:-1]
    errors = [evaluate(coefficients, mp.mpf(t)) / fit.target(mp.mpf(t)) - 1 for t in inside]
    return float(max(map(abs, errors)))


def farthest(fit: Fit, coefficients: Coefficients) -> float:
    """Largest distance of a coefficient from the solution, in units of its last place."""
    exact = solve(fit)
    pairs = [
        (a, b) for p, q in zip(coefficients, exact, strict=True) for a, b in zip(p, q, strict=True)
    ]
    return max(float(abs(a - b)) / math.ulp(a) for a, b in pairs)


def test_every_fit_has_its_equations():
    fits = {name for name in vars(special_fits) if name.isupper()}
    assert fits == FITS.keys()


@pytest.mark.parametrize("name", list(FITS))
def test_the_coefficients_solve_the_equations(name: str):
    assert farthest(FITS[name], getattr(special_fits, name)) <= 0.5


@pytest.mark.parametrize("name", list(FITS))
def test_the_quotient_is_near_its_target(name: str):
    # The coefficients themselves are rounded to 16 digits.
    assert worst(FITS[name], getattr(special_fits, name)) <= FITS[name].error + 1e-15


def test_a_planted_wrong_digit_is_found():
    p, q = special_fits.ERFCX
    wrong = ((p[0], p[1] * (1 + 1e-9), *p[2:]), q)
    assert farthest(FITS["ERFCX"], wrong) > 1e5
    assert worst(FITS["ERFCX"], wrong) > 1e-11
