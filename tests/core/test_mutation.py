"""A write raises, or the gradient is that of the values at the time of use."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import MutationError, OperandError, ShapeError


def leaf(data, requires_grad=True):
    return tg.tensor(np.array(data, np.float64), requires_grad)


def gradient_or_refusal(y, x):
    """Gradient by `y.backward()`, or None if a write was noticed."""
    try:
        y.sum().backward()
    except MutationError as error:
        assert "was written after" in str(error) and "detach()" in str(error)
        return None
    return np.asarray(x.grad)


WRITES = {
    "data": lambda x: x.data.__setitem__(0, 9.0),
    "numpy": lambda x: x.numpy().__setitem__(0, 9.0),
    "view of data": lambda x: x.data[:1].__setitem__(0, 9.0),
    "view of a view": lambda x: x.numpy().reshape(-1, 1)[::-1].__setitem__((-1, 0), 9.0),
    "data replaced": lambda x: setattr(x, "data", np.array([9.0, 2.0])),
    "in-place arithmetic": lambda x: x.data.__imul__(3.0),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


@every_write
@pytest.mark.parametrize("use_between", [False, True])
@pytest.mark.parametrize("shared_before", [False, True])
def test_a_write_between_use_and_backward_is_never_silently_wrong(
    write, use_between, shared_before
):
    x = leaf([1.0, 2.0])
    if shared_before:
        x.data  # noqa: B018
    y = x * x
    write(x)
    if use_between:
        x * 2
    got = gradient_or_refusal(y, x)
    assert got is None or got.tolist() == [2.0, 4.0]


@every_write
def test_later_operations_see_a_write(write):
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    write(x)
    x.grad = None
    want = x.numpy().copy()
    assert want[0] != 1.0
    y = x * x
    np.testing.assert_array_equal(np.asarray(y), want**2)
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), 2 * want)


@every_write
def test_a_constant_that_is_written_keeps_its_old_value_in_the_graph(write):
    x, c = leaf([3.0, 4.0]), leaf([1.0, 2.0], requires_grad=False)
    y = x * c
    write(c)
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [1.0, 2.0])


def test_a_view_taken_before_the_graph_was_built():
    x = leaf([1.0, 2.0])
    view = x.numpy()[1:]
    y = x * x
    view[0] = 50.0
    got = gradient_or_refusal(y, x)
    assert got is None or got.tolist() == [2.0, 4.0]


def test_arrays_given_as_operands_or_keys_are_copied():
    x, c, key = leaf([1.0, 2.0]), np.array([3.0, 4.0]), np.array([0, 0])
    y = (x * c).sum() + (c - x).sum() + x[key].sum()
    c[:] = 100
    key[:] = 1
    y.backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [3.0 - 1 + 2, 4.0 - 1])


def test_the_array_that_a_tensor_was_made_of_is_not_shared():
    source = np.array([1.0, 2.0])
    x = tg.tensor(source, requires_grad=True)
    y = x * x
    source[:] = 100
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [2.0, 4.0])


def test_an_array_assigned_as_data_may_be_written_later():
    x = leaf([1.0, 2.0])
    array = np.array([5.0, 6.0])
    x.data = array
    y = x * x
    array[0] = 100.0
    got = gradient_or_refusal(y, x)
    assert got is None or got.tolist() in ([10.0, 12.0], [200.0, 12.0])


def test_a_written_result_is_refused_at_its_next_use():
    x = leaf([1.0, 2.0])
    y = x * x
    y.data[0] = 100
    with pytest.raises(OperandError, match=r"detach\(\)"):
        y * 2
    with pytest.raises(OperandError):
        y.data = np.ones(2)


def test_a_result_that_was_written_does_not_change_the_gradient():
    x = leaf([0.5, 2.0])
    y = tg.tanh(x)  # its rule reads the result
    y.numpy()[:] = 100
    y.backward(np.ones(2))
    np.testing.assert_allclose(np.asarray(x.grad), 1 - np.tanh([0.5, 2.0]) ** 2)


def test_a_view_of_a_leaf_keeps_the_old_numbers():
    """`x.reshape` shares memory with x inside; a write into x must not reach it."""
    x = leaf([1.0, 2.0])
    y = tg.reshape(x, (2, 1))
    z = y * y
    x.data[0] = 100
    x * 1  # takes the write over
    np.testing.assert_array_equal(np.asarray(y), [[1.0], [2.0]])
    got = gradient_or_refusal(z, x)
    assert got is None or got.tolist() == [2.0, 4.0]


def test_an_optimisers_step_between_two_passes():
    x = leaf([1.0, 2.0])
    for _ in range(3):
        x.grad = None
        (x * x).sum().backward()
        x.data -= 0.25 * x.grad.data
    np.testing.assert_array_equal(x.data, [0.125, 0.25])


def test_augmented_assignment_of_a_tensor_makes_a_new_one():
    x = leaf([1.0, 2.0])
    y = x
    y += 1
    assert y is not x and y.requires_grad
    np.testing.assert_array_equal(np.asarray(x), [1.0, 2.0])
    y *= x
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [3.0, 5.0])


def test_item_assignment_into_what_requires_a_gradient_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(OperandError, match="index_put"):
        x[0] = 5.0
    with pytest.raises(OperandError, match="index_put"):
        (x * 2)[0] = 5.0
    c = leaf([1.0, 2.0], requires_grad=False)
    with pytest.raises(OperandError):
        c[0] = x[0]
    y = x * c
    c[0] = 5.0
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [1.0, 2.0])
    np.testing.assert_array_equal(np.asarray(c), [5.0, 2.0])


def test_nan_is_no_write():
    x = leaf([np.nan, 2.0])
    x.data  # noqa: B018
    y = x * x
    y.sum().backward()
    assert np.asarray(x.grad)[1] == 4


@pytest.mark.parametrize("read_first", [False, True])
def test_values(read_first):
    a = tg.Value(2.0)
    if read_first:
        a.data  # noqa: B018
    y = a * a
    a.data = 5.0
    with pytest.raises(MutationError, match="was written after"):
        y.backward()
    assert (a * a).data == 25.0
    (a * a).backward()
    assert a.grad == 10.0


def test_a_write_into_what_a_checkpoint_used_is_named_as_such():
    w, x = leaf([1.0, 1.0]), leaf([1.0, 2.0])
    y = tg.checkpoint(lambda x: x * w, x).sum()
    w.data = np.zeros(2)
    with pytest.raises(MutationError, match="checkpoint"):
        y.backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_leaf_that_was_frozen_after_its_use_gets_no_gradient(create_graph):
    w, x = leaf([1.0, 1.0]), leaf([1.0, 2.0])
    y = (w * x).sum()
    w.requires_grad = False
    y.backward(create_graph=create_graph)
    assert w.grad is None and x.grad.tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(3,), (1, 2), ()])
def test_data_of_another_shape_between_use_and_backward(shape):
    """The rule failed on the shapes, before anyone looked for a write."""
    x = leaf([1.0, 2.0])
    y = (x * x).sum() + tg.tanh(x).sum()
    x.data = np.ones(shape)
    with pytest.raises(MutationError, match="was written after"):
        y.backward()


def test_data_of_another_shape_beside_a_gradient():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    with pytest.raises(ShapeError, match=r"x\.grad = None"):
        x.data = np.ones(3)
    x.grad = None
    x.data = np.ones(3)
    (x * x).sum().backward()
    assert x.grad.shape == (3,)
