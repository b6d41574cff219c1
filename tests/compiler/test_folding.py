"""What follows from constants is worked out once, unless the user may change them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tinygrad_nn as tg
from tests.compiler.programs import Builder, plainly, programs, replayed, same
from tinygrad_nn.backends import namespace
from tinygrad_nn.compiler import captured as module
from tinygrad_nn.compiler import jit
from tinygrad_nn.compiler.passes.fold import folded

ENGINES = ["numpy", "numba"]


def private(program: Any) -> Any:
    return replace(program, private=frozenset(program.constants))


@given(drawn=programs())
def test_folding_keeps_every_bit(drawn: Any):
    program, calls = drawn
    changed = folded(private(program))
    assert len(folded(program).instructions) == len(program.instructions)
    for leaves in calls:
        assert same(plainly(changed, leaves), plainly(program, leaves))
        assert same(replayed(changed, leaves), plainly(program, leaves))


def needs(engine: str) -> None:
    if engine == "numba":
        pytest.importorskip("numba")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_seed_of_a_backward_pass_is_folded(engine: str):
    needs(engine)
    x = tg.tensor(np.ones((4, 4), "f4"), requires_grad=True)

    @jit(engine=engine)
    def step(y: Any) -> Any:
        x.grad = None
        (-(x * y).mean()).backward()
        return x.grad

    y = tg.tensor(np.arange(16, dtype="f4").reshape(4, 4))
    for _ in range(3):
        assert np.array_equal(step(y).data, -y.data / 16)
    assert any(who == "folding" for who, _ in step.program.notes)


def changing(engine: str) -> bool:
    """Whether a step heeds what the user writes into an array that it was not given."""
    table = np.arange(3, dtype="f4")
    x = tg.tensor(np.ones(3, "f4"))

    @jit(engine=engine)
    def step(x: Any) -> Any:
        return x + tg.exp(tg.tensor(table))

    @jit(engine=engine)
    def plain(x: Any) -> Any:
        return x * table * 2

    heeded = True
    for n in range(3):
        table[:] = [n, 1, 2]
        heeded &= np.allclose(step(x).data, 1 + np.exp(table))
        heeded &= np.array_equal(plain(x).data, table * 2)
    return bool(heeded)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_user_writes_into_an_array_counts(engine: str):
    needs(engine)
    assert changing(engine)


def test_an_array_of_the_user_taken_for_a_constant_is_found(monkeypatch: pytest.MonkeyPatch):
    optimized = module.optimized
    monkeypatch.setattr(module, "optimized", lambda p, engine: optimized(private(p), engine))
    assert not changing("numpy")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_folded_and_returned_is_new_each_time(engine: str):
    needs(engine)

    @jit(engine=engine)
    def step(x: Any) -> Any:
        xp = namespace(tg.core.capturing.capturing().payload(x)) if tracing() else np
        return x + tg.tensor(xp.arange(3.0)), tg.tensor(xp.ones(3)) * 2.0

    def tracing() -> bool:
        return tg.core.capturing.capturing() is not None

    x = tg.tensor(np.ones(3))
    for _ in range(3):
        first, second = step(x)
        assert first.data.tolist() == [1, 2, 3]
        assert second.data.tolist() == [2, 2, 2]
        second.data[:] = 7


def test_what_warns_is_not_folded():
    b = Builder()
    zero = b.constant(np.zeros(2))
    program = private(b.program(b.do("divide", np.divide, zero, zero)))
    assert folded(program) is program
