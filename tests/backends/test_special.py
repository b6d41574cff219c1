"""Special functions against mpmath over their whole range, and against SciPy at the edges."""

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tinygrad_nn.backends import array, scalar

special = pytest.importorskip("scipy.special", reason="SciPy comes with the extra `test`")

DIGITS = 40
ACCURACY = 5e-15
# By Python's erfc, whose argument is rounded; the far tail magnifies that.
ON_FLOATS = {"ndtr": 5e-13}
EDGES = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, -1, 1, 2, 0.5, -0.5, 1e4, -1e4, 1e308, -1e308]
)


def uniform(low: float, high: float, count: int = 80) -> Any:
    return np.random.default_rng(1).uniform(low, high, count)


def powers(low: float, high: float, count: int = 50) -> Any:
    """Numbers of all sizes between 10^low and 10^high."""
    return 10.0 ** np.random.default_rng(2).uniform(low, high, count)


TINY = powers(-300, 0)
PROBABILITIES = np.concatenate([uniform(0, 1), TINY, 1 - powers(-15, -1)])
POSITIVES = np.concatenate([uniform(0, 15), TINY, powers(0, 300), 1 + powers(-10, -1)])


def log_ndtr(x: Any) -> Any:
    return mp.log(mp.ncdf(x)) if x < 0 else mp.log1p(-mp.ncdf(-x))


def ndtri(p: Any) -> Any:
    if p > mp.mpf(1) / 4:
        return mp.sqrt(2) * mp.erfinv(2 * p - 1)
    z = -mp.sqrt(-2 * mp.log(p)) + 0.1
    for _ in range(30):
        tail = mp.ncdf(z)
        z -= (mp.log(tail) - mp.log(p)) * tail / mp.npdf(z)
    return z


def erfcx(x: Any) -> Any:
    if x < 1e4:
        return mp.exp(x * x) * mp.erfc(x)
    return (1 - 1 / (2 * x * x) + 3 / (4 * x**4)) / (x * mp.sqrt(mp.pi))


def log_gamma(x: Any) -> Any:
    return mp.re(mp.loggamma(x))


def polygamma(n: int) -> Callable[[Any], Any]:
    return lambda x: mp.psi(n, x)


def sinc_derivative(n: int) -> Callable[[Any], Any]:
    return lambda x: mp.diff(lambda t: mp.sinc(mp.pi * t), x, n)


# Name, static argument, truth, points, size below which the error counts as absolute.
CASES = [
    ("erf", None, mp.erf, np.concatenate([uniform(-7, 7), TINY, -TINY]), 0),
    ("erfc", None, mp.erfc, np.concatenate([uniform(-7, 27), TINY]), 0),
    ("erfcx", None, erfcx, np.concatenate([uniform(-26, 30), powers(4, 300)]), 0),
    ("ndtr", None, mp.ncdf, uniform(-38, 10), 0),
    ("log_ndtr", None, log_ndtr, np.concatenate([uniform(-60, 20), -TINY]), 0),
    ("erfinv", None, mp.erfinv, np.concatenate([uniform(-1, 1), TINY, 1 - powers(-15, -1)]), 0),
    ("ndtri", None, ndtri, PROBABILITIES, 0),
    ("lgamma", None, log_gamma, POSITIVES, 0),
    ("lgamma", None, log_gamma, np.concatenate([uniform(-30, 0), -TINY]), 1),
    ("psi", 0, polygamma(0), POSITIVES, 0),
    ("psi", 0, polygamma(0), np.concatenate([uniform(-30, 0), -TINY]), 1),
    ("psi", 1, polygamma(1), np.concatenate([uniform(-20, 40), powers(-3, 5)]), 0),
    ("psi", 2, polygamma(2), np.concatenate([uniform(0, 40), powers(-3, 5)]), 0),
    ("psi", 7, polygamma(7), np.concatenate([uniform(0.1, 40), powers(-3, 5)]), 0),
    ("logit", None, lambda p: mp.log(p / (1 - p)), PROBABILITIES, 0),
    ("entr", None, lambda x: -x * mp.log(x), np.concatenate([uniform(0, 3), TINY]), 0.1),
    ("sinc_derivative", 1, sinc_derivative(1), np.concatenate([uniform(-5, 5), powers(-5, 0)]), 1),
    ("sinc_derivative", 2, sinc_derivative(2), np.concatenate([uniform(-5, 5), powers(-5, 0)]), 1),
]


def worst(got: Any, truth: Callable[[Any], Any], points: Any, absolute: float) -> float:
    """Largest relative error of `got` at `points`; subnormal truths are left out."""
    errors = [0.0]
    with mp.workdps(DIGITS):
        for x, y in zip(points, got, strict=True):
            exact = truth(mp.mpf(float(x)))
            if abs(exact) > np.finfo(float).tiny:
                errors.append(float(abs(mp.mpf(float(y)) - exact) / max(abs(exact), absolute)))
    return max(errors)


@pytest.mark.parametrize(("name", "static", "truth", "points", "absolute"), CASES)
def test_values_are_accurate(name: str, static: Any, truth: Any, points: Any, absolute: float):
    args = () if static is None else (static,)
    error = worst(getattr(array, name)(points, *args), truth, points, absolute)
    assert error < ACCURACY
    few = points[::7]
    on_floats = [getattr(scalar, name)(float(x), *args) for x in few]
    # Python's own lgamma is exact to the last place of 1 only, next to its zeros.
    error = worst(on_floats, truth, few, 1 if name == "lgamma" else absolute)
    assert error < ON_FLOATS.get(name, ACCURACY)


def test_a_planted_error_of_three_units_is_found():
    points = uniform(-3, 3)
    wrong = array.erf(points) * (1 + 1e-14)
    assert worst(wrong, mp.erf, points, 0) > ACCURACY


AT_EDGES = [
    ("erf", special.erf),
    ("erfc", special.erfc),
    ("erfcx", special.erfcx),
    ("erfinv", special.erfinv),
    ("ndtr", special.ndtr),
    ("ndtri", special.ndtri),
    ("log_ndtr", special.log_ndtr),
    ("logit", special.logit),
    ("entr", special.entr),
    ("psi", special.psi),
]


@pytest.mark.parametrize(("name", "scipys"), AT_EDGES)
def test_infinities_poles_and_nan_are_scipys_without_a_warning(name: str, scipys: Any):
    with np.errstate(all="ignore"):
        want = scipys(EDGES)
    np.testing.assert_allclose(getattr(array, name)(EDGES), want, rtol=1e-13)
    on_floats = [getattr(scalar, name)(float(x)) for x in EDGES]
    np.testing.assert_allclose(on_floats, want, rtol=1e-13)


def test_lgamma_at_its_edges_is_that_of_c():
    """SciPy gives -inf at -inf, the C standard +inf."""
    points = EDGES[EDGES != -np.inf]
    np.testing.assert_allclose(array.lgamma(points), special.gammaln(points), rtol=1e-13)
    assert array.lgamma(np.array(-np.inf)) == np.inf == scalar.lgamma(-np.inf)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_polygamma_at_its_poles_is_scipys(n: int):
    points = np.array([0.0, -1.0, -5.0, np.inf, np.nan, 3.0, -0.5])
    np.testing.assert_allclose(array.psi(points, n), special.polygamma(n, points), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", [*dict(AT_EDGES), "lgamma"])
def test_narrow_floats_stay_narrow(name: str, dtype: Any):
    points = uniform(0.02, 0.98).astype(dtype)
    got = getattr(array, name)(points)
    want = getattr(array, name)(points.astype(np.float64))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ["erfc", "ndtr", "erfcx"])
def test_single_precision_is_accurate_in_the_tail(name: str):
    points = uniform(-9, 9).astype(np.float32)
    with np.errstate(over="ignore"):
        got, want = getattr(array, name)(points), getattr(array, name)(points.astype(np.float64))
        normal = np.abs(want.astype(np.float32)) > np.finfo(np.float32).tiny
    np.testing.assert_allclose(got[normal], want.astype(np.float32)[normal], rtol=2e-6)


@pytest.mark.parametrize("name", [*dict(AT_EDGES), "lgamma"])
def test_any_shape_layout_and_size(name: str):
    """Blocks, strides, no axes, no elements, integers."""
    function = getattr(array, name)
    many = uniform(0.01, 0.99, 9001)
    np.testing.assert_array_equal(function(many)[::1000], function(many[::1000].copy()))
    grid = many[:12].reshape(3, 4)
    np.testing.assert_array_equal(function(grid.T), function(grid).T)
    assert function(np.zeros((0, 3))).shape == (0, 3)
    assert np.ndim(function(np.float64(0.5))) == 0
    assert function(np.array([0, 1])).dtype == np.float64


def test_erf_reaches_one_and_no_more():
    points = np.linspace(3, 30, 4001)
    for dtype in (np.float32, np.float64):
        y = array.erf(points.astype(dtype))
        assert y.max() == 1
        assert (array.erf(points.astype(dtype)[points > 6]) == 1).all()


def test_xlogy_and_xlog1py():
    x = np.array([0.0, 0.0, 0.0, 2.0, -1.0, np.nan])
    y = np.array([0.0, np.inf, np.nan, 3.0, 0.5, 1.0])
    np.testing.assert_allclose(array.xlogy(x, y), special.xlogy(x, y))
    np.testing.assert_allclose(array.xlog1py(x, y), special.xlog1py(x, y))
    assert [scalar.xlogy(*p) for p in zip(x[:2], y[:2], strict=True)] == [0.0, 0.0]
