"""What a sweep says of the slope: properties of the numbers alone."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_nn.testing.numeric.fits import fitted, nodes
from tinygrad_nn.testing.numeric.grid import RATIO, beyond, steps
from tinygrad_nn.testing.numeric.slopes import slopes
from tinygrad_nn.testing.numeric.sweep import Sweep

UNIT = 2.0**-53


def sweep(f, x):
    t = steps(abs(x))
    with np.errstate(all="ignore"):
        above, below = (np.array([f(np.float64(y)) for y in x + s * t]) for s in (1, -1))
        return Sweep(t, above, below, float(f(np.float64(x))), UNIT)


@given(st.floats(-1e300, 1e300))
def test_steps_are_powers_of_4_that_x_can_take(size):
    t = steps(abs(size))
    assert np.all(np.diff(t) < 0)
    assert np.all(np.log2(t) % 2 == 0)
    assert t[0] <= max(abs(size), 1.0) / 4
    # No step is lost in x.
    assert np.all(abs(size) + t > abs(size))


@given(st.floats(0, 1e100))
def test_coarser_steps_go_on_from_the_coarsest(size):
    t = steps(size)
    wide = np.append(beyond(t), t[:1])
    assert np.all(wide[:-1] / wide[1:] == RATIO)


@given(st.floats(-3, 3), st.floats(-8, 8), st.floats(1e-4, 1e4))
def test_the_bar_holds_the_slope_of_a_smooth_function(x, shift, factor):
    with np.errstate(all="ignore"):
        found = slopes(sweep(lambda y: factor * np.sin(y) + shift, x)).central
    assert abs(found.value - factor * np.cos(x)) <= found.bar
    assert found.bar <= 1e-8 * factor + 1e-12 * abs(shift)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.floats(1e-13, 1e-4))
def test_the_bar_holds_it_under_noise_too(seed, size):
    rng = np.random.default_rng(seed)
    found = slopes(sweep(lambda y: np.exp(y) + size * rng.uniform(-1, 1), 0.5)).central
    assert abs(found.value - np.exp(0.5)) <= found.bar


@pytest.mark.parametrize("x", [1.0, 0.3, -7.0])
@pytest.mark.parametrize("power", [0.1, 1 / 3, 0.5, 0.9])
def test_roots_are_steep(power, x):
    found = slopes(sweep(lambda y: np.sign(y) * np.abs(y) ** power, 0.0))
    assert found.steep
    assert not found.jumps


def test_x_log_x_is_steep_though_slowly():
    def f(y):
        return y * np.log(np.abs(y)) if y else 0.0

    with np.errstate(all="ignore"):
        assert slopes(sweep(f, 0.0)).steep


@given(st.floats(1e-5, 1e5), st.floats(-5, 5))
def test_a_jump_is_seen_whatever_its_size(size, x):
    found = slopes(sweep(lambda y: np.sin(y) + size * (y > x), x))
    assert found.jumps


@given(st.sampled_from([1e-4, 1e-6, 1e-8]), st.floats(0.1, 1.2))
def test_grain_is_told_from_a_plateau(grain, x):
    found = slopes(sweep(lambda y: np.round(np.sin(y) / grain) * grain, x))
    assert found.grain > 0
    best = min((found.left, found.right, found.central), key=lambda e: inf if e is None else e.bar)
    assert abs(best.value - np.cos(x)) <= best.bar


@given(st.floats(-12, -3), st.sampled_from([-1, 1]))
def test_the_flat_side_of_a_kink_is_no_grain(exponent, sign):
    kink = 2.0 + sign * 10.0**exponent
    found = slopes(sweep(lambda y: np.maximum(y - kink, 0.0), 2.0))
    assert found.grain == 0
    assert found.central.value == pytest.approx(float(kink < 2.0), abs=1e-3)


@settings(max_examples=30)
@given(st.integers(0, 100), st.sampled_from([1e-3, 1e-5, 1e-8]))
def test_a_fit_knows_the_slope_of_noise_and_its_bar_holds(seed, size):
    rng = np.random.default_rng(seed)

    def values(radius):
        t = nodes(radius)
        return np.sin(1.0 + t) + size * rng.uniform(-1, 1, t.shape)

    found = fitted([1.0, 0.25, 1 / 16], values, UNIT)
    assert abs(found.value - np.cos(1.0)) <= found.bar
    assert found.bar <= 20 * size


def test_a_fit_says_nothing_of_what_is_no_polynomial():
    def values(radius):
        return np.random.default_rng(0).standard_normal(nodes(radius).shape) / radius

    found = fitted([1.0, 0.25, 1 / 16], values, UNIT)
    assert found is None or found.bar > 0.1
