"""Sorting and quantiles: ties, NaN, both directions, every method."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.ops.test_reduce import slope
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.statistics import PLACES, ROUNDED

NAN = math.nan
SMALL = st.lists(st.integers(-2, 2), min_size=1, max_size=7)


@given(SMALL, st.booleans())
def test_equal_elements_keep_their_order(numbers, descending):
    x = np.array(numbers, float)
    want = sorted(range(len(x)), key=lambda i: (-x[i] if descending else x[i], i))
    np.testing.assert_array_equal(tg.argsort(x, descending=descending), want)
    y = tg.sort(x, descending=descending)
    np.testing.assert_array_equal(y, x[want])
    weights = np.arange(1.0, len(x) + 1)
    got = slope(lambda z: tg.sum(tg.sort(z, descending=descending) * weights), x)
    np.testing.assert_array_equal(got[want], weights)


@given(SMALL, st.booleans(), st.data())
def test_topk_is_the_head_of_the_sorted(numbers, largest, data):
    x = np.array(numbers, float)
    k = data.draw(st.integers(0, len(x)))
    values, places = tg.topk(x, k, largest=largest)
    np.testing.assert_array_equal(values, tg.sort(x, descending=largest)[:k])
    np.testing.assert_array_equal(x[places], values)
    assert len(set(places.tolist())) == k
    got = slope(lambda z: tg.sum(tg.topk(z, k, largest=largest)[0]), x)
    np.testing.assert_array_equal(got, np.isin(np.arange(len(x)), places))


def test_sorting_along_any_axis_in_both_directions(rng):
    x = rng.normal(size=(2, 3, 4))
    for axis in (0, 1, -1):
        np.testing.assert_array_equal(tg.sort(x, axis, True), -np.sort(-x, axis))
        np.testing.assert_array_equal(tg.argsort(x, axis, True), np.argsort(-x, axis))
    np.testing.assert_array_equal(tg.sort(x, None, True), -np.sort(-x, None))
    np.testing.assert_array_equal(tg.argsort(x, None, True), np.argsort(-x, None))


def test_nan_counts_as_largest():
    x = np.array([2.0, NAN, 1.0])
    np.testing.assert_array_equal(tg.sort(x), [1, 2, NAN])
    np.testing.assert_array_equal(tg.sort(x, descending=True), [NAN, 2, 1])
    np.testing.assert_array_equal(slope(lambda z: tg.sort(z)[1], x), [1, 0, 0])
    for function in (tg.median, lambda z: tg.quantile(z, 0.3)):
        assert np.isnan(function(x))
    rows = np.array([[1.0, NAN], [1.0, 3.0]])
    np.testing.assert_array_equal(tg.median(rows, axis=1), [NAN, 2])
    np.testing.assert_array_equal(
        slope(lambda z: tg.median(z, axis=1)[1], rows), [[0, 0], [0.5, 0.5]]
    )


def test_sorting_unsigned_integers_descending():
    x = np.array([0, 3, 255, 1], np.uint8)
    np.testing.assert_array_equal(tg.sort(x, descending=True), [255, 3, 1, 0])
    np.testing.assert_array_equal(tg.argsort(x, descending=True), [2, 1, 3, 0])


def test_unfit_counts_are_refused():
    with pytest.raises(
        OptionError, match=r"topk: got k=4 for axis 0 of shape \(3,\), expected 0 to 3"
    ):
        tg.topk(tg.tensor([1.0, 2.0, 3.0]), 4)
    with pytest.raises(ShapeError, match="topk: got axis 2 of an array with 1 axes"):
        tg.topk(tg.tensor([1.0]), 1, axis=2)


# ---------------------------------------------------------------------------------- quantiles
METHODS = [*PLACES, *ROUNDED, "inverted_cdf"]


@given(
    method=st.sampled_from(METHODS),
    q=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])),
    n=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_quantile_is_numpys(method, q, n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2))
    want = np.quantile(x, q, axis=0, method=method)
    np.testing.assert_allclose(tg.quantile(x, q, axis=0, method=method), want, atol=1e-12)
    got = slope(lambda z: tg.sum(tg.quantile(z, q, axis=0, method=method)), x)
    np.testing.assert_allclose(got.sum(0), 1)
    np.testing.assert_allclose((got * x).sum(), np.sum(want), atol=1e-9)


@pytest.mark.parametrize("q", [[0.25, 0.5], [[0.1], [0.9]], np.array([0.3, 1.0]), (0.5,)])
@pytest.mark.parametrize("axis", [None, 1, (0, 2), (-1, 0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_several_quantiles_come_first(q, axis, keepdims, rng):
    x = rng.normal(size=(2, 3, 4))
    want = np.quantile(x, q, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(tg.quantile(x, q, axis, keepdims=keepdims), want)
    percent = (np.asarray(q) * 100).tolist()
    np.testing.assert_allclose(
        np.asarray(np.percentile(tg.tensor(x), percent, axis)), np.quantile(x, q, axis)
    )


def test_quantiles_between_infinities():
    x = np.array([-np.inf, -np.inf, 1.0, np.inf, np.inf])
    assert tg.quantile(x, 0.1) == -np.inf and tg.median(x) == 1 and tg.quantile(x, 0.9) == np.inf


def test_median_shares_between_the_middle_two():
    np.testing.assert_array_equal(slope(tg.median, [4.0, 1.0, 3.0, 9.0]), [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(slope(tg.median, [4.0, 1.0, 3.0]), [0, 0, 1])
    assert tg.median(np.array([1, 2])) == 1.5
    assert tg.median(np.ones(3, np.float32)).dtype == np.float32


def test_unfit_quantiles_are_refused():
    x = tg.tensor([1.0, 2.0])
    with pytest.raises(OptionError, match=r"quantile: got q=1\.5, expected 0 <= q <= 1"):
        tg.quantile(x, 1.5)
    with pytest.raises(OptionError, match="percentile: got q=101, expected 0 <= q <= 100"):
        tg.percentile(x, 101)
    with pytest.raises(OptionError, match="quantile: got q=nan"):
        tg.quantile(x, NAN)
    with pytest.raises(OptionError, match="method='cubic', expected one of linear, "):
        tg.quantile(x, 0.5, method="cubic")
    with pytest.raises(ShapeError, match=r"median: got shape \(0,\), which has no elements"):
        tg.median(np.zeros(0))


def test_the_first_of_equal_elements_stands_for_them():
    x = np.array([[3.0, 1.0], [1.0, 3.0]])
    np.testing.assert_array_equal(tg.unique(x), [1, 3])
    got = slope(lambda z: tg.sum(tg.unique(z) * np.array([5.0, 7.0])), x)
    np.testing.assert_array_equal(got, [[7, 5], [0, 0]])
