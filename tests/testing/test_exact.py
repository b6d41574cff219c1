"""Slopes by complex steps and in 50 digits."""

from __future__ import annotations

import math
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extents import thinned
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing import Verdict, gradcheck
from tinygrad_nn.testing.numeric.digits import Digits
from tinygrad_nn.testing.numeric.exact import complex_slopes, confirmed
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.verdicts import Element


def complex_slope(f, x):
    x = np.array(x)
    found = complex_slopes(lambda given: [f(*given)], [x], (0, ()), np.array([f(x)], float))
    return None if found is None else float(found[0])


@given(st.floats(-3, 3))
def test_a_complex_step_is_exact(x):
    assert complex_slope(lambda y: np.exp(np.sin(y)), x) == pytest.approx(
        np.cos(x) * np.exp(np.sin(x)), rel=1e-14, abs=1e-16
    )


@pytest.mark.parametrize("f", [np.abs, lambda x: x.real, float, lambda x: x > 1])
def test_what_drops_the_imaginary_part_gives_none(f):
    assert complex_slope(f, 2.0) is None


def test_it_only_confirms_within_the_bar_of_a_sweep():
    def element(claim, numeric, bar):
        return Element(Verdict.INCONCLUSIVE, claim, numeric, bar)

    def seen(claim, numeric, bar, slope):
        return confirmed(element(claim, numeric, bar), slope, Tolerance()).verdict

    assert seen(1.0, 1.02, 0.05, 1.0) is Verdict.PASS
    assert seen(1.01, 1.02, 0.05, 1.0) is Verdict.INCONCLUSIVE
    # x |x|: the step gives half of the slope, and the sweep knows better.
    assert seen(1.0, 2.02, 0.05, 1.0) is Verdict.INCONCLUSIVE
    # A sweep that knows nothing.
    assert seen(1.0, 2.02, 5.0, 1.0) is Verdict.INCONCLUSIVE
    assert seen(1.0, 1.0, np.inf, np.nan) is Verdict.INCONCLUSIVE


ALL = [
    np.exp, np.expm1, np.log, np.log1p, np.log2, np.log10, np.exp2, np.sqrt, np.cbrt, np.square,
    np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh,
    np.arcsinh, np.arctanh, np.abs, np.negative, np.floor, np.ceil, np.rint,
]  # fmt: skip


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_digits_compute_what_numpy_does(f):
    x = np.array([0.3, 0.7])
    digits = np.array([Digits(v) for v in x])
    assert [float(d.value) for d in f(digits)] == pytest.approx(f(x).tolist(), rel=1e-14)


def test_digits_mix_with_floats():
    d = np.array([Digits(0.5), Digits(2.0)])
    found = (np.array([[1.0, 2.0]]) @ (2 / d - d**2 + 1.0)) % 10 + np.maximum(d, 1.0).sum()
    assert float(found[0].value) == pytest.approx(((4 - 0.25 + 1) + 2 * (1 - 4 + 1)) % 10 + 3)


def test_mpmath_judges_the_function_that_is_meant():
    """In float64 this is noise of 1e-7 over a slope of 1.1e-10; in 50 digits it is plain."""

    def f(x):
        return (1e9 + x) ** 2 - 1e18 - 2e9 * x

    x = np.array(3.0)
    right = gradcheck(f, x, grad=lambda x: 2 * x, exact="mpmath")
    assert right.verdict is Verdict.PASS
    assert right.elements[0].numeric == 6.0
    wrong = gradcheck(f, x, grad=lambda x: 2.001 * x, exact="mpmath")
    assert wrong.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("claim", "expected"), [(0.0, Verdict.KINK), (0.4, Verdict.KINK), (1.5, Verdict.FAIL)]
)
def test_mpmath_sees_kinks(claim, expected):
    x = np.array([0.0, 1.0])

    def grad(x):
        return np.where(x == 0, claim, 1.0)

    report = gradcheck(lambda x: np.maximum(x, 0).sum(), x, grad=grad, exact="mpmath")
    assert report.verdict is expected


def test_a_function_may_be_given_for_the_digits():
    def precise(x):
        return Digits(x.item().value ** 3)

    def f(x):
        return float(x) ** 3

    x = np.array(2.0)
    assert gradcheck(f, x, grad=lambda x: 3 * x * x, exact=precise).ok
    with pytest.raises(CheckError, match=r"drop the digits.*same function"):
        gradcheck(f, x, grad=lambda x: 3 * x * x, exact="mpmath")
    with pytest.raises(CheckError, match="expected 'auto'"):
        gradcheck(f, x, grad=lambda x: 3 * x * x, exact="sympy")


def test_mpmath_is_imported_on_request_only():
    code = "import sys, tinygrad_nn.testing; assert 'mpmath' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ── A function that is given ────────────────────────────────────────────────────────────────

POINTS = np.array([0.5, 1.5, 3.0])


def digamma_of(part):
    return lambda x, c: part * c * (np.array([mpmath.digamma(float(v)) for v in x], float))


def log_gamma(x):
    return np.array([math.lgamma(v) for v in x])


@pytest.mark.parametrize(
    "exact",
    [
        mpmath.loggamma,
        lambda x: [mpmath.loggamma(v) for v in x],
        lambda x: np.array([mpmath.loggamma(v) for v in x]),
        lambda x: mpmath.matrix([mpmath.loggamma(v) for v in x]),
        np.vectorize(mpmath.loggamma, otypes=[object]),
    ],
    ids=["of a number", "list", "array", "matrix", "vectorized"],
)
def test_a_function_of_mpmath_is_taken_as_it_is(exact):
    right = gradcheck(log_gamma, POINTS, grad=digamma_of(1.0), exact=exact)
    assert right.verdict is Verdict.PASS
    assert all(e.why == "in 50 digits" for e in right.elements)
    wrong = gradcheck(log_gamma, POINTS, grad=digamma_of(1.00001), exact=exact)
    assert wrong.counts[Verdict.FAIL] == 3


def test_a_function_of_mpmath_of_numbers_and_of_several_inputs():
    def bessel(n, x):
        return mpmath.besselj(1, x) * n

    def slope(n, x):
        return mpmath.besselj(1, x), n * mpmath.besselj(1, x, derivative=1)

    def as_floats(f):
        return lambda *xs: tuple(map(float, y)) if isinstance(y := f(*xs), tuple) else float(y)

    f, df = as_floats(bessel), as_floats(slope)
    assert gradcheck(f, 2.0, 0.7, grad=df, exact=bessel).ok
    assert not gradcheck(f, 2.0, 0.7, grad=lambda *xs: (df(*xs)[0], 1.0001), exact=bessel).ok


def test_functions_without_digits_are_refused():
    def check(exact):
        gradcheck(log_gamma, POINTS, grad=digamma_of(1.0), exact=exact)

    with pytest.raises(CheckError, match=r"drop the digits.*write it for mpmath"):
        check(lambda x: [math.lgamma(v) for v in x])
    with pytest.raises(CheckError, match="gave 1 numbers, expected 3"):
        check(lambda x: mpmath.loggamma(x[0]))


LONG = np.linspace(-2.0, 2.0, 300)


def in_digits(x):
    return [mpmath.tanh(v) for v in x]


@pytest.mark.parametrize(
    ("exact", "kind"),
    thinned(
        [(exact, kind) for exact in ("mpmath", in_digits) for kind in (np.float64, np.float32)],
        [("mpmath", np.float64), (in_digits, np.float32)],
    ),
)
def test_directions_in_digits(exact, kind):
    def slope(x, c):
        return c * (1 - np.tanh(x) ** 2)

    def wrong(x, c):
        return slope(x, c) * np.where(np.arange(x.size) == 77, 1.01, 1.0)

    x = LONG.astype(kind)
    right = gradcheck(np.tanh, x, grad=slope, exact=exact)
    assert right.verdict is Verdict.PASS and not right.dense
    assert {e.why for e in right.elements} == {"in 50 digits"}
    found = gradcheck(np.tanh, x, grad=wrong, exact=exact)
    assert [(e.index, e.output_index) for e in found.elements if e.verdict is Verdict.FAIL] == [
        ((77,), (77,))
    ]


def test_directions_in_digits_over_kinks():
    def slope(x):
        return np.where(x > 0, 1.0, 0.3 * (x == 0))

    x = np.where(np.arange(300) % 2, 0.0, LONG)
    report = gradcheck(lambda x: np.maximum(x, 0).sum(), x, grad=slope, exact="mpmath")
    assert report.verdict is Verdict.KINK
    wrong = gradcheck(
        lambda x: np.maximum(x, 0).sum(), x, grad=lambda x: slope(x) * 1.01, exact="mpmath"
    )
    assert wrong.verdict is Verdict.FAIL
