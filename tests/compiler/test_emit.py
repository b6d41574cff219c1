"""Programs written out: the same bits at each replay, in memory that nobody else sees change."""

import gc
import linecache
import traceback
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tinygrad_nn as tg
from tests.compiler.programs import Builder, bits, plainly, programs, replayed, same
from tests.ops.case import flatten
from tests.ops.draws import SeededDraw
from tinygrad_nn.compiler import jit
from tinygrad_nn.compiler.emit import Replay
from tinygrad_nn.compiler.passes import optimized
from tinygrad_nn.compiler.places import Unfit
from tinygrad_nn.compiler.plan.forms import FRESH
from tinygrad_nn.compiler.plan.memory import planned
from tinygrad_nn.core.op import OPS
from tinygrad_nn.errors import CaptureError


@given(drawn=programs())
def test_every_replay_has_the_bits_of_the_program(drawn: Any):
    program, calls = drawn
    for changed in (program, optimized(program, "numpy")):
        replay = Replay(changed)
        for leaves in calls:
            assert same(replayed(changed, leaves, replay), plainly(program, leaves))


@given(drawn=programs())
def test_results_that_are_kept_never_change(drawn: Any):
    program, calls = drawn
    changed = optimized(program, "numpy")
    replay = Replay(changed)
    kept = [replayed(changed, leaves, replay) for leaves in calls]
    for leaves, found in zip(calls, kept, strict=True):
        assert same(found, plainly(program, leaves))


@given(drawn=programs())
def test_arguments_are_never_written(drawn: Any):
    program, calls = drawn
    replay = Replay(optimized(program, "numpy"))
    for leaves in calls:
        before = [bits(x) for x in leaves]
        replayed(program, leaves, replay)
        assert [bits(x) for x in leaves] == before


def chain(length: int, side: int) -> Builder:
    b = Builder()
    x = b.input(np.ones((side, side), "f4"))
    for _ in range(length):
        x = b.do("tanh", np.tanh, b.do("matmul", np.matmul, x, x))
    b.last = x  # type: ignore[attr-defined]
    return b


def test_a_chain_needs_two_buffers():
    b = chain(10, 8)
    plan = planned(b.program(b.do("sum", np.add.reduce, b.last, axis=None, keepdims=False)))  # type: ignore[attr-defined]
    assert plan.buffers == 2
    assert plan.peak_bytes == 2 * 8 * 8 * 4 + 4


def test_a_buffer_is_not_shared_with_what_is_needed_later():
    b = Builder()
    x = b.input(np.arange(4.0))
    kept = b.do("negative", np.negative, x)
    other = b.do("exp", np.exp, x)
    third = b.do("add", np.add, other, kept)
    plan = planned(b.program(b.do("multiply", np.multiply, third, kept)))
    assert plan.slots[kept] is not plan.slots[other]
    # `other` is not needed any more when `third` is made, element by element.
    assert plan.slots[other] is plan.slots[third]


def test_a_view_keeps_its_buffer():
    b = Builder()
    x = b.input(np.arange(6.0).reshape(2, 3))
    first = b.do("negative", np.negative, x)
    look = b.do("reshape", np.reshape, first, (3, 2))
    other = b.do("exp", np.exp, x)
    plan = planned(b.program(b.do("sum", np.add.reduce, look, axis=None, keepdims=False), other))
    assert plan.owners[look] == {first}
    assert plan.slots[first] is not plan.slots.get(other)


def test_another_form_of_an_argument_does_not_fit():
    b = Builder()
    x = b.input(np.ones((2, 3), "f4"))
    replay = Replay(b.program(b.do("negative", np.negative, x)))
    for wrong in (np.ones((3, 2), "f4"), np.ones((2, 3)), np.ones((3, 2), "f4").T):
        with pytest.raises(Unfit):
            replay.run_leaves([wrong], [], None)


def test_an_error_names_the_line_of_the_user_and_shows_ours():
    def failing(x: Any) -> Any:
        if x[0] > 1:
            raise IndexError("too far")
        return x + 1

    b = Builder()
    x = b.input(np.zeros(2))
    replay = Replay(b.program(b.do("failing", failing, x)))
    with pytest.raises(IndexError) as caught:
        replay.run_leaves([np.full(2, 2.0)], [], None)
    assert caught.value.__notes__ == ["in a captured step, at here:1"]
    assert any("captured step" in f.filename and f.line for f in traceback.extract_tb(caught.tb))


def test_a_user_s_text_is_never_source():
    b = Builder()
    x = b.input(np.zeros(2))
    said: list[str] = []

    def call(x: Any, text: str) -> Any:
        said.append(text)
        return x + 1

    text = "'); raise SystemExit #"
    replay = Replay(b.program(b.do(text, call, x, text)))
    replay.run_leaves([np.zeros(2)], [], None)
    assert said == [text, text]


def test_a_replay_lets_its_source_go():
    b = chain(1, 2)
    replay = Replay(b.program(b.last))  # type: ignore[attr-defined]
    file = replay._writer.source.file
    assert file in linecache.cache
    del replay
    gc.collect()
    assert file not in linecache.cache


@pytest.mark.parametrize("key", sorted(FRESH))
def test_kernels_said_to_make_new_memory_do(key: str):
    record = OPS[key]
    for seed in range(20):
        args, params = record.sample(SeededDraw(seed))
        with np.errstate(all="ignore"):
            out = record.kernels[np.ndarray][0](*args, **params)
        given = [x for x in flatten(args) if isinstance(x, np.ndarray)]
        assert not any(np.shares_memory(out, x) for x in given)


@given(drawn=programs())
def test_results_that_are_needed_at_the_same_time_lie_apart(drawn: Any):
    plan = planned(drawn.program)
    made = {v: n for n, i in enumerate(drawn.program.instructions) for v in i.results}
    for a, slot in plan.slots.items():
        assert slot.nbytes >= a.nbytes
        for b, other in plan.slots.items():
            # At the same instruction only in place: the argument's last use makes the result.
            if a is not b and slot is other and made[a] <= made[b]:
                i = drawn.program.instructions[made[b]]
                assert plan.last[a] < made[b] or (plan.last[a] == made[b] and a in i.inputs)


def test_a_step_tells_what_memory_it_takes():
    @jit(engine="numpy")
    def step(x: Any) -> Any:
        y = x
        for _ in range(5):
            y = (y * 2 + 1) * x
        return y.sum()

    with pytest.raises(CaptureError, match="call it once"):
        step.memory  # noqa: B018
    step(tg.ones(1000))
    assert 0 < step.memory.captured < step.memory.eager
