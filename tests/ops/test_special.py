"""Derivatives of special functions far out, where a careless rule has lost all digits."""

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import OptionError

CASES: list[tuple[Any, Any, list[float]]] = [
    (tg.erf, mp.erf, [-5.0, -0.1, 0.0, 1e-12, 3.0, 20.0]),
    (tg.erfc, mp.erfc, [-5.0, 0.0, 3.0, 20.0]),
    (tg.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [-3.0, 0.0, 0.5, 5.0, 20.0]),
    (tg.erfinv, mp.erfinv, [-0.9999, -0.5, 0.0, 1e-9, 0.75]),
    (tg.ndtr, mp.ncdf, [-20.0, -1.0, 0.0, 4.0]),
    (tg.log_ndtr, lambda x: mp.log(mp.ncdf(x)), [-40.0, -20.0, -1.0, 0.0, 4.0]),
    (tg.ndtri, lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), [1e-6, 0.2, 0.5, 0.999]),
    (tg.lgamma, lambda x: mp.re(mp.loggamma(x)), [-2.5, 1e-3, 0.5, 1.0, 2.0, 9.99, 10.01, 1e6]),
    (tg.digamma, lambda x: mp.psi(0, x), [-2.5, 1e-3, 1.0, 1.4616, 10.0, 1e6]),
    (lambda x: tg.polygamma(2, x), lambda x: mp.psi(2, x), [-2.5, 0.1, 1.0, 30.0]),
    (tg.logit, lambda p: mp.log(p / (1 - p)), [1e-9, 0.3, 0.5, 0.999]),
    (tg.entr, lambda x: -x * mp.log(x), [1e-9, 0.5, 7.0]),
    (tg.sinc, lambda x: mp.sinc(mp.pi * x), [0.0, 1e-8, 0.1, 0.31, 0.32, 1.0, 50.0]),
    (lambda x: tg.xlogy(x, x), lambda x: x * mp.log(x), [1e-9, 0.5, 7.0]),
    (lambda x: tg.betaln(x, 2.0), lambda x: -mp.log(x) - mp.log(x + 1), [0.5, 3.0]),
    (lambda x: tg.logaddexp(x, 0.0), lambda x: mp.log1p(mp.exp(x)), [-30.0, 0.0, 2.0, 30.0]),
]


def derivatives(function: Callable[[Any], Any], x: float) -> list[float]:
    """Value, first and second derivative at a number; for Values the same."""
    found = []
    for node in (tg.tensor(x, requires_grad=True, dtype="float64"), tg.Value(x)):
        y = function(node)
        y.backward(create_graph=True)
        first, node.grad = node.grad, None
        first.backward()
        found.append([float(y.data), float(first.data), float(node.grad)])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-11, atol=1e-13)
    return found[0]


@pytest.mark.parametrize(("function", "truth", "points"), CASES)
def test_derivatives_are_those_of_mpmath(function: Any, truth: Any, points: list[float]):
    for x in points:
        with mp.workdps(40):
            exact = [truth(mp.mpf(x)), mp.diff(truth, x), mp.diff(truth, x, 2)]
        got = derivatives(function, x)
        # Second derivatives of the scaled and the logarithmic tail cancel by themselves.
        np.testing.assert_allclose(got[:2], [float(e) for e in exact[:2]], rtol=2e-11, atol=1e-15)
        np.testing.assert_allclose(got[2], float(exact[2]), rtol=1e-8, atol=1e-10)


def test_the_log_of_a_tail_that_underflows_still_has_a_slope():
    x = tg.tensor([-1e3, -50.0], requires_grad=True)
    tg.log_ndtr(x).sum().backward()
    np.testing.assert_allclose(np.asarray(x.grad), [1000.001, 50.01998], rtol=1e-6)


def test_polygamma_refuses_other_orders():
    for n in (-1, 0.5, None):
        with pytest.raises(OptionError, match=r"polygamma: got n = .* expected an integer"):
            tg.polygamma(n, 1.0)


def test_raw_numbers_and_arrays_give_raw_results():
    assert tg.lgamma(4.0) == pytest.approx(np.log(6))
    assert type(tg.erf(np.array([0.5]))) is np.ndarray


@pytest.mark.parametrize("x", [30.0, 40.0, 800.0, 1e6])
@pytest.mark.parametrize("kind", [float, np.float64, tg.Value])
def test_log_ndtr_is_flat_far_above_zero(x, kind):
    """To the second order: erfcx overflows there, and inf / inf is no slope."""
    first, second = tg.grad(tg.log_ndtr), tg.grad(tg.grad(tg.log_ndtr))
    for slope in (first(kind(x)), second(kind(x))):
        assert abs(float(slope)) < 1e-100
