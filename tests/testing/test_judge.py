"""Verdicts on functions of one number: properties that no function may break."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.verdicts import Verdict

PASS, KINK, FAIL, OPEN = Verdict.PASS, Verdict.KINK, Verdict.FAIL, Verdict.INCONCLUSIVE
UNIT = 2.0**-53


def verdict(f, claim, x):
    with np.errstate(all="ignore"):

        def move(t):
            return np.array([f(np.float64(x + t))], float)

        line = Line(move, move(0.0), abs(x), UNIT)
        return line.judged(np.array([float(claim)]), Tolerance())[0].verdict


CASES = [
    (np.sin, np.cos, 0.3, PASS),
    (np.sin, lambda x: 1.01 * np.cos(x), 0.3, FAIL),
    (np.abs, lambda x: 0.5, 0.0, KINK),
    (np.abs, lambda x: 1.5, 0.0, FAIL),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x), 1e-9, PASS),
    (lambda x: 1 / x, lambda x: -1 / x**2, 1e-6, PASS),
    (lambda x: np.round(np.exp(x), 7), np.exp, 0.4, PASS),
    (lambda x: np.round(np.exp(x), 7), lambda x: 0.98 * np.exp(x), 0.4, FAIL),
]


@settings(max_examples=40)
@given(st.sampled_from(CASES), st.integers(-300, 300), st.sampled_from([-1, 1]))
def test_scaling_f_changes_no_verdict(case, power, sign):
    f, slope, x, expected = case
    factor = sign * 2.0**power
    assert verdict(lambda y: factor * f(y), factor * slope(x), x) is expected


@settings(max_examples=40)
@given(st.sampled_from(CASES), st.floats(-100, 100))
def test_adding_a_constant_changes_no_verdict(case, constant):
    f, slope, x, expected = case
    assert verdict(lambda y: f(y) + constant, slope(x), x) is expected


@settings(max_examples=40)
@given(st.sampled_from(CASES))
def test_turning_x_round_changes_no_verdict(case):
    f, slope, x, expected = case
    assert verdict(lambda y: f(-y), -slope(x), -x) is expected


@settings(max_examples=40)
@given(st.sampled_from(CASES[:4] + CASES[6:]), st.integers(-40, 40))
def test_shifting_x_changes_no_verdict(case, eighths):
    f, slope, x, expected = case
    shift = eighths / 8
    assert verdict(lambda y: f(y - shift), slope(x + shift - shift), x + shift) is expected


@settings(max_examples=100)
@given(
    st.lists(st.floats(-10, 10).filter(lambda c: abs(c) > 1e-3), min_size=2, max_size=9),
    st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3),
)
def test_polynomials_pass_and_a_slope_off_by_1_percent_fails(coefficients, x):
    p = np.polynomial.Polynomial(coefficients)
    slope = float(p.deriv()(x))
    size = float(np.polynomial.Polynomial(np.abs(coefficients))(abs(x)))
    assert verdict(p, slope, x) in (PASS, PASS if abs(slope) > 1e-9 * size else OPEN)
    if abs(slope) > 1e-9 * size:
        assert verdict(p, 1.01 * slope, x) is FAIL


@settings(max_examples=100)
@given(st.floats(-10, -2), st.sampled_from([-1, 1]), st.floats(0.01, 100), st.floats(-2, 2))
def test_a_kink_at_any_distance_does_no_harm(exponent, sign, size, x):
    kink = x + sign * 10.0**exponent

    def f(y):
        return np.sin(y) + size * abs(y - kink)

    slope = np.cos(x) + size * np.sign(x - kink)
    assert verdict(f, slope, x) is PASS
    assert verdict(f, slope + 0.02 * size + 0.02, x) is FAIL


@settings(max_examples=200)
@given(
    st.floats(-6, -1), st.floats(0.1, 10), st.floats(0.1, 2), st.floats(-2, -0.1),
    st.sampled_from([0.0, 1.0, -20.0, 1e4]), st.sampled_from([0.0, -1.25, 3.0]),
)  # fmt: skip
@example(np.log10(6e-4), 1.7, 1.0, -0.5, 20.0, -1.25)
@example(-2.0, 1.7, 1.0, -0.5, 1e4, -1.25)
def test_a_flat_stretch_between_kinks_is_no_grain(exponent, ratio, a, b, offset, x):
    distance = 10.0**exponent

    def f(y):
        over, under = max(0.0, y - x - distance), max(0.0, x - y - ratio * distance)
        return offset + a * over + b * under

    assert verdict(f, 0.0, x) is PASS
    assert verdict(f, 0.01, x) is FAIL


@settings(max_examples=100)
@given(st.floats(0.01, 100), st.floats(-2, 2), st.floats(0, 1))
def test_at_a_kink_what_lies_between_is_a_kink_and_what_lies_beyond_fails(size, x, between):
    def f(y):
        return np.exp(y) + size * np.maximum(y - x, 0)

    assert verdict(f, np.exp(x) + between * size, x) is KINK
    assert verdict(f, np.exp(x) + 1.02 * size + 1e-3, x) is FAIL
    assert verdict(f, np.exp(x) - 0.02 * size - 1e-3, x) is FAIL


@pytest.mark.parametrize(
    ("f", "claim", "x", "expected"),
    [
        (np.sqrt, np.inf, 0.0, KINK),
        (np.cbrt, np.inf, 0.0, KINK),
        (np.cbrt, -5.0, 0.0, FAIL),
        (np.sqrt, -5.0, 0.0, FAIL),
        (np.sqrt, 0.0, 0.0, KINK),
        (lambda x: np.sqrt(abs(x)), -5.0, 0.0, KINK),
        (np.sign, 0.0, 0.0, KINK),
        (np.round, 0.0, 0.5, KINK),
        (lambda x: x * abs(x), 0.0, 0.0, PASS),
        (lambda x: np.abs(x) ** 1.5, 0.0, 0.0, PASS),
        (lambda x: np.sin(1e6 * x), 1e6 * np.cos(1e6), 1.0, PASS),
        (lambda x: x + 1e-6 * np.sin(1e5 * x), 1.0, 0.0, FAIL),
        (lambda x: 1e8 + 1e-9 * x, 1e-9, 0.0, PASS),
        (lambda x: 1e8 + 1e-9 * x, 2e-9, 0.0, FAIL),
        (lambda x: 1e12 + x, 1.01, 0.0, FAIL),
        (np.exp, np.exp(700.0), 700.0, PASS),
        (np.exp, 1.01 * np.exp(700.0), 700.0, FAIL),
        (lambda x: np.round(np.sin(x), 4), 0.0, 0.3, OPEN),
        (np.floor, 0.0, 12345.5, PASS),
        (lambda x: -x * np.log(x) - (1 - x) * np.log(1 - x), np.log(1e6 - 1), 1e-6, PASS),
    ],
)
def test_what_once_went_wrong(f, claim, x, expected):
    assert verdict(f, claim, x) is expected


def test_symmetry_does_not_make_a_slope():
    """Central differences of x sin(1/x) at 0 are all 0; it has no derivative there."""
    found = verdict(lambda y: y * np.sin(1 / y) if y else 0.0, 0.0, 0.0)
    assert found in (OPEN, KINK)


# ── Many outputs at once ───────────────────────────────────────────────────────────────────


def lines(f, x):
    move = lambda t: f(np.float64(x + t))  # noqa: E731
    return Line(move, move(0.0), abs(x), UNIT)


@given(st.lists(st.floats(-60.0, 60.0), min_size=1, max_size=4), st.sampled_from([0.0, 1.0, 1e-16]))
def test_outputs_judged_together_are_judged_as_each_alone(shifts, scale):
    """Saturated ones above all: they are flat at the usual steps and fall far out."""
    shifts = np.array(shifts)
    claims = scale / np.cosh(np.minimum(np.abs(0.3 + shifts), 300.0)) ** 2
    together = lines(lambda y: np.tanh(y + shifts), 0.3).judged(claims, Tolerance())
    for n, (element, claim) in enumerate(zip(together, claims, strict=True)):
        alone = lines(lambda y, n=n: np.tanh(y + shifts[n : n + 1]), 0.3)
        assert element.verdict is alone.judge(0, float(claim), Tolerance()).verdict


@given(
    st.sampled_from([1e-9, -3e-10, 1e-10]),
    st.sampled_from([2, 3, 4, 5]),
    st.floats(-18.0, -8.5),
    st.booleans(),
)
def test_a_slope_that_shows_only_far_out_is_not_flat(slope, power, size, right):
    """Found among others as by itself, whatever power takes over further out."""

    def f(y):
        return np.array([1e8 + slope * y + 10.0**size * (y - 0.5) ** power, np.tanh(40.0 + y)])

    claims = np.array([slope if right else 0.0, 0.0])
    found = lines(f, 0.5).judged(claims, Tolerance())
    assert found[0].verdict is lines(f, 0.5).judge(0, float(claims[0]), Tolerance()).verdict
    assert found[1].verdict is PASS
    if power == 2 and size < -17:
        assert found[0].verdict is (PASS if right else FAIL)
