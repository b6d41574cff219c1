"""Indexing, gathering and assignment: what the suite of every operation cannot say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_nn as tg
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, PositionError, ShapeError


def pulled(y: tg.Tensor, x: tg.Tensor, weight: Any) -> Any:
    """Gradient of `sum(y · weight)` with respect to the leaf `x`."""
    x.grad = None
    y.backward(np.asarray(weight, y.dtype), retain_graph=True)
    return x.grad.data


def added(key: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """The gradient by its definition, with NumPy's slow but plain `add.at`."""
    out = np.zeros(shape)
    np.add.at(out, key, g)
    return out


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> Any:
    """Any key that NumPy takes: basic, boolean, integer arrays, and all of them mixed."""
    kind = draw(st.sampled_from(["basic", "mask", "arrays", "mixed"]))
    if kind == "basic":
        return draw(hnp.basic_indices(shape, allow_newaxis=True))
    if kind == "mask":
        depth = draw(st.integers(1, len(shape)))
        return draw(hnp.arrays(bool, shape[:depth]))
    if kind == "arrays":
        return draw(hnp.integer_array_indices(shape))
    side = shape[0]
    rows = draw(
        hnp.arrays(
            np.intp,
            draw(st.sampled_from([(), (2,), (2, 1)])),
            elements=st.integers(-side, side - 1),
        )
    )
    rest = draw(hnp.basic_indices(shape[1:], allow_newaxis=True, allow_ellipsis=False))
    return (rows, *(rest if isinstance(rest, tuple) else (rest,)))


shapes = hnp.array_shapes(min_dims=2, max_dims=3, max_side=4)


@given(data=st.data(), shape=shapes)
def test_any_key_of_numpy(data: Any, shape: tuple[int, ...]):
    key = data.draw(keys(shape))
    x = tg.tensor(np.arange(np.prod(shape), dtype=float).reshape(shape), requires_grad=True)
    y = x[key]
    np.testing.assert_array_equal(y.data, x.data[key])
    g = np.random.default_rng(0).normal(size=y.shape)
    np.testing.assert_allclose(pulled(y, x, g), added(key, g, shape), atol=1e-12)


@given(data=st.data(), shape=shapes)
def test_a_lost_repetition_would_be_seen(data: Any, shape: tuple[int, ...]):
    """Planted fault: assigning in place of adding is wrong exactly where the key repeats."""
    key = data.draw(hnp.integer_array_indices(shape))
    hits = added(key, 1.0, shape)
    faulty = np.zeros(shape)
    faulty[key] = 1.0
    assert np.array_equal(faulty, hits) == (hits.max(initial=0) <= 1)
    x = tg.tensor(np.zeros(shape), requires_grad=True)
    y = x[key]
    np.testing.assert_array_equal(pulled(y, x, np.ones(y.shape)), hits)


@pytest.mark.parametrize("kind", [list, np.array, lambda i: tg.tensor(np.array(i))])
def test_an_index_may_be_a_list_an_array_or_a_tensor(kind: Any):
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    y = x[kind([2, 0, 2])]
    np.testing.assert_array_equal(y.data, [[5, 6], [1, 2], [5, 6]])
    np.testing.assert_array_equal(pulled(y, x, np.ones((3, 2))), [[1, 1], [0, 0], [2, 2]])
    np.testing.assert_array_equal(x[kind([True, False, True])].data, [[1, 2], [5, 6]])


@pytest.mark.parametrize("empty", [[], (), np.zeros(0, int), np.zeros(3, bool)])
def test_empty_keys(empty: Any):
    x = tg.tensor(np.ones((3, 2)), requires_grad=True)
    y = x[empty]
    assert y.shape == np.ones((3, 2))[empty].shape
    expected = added(empty if len(np.shape(empty)) else (), np.ones(y.shape), (3, 2))
    np.testing.assert_array_equal(pulled(y, x, np.ones(y.shape)), expected if y.size else 0)


def test_an_index_of_no_axes_is_a_number():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for one in (np.int64(1), np.array(1), tg.tensor(np.array(1))):
        assert x[one].shape == ()
        np.testing.assert_array_equal(pulled(x[one], x, 1.0), [0, 1, 0])
    assert x[True].shape == (1, 3) and x[np.bool_(False)].shape == (0, 3)
    assert x[tg.tensor(np.array(0)) : tg.tensor(np.array(2))].shape == (2,)


def test_a_later_write_to_the_index_changes_nothing():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = np.array([0, 0])
    mask = np.array([True, False, False])
    y, z = x[index], x[mask]
    index[:], mask[:] = 2, True
    np.testing.assert_array_equal(pulled(y, x, [1.0, 1.0]), [2, 0, 0])
    np.testing.assert_array_equal(pulled(z, x, [1.0]), [1, 0, 0])


def test_half_precision_adds_up_in_single():
    x = tg.tensor(np.zeros(2, np.float16), requires_grad=True)
    y = x[np.zeros(4096, int)]
    g = pulled(y, x, np.ones(4096))
    assert g.dtype == np.float16 and g[0] == 4096  # 2048 + 1 is 2048 in half precision


@pytest.mark.parametrize(
    "key, text",
    [
        (3, "index 3 is out of bounds for axis 0 with size 2"),
        ((0, [0, 5]), "index 5 is out of bounds for axis 1 with size 3"),
        ((0, 0, 0), "too many indices"),
        (1.0, r"float 1.0.*tensor\(\[0, 2\], dtype=int\)"),
        (np.array([0.5]), r"\(1,\) float64.*astype\(int\)"),
        (slice(0.0, None), "slice"),
        ("a", "str"),
        (np.array([True]), "boolean index did not match"),
    ],
)
def test_bad_keys_say_what_is_wrong(key: Any, text: str):
    x = tg.tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(PositionError, match=text) as error:
        x[key]
    assert isinstance(error.value, IndexError) and "getitem" in str(error.value)


def test_iteration_and_unpacking():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[3, 4], [1, 2]])
    assert len(list(tg.tensor(np.zeros((0, 2))))) == 0
    with pytest.raises(OperandError, match="without axes"):
        list(tg.tensor(1.0))


# ── Assignment ──────────────────────────────────────────────────────────────────────────


def test_assignment_into_a_constant():
    x = tg.tensor([1.0, 2.0, 3.0])
    shared = x.data
    x[1:] = tg.tensor([5.0, 6.0])
    x[np.array([0])] = -1
    np.testing.assert_array_equal(x.data, [-1, 5, 6])
    np.testing.assert_array_equal(shared, [-1, 5, 6])


def test_assignment_does_not_change_what_was_computed():
    weight = tg.tensor([2.0, 3.0])
    index = tg.tensor(np.array([0, 1]))
    w = tg.tensor([1.0, 1.0], requires_grad=True)
    y = (w[index] * weight).sum()
    weight[:], index[:] = 100.0, 0
    y.backward()
    np.testing.assert_array_equal(w.grad.data, [2, 3])


@pytest.mark.parametrize(
    "write",
    [
        lambda x, y: x.__setitem__(0, 1.0),
        lambda x, y: y.__setitem__(0, 1.0),
        lambda x, y: tg.tensor([1.0, 2.0]).__setitem__(0, y[0]),
    ],
)
def test_assignment_that_would_lose_a_gradient_is_refused(write: Any):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(OperandError, match=r"index_put\(x, key, values\)"):
        write(x, x * 2)


def test_index_put_gives_the_last_writer_the_gradient():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    values = tg.tensor([10.0, 20.0, 30.0], requires_grad=True)
    y = tg.index_put(x, np.array([0, 0, 1]), values)
    np.testing.assert_array_equal(y.data, [20, 30, 3])
    y.backward(np.array([1.0, 2.0, 4.0], np.float32))
    np.testing.assert_array_equal(x.grad.data, [0, 0, 4])
    np.testing.assert_array_equal(values.grad.data, [0, 1, 2])
    np.testing.assert_array_equal(x.data, [1, 2, 3])


def test_index_put_keeps_nan_out_of_the_gradient():
    x = tg.tensor([np.nan, 2.0], requires_grad=True)
    (tg.index_put(x, 0, 1.0) * np.float32(3)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [0, 3])


# ── Along an axis ───────────────────────────────────────────────────────────────────────


def test_scatter_may_read_a_part_of_its_source():
    x = tg.tensor(np.zeros((2, 3)), requires_grad=True)
    source = tg.tensor(np.arange(1.0, 7.0).reshape(2, 3), requires_grad=True)
    y = x.scatter_add(1, np.array([[0, 0]]), source)
    np.testing.assert_array_equal(y.data, [[3, 0, 0], [0, 0, 0]])
    y.sum().backward()
    np.testing.assert_array_equal(source.grad.data, [[1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(
        x.scatter(0, np.array([[1, 0, 1]]), 7.0).data, [[0, 7, 0], [7, 0, 7]]
    )


def test_numpys_functions_give_tensors():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    order = np.array([[1, 0], [0, 0]])
    for y in (
        np.take_along_axis(x, order, 1),
        np.take(x, order, mode="clip"),
        np.compress([True, False], x, axis=0),
        np.extract(x.data > 1, x),
    ):
        assert isinstance(y, tg.Tensor) and y.requires_grad
    assert [i.tolist() for i in np.nonzero(x)] == [[0, 0, 1, 1], [0, 1, 0, 1]]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: tg.take(x, [0], mode="around"), OptionError, "'raise', 'wrap' or 'clip'"),
        (lambda x: tg.gather(x, 0, np.array([0])), ShapeError, "as many axes"),
        (lambda x: tg.gather(x, 5, np.array([[0]])), ShapeError, "axis 5"),
        (lambda x: tg.index_select(x, 0, np.array([[0]])), ShapeError, "one axis"),
        (lambda x: tg.masked_fill(x, np.ones((2, 3)), 0.0), DTypeError, "expected booleans"),
        (lambda x: tg.take_along_axis(x, np.array([0]), 0), ShapeError, "as many axes"),
        (lambda x: tg.scatter(x, 0, np.array([[0, 0]]), np.ones((1, 1))), ShapeError, "src"),
        (lambda x: tg.take(x, [7]), IndexError, "index 7 is out of bounds for axis 0 with size 6"),
    ],
)
def test_errors_name_the_fix(call: Any, error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        call(tg.tensor(np.ones((2, 3)), requires_grad=True))
