"""Reductions where chance does not look: zeros, ties, infinities, NaN, narrow dtypes, messages."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.core.op import LEAF
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.testing import gradcheck

INF, NAN = math.inf, math.nan


def slope(function, x):
    return np.asarray(tg.grad(function)(np.asarray(x)))


def curvature(function, x):
    return np.asarray(tg.hessian(function)(np.asarray(x)))


# ---------------------------------------------------------------------------------- products
def product_without(x, *left_out):
    return math.prod(v for i, v in enumerate(x) if i not in left_out)


def assert_product_derivatives(product, x):
    n = len(x)
    np.testing.assert_allclose(slope(product, x), [product_without(x, i) for i in range(n)])
    want = [[0.0 if i == j else product_without(x, i, j) for j in range(n)] for i in range(n)]
    np.testing.assert_allclose(curvature(product, x), want, atol=1e-12)


ZEROS = [
    np.where(np.isin(np.arange(5), places), 0.0, [2.0, -3.0, 0.5, 4.0, 5.0])
    for count in range(4)
    for places in combinations(range(5), count)
]


@pytest.mark.parametrize("x", ZEROS, ids=str)
def test_product_is_right_where_elements_are_zero(x):
    assert_product_derivatives(tg.prod, x)


def test_a_product_rule_that_divides_is_caught():
    def divided(x):
        return tg.exp(tg.sum(tg.log(x)))

    assert_product_derivatives(divided, np.array([2.0, 3.0, 0.5]))
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        assert_product_derivatives(divided, np.array([2.0, 0.0, 0.5]))


def test_third_derivative_of_a_product_with_zeros():
    x = np.array([0.0, 0.0, 0.0, 7.0])
    third = tg.jacobian(tg.hessian(tg.prod))(x)
    want = np.zeros((4, 4, 4))
    for i in range(3):
        for j in range(3):
            for k in range(3):
                want[i, j, k] = 7.0 if len({i, j, k}) == 3 else 0.0
    for i, j, k in np.ndindex(4, 4, 4):
        if 3 in (i, j, k) and len({i, j, k}) == 3:
            want[i, j, k] = product_without(x, i, j, k)
    np.testing.assert_allclose(np.asarray(third), want)


def test_product_over_several_axes():
    x = np.arange(24.0).reshape(2, 3, 4)
    got = slope(lambda z: tg.sum(tg.prod(z, axis=(2, 0))), x)
    want = np.empty_like(x)
    for i, j, k in np.ndindex(x.shape):
        rest = np.delete(x[:, j, :].ravel(), i * 4 + k)
        want[i, j, k] = rest.prod()
    np.testing.assert_allclose(got, want)


# ---------------------------------------------------------------------------------- extremes
@given(st.lists(st.integers(-2, 2), min_size=1, max_size=8), st.sampled_from(["max", "min"]))
def test_equal_extremes_share_equally(numbers, name):
    x = np.array(numbers, float)
    winners = x == getattr(np, name)(x)
    np.testing.assert_allclose(slope(getattr(tg, name), x), winners / winners.sum())


def test_extremes_share_within_each_slice():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    got = slope(lambda z: tg.sum(tg.max(z, axis=1, keepdims=True)), x)
    np.testing.assert_allclose(got, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(slope(lambda z: tg.max(z, axis=(0, 1)), x), x == 3, atol=0.5)
    assert slope(lambda z: tg.max(z, axis=(0, 1)), x).sum() == 1


def test_a_nan_that_arrives_at_an_extreme_goes_on():
    assert np.isnan(slope(lambda z: tg.max(z) * 2, [1.0, NAN, 3.0])).sum() == 0
    assert np.isnan(slope(lambda z: tg.exp(tg.max(z)), [1.0, NAN, 3.0])).all()


def test_extremes_of_infinities():
    np.testing.assert_array_equal(slope(tg.max, [INF, 1.0, INF]), [0.5, 0, 0.5])
    np.testing.assert_array_equal(slope(tg.min, [-INF, 1.0, INF]), [1, 0, 0])


# ---------------------------------------------------------------------------- mean and spread
@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("freedom", [0, 1, 0.5, 2])
def test_degrees_of_freedom(name, freedom, rng):
    x = rng.normal(size=(3, 5))
    want = getattr(np, name)(x, axis=1, ddof=freedom)
    function = getattr(tg, name)
    np.testing.assert_allclose(function(x, axis=1, ddof=freedom), want)
    np.testing.assert_allclose(function(x, axis=1, correction=freedom), want)
    np.testing.assert_allclose(np.asarray(getattr(tg.tensor(x), name)(1, ddof=freedom)), want)
    np.testing.assert_allclose(np.asarray(getattr(np, name)(tg.tensor(x), 1, ddof=freedom)), want)


def test_degrees_of_freedom_given_twice_are_refused():
    with pytest.raises(OptionError, match="var: got ddof=1 and correction=1"):
        tg.var(tg.tensor([1.0, 2.0]), ddof=1, correction=1)


def test_no_degree_of_freedom_is_nan_with_numpys_warning():
    for function in (np.var, tg.var):
        with pytest.warns(RuntimeWarning) as caught:
            assert np.isnan(function(np.array([1.0]), ddof=1))
        assert caught


def test_deviation_of_equal_elements_has_slope_zero():
    x = np.full(4, 2.5)
    np.testing.assert_array_equal(slope(tg.std, x), 0)
    np.testing.assert_array_equal(slope(lambda z: tg.std(z) ** 2, x), 0)
    assert np.isfinite(curvature(lambda z: tg.std(z) ** 2, x)).all()


def test_variance_far_from_zero_is_accurate():
    x = 1e9 + np.array([0.0, 1.0, 2.0])
    assert tg.var(x) == pytest.approx(2 / 3)
    np.testing.assert_allclose(slope(tg.var, x), [-2 / 3, 0, 2 / 3])


# ------------------------------------------------------------------------- sums of exponentials
def test_logsumexp_neither_overflows_nor_underflows():
    x = np.array([1000.0, 1000.0])
    assert tg.logsumexp(x) == pytest.approx(1000 + math.log(2))
    assert tg.logsumexp(-x) == pytest.approx(-1000 + math.log(2))
    np.testing.assert_allclose(slope(tg.logsumexp, x), [0.5, 0.5])
    np.testing.assert_allclose(slope(tg.logsumexp, [-1e4, 0.0]), [0, 1])


def test_logsumexp_of_infinities():
    assert tg.logsumexp(np.array([-INF, 0.0])) == 0
    np.testing.assert_array_equal(slope(tg.logsumexp, [-INF, 0.0]), [0, 1])
    assert tg.logsumexp(np.array([-INF, -INF])) == -INF
    np.testing.assert_array_equal(slope(tg.logsumexp, [-INF, -INF]), [0, 0])
    assert tg.logsumexp(np.array([INF, 0.0])) == INF
    np.testing.assert_array_equal(tg.logsumexp(np.zeros((2, 0)), axis=1), [-INF, -INF])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_is_stable_and_ignores_a_shift(name, rng):
    x = rng.normal(size=(3, 4))
    function = getattr(tg, name)
    np.testing.assert_allclose(function(x + 1e4), function(x), atol=1e-11)
    probability = function(x) if name == "softmax" else np.exp(function(x))
    np.testing.assert_allclose(probability.sum(-1), 1)
    np.testing.assert_allclose(function(x, axis=0), function(x.T, axis=-1).T)
    weights = rng.normal(size=x.shape)
    assert np.abs(slope(lambda z: tg.sum(function(z) * weights), x).sum(-1)).max() < 1e-14


def test_softmax_of_a_masked_row():
    x = np.array([0.0, -INF, 1.0])
    np.testing.assert_allclose(tg.softmax(x)[1], 0)
    weights = np.array([1.0, 2.0, 3.0])
    got = slope(lambda z: tg.sum(tg.softmax(z) * weights), x)
    assert got[1] == 0 and np.isfinite(got).all()
    got = slope(lambda z: tg.log_softmax(z)[0], x)
    np.testing.assert_allclose(got, [1 - tg.softmax(x)[0], 0, -tg.softmax(x)[2]])


def test_softmax_of_a_score_of_infinity_is_numpys_nan():
    with np.errstate(invalid="ignore"):
        assert np.isnan(tg.softmax(np.array([-INF, -INF]))).all()


# -------------------------------------------------------------------------------------- norms
ORDERS = [None, 1, 2, 3, 2.5, 0.5, INF, -INF, 0]


@pytest.mark.parametrize("ord", ORDERS)
def test_norm_at_zero_has_slope_zero(ord):
    def norm(z):
        return tg.vector_norm(z, ord=ord)

    np.testing.assert_array_equal(slope(norm, np.zeros(3)), 0)
    assert np.isfinite(slope(norm, [0.0, 2.0, -1.0])).all()
    assert np.isfinite(curvature(tg.vector_norm, np.zeros(3))).all()


@pytest.mark.parametrize("ord", ORDERS)
def test_norm_is_numpys_in_each_slice(ord, rng):
    x = rng.normal(size=(3, 4))
    order = 2 if ord is None else ord
    want = np.linalg.vector_norm(x, axis=-1, ord=order)
    np.testing.assert_allclose(tg.vector_norm(x, axis=-1, ord=ord), want)
    np.testing.assert_allclose(tg.vector_norm(x, ord=ord), np.linalg.vector_norm(x, ord=order))


@pytest.mark.parametrize("ord", [-1, -2.5, -0.5])
def test_norm_of_negative_order_beside_a_zero_is_flat(ord):
    """One 0 makes it 0, whatever the others are: their slope is 0, and so is its derivative."""

    def norm(z):
        return tg.vector_norm(z, axis=-1, ord=ord).sum()

    x = np.array([[0.0, 1.35, -1.35], [0.5, 1.0, -2.0]])
    got = slope(norm, x)
    np.testing.assert_array_equal(got[0], 0)
    want = np.linalg.norm(x[1], ord) ** (1 - ord) * np.abs(x[1]) ** (ord - 1) * np.sign(x[1])
    np.testing.assert_allclose(got[1], want)
    assert gradcheck(norm, x, order=2).ok
    assert gradcheck(norm, x[:1], order=2).ok


def test_norm_shares_between_equal_greatest():
    got = slope(lambda z: tg.vector_norm(z, ord=INF), [2.0, -2.0, 1.0])
    np.testing.assert_array_equal(got, [0.5, -0.5, 0])


def test_norm_of_integers_is_a_float():
    assert tg.vector_norm(np.array([3, 4])) == 5.0


# --------------------------------------------------------------------------- narrow and integer
def test_float16_adds_up_wider_and_stays_float16():
    x = np.ones(5000, np.float16)
    assert np.add.accumulate(x)[-1] == 2048  # what half precision alone would give
    found = {
        "sum": tg.sum(x),
        "mean": tg.mean(x) * np.float16(5000),
        "cumsum": tg.cumsum(x)[-1],
        "norm": tg.vector_norm(x) ** np.float16(2) + np.float16(0),
        "logsumexp": np.exp(tg.logsumexp(x - 1)),
        "var": tg.var(np.tile(np.array([0, 2], np.float16), 2500)) * np.float16(5000),
        "std": tg.std(np.tile(np.array([0, 2], np.float16), 2500)) * np.float16(5000),
        "softmax": 1 / tg.softmax(x)[0],
        "norm 1": tg.vector_norm(x, ord=1),
        "sum_to": tg.sum_to(x, (1,))[0],
    }
    for name, value in found.items():
        assert value.dtype == np.float16, name
        assert float(value) == pytest.approx(5000, rel=3e-3), name


INTEGERS = [
    np.array([[3, -1, 2], [0, 5, 1]]),
    np.array([True, False, True]),
    np.arange(4, dtype="i1"),
]


@pytest.mark.parametrize("x", INTEGERS, ids=lambda x: str(x.dtype))
@pytest.mark.parametrize(
    "name",
    (
        "sum prod mean var std max min any all count_nonzero argmax argmin cumsum cumprod median "
        "average sort argsort unique flip nansum nanprod nanmax nanmin nanmean nanvar nanstd"
    ).split(),
)
def test_integers_and_bools_are_numpys(name, x):
    want = getattr(np, name)(x)
    for got in (getattr(tg, name)(x), np.asarray(getattr(tg, name)(tg.tensor(x)))):
        assert np.asarray(got).dtype == want.dtype
        np.testing.assert_allclose(got, want)


# ---------------------------------------------------------------------------------------- NaN
WITH_NAN = np.array([[1.0, NAN, 3.0], [4.0, 5.0, NAN], [2.0, 8.0, 7.0]])


@pytest.mark.parametrize(
    "name", ["nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd"]
)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_nan_is_left_out_and_gets_no_gradient(name, axis):
    function = getattr(tg, name)
    want = getattr(np, name)(WITH_NAN, axis=axis)
    np.testing.assert_allclose(function(WITH_NAN, axis=axis), want)
    got = slope(lambda z: tg.sum(function(z, axis=axis)), WITH_NAN)
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(got[np.isnan(WITH_NAN)], 0)
    kept = WITH_NAN[2:]
    plain = slope(lambda z: tg.sum(function(z)), kept)
    np.testing.assert_allclose(plain, slope(getattr(tg, name[3:]), kept))


@pytest.mark.parametrize("name", ["nanmax", "nanmin"])
def test_slice_without_numbers_is_nan(name):
    x = np.array([[NAN, NAN], [1.0, NAN]])
    np.testing.assert_array_equal(getattr(tg, name)(x, axis=1), [NAN, 1.0])
    got = slope(lambda z: getattr(tg, name)(z, axis=1)[1], x)
    np.testing.assert_array_equal(got, [[0, 0], [1, 0]])


# --------------------------------------------------------------------------- empty and messages
def test_empty_reductions():
    x = tg.tensor(np.zeros((2, 0)), requires_grad=True)
    np.testing.assert_array_equal(np.asarray(x.sum(1)), [0, 0])
    np.testing.assert_array_equal(np.asarray(x.prod(1)), [1, 1])
    np.testing.assert_array_equal(np.asarray(tg.vector_norm(x, axis=1)), [0, 0])
    (x.sum() + x.prod() + tg.vector_norm(x)).backward()
    assert x.grad.shape == (2, 0)
    with pytest.raises(ShapeError, match=r"max: got \(2, 0\) float64, axis=1"):
        x.max(1)


def test_a_number_without_axes_reduces_over_axis_0_as_in_numpy():
    x = tg.tensor(2.0, requires_grad=True)
    for keepdims in (False, True):
        x.sum(axis=0, keepdims=keepdims).backward()
        assert x.grad.shape == ()
        x.max(axis=-1, keepdims=keepdims).backward()
    assert float(x.grad) == 4


OVER_AXES = ["sum", "prod", "mean", "var", "std", "max", "min", "logsumexp", "vector_norm", "any"]
OVER_AXES += ["all", "median", "nansum", "nanmax", "ptp", "softmax", "argmax", "cumsum", "sort"]
OVER_AXES += ["argsort", "flip", "average", "count_nonzero", "cumprod", "squeeze"]


@pytest.mark.parametrize("name", OVER_AXES)
def test_an_axis_out_of_range_is_named(name):
    x = tg.tensor(np.ones((2, 3)))
    with pytest.raises(ShapeError) as caught:
        getattr(tg, name)(x, axis=5)
    text = str(caught.value)
    inner = {"nansum": "sum", "nanmax": "max", "ptp": "max", "average": "mean"}.get(name, name)
    assert text.startswith(f"{inner}: ") and "5" in text and "2" in text


def test_orders_that_are_no_numbers_are_refused():
    with pytest.raises(OperandError, match="expected a number for ord"):
        tg.vector_norm(tg.tensor([1.0]), ord="fro")


def test_a_value_has_no_axes_to_reduce():
    with pytest.raises(OperandError, match=r"tinygrad_nn.tensor\(value.data\)"):
        tg.sum(tg.Value(2.0))


# ----------------------------------------------------------------------------- NumPy's protocols
def test_numpy_reductions_of_tensors_have_gradients():
    x = tg.tensor(np.array([[1.0, 2.0], [3.0, 5.0]]), requires_grad=True)
    calls = [
        np.sum(x),
        np.add.reduce(x).sum(),
        np.mean(x, 0).sum(),
        np.max(x, axis=1).sum(),
        np.maximum.reduce(x).sum(),
        np.prod(x),
        np.var(x, ddof=1),
        np.median(x),
        np.quantile(x, 0.3),
        np.average(x, weights=np.ones((2, 2))),
        np.trace(x),
        np.cumsum(x).sum(),
    ]
    for y in calls:
        assert isinstance(y, tg.Tensor) and y.requires_grad
    assert isinstance(np.argmax(x), tg.Tensor) and not np.argmax(x).requires_grad
    with pytest.raises(TypeError, match="out="):
        np.sum(x, out=np.zeros(()))


# -------------------------------------------------------------------------------- statistics
def test_weights_get_a_gradient():
    x, w = np.array([[1.0, 2.0], [3.0, 7.0]]), np.array([1.0, 3.0])
    np.testing.assert_allclose(tg.average(x, 1, w), np.average(x, 1, w))
    np.testing.assert_allclose(
        tg.average(x, 0, w, keepdims=True), np.average(x, 0, w, keepdims=True)
    )
    # d/dw of Σwx/Σw is (x - y)/Σw.
    y = np.average(x[0], weights=w)
    got = slope(lambda v: tg.average(tg.tensor(x[0]), None, v), w)
    np.testing.assert_allclose(got, (x[0] - y) / w.sum())
    with pytest.raises(ShapeError, match=r"average: got weights of shape \(3,\)"):
        tg.average(x, 1, np.ones(3))


def test_covariance_is_numpys(rng):
    x = rng.normal(size=(3, 6))
    for options in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 2}):
        np.testing.assert_allclose(tg.cov(x, **options), np.cov(x, **options))
    np.testing.assert_allclose(tg.cov(x[0]), np.cov(x[0]))
    assert tg.cov(x[:1]).shape == np.cov(x[:1]).shape
    np.testing.assert_allclose(tg.corrcoef(x), np.corrcoef(x))
    assert float(tg.corrcoef(x[0])) == 1
    assert tg.cov(x.astype(np.float32), dtype="float32").dtype == np.float32


def test_constant_results_are_not_recorded():
    x = tg.Tensor.wrap(np.ones((2, 2)), LEAF)
    for y in (x.argmax(), x.any(), x.all(), x.count_nonzero(), x.argsort(), tg.zeros_like(x)):
        assert not y.requires_grad
    with pytest.raises(DTypeError):
        tg.tensor(np.arange(3), requires_grad=True)
