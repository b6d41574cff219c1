"""Large parameters are written in place where nothing else holds their array, and only there."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import share, twofold
from tests.optim.draws import ELEMENTWISE, options
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import MutationError
from tinygrad_nn.optim import rule

SIDE = 300
"""float32, so that a parameter of that side is larger than a block."""


def large(rng, dtype=np.float32):
    p = nn.Parameter(rng.standard_normal((SIDE, SIDE)).astype(dtype))
    p._grad = rng.standard_normal((SIDE, SIDE)).astype(dtype)
    return p


HOLDERS = {
    "the array": lambda p: p._data,
    "a row": lambda p: p._data[0],
    "a view of a view": lambda p: p._data.T[1:][::2],
    "a buffer": lambda p: memoryview(p._data),
    "NumPy's view": np.asarray,
    "data": lambda p: p.data,
    "a detached tensor": lambda p: p.detach(),
    "a transposed tensor": lambda p: constant(p).mT,
    "a constant of a graph": lambda p: (tg.Parameter(2.0) * constant(p)).inputs[1],
}


def constant(p):
    """A tensor of the same array that requires no gradient."""
    return tg.Tensor.wrap(p._data)


def numbers(held):
    return np.array(held._data if isinstance(held, tg.Tensor) else held)


@pytest.mark.parametrize("holder", HOLDERS)
def test_who_holds_the_numbers_before_a_step_keeps_them(holder):
    p = large(np.random.default_rng(0))
    held = HOLDERS[holder](p)
    if holder == "data":  # it is the parameter's own, for the user to read and write
        optim.Adam([p]).step()
        np.testing.assert_array_equal(held, p._data)
        return
    before = numbers(held).copy()
    optim.Adam([p]).step()
    np.testing.assert_array_equal(numbers(held), before)


def test_an_array_that_nothing_else_holds_is_written_in_place():
    p = large(np.random.default_rng(0))
    optimizer = optim.Adam([p])
    place = p._data.ctypes.data
    for _ in range(3):
        optimizer.step()
    assert p._data.ctypes.data == place


@pytest.mark.parametrize("layout", ["columns first", "a view", "read-only"])
def test_an_array_that_cannot_be_written_block_by_block_is_replaced(layout):
    rng = np.random.default_rng(0)
    p, q = large(rng), large(np.random.default_rng(0))
    if layout == "columns first":
        p._data = np.asfortranarray(p._data)
    elif layout == "a view":
        p._data = np.concatenate([p._data, p._data])[:SIDE]
    else:
        p._data.flags.writeable = False
    optim.Adam([p]).step()
    optim.Adam([q]).step()
    np.testing.assert_array_equal(p._data, q._data)


@pytest.mark.parametrize("name", ELEMENTWISE)
@twofold
@share(100)
@given(data=st.data())
def test_in_place_or_not_gives_the_same_bits(name, data):
    drawn, seed = data.draw(options(name)), data.draw(st.integers(0, 2**32 - 1))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    results = []
    for holds in (False, True):
        rng = np.random.default_rng(seed)
        p = large(rng, dtype)
        optimizer = getattr(optim, name)([p], **drawn)
        for _ in range(3):
            held = p._data if holds else None
            p._grad = rng.standard_normal(p.shape).astype(dtype)
            optimizer.step()
            assert held is not p._data
        results.append(p._data)
    np.testing.assert_array_equal(*results)


def test_a_graph_from_before_the_step_is_refused():
    p = large(np.random.default_rng(0))
    loss = (p * p).sum()
    optim.Adam([p]).step()
    with pytest.raises(MutationError):
        loss.backward()


@pytest.mark.parametrize("fault", [False, True])
def test_a_count_that_is_too_lenient_is_caught(monkeypatch, fault):
    """The tests above can fail: planted fault."""
    if fault:
        monkeypatch.setattr(rule, "_ONCE", rule._ONCE + 1)
        monkeypatch.setattr(rule, "getrefcount", lambda x: rule._ONCE)
    with pytest.raises(AssertionError) if fault else nullcontext():
        test_who_holds_the_numbers_before_a_step_keeps_them("a row")
