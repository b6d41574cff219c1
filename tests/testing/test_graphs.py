"""Random expressions: what they are made of, that they print, shrink, and have right gradients."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

import tinygrad_nn as tg
from tests.extents import some, twofold
from tests.ops.planting import planted
from tinygrad_nn.core.op import OPS
from tinygrad_nn.core.record import Kind
from tinygrad_nn.core.samples import POSITIVE
from tinygrad_nn.testing import Verdict, gradcheck
from tinygrad_nn.testing import strategies as st_
from tinygrad_nn.testing.inputs.graphs import (
    Expression,
    Move,
    expression,
    numeric_operations,
    operations,
)

EASY = list(HealthCheck)


def test_most_of_the_registry_takes_part():
    known = {r.key for r in operations()}
    assert len(known) >= 110 and len(numeric_operations()) >= 60
    assert {"add", "exp", "matmul", "softmax", "sort", "concat", "pow", "sum"} <= known
    assert not any(OPS[key].kind is Kind.CONSTANT for key in known)


# ── Gradients ──────────────────────────────────────────────────────────────────────────────
# Of 2,000 some raise an alarm still: see the open cases of the corpus.
@twofold
@settings(max_examples=some(50, 200), suppress_health_check=EASY)
@given(st_.expressions())
def test_gradients_of_random_expressions(e: Expression):
    gradcheck(e, *e.inputs).assert_ok()


@twofold
@settings(max_examples=some(15, 300), suppress_health_check=EASY)
@given(st_.expressions(max_steps=4))
def test_second_order(e: Expression):
    """No alarm. leaky_relu(x) / x, whose gradient is rounding alone, may well be inconclusive."""
    report = gradcheck(e, *e.inputs, order=2)
    assert report.verdict is not Verdict.FAIL, str(report)


@settings(max_examples=50, suppress_health_check=EASY)
@given(st_.expressions(values=True))
def test_values_and_tensors_agree(e: Expression):
    """On numbers and on arrays without axes: the same value, the same gradients."""
    values = [tg.Value(float(x)) for x in e.inputs]
    tensors = [tg.tensor(x, requires_grad=True) for x in e.inputs]
    y, t = e(*values), e(*tensors)
    np.testing.assert_allclose(float(y.data), float(t.data), rtol=1e-12)
    y.backward()
    t.backward()
    for v, x in zip(values, tensors, strict=True):
        want = 0.0 if x.grad is None else float(x.grad.data)
        assert v.grad == pytest.approx(want, rel=1e-9, abs=1e-9)
    gradcheck(e, *values).assert_ok()


# ── What they are like ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "wanted",
    [
        lambda e: len(e.inputs) == 3,
        lambda e: len(e.steps) >= 8,
        lambda e: max(Counter(a for s in e.steps for a in s.args).values()) >= 3,
        lambda e: len({x.shape for x in e.inputs}) == 2 and len(e.steps) > 2,
        lambda e: any(s.listed for s in e.steps),
        lambda e: any(s.static for s in e.steps),
        lambda e: "matmul" in e.operations,
    ],
    ids=["inputs", "deep", "shared", "broadcast", "list", "static", "matmul"],
)
def test_all_kinds_of_expressions_occur(wanted):
    once = settings(
        max_examples=5000, deadline=None, phases=[Phase.generate], suppress_health_check=EASY
    )
    find(st_.expressions(), lambda e: bool(e.steps) and wanted(e), settings=once)


@settings(suppress_health_check=EASY)
@given(st_.expressions())
def test_every_value_and_input_counts(e: Expression):
    used = {a for s in e.steps for a in s.args if isinstance(a, int)}
    numbers = len(e.inputs) + len(e.steps)
    assert used | {numbers - 1} == set(range(numbers))


def test_values_are_brought_into_domains():
    e = expression([np.array([-2.0, 3.0])], [Move(OPS["log"], (0, 0))])
    assert e.operations[-1] == "log" and len(e.steps) > 1
    assert np.isfinite(e(*e.inputs)).all()


def test_shapes_that_do_not_broadcast_are_averaged():
    inputs = [np.ones((2, 3)), np.ones((4, 2))]
    e = expression(inputs, [Move(OPS["add"], (0, 1, 0))])
    assert e.operations == ("mean", "add") and e(*e.inputs).shape == (4, 2)


def test_a_move_that_cannot_be_made_is_passed_over():
    e = expression([np.ones(())], [Move(OPS["exp"], (0, 0)), Move(OPS["tril"], (0, 0))])
    assert e.operations == ("exp",)


# ── Text ───────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=40, suppress_health_check=EASY)
@given(st_.expressions())
def test_the_text_is_the_expression(e: Expression):
    known: dict[str, Any] = {}
    exec(compile(e.script(), "<expression>", "exec"), known)
    np.testing.assert_array_equal(known["f"](*e.inputs), e(*e.inputs))
    assert e.script() in repr(e)


# ── Shrinking ──────────────────────────────────────────────────────────────────────────────
FAULTS = {
    "unary": planted(lambda x, /: np.tanh(x), vjp=lambda g, y, x: g * (1 - 0.99 * y * y)),
    "domain": planted(lambda x, /: np.log(x), vjp=lambda g, y, x: 1.01 * g / x, domain=POSITIVE),
    "binary": planted(
        lambda a, b, /: a * b, vjp=(lambda g, y, a, b: g * b, lambda g, y, a, b: -g * a)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_shrinks_to_its_operation(name):
    """One operation with one small input, though right ones were all around it."""
    faulty = FAULTS[name]
    right = [OPS[key] for key in ("add", "exp", "sin", "sum", "multiply", "tanh", "matmul")]
    strategy = st_.expressions(among=[*right, faulty])
    quiet = settings(deadline=None, suppress_health_check=EASY)
    e = find(
        strategy,
        lambda e: gradcheck(e, *e.inputs).verdict is Verdict.FAIL,
        settings=quiet,
        random=Random(0),
    )
    assert [s.operation for s in e.steps] == [faulty]
    assert all(x.shape == () for x in e.inputs) and len(e.inputs) <= len(faulty.data)
    assert all(float(2 * x).is_integer() for x in e.inputs)


def test_a_fault_that_equal_arguments_hide_shrinks_to_two_operations():
    faulty = planted(lambda a, b, /: a * b, vjp=(lambda g, y, a, b: g * b,) * 2)
    strategy = st_.expressions(among=[OPS["exp"], OPS["sum"], OPS["add"], faulty])
    quiet = settings(deadline=None, suppress_health_check=EASY)
    e = find(
        strategy,
        lambda e: gradcheck(e, *e.inputs).verdict is Verdict.FAIL,
        settings=quiet,
        random=Random(0),
    )
    assert len(e.steps) <= 2 and e.steps[-1].operation is faulty


def test_right_operations_give_no_failing_expression():
    """The counterpart: nothing fails among the right ones alone."""
    among = [OPS[key] for key in ("add", "exp", "sin", "sum", "multiply", "tanh", "matmul")]

    @settings(max_examples=25, suppress_health_check=EASY)
    @given(st_.expressions(among=among))
    def none_fails(e: Expression):
        assert gradcheck(e, *e.inputs).verdict is not Verdict.FAIL

    none_fails()
