"""What a tensor is: its data, its attributes, its gradient."""

import copy

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import DTypeError, GradientError, OperandError, ShapeError

FLOATS = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("make", [tg.tensor, tg.Tensor])
@pytest.mark.parametrize("dtype", [*FLOATS, np.int8, np.int64, np.uint8, np.bool_])
def test_an_array_is_copied_and_keeps_its_dtype(make, dtype):
    array = np.array([[0, 1], [1, 0]], dtype)
    t = make(array)
    array[0, 0] = 1
    assert t.dtype == dtype
    assert t.data[0, 0] == 0
    assert not np.may_share_memory(t.data, array)


@pytest.mark.parametrize("data", [2, 2.5, [1, 2], [[1.0], [2.0]], (1, 2), []])
def test_python_numbers_become_float32(data):
    t = tg.tensor(data)
    assert t.dtype == np.float32
    np.testing.assert_array_equal(t.data, np.array(data, np.float32))


def test_bools_stay_bools_and_arrays_in_lists_keep_their_dtype():
    assert tg.tensor([True, False]).dtype == np.bool_
    assert tg.tensor([np.float64(1), np.float64(2)]).dtype == np.float64
    assert tg.tensor([1.5], dtype="float16").dtype == np.float16


def test_the_default_dtype_is_a_context():
    with tg.default_dtype("float64"):
        assert tg.tensor(1.0).dtype == np.float64
    assert tg.tensor(1.0).dtype == np.float32
    with pytest.raises(DTypeError, match="int32"), tg.default_dtype("int32"):
        pass


@pytest.mark.parametrize("data", ["2", ["a"], None, 1j, [object()], {"a": 1}])
def test_what_is_no_real_number_is_refused(data):
    with pytest.raises(DTypeError, match="expected real numbers"):
        tg.tensor(data)


def test_ragged_lists_are_refused():
    with pytest.raises(ShapeError, match="equal length"):
        tg.tensor([[1.0], [2.0, 3.0]])


def test_a_value_is_refused_with_the_conversion():
    with pytest.raises(OperandError, match=r"value\.data"):
        tg.tensor(tg.Value(2.0))


def test_attributes():
    t = tg.tensor(np.zeros((2, 3, 4), np.float32))
    assert (t.shape, t.ndim, t.dtype, t.size) == ((2, 3, 4), 3, np.float32, 24)
    assert t.T.shape == (4, 3, 2)
    assert t.mT.shape == (2, 4, 3)
    assert len(t) == 2
    assert isinstance(t.data, np.ndarray) and isinstance(t.numpy(), np.ndarray)


def test_transposes_have_gradients():
    x = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    weight = np.arange(6.0).reshape(3, 2) + 1
    (x.T * weight).sum().backward()
    np.testing.assert_array_equal(x.grad.data, weight.T)
    x.grad = None
    (x.mT * weight).sum().backward()
    np.testing.assert_array_equal(x.grad.data, weight.T)


def test_len_of_a_number_is_refused():
    with pytest.raises(TypeError):
        len(tg.tensor(1.0))


def test_item():
    assert tg.tensor([[2.5]]).item() == 2.5
    assert isinstance(tg.tensor(2.5).item(), float)
    assert float(tg.tensor(2.5)) == 2.5
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        tg.tensor([1.0, 2.0]).item()


def test_detach_is_a_constant_copy():
    x = tg.tensor([1.0], requires_grad=True)
    y = (x * 2).detach()
    assert not y.requires_grad and y.is_leaf
    y.data[0] = 7
    assert (x * 2).item() == 2


def test_requires_grad_is_readable_and_settable_on_leaves():
    x = tg.tensor([1.0])
    assert not x.requires_grad
    x.requires_grad = True
    y = x * 2
    assert x.requires_grad and y.requires_grad
    assert x.is_leaf and not y.is_leaf
    with pytest.raises(GradientError, match=r"detach\(\)"):
        y.requires_grad = False


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.uint8])
def test_only_floats_may_require_gradients(dtype):
    with pytest.raises(DTypeError, match=f"{np.dtype(dtype)}.*float32"):
        tg.tensor(np.ones(2, dtype), requires_grad=True)
    with pytest.raises(DTypeError):
        tg.tensor(np.ones(2, dtype)).requires_grad_()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3)])
def test_the_gradient_has_the_shape_and_dtype_of_the_leaf(dtype, shape):
    x = tg.tensor(np.ones(shape, dtype), requires_grad=True)
    assert x.grad is None
    (x * x).sum().backward()
    assert isinstance(x.grad, tg.Tensor) and isinstance(x.grad.data, np.ndarray)
    assert x.grad.shape == shape and x.grad.dtype == dtype
    np.testing.assert_array_equal(x.grad.data, 2 * np.ones(shape, dtype))
    x.grad = None
    assert x.grad is None


def test_a_gradient_may_be_set_in_the_right_shape_only():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.array([3.0, 4.0])
    assert x.grad.dtype == np.float32
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        x.grad = np.zeros(3)


def test_a_shallow_copy_of_a_constant_is_another_constant():
    """As Matplotlib takes of what it draws."""
    x = tg.tensor([1.0], name="x")
    twin = copy.copy(x)
    twin.data[0] = 5
    assert (x.item(), twin.name, twin.requires_grad) == (1, "x", False)
    assert copy.copy(tg.Value(2.0, requires_grad=False)).data == 2


def test_shallow_copies_are_refused_and_deep_ones_are_independent():
    x = tg.tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="deepcopy"):
        copy.copy(x)
    twin = copy.deepcopy(x)
    twin.data[0] = 5
    assert x.item() == 1 and twin.requires_grad
    (twin * 2).sum().backward()
    assert x.grad is None


def test_a_tensor_of_one_element_has_a_truth_and_others_have_none():
    assert tg.tensor(1.0) and not tg.tensor([0.0])
    with pytest.raises(ValueError, match="one element"):
        bool(tg.tensor([1.0, 2.0]))


def test_tensors_are_hashable_places():
    x, y = tg.tensor(1.0), tg.tensor(1.0)
    assert len({x, y}) == 2


def test_iteration_has_gradients():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    a, _, c = x
    (a * c).backward()
    np.testing.assert_array_equal(x.grad.data, [3.0, 0.0, 1.0])


def test_repr_shows_the_numbers_and_what_matters():
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert "float64" in repr(tg.tensor(np.ones(1)))
    assert "requires_grad=True" in repr(tg.tensor(1.0, requires_grad=True))
    assert "tanh" in repr(tg.tanh(tg.tensor(1.0, requires_grad=True)))
