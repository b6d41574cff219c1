"""Functions that round inside: their values move in grains much larger than their last digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.testing import Verdict
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.numeric.nearby import PLACES, distances, noise_of

PASS, KINK, FAIL = Verdict.PASS, Verdict.KINK, Verdict.FAIL
UNIT = 2.0**-53


def verdict(f, claim, x):
    def move(t):
        return np.array([f(np.float64(x + t))], float)

    line = Line(move, move(0.0), abs(x), UNIT)
    return line.judged(np.array([float(claim)]), Tolerance())[0].verdict


# ── Noise from values close by ─────────────────────────────────────────────────────────────
@given(st.integers(0, 10_000), st.floats(1e-15, 0.02), st.sampled_from([-1, 1]))
def test_noise_is_hardly_overrated(seed, size, slope):
    rng = np.random.default_rng(seed)
    table = (slope * PLACES + size * rng.uniform(-1, 1, PLACES.size))[:, None]
    assert noise_of([table])[0] <= 3 * size


@pytest.mark.parametrize("size", [1e-12, 1e-6, 0.01])
def test_noise_is_seen(size):
    rng = np.random.default_rng(0)
    tables = [(PLACES + size * rng.uniform(-1, 1, PLACES.size))[:, None] for _ in range(200)]
    seen = [
        noise_of([a, b, c])[0] >= size / 5 for a, b, c in zip(*[iter(tables)] * 3, strict=False)
    ]
    assert np.mean(seen) > 0.9


@pytest.mark.parametrize("f", [np.arcsin, np.arctanh, np.log1p, lambda y: 1 / (1 - y)])
@pytest.mark.parametrize("apart", [1e-3, 0.02, 0.1, 0.14])
def test_a_pole_close_by_is_no_noise(f, apart):
    with np.errstate(all="ignore"):
        assert noise_of([f(1 - apart * (8 - PLACES))[:, None]])[0] <= 1e-9


@given(st.floats(-7, 7), st.floats(-10, 10), st.floats(-10, 10))
def test_a_kink_at_any_place_is_no_noise(at, left, right):
    values = np.where(PLACES < at, left, right) * (PLACES - at)
    assert noise_of([values[:, None]])[0] <= 1e-12


def test_a_side_without_values_is_passed_over():
    values = np.where(PLACES < 0, np.nan, PLACES * 1.0)
    assert noise_of([values[:, None]])[0] == 0
    assert noise_of([np.full((PLACES.size, 1), np.nan)])[0] == 0


@given(st.floats(1e-300, 1e300), st.sampled_from([52, 23]))
def test_numbers_take_the_distances_exactly(size, bits):
    for h in distances(size, bits)[: 2 if bits == 52 else None]:
        assert all((size + k * h) - size == k * h for k in PLACES.tolist()) or bits == 23
        assert h < size


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
