"""Programs of numbers: groups of equal computations give the bits of the operations one by one."""

from __future__ import annotations

import importlib.util
import itertools
import math
import operator
import random
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import some, twofold
from tinygrad_nn import Value
from tinygrad_nn.backends import scalar
from tinygrad_nn.compiler.scalars import NumberReplay, vector
from tinygrad_nn.compiler.scalars.schedule import Group, Schedule

ENGINES = ["numpy"]
if importlib.util.find_spec("numba") is not None:
    ENGINES.append("numba")

UNARY = ("tanh", "relu", "exp", "sigmoid", "sqrt", "log", "__neg__", "__abs__")


def grown(rng: random.Random, leaves: list[Value], size: int) -> Value:
    """A graph of `size` operations, bushy or deep, whose last value depends on many."""
    nodes: list[Value] = list(leaves)
    deep = rng.random() < 0.5
    for _ in range(size):
        a = nodes[-1] if deep else rng.choice(nodes)
        b = rng.choice(nodes[-50:])
        kind = rng.randrange(6)
        if kind == 0:
            x = a + b
        elif kind == 1:
            x = a * b * 0.5
        elif kind == 2:
            x = a - b
        elif kind == 3:
            x = getattr(a * 0.1, rng.choice(UNARY))()
        elif kind == 4:
            x = a / (b * b + 1.5)
        else:
            x = (a * 0.25) ** 2
        nodes.append(x)
    return reduce(add, nodes[-40:]).tanh() + reduce(add, [p * p for p in leaves])


@pytest.mark.parametrize("engine", ENGINES)
@given(seed=st.integers(0, 10**6), size=st.integers(110, 250))
def test_a_graph_replays_to_the_same_numbers(engine: str, seed: int, size: int) -> None:
    def built() -> tuple[list[Value], object]:
        leaves = [Value(random.Random(seed + n).uniform(-1, 1)) for n in range(5)]

        def step(shift: float) -> Value:
            loss = grown(random.Random(seed), [p + shift for p in leaves], size)
            for p in leaves:
                p.grad = None
            loss.backward()
            for p in leaves:
                p.data -= 0.01 * p.grad
            return loss

        return leaves, step

    (mine, eager), (theirs, plain) = built(), built()
    step = tg.jit(plain, engine=engine)  # type: ignore[call-overload]
    for shift in (0.0, 0.125, -0.5):
        expected, found = eager(shift), step(shift)  # type: ignore[operator]
        same(found.data, expected.data, engine)
        for p, q in zip(mine, theirs, strict=True):
            same(q.data, p.data, engine)
            same(q.grad, p.grad, engine)
    assert isinstance(step._last.replay, NumberReplay)


def same(found: float, expected: float, engine: str) -> None:
    if math.isnan(expected):
        assert math.isnan(found)
    elif engine == "numpy":
        assert found == expected
    else:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(terms=st.integers(2, 40), sums=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_sums_are_added_from_left_to_right(terms: int, sums: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).standard_normal(terms * sums) * 10.0 ** np.arange(
        terms * sums
    ).clip(0, 20)
    values = np.concatenate([numbers, np.zeros(sums)])
    args = np.arange(terms * sums).reshape(terms, sums)
    vector._step(Group(add, terms * sums, args), values)()
    expected = [reduce(add, numbers[args[:, n]].tolist()) for n in range(sums)]
    assert values[terms * sums :].tolist() == expected


def test_a_sum_in_another_order_would_be_seen() -> None:
    """The property above catches what NumPy does by itself: it adds one row in pairs."""
    numbers = np.array([1e16, 1.0, -1e16, 1.0] * 10)
    assert reduce(add, numbers.tolist()) != float(np.sum(numbers))


@pytest.mark.parametrize("engine", ENGINES)
@twofold
def test_a_long_chain_replays(engine: str) -> None:
    w = Value(0.7)

    def chain(x: float) -> Value:
        y = w * x
        for _ in range(some(5_000, 20_000)):
            y = y * w + x
        w.grad = None
        y.backward()
        return y

    step = tg.jit(chain, engine=engine)
    for x in (0.5, 0.25, 2.0):
        expected = chain(x)
        slope = w.grad
        found = step(x)
        assert (found.data, w.grad) == (expected.data, slope)


@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_arguments_of_a_program_of_numbers(engine: str) -> None:
    """Each call has others; none of them is captured anew, which would warn."""

    def chain(xs: list[Value]) -> Value:
        y = xs[0] * 1.0
        for k in range(400):
            y = (y * xs[k % 3]).tanh()
        y.backward()
        return y

    step = tg.jit(chain, engine=engine)
    for turn in range(3):
        theirs, ours = ([Value(x + turn / 8) for x in (0.5, 0.75, 1.25)] for _ in range(2))
        assert step(theirs).data == chain(ours).data
        assert [x.grad for x in theirs] == [x.grad for x in ours]
        if turn == 0:
            program = step.program
        assert step.program is program


@pytest.mark.parametrize("engine", ENGINES)
def test_what_leaves_the_floats_is_run_as_other_programs_are(engine: str) -> None:
    """Numbers beside arrays in one step: no program of numbers alone."""
    w = Value(0.5)

    def step(x: float) -> tuple[Value, object]:
        y = w
        for _ in range(200):
            y = y * x + 0.25
        return y, tg.tensor([1.0, 2.0]) * 3.0

    captured = tg.jit(step, engine=engine)
    captured(0.5)
    number, array = captured(0.75)
    expected, _ = step(0.75)
    assert number.data == pytest.approx(expected.data, rel=1e-12)
    assert array.tolist() == [3.0, 6.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", ENGINES)
def test_zeros_infinities_and_nan_are_those_of_eager_numbers(engine: str) -> None:
    w = Value(1.0)

    def step(x: float) -> Value:
        terms = [(w * x * k).relu() / (w * x) + (w * x - k).sqrt() for k in range(60)]
        loss = reduce(add, terms)
        w.grad = None
        loss.backward()
        return loss

    captured = tg.jit(step, engine=engine)
    for x in (100.0, 0.0, -3.0, math.inf, math.nan, 5.0):
        expected = step(x).data, w.grad
        found = captured(x).data, w.grad
        assert np.array_equal(found, expected, equal_nan=True), (x, found, expected)


EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, -2.5)


def bits(x: float) -> str:
    return "nan" if math.isnan(x) else float(x).hex()


def expected_of(kind: Any, row: tuple[float, ...]) -> str:
    return bits(float(kind(*row)))


def arity(kind: Any) -> int:
    return kind.__code__.co_argcount if hasattr(kind, "__code__") else len(_arguments(kind))


def _arguments(kind: Any) -> tuple[str, ...]:
    unary = (operator.neg, operator.pos, operator.abs, math.tanh)
    return ("x",) if kind in unary else ("a", "b")


def rows_of(kind: Any) -> list[tuple[float, ...]]:
    """Arguments from the odd corners; a divisor of 0 is no argument of Python's division."""
    rows = list(itertools.product(EDGES, repeat=arity(kind)))
    return [row for row in rows if kind is not operator.truediv or row[1] != 0]


@pytest.mark.parametrize("kind", vector.EXACT, ids=lambda kind: kind.__name__)
def test_each_function_of_the_table_gives_the_bits_of_its_key(kind: Any) -> None:
    rows = rows_of(kind)
    args = np.arange(len(rows) * arity(kind)).reshape(len(rows), -1).T
    values = np.concatenate([np.array(rows).ravel(), np.zeros(len(rows))])
    with np.errstate(all="ignore"):
        vector._step(Group(kind, args.size, args), values)()
    assert list(map(bits, values[args.size :])) == [expected_of(kind, row) for row in rows]


@pytest.mark.skipif("numba" not in ENGINES, reason="needs numba")
def test_each_branch_of_the_compiled_loop_gives_what_its_key_does() -> None:
    from tinygrad_nn.compiler.scalars.loop import CODES, loop_run

    for kind in CODES:
        rows = rows_of(kind)
        judge = scalar.pow if kind is operator.pow else kind  # where Python's raises
        args = np.arange(len(rows) * arity(kind)).reshape(len(rows), -1).T
        values = np.concatenate([np.array(rows).ravel(), np.zeros(len(rows))])
        run = loop_run(Schedule((Group(kind, args.size, args),), None, values.size), values)
        assert run is not None
        run()
        for row, found in zip(rows, values[args.size :].tolist(), strict=True):
            same(found, float(judge(*row)), "numba")
