"""Functions that round inside: their values move in grains much larger than their last digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.testing import Verdict
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line

PASS, KINK, FAIL = Verdict.PASS, Verdict.KINK, Verdict.FAIL
UNIT = 2.0**-53


def verdict(f, claim, x):
    def move(t):
        return np.array([f(np.float64(x + t))], float)

    line = Line(move, move(0.0), abs(x), UNIT)
    return line.judged(np.array([float(claim)]), Tolerance())[0].verdict


# ── Grains of what is rounded inside ───────────────────────────────────────────────────────


def rounded(f, grain):
    """`f` of a number that is rounded to whole grains: the same within each."""
    return lambda x: f(np.round(x / grain) * grain)


@given(
    st.sampled_from([np.exp, np.sin, np.tanh, lambda y: y * y]),
    st.floats(0.2, 3.0),
    st.sampled_from([1e-15, 1e-14, 1e-13, 1e-12]),
)
def test_a_right_gradient_of_a_function_in_grains_is_no_fault(f, x, grain):
    slope = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5  # to 1e-10
    found = verdict(rounded(f, grain), slope, x)
    assert found in (PASS, Verdict.INCONCLUSIVE)


@given(
    st.sampled_from([np.exp, np.tanh, lambda y: y * y]),
    st.floats(0.2, 2.0),
    st.sampled_from([1e-15, 1e-14, 1e-13, 1e-12]),
    st.sampled_from([0.99, 1.01, 0.0, -1.0, 2.0]),
)
def test_a_wrong_gradient_of_a_function_in_grains_is_not_passed(f, x, grain, factor):
    slope = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
    assert verdict(rounded(f, grain), factor * slope, x) is not PASS


@pytest.mark.parametrize("frequency", [1e3, 1e5, 1e7, 1e9])
def test_waves_too_fine_for_coarse_steps_are_no_grain(frequency):
    """Their slopes are of the size of 1 at each scale down to their own."""
    f = lambda y: y + np.sin(frequency * (y - 0.7)) / frequency  # noqa: E731
    assert verdict(f, 1.0, 0.7) is FAIL
    assert verdict(f, 2.0, 0.7) is PASS


# ── What once raised an alarm ──────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("f", "claim", "x"),
    [
        (lambda y: y - np.tanh(y), 0.0, 0.0),
        (lambda y: abs(y - 1.0), 1.0, 1.0 + 1e-13),
        (lambda y: max(2 * y, y + 1), 1.0, 1.0 - 1e-13),
        (lambda y: np.median([1.0, y, 1.0 - 1e-8]), 0.0, 1.0 + 1e-8),
    ],
)
def test_a_right_slope_passes(f, claim, x):
    assert verdict(f, claim, x) is PASS
    assert verdict(f, claim + 0.02 * (abs(claim) or 1.0), x) is FAIL
