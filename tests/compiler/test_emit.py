"""Programs written out: the same bits at each replay, in memory that nobody else sees change."""

import gc
import itertools
import linecache
import traceback
import weakref
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given

import tinygrad_nn as tg
from tests.compiler.programs import Builder, bits, plainly, programs, replayed, same
from tinygrad_nn.compiler import jit
from tinygrad_nn.compiler.emit import Replay, writer
from tinygrad_nn.compiler.emit.ends import blank
from tinygrad_nn.compiler.passes import optimized
from tinygrad_nn.compiler.places import Unfit
from tinygrad_nn.compiler.plan import memory
from tinygrad_nn.compiler.plan.memory import planned
from tinygrad_nn.compiler.program import Instruction, Var
from tinygrad_nn.compiler.source import Source
from tinygrad_nn.errors import CaptureError


@given(drawn=programs())
def test_every_replay_has_the_bits_of_the_program(drawn: Any):
    program, calls = drawn
    for changed in (program, optimized(program, "numpy")):
        replay = Replay(changed)
        for leaves in calls:
            assert same(replayed(changed, leaves, replay), plainly(program, leaves))


@given(drawn=programs())
def test_results_without_buffers_have_the_same_bits(drawn: Any):
    """As those of large arrays, which are written over one another and given up at once."""
    program, calls = drawn
    with patch.object(memory, "_SEPARATE", 0), patch.object(writer, "_LARGE", 0):
        for changed in (program, optimized(program, "numpy")):
            replay = Replay(changed)
            assert not replay.plan.slots
            kept = [replayed(changed, leaves, replay) for leaves in calls]
            for leaves, found in zip(calls, kept, strict=True):
                assert same(found, plainly(program, leaves))


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


LARGE = (200, 300)


def test_large_results_take_turns_with_no_buffer():
    b = Builder()
    x = b.input(np.ones(LARGE))
    first = b.do("exp", np.exp, x)
    second = b.do("negative", np.negative, first)
    third = b.do("add", np.add, second, x)
    plan = planned(b.program(b.do("sum", np.add.reduce, third, axis=None, keepdims=False)))
    assert not plan.slots and plan.heirs == {second: first, third: second}
    assert plan.peak_bytes == first.nbytes + 8 and plan.eager_bytes == 2 * first.nbytes


def test_what_is_needed_later_has_no_heir():
    b = Builder()
    x = b.input(np.ones(LARGE))
    first = b.do("exp", np.exp, x)
    look = b.do("reshape", np.reshape, first, (300, 200))
    second = b.do("negative", np.negative, first)
    third = b.do("add", np.add, second, x)
    ends = [b.do("sum", np.add.reduce, v, axis=None, keepdims=False) for v in (look, second, third)]
    assert not planned(b.program(*ends)).heirs


@pytest.mark.parametrize("flipped", [False, True])
def test_large_steps_have_the_bits_of_eager_code_and_results_of_their_own(flipped: bool):
    def step(x: Any, y: Any) -> Any:
        a = (x * 1.5 + y).tanh()
        b = ((a - y) * a).exp() * 0.5
        return a.mT @ b, b.sum(0), (a * 2.0 + b) / 3.0, b

    quick = jit(step, engine="numpy")
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(4):
        x, y = (rng.normal(size=LARGE[::-1] if flipped else LARGE) for _ in range(2))
        given = [tg.tensor(a.T if flipped else a) for a in (x, y)]
        found = [t.numpy() for t in quick(*given)]
        for ours, eager in zip(found, step(*given), strict=True):
            assert (
                ours.tobytes() == eager.numpy().tobytes() and ours.strides == eager.numpy().strides
            )
        kept.append((found, [a.copy() for a in found]))
    arrays = [a for found, _ in kept for a in found]
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(arrays, 2))
    assert all((a == c).all() for found, copies in kept for a, c in zip(found, copies, strict=True))


@pytest.mark.parametrize("strides", [(8, 8 * 200), (8 * 300, 8)])
def test_a_new_array_is_laid_out_as_planned_and_nothing_of_its_size_is_kept(strides: Any):
    source = Source()
    text = blank(source, Var(LARGE, np.dtype("f8"), strides))
    kept = [x.nbytes for x in source.scope.values() if isinstance(x, np.ndarray)]
    assert sum(kept) < 100
    source.scope.update(empty=np.empty, empty_like=np.empty_like)
    source.line(f"made = {text}", 0)
    made = source.compiled()["made"]
    assert made.strides == strides and made.shape == LARGE and made.base is None


def test_a_step_that_is_given_up_gives_its_memory_back():
    step = jit(lambda x: ((x * 2 + 1).sin() * x).sum(), engine="numpy")
    step(np.ones(4000))
    assert step.memory.held >= 8 * 4000
    slot = next(iter(step._last.replay.plan.slots.values()))
    array, there = weakref.ref(slot.memory), weakref.ref(step)
    del step, slot
    gc.collect()
    assert there() is None and array() is None


def test_work_space_of_compiled_functions_counts_as_held():
    class Kernel:
        nbytes = 4096

        def __call__(self, x: Any, out: Any) -> None:
            np.negative(x, out)

    b = Builder()
    x = b.input(np.ones(8))
    i = Instruction("k", partial(np.negative, np.ones(16)), (x,), {}, Var((8,), x.dtype, (8,)))
    for call, size in ((Kernel(), 4096), (partial(Kernel(), np.ones(16)), 128), (np.negative, 0)):
        program = replace(b.program(), instructions=(replace(i, call=call, writes=True),))
        assert planned(program).work_bytes == size == planned(program).held_bytes - 64
