"""What users hand over besides arrays: taken for what it is, or refused, never misread."""

import warnings

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import DTypeError, GradientError, OperandError, OptionError


def leaf(data=(1.0, 2.0), dtype=np.float64):
    return tg.tensor(np.array(data, dtype), requires_grad=True)


def gradient(y, x):
    y.backward(np.ones(y.shape))
    return np.asarray(x.grad)


def matrix(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(data)


class Own(np.ndarray):
    """A subclass with an arithmetic of its own."""

    def __mul__(self, other):
        return np.zeros(7)


SQUARE = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("form", [matrix, lambda data: np.array(data).view(Own)])
@pytest.mark.parametrize(
    "call",
    [
        lambda x, c: x**c,
        lambda x, c: x * c,
        lambda x, c: c / x,
        lambda x, c: x / c,
        lambda x, c: x @ c,
        tg.kron,
        tg.vecdot,
        tg.outer,
        tg.arctan2,
    ],
)
def test_a_subclass_counts_as_the_array_it_holds(form, call):
    """A matrix's `*` is the matrix product: in a rule it gave a wrong gradient in silence."""
    x, y = leaf(SQUARE), leaf(SQUARE)
    want = gradient(call(x, np.array(SQUARE)), x)
    np.testing.assert_array_equal(gradient(call(y, form(SQUARE)), y), want)


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    x = leaf()
    for call in (
        lambda: tg.tensor(masked),
        lambda: x * masked,
        lambda: tg.where([True], x, masked),
    ):
        with pytest.raises(OperandError, match="mask"):
            call()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_lists_of_python_numbers_are_weak(dtype):
    x, floats, integers = leaf(dtype=dtype), [0.1, 0.1], [1, 1]
    for y in (x + floats, floats + x, x + integers, tg.where([True, False], floats, x)):
        assert y.dtype == dtype
    assert (x * 0 + floats).tolist() == np.full(2, 0.1, dtype).tolist()


def test_a_list_of_integers_beside_integers_stays_exact():
    x = tg.tensor(np.array([2**62 + 1]))
    one = [1]
    assert (x + one).tolist() == [2**62 + 2]


@pytest.mark.parametrize(
    "call",
    [
        tg.outer,
        tg.dot,
        tg.inner,
        tg.kron,
        tg.vdot,
        tg.vecdot,
        np.dot,
        np.outer,
        np.kron,
        lambda x, c: tg.tensordot(x, c, 1),
        lambda x, c: tg.cross(tg.pad(x, (0, 1)), [*c, 0.0]),
        lambda x, c: tg.hstack([x, c]),
        lambda x, c: np.vstack([c, x]),
        lambda x, c: tg.dstack([x, c]),
        lambda x, c: np.column_stack([x, c]),
        lambda x, c: tg.broadcast_arrays(x, c)[0],
        lambda x, c: tg.meshgrid(x, c)[0],
        lambda x, c: np.average(x, weights=c),
    ],
)
def test_lists_beside_a_tensor(call):
    numbers = [0.1, 0.7]
    x, y = leaf(), leaf()
    want = call(y, np.array(numbers))
    got = call(x, numbers)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
    np.testing.assert_array_equal(gradient(got, x), gradient(want, y))


def test_tensors_with_gradients_in_a_list_are_not_detached():
    x = leaf()
    for call in (
        lambda: tg.tensor([x[0], x[1]]),
        lambda: x * [x[0], 1.0],
        lambda: x * [[x[1], 2.0]],
    ):
        with pytest.raises(OperandError, match="stack"):
            call()
    assert tg.tensor([x.detach()[0], 2.0]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4"])
def test_numbers_come_in_this_machines_byte_order(dtype):
    t = tg.tensor(np.array([1, 2], dtype))
    assert t.dtype.isnative and t.tolist() == [1, 2]
    assert tg.tensor([1, 2], dtype=dtype).dtype.isnative


def test_a_view_cannot_be_made_writeable():
    x = leaf()
    y = x * x
    view = np.asarray(x)
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True
    np.testing.assert_array_equal(gradient(y, x), [2.0, 4.0])


# ── Values ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("bad", ["2", 1j, None, True, [1.0], np.ones(3), np.complex128(1), 10**400])
def test_what_is_no_number_is_no_gradient_of_a_value(bad):
    x = tg.Value(3.0)
    with pytest.raises(DTypeError, match="expected"):
        (x * x).backward(bad)
    if bad is not None:
        with pytest.raises(DTypeError, match="expected"):
            x.grad = bad
    if bad is not None and not isinstance(bad, list):
        with pytest.raises(DTypeError, match="expected"):
            tg.autograd.grad(x * x, x, bad)
    assert x.grad == 0.0


def test_a_tensor_is_no_gradient_of_a_value():
    with pytest.raises(DTypeError):
        (tg.Value(3.0) * 2).backward(tg.tensor(1.0))


def test_integers_beyond_all_floats_are_refused():
    for call in (tg.Value, lambda n: tg.Value(1.0) + n, lambda n: n * tg.Value(1.0)):
        with pytest.raises(DTypeError, match="1329 bits"):
            call(10**400)


# ── autograd.grad and the transforms ────────────────────────────────────────────────────


def test_outputs_that_are_none():
    with pytest.raises(OperandError, match="no outputs"):
        tg.autograd.grad([], [leaf()])
    with pytest.raises(OperandError, match="int 3"):
        tg.autograd.grad(3, leaf())


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), (0, 1, -1), 0.0, "0", None, True, (0, 0.5)])
@pytest.mark.parametrize("transform", [tg.grad, tg.jacobian])
def test_argnums_that_make_no_sense(transform, argnums):
    """Of an argument listed twice one gradient was 0, without a word."""
    with pytest.raises(OptionError, match="argnums"):
        transform(lambda x, y: (x * y).sum(), argnums)(np.ones(2), np.ones(2))


def test_numpy_integers_are_argnums():
    assert tg.grad(lambda x, y: x * y, np.int64(1))(2.0, 3.0) == 2.0
    assert tg.grad(lambda x, y: x * y, np.array([0, 1]))(2.0, 3.0) == (3.0, 2.0)


@pytest.mark.parametrize("out", [lambda x: x, lambda x: (x.sum(),), lambda x: None, lambda x: 1.0])
def test_has_aux_wants_a_pair(out):
    """A tensor of two elements was taken apart as if it were one."""
    with pytest.raises(GradientError, match="pair"):
        tg.grad(out, has_aux=True)(np.ones(2))


def test_complex_tangents_are_refused():
    x = np.ones(2)
    with pytest.raises(DTypeError, match="complex"):
        tg.jvp(lambda x: x * x, (x,), (1j * x,))
    with pytest.raises(DTypeError, match="complex"):
        tg.vjp(lambda x: x * x, x)[1](1j * x)
