"""Tensors from shapes and ranges."""

from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.errors import DTypeError, OptionError

CALLS = [
    ("zeros", ((2, 3),)),
    ("zeros", (3,)),
    ("ones", ([2, 0],)),
    ("full", ((2,), 7.0)),
    ("full", ((2, 3), [1.0, 2.0, 3.0])),
    ("eye", (3,)),
    ("eye", (2, 4, 1)),
    ("identity", (2,)),
    ("tri", (3, 2, -1)),
    ("arange", (5,)),
    ("arange", (1.0, 2.0, 0.25)),
    ("arange", (5, 0, -2)),
    ("linspace", (0.0, 1.0, 5)),
    ("linspace", (0, [1, 2], 3, False)),
    ("logspace", (0, 2, 3)),
    ("geomspace", (1, 16, 5)),
    ("linspace", (0, 1, 0)),
]


@pytest.mark.parametrize("name, args", CALLS)
def test_numpys_values_in_the_default_dtype(name: str, args: Any):
    want = getattr(np, name)(*args)
    got = getattr(tg, name)(*args)
    assert isinstance(got, tg.Tensor)
    np.testing.assert_allclose(got.data, want, rtol=1e-6)
    whole = name == "arange" and want.dtype.kind == "i"
    assert got.dtype == (want.dtype if whole else np.float32)
    with tg.default_dtype("float64"):
        assert getattr(tg, name)(*args).dtype == (want.dtype if whole else np.float64)
    assert getattr(tg, name)(*args, dtype="float16").dtype == np.float16


def test_a_range_is_an_index():
    x = tg.tensor([1.0, 2.0, 3.0])
    assert x[tg.arange(2)].tolist() == [1, 2]


def test_gradients_on_request():
    assert tg.zeros(2, requires_grad=True).requires_grad
    assert not tg.ones((2,)).requires_grad and tg.full((), True).dtype == bool
    with pytest.raises(DTypeError):
        tg.arange(3, requires_grad=True)


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_sides_one_by_one_as_in_pytorch(name: str):
    make = getattr(tg, name)
    assert make(2, 3).shape == make(np.int64(2), 3).shape == make(shape=(2, 3)).shape == (2, 3)
    assert make(2, 3).dtype == np.float32
    for made in (make(2, 3, dtype="float64"), make(2, 3, "float64"), make((2, 3), np.float64)):
        assert (made.shape, made.dtype) == ((2, 3), np.float64)
    assert make(2, "float64").dtype == np.float64
    assert make(2, int).dtype == np.dtype(int)
    assert make(2, 0, 3, requires_grad=True, device="cpu").requires_grad
    np.testing.assert_array_equal(make(2, 3).data, float(name == "ones"))


def test_asarray_copies_only_what_is_no_tensor():
    x = tg.tensor([1.0], requires_grad=True)
    assert tg.asarray(x) is x and tg.asarray(x, "float64").dtype == np.float64
    array = np.ones(2)
    made = tg.asarray(array)
    array[0] = 5
    assert made.tolist() == [1, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: tg.zeros((2, -1)),
        lambda: tg.zeros((2, 3), 4),
        lambda: tg.zeros(2, True),
        lambda: tg.ones(2, -3),
        lambda: tg.empty(2, "float64", dtype="float32"),
        lambda: tg.zeros(2, "float64", 3),
        lambda: tg.arange(0, 1, 0),
        lambda: tg.linspace(0, 1, -1),
    ],
)
def test_bad_options(call: Any):
    with pytest.raises(OptionError, match="expected"):
        call()
