"""Quick replacements of NumPy functions give what NumPy gives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.backends import masks

FLOATS = (np.float16, np.float32, np.float64)
ODD = np.array([-np.inf, -3.5, -0.0, 0.0, 1.5, np.inf, np.nan, 1e-300, -1e300])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [3, 5000])
def test_where_is_numpys(dtype: Any, size: int):
    rng = np.random.default_rng(size)
    with np.errstate(over="ignore"):
        a, b = (rng.choice(ODD, size).astype(dtype) for _ in range(2))
    mask = rng.random(size) < 0.5
    for first, second in [(a, b), (a[::-1], b), (a, b[:1]), (a, 0.0), (1.0, b)]:
        got, want = masks.where(mask, first, second), np.where(mask, first, second)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_masked_is_exactly_zero(dtype: Any):
    with np.errstate(over="ignore"):
        x = ODD.astype(dtype)
    out = masks.masked(x, np.zeros(x.size, bool))
    assert out.dtype == dtype
    assert not out.any()
    np.testing.assert_array_equal(masks.masked(x, np.ones(x.size, bool)), x)
    assert masks.masked(x[:, None], np.ones((1, 4), bool)).shape == (x.size, 4)
    np.testing.assert_array_equal(
        masks.masked(x, np.arange(x.size) > 3.5), np.where(np.arange(x.size) > 3, x, 0)
    )


def test_multiplying_by_the_mask_would_not_be_zero():
    """The fault that `masked` avoids is there to be seen."""
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.array([np.inf]) * np.array([False]))


@given(st.floats(allow_subnormal=False), st.integers(-5, 14))
def test_whole_powers_are_numpys(x: float, n: int):
    for dtype in (np.float32, np.float64):
        with np.errstate(all="ignore"):
            a = np.array([x]).astype(dtype)
            got, want = masks.pow(a, n), np.power(a, dtype(n))
        assert got.dtype == dtype
        near = np.finfo(dtype)
        np.testing.assert_allclose(got, want, rtol=12 * near.eps, atol=near.tiny)
        np.testing.assert_array_equal(np.signbit(got[~np.isnan(a)]), np.signbit(want[~np.isnan(a)]))


@pytest.mark.parametrize("b", [0.5, -0.5, 2.5, np.float64(2), np.array([2.0, 3.0]), True, 40])
def test_other_powers_are_numpys(b: Any):
    a = np.array([0.5, 0.75], np.float32)
    got, want = masks.pow(a, b), a**b
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_a_power_is_no_alias():
    a = np.ones(3)
    assert not np.may_share_memory(masks.pow(a, 1), a)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sigmoid_keeps_its_tail_and_does_not_warn(dtype: Any):
    x = np.array([-1e4, -700.0, -15.0, -5.0, 0.0, 5.0, 1e4], dtype)
    wide = np.clip(x.astype(np.longdouble), -11000, 11000)
    want = 1 / (1 + np.exp(-wide))
    got = masks.sigmoid(x)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got, want.astype(np.float64), rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny
    )
