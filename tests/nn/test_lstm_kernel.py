"""The LSTM of sequences of one length: its kernels are the formula, and keep what they must."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.nn.test_norm import two_orders
from tinygrad_nn import nn
from tinygrad_nn.backends import recurrence
from tinygrad_nn.ops.lstm import lstm, lstm_rows


def by_kernel(*inputs: Any, reverse: bool) -> Any:
    """All outputs, and the last cells."""
    outputs, last, cells = lstm(*inputs, reverse=reverse)
    return tg.concat([a.reshape(-1) for a in (outputs, last, cells)])


def in_rows(x: Any, *rest: Any, reverse: bool) -> Any:
    """The same by operations, as sequences of different lengths are run."""
    count, batch, inputs = x.shape
    sizes = (batch,) * count
    rows, cells = lstm_rows(x.reshape(-1, inputs), *rest, sizes=sizes, reverse=reverse)
    ends = slice(0, batch) if reverse else slice(len(rows) - batch, None)
    return tg.concat([a.reshape(-1) for a in (rows, rows[ends], cells[ends])])


def drawn(seed: int, sides: tuple[int, ...], bias: bool, narrow: int) -> list[Any]:
    count, batch, inputs, wide = sides
    out = narrow or wide
    shapes: list[tuple[int, ...]] = [(count, batch, inputs), (batch, out), (batch, wide)]
    shapes += [(4 * wide, inputs), (4 * wide, out)]
    shapes += [(4 * wide,)] * bias + [(narrow, wide)] * bool(narrow)
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def compare(arrays: list[Any], reverse: bool) -> None:
    pairs = (two_orders(f, arrays, {"reverse": reverse}) for f in (by_kernel, in_rows))
    for got, want in zip(*pairs, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10)


@given(
    seed=st.integers(0, 99),
    sides=st.tuples(*[st.integers(1, 4)] * 4),
    bias=st.booleans(),
    narrow=st.integers(0, 2),
    reverse=st.booleans(),
)
def test_the_kernels_are_the_formula_to_second_order(
    seed: int, sides: tuple[int, ...], bias: bool, narrow: int, reverse: bool
):
    compare(drawn(seed, sides, bias, narrow), reverse)


@pytest.mark.parametrize("columns", [1, 4, 6])
@pytest.mark.parametrize("reverse", [False, True])
def test_how_many_steps_are_summed_at_a_time_changes_nothing(columns, reverse, monkeypatch):
    monkeypatch.setattr(recurrence, "_COLUMNS", columns)
    compare(drawn(1, (5, 2, 3, 2), bias=True, narrow=1), reverse)


def test_a_planted_wrong_order_of_gates_is_found(monkeypatch):
    monkeypatch.setattr(recurrence, "_turned", lambda rows: rows.copy())
    with pytest.raises(AssertionError):
        compare(drawn(2, (2, 2, 2, 2), bias=True, narrow=0), reverse=False)


def test_gradients_of_no_sequences_are_nothing():
    layer = nn.LSTM(3, 4, rng=0)
    x = tg.zeros((5, 0, 3), requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad.shape == x.shape
    assert not any(np.asarray(p.grad).any() for p in layer.parameters())


def test_without_a_graph_no_gates_are_kept():
    layer = nn.LSTM(3, 8, rng=0)
    x = tg.zeros((50, 2, 3))
    with tg.no_grad():
        y, (h, c) = layer(x)
    for state in (y, h, c):
        payload = state.data
        whole = payload if payload.base is None else payload.base
        assert whole.nbytes <= 2 * y.data.nbytes
