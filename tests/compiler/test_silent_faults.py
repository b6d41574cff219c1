"""What would be stale or lost in silence is captured anew, or refused with the line of the step."""

import collections
import contextlib
import dataclasses
import logging
import warnings
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, rows
from tests.compiler.twins import bits
from tinygrad_nn.errors import CaptureError

LOG = logging.getLogger(__name__)

# ── Arrays that are operands and are read by Python too ─────────────────────────────────


def table() -> Any:
    return np.array([1.0, 2.0, 3.0], "float32")


T, U = table(), table()
HELD = {"t": table()}, [table()], SimpleNamespace(t=table())
ALIAS = U


def helped(x, t):
    return x * (2.0 if t[0] > 0 else -1.0)


READS = {
    "float": (T, lambda x: x * T + float(T[0])),
    "sum": (T, lambda x: x * T + T.sum()),
    "branch": (T, lambda x: x * T if T[0] > 0 else x - T),
    "tolist": (T, lambda x: x * T + T.tolist()[1]),
    "max": (T, lambda x: x * T + max(T)),
    "numpy": (T, lambda x: x * T + tg.tensor(T * 2)),
    "branch within where": (T, lambda x: tg.where(x > 0, x * T, T) * (1 if T[0] > 0 else 2)),
    "helper": (T, lambda x: helped(x * T, T)),
    "dict": (HELD[0]["t"], lambda x: x * HELD[0]["t"] + float(HELD[0]["t"][0])),
    "list": (HELD[1][0], lambda x: x * HELD[1][0] + float(HELD[1][0][0])),
    "attribute": (HELD[2].t, lambda x: x * HELD[2].t + float(HELD[2].t[0])),
    "getattr": (HELD[2].t, lambda x: x * HELD[2].t + float(getattr(HELD[2], "t")[0])),  # noqa: B009
    "another name": (U, lambda x: x * U + float(ALIAS[0])),
    "default": (T, lambda x, t=T: x * t + float(t[0])),
}


@pytest.mark.parametrize("name", sorted(READS))
def test_an_array_that_python_reads_may_be_changed_in_place(name):
    array, step = READS[name]
    captured, x = tg.jit(step, engine=ENGINE), tg.tensor(rows(1))
    for turn in range(3):
        assert bits(captured(x)) == bits(step(x)), turn
        assert bits(captured(x)) == bits(step(x)), turn
        array *= -2.0


OPERANDS = {
    "product": lambda x: x * T,
    "argument": lambda x: tg.where(x > 0, x, T),
    "shape": lambda x: x * T * T.shape[0],
    "tensor": lambda x: tg.tensor(T) * x,
    "attribute": lambda x: HELD[2].t * x,
}


@pytest.mark.parametrize("name", sorted(OPERANDS))
def test_an_array_that_is_only_an_operand_costs_no_new_capture(name):
    step = OPERANDS[name]
    captured, x = tg.jit(step, engine=ENGINE), tg.tensor(rows(1))
    for _ in range(3):
        assert bits(captured(x)) == bits(step(x))
        T[:], HELD[2].t[:] = T * 3, HELD[2].t * 3
    assert sum(map(len, captured._captured.values())) == 1


# ── Writes into the caller's arrays ─────────────────────────────────────────────────────


def add_in_place(x):
    x += 1
    return x * 2


def power_in_place(x):
    y = x
    y **= 2
    return y


def part_in_place(x):
    y = x[:1]
    y *= 2.0
    return x


@pytest.mark.parametrize("step", [add_in_place, power_in_place, part_in_place])
def test_an_argument_is_not_written_by_augmented_assignment(step):
    x = table()
    with pytest.raises(CaptureError, match=r"write x = x \+ y") as caught:
        tg.jit(step, engine=ENGINE)(x)
    assert "= " in str(caught.value).split("`")[1] and bits(x) == bits(table())


def test_other_augmented_assignments_are_as_they_were():
    def step(x):
        y = x * 2
        y += x
        return y

    captured = tg.jit(step, engine=ENGINE)
    assert bits(captured(rows(0))) == bits(captured(rows(0))) == bits(step(tg.tensor(rows(0))))


@pytest.mark.parametrize("name", ["fill", "partition", "tobytes"])
def test_what_arrays_have_and_tensors_have_not(name):
    with pytest.raises(CaptureError, match=f"{name} of an argument, which is an array outside"):
        tg.jit(lambda x: getattr(x, name)(1), engine=ENGINE)(rows(0))


# ── Results ─────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass
class Result:
    loss: Any


Pair = collections.namedtuple("Pair", "a b")


def yielding(x):
    yield x * 2


async def later(x):
    return x * 2


def closing(x):
    y = x * 2
    return lambda: y


RESULTS = {
    "generator": (yielding, r"generator \(yielding\)"),
    "async": (later, "async function"),
    "expression": (lambda x: (y for y in x), "genexpr"),
    "map": (lambda x: map(abs, [x]), "iterator"),
    "function": (closing, "type function"),
    "dataclass": (lambda x: {"a": Result(x * 2)}, "type Result"),
    "object": (lambda x: SimpleNamespace(a=[x * 2]), "type SimpleNamespace"),
    "set": (lambda x: {x * 2}, "type set"),
    "method": (lambda x: (x * 2).sum, "type method"),
    "values": (lambda x: {"a": x * 2}.values(), "type dict_values"),
}


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_results_that_a_replay_would_not_make_are_refused(name):
    step, match = RESULTS[name]
    with pytest.raises(CaptureError, match=match) as caught:
        tg.jit(step, engine=ENGINE)(rows(0))
    assert f"{__file__}:{step.__code__.co_firstlineno}" in str(caught.value)


def test_named_tuples_and_plain_objects_are_results():
    thing, unbound = Result(1.0), closing(1.0)
    step = tg.jit(lambda x: (Pair(x * 2, {"b": x}), thing, unbound, {1, 2}), engine=ENGINE)
    for turn in range(3):
        pair, *others = step(rows(turn))
        assert bits(pair.a) == bits(tg.tensor(rows(turn)) * 2) and others == [
            thing,
            unbound,
            {1, 2},
        ]


# ── Reading, and where it is written ────────────────────────────────────────────────────


def text(x):
    return str(x.sum())


def swallowed(x):
    with contextlib.suppress(Exception):
        float(x.sum())
    return x


READING = {
    "print": (lambda x: print(x.sum()), "print it there"),
    "text": (text, "print it there"),
    "text of data": (lambda x: print(x.sum().data), "print it there"),
    "log": (lambda x: LOG.warning("%s", x.sum()), "print it there"),
    "swallowed": (swallowed, r"float\(\)"),
}


@pytest.mark.parametrize("name", sorted(READING))
def test_reading_says_what_to_do_at_the_users_line(name, caplog, monkeypatch):
    step, match = READING[name]
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with pytest.raises(CaptureError, match=match) as caught:
        tg.jit(step, engine=ENGINE)(rows(0))
    words = str(caught.value)
    assert __file__ in words and "sum()" in words.split("`")[1], words


# ── What is changed outside ─────────────────────────────────────────────────────────────

COUNTS = SimpleNamespace(n=0)
ITEMS, COUNTER = iter([1.0, 2.0, 3.0]), iter(range(9))


def keeping(x):
    COUNTS.last = x * 2
    return x


def of_the_function(x):
    of_the_function.calls = getattr(of_the_function, "calls", 0) + 1
    return x


def making_a_global(x):
    global MADE  # noqa: PLW0603
    MADE = x * 2  # type: ignore[name-defined]
    return x


def taking(x):
    return x * next(ITEMS)


def going_through(x):
    for y in COUNTER:
        x = x + y
    return x


@pytest.mark.parametrize("step", [keeping, of_the_function, making_a_global, taking, going_through])
def test_what_is_changed_outside_is_refused_at_the_line_of_the_step(step):
    with pytest.raises(CaptureError, match="a replay would not do") as caught:
        tg.jit(step, engine=ENGINE)(rows(0))
    line = int(str(caught.value).partition(f"{__file__}:")[2].partition(":")[0])
    assert 0 < line - step.__code__.co_firstlineno < 4


# ── Replays that fail ───────────────────────────────────────────────────────────────────


def test_a_replay_that_fails_twice_is_given_up():
    ran: SimpleQueue = SimpleQueue()  # nobody can look into it

    def step(x):
        return x * 2

    def counted(x):
        ran.put(1)
        return step(x)

    captured = tg.jit(step, engine=ENGINE)
    captured(rows(0))
    for words in ("captured anew", "without capture"):

        def broken(*_):
            raise ZeroDivisionError("planted")

        captured._last._run = broken
        with pytest.warns(RuntimeWarning, match=words):
            assert bits(captured(rows(0))) == bits(rows(0) * 2)
    captured.function = counted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            assert bits(captured(rows(1))) == bits(rows(1) * 2)
        assert ran.qsize() == 3
        for _ in range(2):
            captured(rows(1)[:1])
    assert ran.qsize() == 4  # others are captured as before
