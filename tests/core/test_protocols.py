"""NumPy's own functions on tensors: with gradients, or refused."""

import math
import warnings

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import OperandError


def leaf(data):
    return tg.tensor(np.array(data, np.float64), requires_grad=True)


def test_functions_give_tensors_with_gradients():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    for y, want in (
        (np.tanh(x), 1 - np.tanh(np.asarray(x)) ** 2),
        (np.sum(x, axis=0), np.ones((2, 2))),
        (np.add.reduce(x), np.ones((2, 2))),
        (np.reshape(x, (4,)), np.ones((2, 2))),
    ):
        assert isinstance(y, tg.Tensor)
        x.grad = None
        y.backward(np.ones(y.shape))
        np.testing.assert_allclose(x.grad.data, want)


def test_sequences():
    t, u = leaf([1.0, 2.0]), leaf([3.0])
    y = np.concatenate([t, u])
    assert isinstance(y, tg.Tensor)
    y.backward(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(t.grad.data, [1.0, 2.0])
    np.testing.assert_array_equal(u.grad.data, [3.0])


def test_an_array_among_tensors():
    t = leaf([1.0, 2.0])
    y = np.concatenate([np.array([7.0]), t])
    y.backward(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(t.grad.data, [2.0, 3.0])


def test_an_array_or_number_on_the_left():
    t = leaf([1.0, 2.0])
    for y, want in (
        (np.array([[1.0, 2.0], [3.0, 4.0]]) @ t, [4.0, 6.0]),
        (np.float64(2) * t, [2.0, 2.0]),
        (np.array(2.0) * t, [2.0, 2.0]),
        (np.array([5.0, 6.0]) - t, [-1.0, -1.0]),
        (np.float32(1) / t, [-1.0, -0.25]),
    ):
        assert isinstance(y, tg.Tensor)
        t.grad = None
        y.sum().backward()
        np.testing.assert_allclose(t.grad.data, want)


def test_nan_to_num_style_unknown_functions_are_refused():
    t = leaf([1.0, 2.0])
    for call in (
        lambda: np.fft.fft(t),
        lambda: np.histogram(t),
        lambda: np.spacing(t),
        lambda: np.piecewise(t, [t.data > 0], [1.0]),
    ):
        with pytest.raises(TypeError, match="numpy"):
            call()


def test_ufunc_methods_are_refused_or_have_gradients():
    t = leaf([1.0, 2.0])
    for call in (
        lambda: np.add.accumulate(t),
        lambda: np.add.reduceat(t, [0]),
        lambda: np.multiply.outer(t, t),
        lambda: np.add.at(t, [0], 1.0),
    ):
        with pytest.raises(TypeError, match="numpy"):
            call()


def test_writing_into_an_array_is_refused():
    t, array = leaf([1.0, 2.0]), np.zeros(2)
    with pytest.raises(OperandError, match=r"array = array \+ tensor"):
        array += t
    with pytest.raises(OperandError, match="out="):
        np.add(array, t, out=array)
    with pytest.raises(OperandError, match="out="):
        np.sum(t, out=np.zeros(()))
    np.testing.assert_array_equal(array, 0)


@pytest.mark.parametrize("options", [{"where": [True, False]}, {"dtype": "f4"}])
def test_ufunc_options_are_refused(options):
    with pytest.raises(OperandError, match=next(iter(options))):
        np.add(leaf([1.0, 2.0]), 1.0, **options)


def test_asarray_is_a_view_that_cannot_be_written():
    t = leaf([1.0, 2.0])
    view = np.asarray(t)
    assert isinstance(view, np.ndarray) and not view.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    copied = np.array(t)
    copied[0] = 9
    assert t.data[0] == 1
    assert np.asarray(t, dtype=np.float32).dtype == np.float32


def test_comparisons_give_bool_tensors():
    t = leaf([1.0, 2.0])
    y = np.greater(t, 1.5)
    assert isinstance(y, tg.Tensor) and y.dtype == np.bool_ and not y.requires_grad
    np.testing.assert_array_equal(np.asarray(y), [False, True])
    np.testing.assert_array_equal(np.asarray(t > 1.5), [False, True])
    np.testing.assert_array_equal(np.asarray(1.5 > t), [True, False])


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t = leaf([1.0, 2.0])
        np.asarray(t)
        np.array(t, copy=True)
        float(t[0])


def test_a_conversion_that_would_lose_the_gradient_of_a_transform_is_refused():
    for lossy in (
        lambda x: x * math.sin(x),
        lambda x: x * float(x),
        lambda x: x * np.asarray(x),
        lambda x: x + np.mean([x, x]),
    ):
        for call in (tg.grad(lossy), lambda x, f=lossy: tg.jvp(f, (x,), (1.0,))):
            with pytest.raises(OperandError, match="lose the gradient"):
                call(1.5)
    assert tg.grad(lambda x: x * x.item())(2.0) == 2.0
    assert tg.grad(lambda v: v * v.item())(tg.Value(2.0)).data == 2.0
    with pytest.raises(OperandError, match="lose the gradient"):
        tg.grad(lambda v: v * math.sin(v))(tg.Value(2.0))
