"""Every registered operation in a captured step: bit for bit what it is when run.

Nothing here names an operation except those that are refused: the registry says which there are.
Each is captured with some numbers and replayed with others.
"""

from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.twins import (
    CALLS,
    TurningPattern,
    bits,
    check_op,
    compared_for,
    gradient_bits,
    turns,
)
from tests.ops.draws import SeededDraw
from tests.ops.test_every_op import ON_VALUES
from tinygrad_nn.compiler.numba.table import ELEMENTWISE
from tinygrad_nn.core.op import OPS, Kind, Op
from tinygrad_nn.errors import CaptureError, OperandError, OptionError, ShapeError

REFUSED = {
    "_first_places",
    "argwhere",
    "compress",
    "extract",
    "flatnonzero",
    "masked_select",
    "nonzero",
    "unique",
}
"""Operations whose result has another shape for other values."""
BY_MASKS = {"_add_at", "index_put", "put_at", "select_at"}
"""Those of which that holds if an index is a mask."""

every_op = pytest.mark.parametrize(
    "record", [r for r in OPS.values() if r.key not in REFUSED], ids=lambda r: r.key
)


def check_seed(record: Op, seed: int, orders: Any, engine: str = "numpy") -> None:
    """All orders of derivatives for one sample."""
    for order in orders:
        try:
            check_op(turns(record, seed), order, engine)
        except CaptureError:
            if record.key not in BY_MASKS:
                raise


@every_op
def test_values_and_gradients(record: Op):
    check_seed(record, 0, (0, 1))


@every_op
def test_second_order(record: Op):
    if record.kind is not Kind.CONSTANT:
        check_seed(record, 0, (2,))


@pytest.mark.slow
@every_op
def test_more_shapes(record: Op):
    for seed in range(1, 25):
        check_seed(record, seed, (0, 1, 2))


@pytest.mark.slow
@every_op
def test_compiled(record: Op):
    """By numba to rounding; the highest order holds the lower ones, compiled with it."""
    pytest.importorskip("numba")
    with compared_for("numba"):
        check_seed(record, 0, (0 if record.kind is Kind.CONSTANT else 2,), "numba")


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_a_shape_that_follows_from_values_is_refused(key: str):
    for seed in range(8):
        cases = turns(OPS[key], seed)
        if cases[0].floats and cases[0].floats[0].size:
            with pytest.raises(CaptureError, match=r"shape that follows from values.*where"):
                check_op(cases, 0)
            return
    raise AssertionError("no sample has elements")


# ── Numbers ─────────────────────────────────────────────────────────────────────────────


def number_samples(record: Op, seed: int) -> list[Any]:
    """Arguments without axes, with other numbers in each turn; none if it takes arrays."""
    found = []
    for turn in range(CALLS):
        draw = TurningPattern([()] * 3, seed)
        draw.turn = turn
        args, params = record.sample(draw)
        if not all(isinstance(x, (np.ndarray, np.generic)) and not np.ndim(x) for x in args):
            return []
        found.append(([float(x) for x in args], found[0][1] if found else params))
    return found


def step_on_values(record: Op, order: int, params: Any) -> Any:
    def step(xs: list[Any]) -> Any:
        outputs = record.call(*xs, **params)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        for y in outputs:
            if order and isinstance(y, tg.Value) and y.requires_grad:
                y.backward(create_graph=order == 2)
        grads = [x.grad for x in xs]
        if order == 2:
            for x in xs:
                x.grad = None
            for g in grads:
                if isinstance(g, tg.Value) and g.requires_grad and not g.is_leaf:
                    (g * g).backward()
        return outputs

    return step


@pytest.mark.parametrize("record", ON_VALUES, ids=lambda r: r.key)
def test_on_values(record: Op):
    """Also of a `Value`: the same numbers, and derivatives of first and second order."""
    for seed in range(2):
        samples = number_samples(record, seed)
        if not samples:
            return
        for order in (0, 1, 2):
            eager = step_on_values(record, order, samples[0][1])
            captured = tg.jit(step_on_values(record, order, samples[0][1]), engine="numpy")
            for numbers, _ in samples:
                mine, theirs = [[tg.Value(x) for x in numbers] for _ in range(2)]
                try:
                    want = eager(mine)
                except (OperandError, OptionError, ShapeError):
                    break  # not for numbers
                assert bits(captured(theirs)) == bits(want), f"order {order}"
                for a, b in zip(mine, theirs, strict=True):
                    assert gradient_bits(a) == gradient_bits(b), f"order {order}: gradient"


# ── The test itself ─────────────────────────────────────────────────────────────────────


def test_an_operation_that_keeps_the_first_numbers_is_found(monkeypatch):
    """A planted fault: the second argument of a product is frozen."""
    record = OPS["multiply"]

    def frozen(a, b, /):
        # What a body would do that looks behind a payload.
        return a * np.array(getattr(b._data, "value", b._data))

    monkeypatch.setattr(record, "call", frozen)
    with pytest.raises(AssertionError, match="call 1"):
        check_op(turns(record, 0), 0)


def test_a_compiled_function_that_is_wrong_is_found(monkeypatch):
    """A planted fault: a thousandth of a product is lost."""
    pytest.importorskip("numba")
    monkeypatch.setitem(ELEMENTWISE, "multiply", {"f": "{0} * {1} * {t}(0.999)"})
    with compared_for("numba"), pytest.raises(AssertionError, match="call 1"):
        check_op(turns(OPS["multiply"], 0), 2, "numba")


def test_turns_have_other_numbers_in_the_same_shapes():
    a, b, _ = turns(OPS["matmul"], 1)
    assert [x.shape for x in a.floats] == [x.shape for x in b.floats]
    assert any((x != y).any() for x, y in zip(a.floats, b.floats, strict=True))
    assert SeededDraw(0).shape() == SeededDraw(0).shape()
