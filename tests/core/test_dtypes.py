"""Which dtype a result has, and that a gradient has its leaf's."""

import numpy as np
import pytest

import tinygrad_nn as tg


def leaf(dtype, shape=(2,)):
    return tg.tensor(np.ones(shape, dtype), requires_grad=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 2.5, True])
def test_python_numbers_are_weak(dtype, number):
    x = leaf(dtype)
    for y in (x + number, number * x, x - number, number - x, x / number, number / x, x**number):
        assert y.dtype == dtype
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_a_float64_array_widens_the_result_but_not_the_gradient():
    x = leaf(np.float32)
    for y in (x * np.ones(2), np.ones(2) * x, x @ np.ones(2), np.ones(2) @ x):
        assert y.dtype == np.float64
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad.data, [1.0, 1.0])


def test_each_leaf_of_a_mixed_graph_keeps_its_own_dtype():
    leaves = [leaf(t) for t in (np.float16, np.float32, np.float64)]
    a, b, c = leaves
    (a * b * c).sum().backward()
    assert [t.grad.dtype for t in leaves] == [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_results_follow_numpy_beside_integers(dtype):
    x, n = leaf(dtype), np.arange(2)
    assert (x * n).dtype == (np.ones(2, dtype) * n).dtype


def test_the_gradient_that_arrives_takes_the_roots_dtype():
    x = leaf(np.float32)
    (x * 2).backward(np.ones(2))
    assert x.grad.dtype == np.float32


def test_float16_accumulates_wider_in_reductions():
    x = tg.tensor(np.full(60_000, 1.0, np.float16), requires_grad=True)
    total = x.sum()
    assert total.dtype == np.float16 and total.item() == 60_000
    total.backward()
    assert x.grad.dtype == np.float16
    y = tg.tensor(np.full((4096, 3), 0.1, np.float16))
    want = np.full((4096, 3), 0.1, np.float16).sum(axis=0, dtype=np.float32).astype(np.float16)
    np.testing.assert_array_equal(y.sum(axis=0).data, want)


def test_broadcast_gradients_are_summed_in_the_leafs_dtype():
    x = leaf(np.float32, ())
    (x * np.ones((1000,), np.float32)).sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.item() == 1000


def test_second_order_keeps_dtypes():
    x = leaf(np.float32)
    (x**3).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    assert g.dtype == np.float32
    g.sum().backward()
    assert x.grad.dtype == np.float32
