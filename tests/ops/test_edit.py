"""Insertions, deletions, choices, counts and what leaves out NaN, beside NumPy and PyTorch."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.ops.test_reduce import slope
from tinygrad_nn.errors import DTypeError, OptionError, PositionError, ShapeError

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra `oracle`")

X = np.arange(12.0).reshape(3, 4)
PLACES = [0, -1, 3, [1], [0, 2], [2, 0, 2], [-1, 0], slice(1, 3), slice(None, None, -1), []]


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("obj", PLACES, ids=str)
def test_insertions_are_numpys(obj, axis):
    np.testing.assert_array_equal(tg.insert(X, obj, 0.5, axis), np.insert(X, obj, 0.5, axis))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("obj", [p for p in PLACES if p != 3], ids=str)
def test_deletions_are_numpys(obj, axis):
    np.testing.assert_array_equal(tg.delete(X, obj, axis), np.delete(X, obj, axis))


def test_inserted_values_of_several_shapes():
    for obj, values, axis in (
        (1, np.ones(4), 0),
        (1, np.ones(3), 1),
        (1, np.ones((2, 3)), 1),
        (1, np.ones((2, 4)), 0),
        ([1], np.ones((2, 4)), 0),
        ([1], np.ones((3, 1)), 1),
        ([0, 2], np.arange(2.0), 1),
        ([0, 2], np.arange(8.0).reshape(2, 4), 0),
        (3, np.arange(5), None),
        (np.array([True, False, True]), np.arange(8.0).reshape(2, 4), 0),
    ):
        want = np.insert(X, obj, values, axis)
        np.testing.assert_array_equal(tg.insert(X, obj, values, axis), want)
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(tg.delete(X, mask, 0), np.delete(X, mask, 0))


def test_gradients_of_an_edit_go_where_the_elements_went():
    x = np.array([1.0, 2.0, 3.0])
    weights = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    values = np.array([7.0, 8.0])
    got = slope(lambda z: tg.sum(tg.insert(z, [1, 3], values) * weights), x)
    np.testing.assert_array_equal(got, [10, 30, 40])
    got = slope(lambda z: tg.sum(tg.insert(x, [1, 3], z) * weights), values)
    np.testing.assert_array_equal(got, [20, 50])
    got = slope(lambda z: tg.sum(tg.delete(z, 1) * weights[:2]), x)
    np.testing.assert_array_equal(got, [10, 0, 20])


def test_edits_refuse_positions_out_of_range():
    for obj in (4, -4, [0, 4]):
        with pytest.raises(PositionError, match="insert: got position"):
            tg.insert(X, obj, 0.0, 0)
    with pytest.raises(PositionError, match="delete: got position 3"):
        tg.delete(X, 3, 0)
    with pytest.raises(PositionError, match="mask of length 2"):
        tg.delete(X, [True, False], 0)
    with pytest.raises(ShapeError, match="no more axes"):
        tg.insert(X, 0, np.ones((1, 1, 4)), 0)


# ── Choices ─────────────────────────────────────────────────────────────────────────────


def test_the_first_condition_that_holds_selects(rng):
    x = rng.normal(size=(4, 5))
    conditions = [x > 0.5, x > 0]
    got = tg.select(conditions, [x, 2 * x], default=-1)
    np.testing.assert_array_equal(got, np.select(conditions, [x, 2 * x], default=-1))
    got = slope(lambda z: tg.sum(tg.select([z > 0.5, z > 0], [z, 2 * z])), x)
    np.testing.assert_array_equal(got, np.select(conditions, [np.ones_like(x), 2.0], 0))
    # What was not selected may be NaN.
    got = slope(lambda z: tg.sum(tg.select([z > 0], [tg.log(tg.where(z > 0, z, 1.0))])), x)
    assert np.all(np.isfinite(got))
    with pytest.raises(DTypeError, match="not boolean"):
        tg.select([x], [x])
    with pytest.raises(ShapeError, match="select: got 1 conditions and 2 choices"):
        tg.select([x > 0], [x, x])


def test_choices_by_number():
    a = np.array([[0, 2], [1, -1]])
    choices = [np.array([1.0, 2.0]), np.array(5.0), np.array([[7.0], [8.0]])]
    for mode in ("wrap", "clip"):
        want = np.choose(a, choices, mode=mode)
        np.testing.assert_array_equal(tg.choose(a, choices, mode), want)
    numbers = tg.tensor([0, 1, 1], dtype=int)
    rows = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    tg.sum(numbers.choose(rows)).backward()
    np.testing.assert_array_equal(rows.grad, [[1, 0, 0], [0, 1, 1]])
    with pytest.raises(PositionError, match="choose: got a number outside of 0 to 2"):
        tg.choose(a, choices)
    with pytest.raises(DTypeError, match="expected integers"):
        tg.choose(a * 1.0, choices)
    with pytest.raises(OptionError, match="choose: got mode='no'"):
        tg.choose(a, choices, "no")
    with pytest.raises(ShapeError, match="no choices"):
        tg.choose(a, [])


def test_weighted_counts():
    x = np.array([0, 3, 3, 1])
    np.testing.assert_array_equal(tg.bincount(x, minlength=6), np.bincount(x, minlength=6))
    weights = np.array([0.5, 1.0, 2.0, -1.0])
    np.testing.assert_array_equal(tg.bincount(x, weights), np.bincount(x, weights))
    got = slope(lambda z: tg.sum(tg.bincount(x, z) * np.array([1.0, 2.0, 3.0, 4.0])), weights)
    np.testing.assert_array_equal(got, [1, 4, 4, 2])
    with pytest.raises(ShapeError, match="bincount: got weights of shape"):
        tg.bincount(x, weights[:2])
    with pytest.raises(ValueError, match="negative"):
        tg.bincount(np.array([-1]))


# ── Without NaN ─────────────────────────────────────────────────────────────────────────


def test_quantiles_leave_out_nan_as_pytorchs_do(rng):
    x = rng.normal(size=(4, 7))
    x[0, :3] = x[1, 6] = x[2, 1:] = np.nan
    weights = rng.normal(size=4)
    for q in (0.0, 0.3, 0.5, 1.0):
        t = torch.tensor(x, requires_grad=True)
        torch.nanquantile(t, q, dim=1).dot(torch.tensor(weights)).backward()
        got = slope(lambda z, q=q: tg.sum(tg.nanquantile(z, q, 1) * weights), x)
        np.testing.assert_allclose(got, t.grad.numpy(), atol=1e-14)
    for method in ("hazen", "inverted_cdf", "midpoint"):
        want = np.nanquantile(x, [0.1, 0.7], 1, method=method)
        np.testing.assert_allclose(tg.nanquantile(x, [0.1, 0.7], 1, method), want)
    np.testing.assert_allclose(tg.nanpercentile(x, 40, 0), np.nanpercentile(x, 40, 0))
    np.testing.assert_allclose(tg.nanmedian(x), np.nanmedian(x))


def test_a_row_of_nan_has_no_median_and_no_gradient():
    x = np.array([[np.nan, np.nan, np.nan], [1.0, np.nan, 4.0]])
    np.testing.assert_array_equal(tg.nanmedian(x, 1), [np.nan, 2.5])
    got = slope(lambda z: tg.sum(tg.nanmedian(z, 1)), x)
    np.testing.assert_array_equal(got, [[0, 0, 0], [0.5, 0, 0.5]])
    with pytest.raises(OptionError, match="nanquantile: got q=2"):
        tg.nanquantile(x, 2)
    with pytest.raises(OptionError, match="nanquantile: got method='no'"):
        tg.nanquantile(x, 0.5, method="no")


def test_running_sums_without_nan_and_with_a_start():
    x = np.array([1.0, np.nan, 3.0, 4.0])
    np.testing.assert_array_equal(tg.nancumsum(x), np.nancumsum(x))
    np.testing.assert_array_equal(tg.nancumprod(x), np.nancumprod(x))
    np.testing.assert_array_equal(slope(lambda z: tg.sum(tg.nancumsum(z)), x), [4, 0, 2, 1])
    np.testing.assert_array_equal(slope(lambda z: tg.nancumprod(z)[-1], x), [12, 0, 4, 3])
    np.testing.assert_array_equal(tg.nanargmax(x), 3)
    np.testing.assert_array_equal(
        tg.cumulative_sum(X, axis=1, include_initial=True),
        np.cumulative_sum(X, axis=1, include_initial=True),
    )
    with pytest.raises(ShapeError, match="cumulative_sum: got 2 axes and axis=None"):
        tg.cumulative_sum(X)
    with pytest.raises(ValueError, match="All-NaN"):
        tg.nanargmin(np.array([np.nan]))


def test_scaling_by_powers_of_two_is_exact():
    x = np.array([1.0, -3.0, 0.1])
    i = np.array([3, -2, 1000])
    np.testing.assert_array_equal(tg.ldexp(x, i), np.ldexp(x, i))
    np.testing.assert_array_equal(slope(lambda z: tg.sum(tg.ldexp(z, i)), x), np.ldexp(1.0, i))
