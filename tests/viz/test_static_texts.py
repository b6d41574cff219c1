"""Static arguments as a trace and a drawing write them."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.viz.trace.statics import static_texts
from tinygrad_nn.viz.trace.steps import Fact
from tinygrad_nn.viz.wording import arguments

OPERATIONS = {
    "all rows": (lambda x: x[:, 1:], "[:, 1:]"),
    "one row": (lambda x: x[1], "[1]"),
    "every second": (lambda x: x[..., ::2], "[..., ::2]"),
    "backward": (lambda x: x[::-1, -1], "[::-1, -1]"),
    "new axis": (lambda x: x[None, 2:3], "[None, 2:3]"),
    "indices": (lambda x: x[np.array([0, 2])], "[index]"),
    "mask": (lambda x: x[x > 3], "[index]"),
    "shape": (lambda x: x.reshape(3, 8), "shape=(3, 8)"),
    "one axis": (lambda x: x.reshape((24,)), "shape=(24,)"),
    "axis and flag": (lambda x: tg.sum(x, axis=0, keepdims=True), "axis=0, keepdims=True"),
    "nothing told": (tg.sum, ""),
    "nested": (lambda x: tg.pad(x, ((1, 1), (0, 2))), "pad_width=((1, 1), (0, 2))"),
    "words": (lambda x: x.astype("float32"), "dtype='float32'"),
}


POOLS = {
    "the same along both axes": ({"kernel_size": 2}, "size=2, stride=2"),
    "unlike": ({"kernel_size": (2, 3)}, "size=(2, 3), stride=(2, 3)"),
    "overlapping": ({"kernel_size": 3, "stride": 1, "padding": 1}, "size=3, stride=1, padding=1"),
}


@pytest.mark.parametrize("name", POOLS)
def test_windows_are_told_as_a_layer_is(name):
    options, words = POOLS[name]
    x = tg.Tensor(np.zeros((1, 2, 8, 9)), requires_grad=True)
    trace = tg.trace(tg.nn.functional.max_pool2d(x, **options).sum())
    assert arguments(trace.records[1].params) == words


def test_a_convolution_tells_what_is_not_usual():
    x = tg.Tensor(np.zeros((1, 2, 8, 9)), requires_grad=True)
    w = tg.Tensor(np.zeros((3, 2, 3, 3)))
    convolved = tg.nn.functional.conv2d(x, w, padding=1)
    found = next(r for r in tg.trace(convolved.sum()).records if r.op == "convolution")
    assert arguments(found.params) == "padding=1"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_is_not_as_usual(name):
    make, words = OPERATIONS[name]
    x = tg.Tensor(np.arange(24.0).reshape(4, 6), requires_grad=True)
    y = make(x)
    first = tg.trace(y.sum()).records
    found = next(r for r in first if r.op is not None)
    assert arguments(found.params) == words


def test_a_flag_that_is_usually_on_is_told_where_it_is_off():
    op = SimpleNamespace(defaults={"largest": True, "axis": -1, "out": None})
    fact = Fact(op, (), {"largest": False, "axis": -1, "out": None, "upper": False})
    assert static_texts(fact) == (("largest", "False"), ("upper", "False"))


def written(value, name="axes"):
    op = tg.Tensor([1.0], requires_grad=True).sum().op
    return dict(static_texts(Fact(op, (), {name: value})))[name]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1, 2]), "[1, 2]"),
        (np.arange(100.0).reshape(4, 25), "array 4×25"),
        (tg.Tensor(np.zeros((3, 30))), "array 3×30"),
        (tuple(range(20)), "(0, 1, 2, 3, 4, 5, 6, 7, … of 20)"),
        ([1.5, None, True], "[1.5, None, True]"),
        (np.float64(0.5), "0.5"),
        (np.dtype("float32"), "dtype('float32')"),
        (np.tanh, "tanh"),
        (slice(1, None), "1:"),
    ],
)
def test_long_values_are_short(value, text):
    assert written(value) == text


places = st.integers(-5, 5) | st.none() | st.just(...) | st.slices(8)


@given(st.lists(places, min_size=1, max_size=4).map(tuple))
def test_an_index_reads_as_python_reads_it(key):
    class Echo:
        def __getitem__(self, key):
            return key

    text = written(key, "key")
    again = eval(f"echo{text}", {"echo": Echo()})
    assert (again if isinstance(again, tuple) else (again,)) == key
    assert "slice" not in text


def test_a_long_static_text_stays_short_in_a_drawing():
    x = tg.Tensor(np.zeros((2,) * 10), requires_grad=True)
    svg = tg.draw(x.sum(axis=tuple(range(10))), engine="own", level="op").svg
    assert re.search(r">axis=\(0, 1, 2, [^<]*…<", svg)
