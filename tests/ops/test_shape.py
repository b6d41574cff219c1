"""Shapes, joins, cuts and repeats: forms of call, NumPy's corner cases, messages."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.ops.test_reduce import slope
from tinygrad_nn.backends import array
from tinygrad_nn.errors import DTypeError, GradientError, OperandError, OptionError, ShapeError

SHAPES = [s for n in range(4) for s in product((0, 1, 2, 3), repeat=n)]


def layouts(shape):
    """The same shape in memory in several ways."""
    x = np.random.default_rng(0).normal(size=shape)
    yield x
    yield np.asfortranarray(x)
    yield x.astype(np.float32)
    if shape:
        yield x[::-1]
        yield np.repeat(x, 2, axis=-1)[..., ::2]
    else:
        yield x[()]


def outcome(function, *args):
    try:
        return function(*args)
    except ValueError:
        return None


# ----------------------------------------------------------- the quick forms are NumPy's functions
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_quick_broadcast_and_its_transpose(shape):
    for x, target in product(layouts(shape), SHAPES):
        want, got = outcome(np.broadcast_to, x, target), outcome(array.broadcast_to, x, target)
        assert (want is None) == (got is None), (x.shape, target)
        if want is None:
            continue
        assert got.shape == want.shape and got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        g = np.random.default_rng(1).normal(size=target)
        back = array.sum_to(g, shape)
        assert back.shape == shape
        # The transpose: <g, broadcast x> = <sum_to g, x>.
        assert np.sum(g * want) == pytest.approx(np.sum(back * x), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_quick_expand_dims(shape):
    n = len(shape)
    for x, axis in product(
        layouts(shape), [*range(-n - 3, n + 3), (), (0,), (0, -1), (1, 3), (0, 0)]
    ):
        want, got = outcome(np.expand_dims, x, axis), outcome(array.expand_dims, x, axis)
        assert (want is None) == (got is None), (x.shape, axis)
        if want is not None:
            assert got.shape == want.shape
            np.testing.assert_array_equal(got, want)


def test_sum_to_refuses_what_does_not_broadcast():
    for shape in ((2, 2), (4,), (1, 2, 3)):
        with pytest.raises(ShapeError, match="sum_to"):
            tg.sum_to(tg.tensor(np.ones((2, 3))), shape)


# --------------------------------------------------------------------------------- forms of call
def test_methods_take_sides_and_axes_in_both_forms():
    x = tg.tensor(np.arange(24.0).reshape(2, 3, 4))
    assert x.reshape(4, 6).shape == x.reshape((4, 6)).shape == x.reshape(-1, 6).shape == (4, 6)
    assert x.reshape(shape=(24,)).shape == x.reshape(-1).shape == x.flatten().shape == (24,)
    assert x.transpose(1, 2, 0).shape == x.transpose((1, 2, 0)).shape == (3, 4, 2)
    assert x.permute_dims(2, 0, 1).shape == x.permute_dims(axes=(2, 0, 1)).shape == (4, 2, 3)
    assert x.transpose().shape == x.T.shape == (4, 3, 2)
    assert x.mT.shape == x.matrix_transpose().shape == x.swapaxes(1, 2).shape == (2, 4, 3)
    assert x.sum(0).shape == (3, 4) and x.max(axis=(0, 2)).shape == (3,)
    assert x[0, 0, 0].reshape(()).shape == ()


def test_numpys_functions_give_tensors_with_gradients():
    x = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    results = [
        np.reshape(x, (3, 2)),
        np.transpose(x),
        np.moveaxis(x, 0, 1),
        np.ravel(x),
        np.squeeze(x[:1]),
        np.concatenate([x, x], 1),
        np.stack((x, x)),
        np.vstack([x, x]),
        np.hstack([x, np.ones((2, 1))]),
        np.tile(x, 2),
        np.repeat(x, 2, 0),
        np.pad(x, 1),
        np.flip(x),
        np.roll(x, 1),
        np.tril(x),
        np.split(x, 3, axis=1)[1],
        np.array_split(x, 2, 1)[0],
        np.broadcast_to(x, (2, 2, 3)),
        np.atleast_3d(x),
        np.diagonal(x),
        np.meshgrid(x[0], x[1])[0],
        np.rot90(x),
        np.copy(x),
        np.astype(x, np.float32),
        np.unstack(x)[1],
        np.matrix_transpose(x),
        np.append(x, x),
    ]
    for y in results:
        assert isinstance(y, tg.Tensor) and y.requires_grad
        x.grad = None
        y.sum().backward()
        assert x.grad.shape == x.shape
    assert not np.zeros_like(x).requires_grad


# ---------------------------------------------------------------------------------------- dtypes
def test_cast_to_integers_ends_the_gradient():
    x = tg.tensor([1.7, -2.2], requires_grad=True)
    for dtype in ("int64", int, bool, np.int8):
        y = x.astype(dtype)
        assert y.dtype == np.dtype(dtype) and not y.requires_grad
    with pytest.raises(GradientError):
        x.astype("int64").astype("float32").sum().backward()
    with pytest.raises(DTypeError, match="astype: got complex64"):
        x.astype("complex64")


def test_cast_between_floats_casts_the_gradient_back():
    x = tg.tensor(np.ones(2, np.float32), requires_grad=True)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_joined_dtypes_are_promoted_and_each_gradient_keeps_its_own():
    a = tg.tensor(np.ones(2, np.float32), requires_grad=True)
    b = tg.tensor(np.ones(3), requires_grad=True)
    y = tg.concat([a, b, np.array([1, 2])])
    assert y.dtype == np.float64
    (y * np.arange(7.0)).sum().backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(b.grad), [2, 3, 4])


def test_like_functions_follow_dtype_and_shape():
    x = tg.tensor(np.ones((2, 3), np.float16), requires_grad=True)
    assert tg.full_like(x, 2.5).tolist() == [[2.5] * 3] * 2
    assert tg.ones_like(x).dtype == tg.empty_like(x).dtype == np.float16
    assert tg.zeros_like(x, dtype="int8", shape=(4,)).tolist() == [0] * 4
    assert isinstance(tg.zeros_like(np.ones(2)), np.ndarray)


# --------------------------------------------------------------------------------- join and cut
def test_joining_nothing_or_misfits_is_refused():
    for function in (tg.concat, tg.stack, tg.hstack, tg.vstack, tg.dstack, tg.column_stack):
        with pytest.raises(ShapeError, match=f"{function.__name__}: got no arrays"):
            function([])
    x = tg.tensor(np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"concat: got \(2, 3\) float64, \(2, 4\) float64"):
        tg.concat([x, np.ones((2, 4))])
    with pytest.raises(ShapeError, match=r"stack: got \(2, 3\) float64, \(3,\) float64"):
        tg.stack([x, np.ones(3)])
    with pytest.raises(OperandError, match=r"tensor\(value.data\)"):
        tg.stack([tg.Value(1.0)])


def test_an_array_is_a_sequence_of_its_rows():
    x = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    np.testing.assert_array_equal(np.asarray(tg.concat(x)), np.arange(6.0))
    (tg.concat(x) * np.arange(6.0)).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), np.arange(6.0).reshape(2, 3))


def test_the_same_array_joined_twice_gets_both_gradients():
    got = slope(
        lambda z: tg.sum(tg.stack([z, z * 2, z]) * np.array([[1.0], [10.0], [100.0]])), [1.0]
    )
    np.testing.assert_array_equal(got, [121])


@given(
    n=st.integers(0, 9),
    cuts=st.one_of(st.integers(1, 5), st.lists(st.integers(-10, 10), max_size=4)),
    axis=st.integers(-2, 1),
)
def test_cutting_is_numpys_and_joining_undoes_it(n, cuts, axis):
    x = np.arange(n * n, dtype=float).reshape(n, n)
    parts = tg.array_split(x, cuts, axis)
    for got, want in zip(parts, np.array_split(x, cuts, axis), strict=True):
        np.testing.assert_array_equal(got, want)
    if isinstance(cuts, int):
        np.testing.assert_array_equal(tg.concat(parts, axis), x)


def test_uneven_cuts_are_refused():
    x = tg.tensor(np.ones((4, 6)))
    with pytest.raises(
        ShapeError, match="split: got 4 parts of an axis of length 6, expected a divisor"
    ):
        x.split(4, axis=1)
    with pytest.raises(OptionError, match="array_split: got 0 parts"):
        tg.array_split(x, 0)
    with pytest.raises(ShapeError, match=r"dsplit: got shape \(4, 6\), expected at least 3 axes"):
        tg.dsplit(x, 2)
    with pytest.raises(ShapeError, match="split: got axis 2 of an array with 2 axes"):
        x.split(2, 2)


# -------------------------------------------------------------------------------------- repeat
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=2),
    st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_margins_are_numpys_however_wide(widths, mode, shape):
    x = np.arange(float(shape[0] * shape[1])).reshape(shape)
    want = np.pad(x, widths, mode)
    np.testing.assert_array_equal(tg.pad(x, widths, mode), want)
    # The gradient of the sum counts how often each element was used.
    counts = [np.sum(want == v) for v in x.ravel()]
    if mode == "constant":
        counts = [1] * x.size
    np.testing.assert_array_equal(
        slope(lambda z: tg.sum(tg.pad(z, widths, mode)), x).ravel(), counts
    )


def test_forms_of_margins():
    x = np.ones((2, 3))
    for width in (1, (1, 2), [(1, 2)], ((1, 2), (0, 3)), ((1,), (2,)), np.array([[1, 2], [3, 4]])):
        assert tg.pad(x, width).shape == np.pad(x, width).shape
    np.testing.assert_array_equal(tg.pad(x, 1, constant_values=7), np.pad(x, 1, constant_values=7))
    np.testing.assert_array_equal(
        slope(lambda z: tg.jvp(lambda w: tg.pad(w, 1, constant_values=7).sum(), (z,), (z,))[1], x),
        1,
    )
    with pytest.raises(OptionError, match="pad: got mode='mirror', expected one of constant"):
        tg.pad(x, 1, "mirror")
    with pytest.raises(OptionError, match="pad: got pad_width=-1, expected 0 or more"):
        tg.pad(x, -1)
    with pytest.raises(ShapeError, match=r"pad: got pad_width=.* for 2 axes"):
        tg.pad(x, ((1, 2), (3, 4), (5, 6)))
    with pytest.raises(ShapeError, match="has nothing to copy"):
        tg.pad(np.ones((0, 2)), 1, "edge")


def test_repeats_of_each_element():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for times in ([2, 0], (1, 3), np.array([2, 1]), tg.tensor(np.array([2, 1])), 3, [2]):
        plain = np.asarray(times)
        np.testing.assert_array_equal(tg.repeat(x, times, 1), np.repeat(x, plain, 1))
    np.testing.assert_array_equal(
        slope(lambda z: tg.sum(tg.repeat(z, [2, 0], 0)), x), [[2, 2], [0, 0]]
    )
    with pytest.raises(ShapeError, match="repeat: got 3 numbers for the 2 elements of axis 0"):
        tg.repeat(x, [1, 2, 3], 0)
    with pytest.raises(OptionError, match="repeat: got repeats=-1"):
        tg.repeat(x, -1)


def test_grids_refuse_what_they_do_not_know():
    with pytest.raises(OptionError, match="meshgrid: got indexing='yx'"):
        tg.meshgrid(np.ones(2), indexing="yx")
    with pytest.raises(ShapeError, match=r"meshgrid: got shape \(2, 2\), expected one axis"):
        tg.meshgrid(np.ones((2, 2)))


# ----------------------------------------------------------------------------------- messages
@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: x.reshape(4), r"reshape: got \(2, 3\) float64, shape=4"),
        (lambda x: x.expand_dims(7), "expand_dims: .* axis=7: axis 7 .* dimension 3"),
        (lambda x: x.squeeze(1), r"squeeze: got \(2, 3\) float64, axis=1"),
        (lambda x: x.permute_dims(0, 0), r"permute_dims: .* axes=\(0, 0\): repeated axis"),
        (lambda x: x.swapaxes(0, 5), "swapaxes: got axis 5 of an array with 2 axes"),
        (lambda x: x.moveaxis(0, 5), "moveaxis: got axis 5 of an array with 2 axes"),
        (lambda x: x.moveaxis((0, 1), 0), "moveaxis: got 2 sources and 1 destinations"),
        (
            lambda x: x.moveaxis((0, 0), (0, 1)),
            r"moveaxis: got axis=\(0, 0\), expected each axis once",
        ),
        (lambda x: x.broadcast_to((3, 3)), r"broadcast_to: got \(2, 3\) float64, shape=\(3, 3\)"),
        (lambda x: x[0].mT, r"matrix_transpose: got \(3,\)"),
        (lambda x: x.diagonal(axis1=4), "diagonal: .*axis1=4"),
        (lambda x: tg.diag(x[None]), r"diag: got shape \(1, 2, 3\), expected one axis or two"),
        (
            lambda x: tg.broadcast_arrays(x, x.T),
            r"broadcast_arrays: got the shapes \(2, 3\), \(3, 2\)",
        ),
        (lambda x: x.roll(1, 3), "roll: .* axis=3"),
        (lambda x: x.repeat(2, 3), "repeat: got axis 3 of an array with 2 axes"),
        (lambda x: x.unstack(2), "unstack: got axis 2 of an array with 2 axes"),
        (lambda x: tg.rot90(x, axes=(0, 0)), "rot90: .* expected each axis once"),
    ],
)
def test_messages_name_operation_and_shapes(call, text):
    with pytest.raises(ShapeError, match=text):
        call(tg.tensor(np.ones((2, 3))))
