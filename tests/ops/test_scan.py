"""Running reductions, differences and integrals at their special points."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.ops.test_reduce import curvature, slope
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.scan import suffix_recurrence

INF, NAN = math.inf, math.nan


@given(st.lists(st.sampled_from([0.0, 0.0, 1.0, -2.0, 3.0]), min_size=1, max_size=9))
def test_running_product_is_right_where_elements_are_zero(numbers):
    x = np.array(numbers)
    n = len(x)
    weights = np.arange(1.0, n + 1)

    def others(stop, *left_out):
        return math.prod(v for i, v in enumerate(x[: stop + 1]) if i not in left_out)

    def weighted(z):
        return tg.sum(tg.cumprod(z) * weights)

    first = [sum(weights[i] * others(i, j) for i in range(j, n)) for j in range(n)]
    np.testing.assert_allclose(slope(weighted, x), first)
    second = np.zeros((n, n))
    for j, k in np.ndindex(n, n):
        if j != k:
            second[j, k] = sum(weights[i] * others(i, j, k) for i in range(max(j, k), n))
    np.testing.assert_allclose(curvature(weighted, x), second)


@given(st.integers(1, 20), st.integers(0, 3), st.integers(0, 99))
def test_recurrence_is_that_of_a_loop(n, others, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(others, n - 1, 2)), rng.normal(size=(others, n, 2))
    want = b.copy()
    for i in reversed(range(n - 1)):
        want[:, i] += a[:, i] * want[:, i + 1]
    np.testing.assert_allclose(suffix_recurrence(a, b, 1), want, atol=1e-12)


def test_running_logsumexp_spans_any_range():
    x = np.array([-INF, -800.0, 0.0, 800.0, -INF, 1.0])
    y = tg.logcumsumexp(x, 0)
    np.testing.assert_allclose(y, [-INF, -800, 0, 800, 800, 800])
    got = slope(lambda z: tg.sum(tg.logcumsumexp(z, 0)[1:]), x)
    np.testing.assert_allclose(got, [0, 1, 1, 3, 0, 0], atol=1e-300)
    np.testing.assert_array_equal(slope(lambda z: tg.logcumsumexp(z, 0)[0], x), 0)


def test_running_extremes_give_ties_to_the_last_and_keep_nan():
    x = np.array([1.0, 3.0, 3.0, 2.0])
    np.testing.assert_array_equal(tg.cummax(x, 0), [1, 3, 3, 3])
    np.testing.assert_array_equal(slope(lambda z: tg.sum(tg.cummax(z, 0)), x), [1, 1, 2, 0])
    np.testing.assert_array_equal(slope(lambda z: tg.sum(tg.cummin(z, 0)), -x), [1, 1, 2, 0])
    x = np.array([1.0, NAN, 5.0])
    np.testing.assert_array_equal(tg.cummax(x, 0), [1, NAN, NAN])
    np.testing.assert_array_equal(slope(lambda z: tg.sum(tg.cummax(z, 0)), x), [1, 2, 0])


def test_differences_with_what_is_joined_to_them(rng):
    x, first = rng.normal(size=(2, 4)), rng.normal(size=(2, 1))
    want = np.diff(x, 2, -1, first, first)
    np.testing.assert_allclose(tg.diff(x, 2, -1, first, first), want)
    assert tg.diff(x, 9).shape == np.diff(x, 9).shape
    np.testing.assert_array_equal(tg.diff(np.array([True, False, False])), [True, False])
    with pytest.raises(OptionError, match="diff: got n=-1"):
        tg.diff(x, -1)


PLACES = np.array([0.0, 0.5, 2.0, 2.5, 4.5])


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("spacing", [(), (2.0,), (PLACES,)])
def test_gradient_is_numpys(edge_order, spacing, rng):
    f = rng.normal(size=(5, 5))
    got = tg.gradient(f, *spacing, edge_order=edge_order, axis=1)
    np.testing.assert_allclose(got, np.gradient(f, *spacing, edge_order=edge_order, axis=1))
    both = tg.gradient(f, *spacing * 2, edge_order=edge_order)
    for got, want in zip(both, np.gradient(f, *spacing * 2, edge_order=edge_order), strict=True):
        np.testing.assert_allclose(got, want)
    assert tg.gradient(f.astype(np.float32), *spacing, axis=0).dtype == np.float32


def test_gradient_needs_enough_samples():
    with pytest.raises(
        ShapeError, match="gradient: got 2 samples along axis 0, expected at least 3"
    ):
        tg.gradient(np.ones(2), edge_order=2)
    np.testing.assert_array_equal(tg.gradient(np.array([1.0, 4.0])), [3, 3])
    with pytest.raises(ShapeError, match="got 3 places for the 2 samples"):
        tg.gradient(np.ones(2), [1, 2, 3])


def test_integral_has_gradients_for_samples_and_places(rng):
    y, x = rng.normal(size=(2, 5)), np.array([0.0, 0.5, 2.0, 2.5, 4.5])
    np.testing.assert_allclose(tg.trapezoid(y, x), np.trapezoid(y, x))
    np.testing.assert_allclose(tg.trapezoid(y, y, axis=0), np.trapezoid(y, y, axis=0))
    # d/dx[i] of Σ Δx (y[i] + y[i+1]) / 2
    middles = (y[0, 1:] + y[0, :-1]) / 2
    want = np.concatenate([[-middles[0]], middles[:-1] - middles[1:], [middles[-1]]])
    np.testing.assert_allclose(slope(lambda z: tg.trapezoid(tg.tensor(y[0]), z), x), want)
