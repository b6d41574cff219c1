"""Rule texts and local derivatives of every operation, against the rules themselves.

Nothing here names an operation: a text is read back and computed with NumPy and the
operations of its own names, and has to give what the rule gives.
"""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import some, twofold
from tests.ops.case import Case, flatten, leaf
from tests.ops.draws import SeededDraw, samples
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import OPS, Kind, Op
from tinygrad_nn.viz.notation.expression import Call, Number, Symbol
from tinygrad_nn.viz.notation.plain import parsed, plain
from tinygrad_nn.viz.trace import rules
from tinygrad_nn.viz.trace.jacobians import local_derivatives, pulled
from tinygrad_nn.viz.trace.rules import rule_texts
from tinygrad_nn.viz.trace.steps import Fact

DIFFERENTIABLE = [r for r in OPS.values() if r.kind not in (Kind.CONSTANT, Kind.COMPOSED)]
every_op = pytest.mark.parametrize("record", DIFFERENTIABLE, ids=lambda r: r.key)
few = settings(max_examples=some(5, 15), suppress_health_check=list(HealthCheck))


def result(record: Op, sample: Any) -> Any:
    """One result of a call on leaves, or None where none is differentiable."""
    case = Case(record, sample)
    outputs = flatten(case.call([leaf(x) for x in case.floats]))
    for y in outputs:
        if isinstance(y, Node) and not y.is_leaf and y.op is record:
            return y
    return None


SIGNS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "matmul": np.matmul,
    "pow": np.power,
    "negative": np.negative,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}


def computed(x: Any, words: dict[str, Any]) -> Any:
    if isinstance(x, Symbol):
        return words[x.name]
    if isinstance(x, Number):
        return x.value
    args = [computed(a, words) for a in x.args]
    if x.op in SIGNS:
        return SIGNS[x.op](*args)
    record = OPS.get(x.op) or OPS["_" + x.op]
    return record.call(*[np.asarray(a) if np.ndim(a) == 0 else a for a in args])


@every_op
@twofold
@few
@given(data=st.data())
def test_a_text_that_can_be_read_back_gives_what_the_rule_gives(record: Op, data: Any):
    y = result(record, data.draw(samples(record)))
    if y is None or not y._data.size:
        return
    texts = rule_texts(y)
    assert len(texts) == len(y.inputs)
    assert all(len(t) <= rules.LONGEST for t in texts)
    g = np.random.default_rng(1).standard_normal(y._data.shape)
    want = pulled(y, Fact(y.op, y.inputs, y.params), g)
    names = rules._names(y.op, len(y.inputs))
    words = {**dict(zip(names, y.values, strict=True)), "g": g, "y": y._data}
    for text, p, h in zip(texts, y.inputs, want, strict=True):
        if not isinstance(p, Node):
            assert text == ""
        elif re.search(r"[=…\[]|\.m?T|infinity", text, re.IGNORECASE) or not text:
            continue  # has options, which are for reading only
        else:
            with np.errstate(all="ignore"):
                got = np.asarray(computed(parsed(text), words))
            try:
                got = np.broadcast_to(got, h.shape)  # a gradient that every element gets
            except ValueError:
                got = p.fit(got, p._data)  # one of an argument that was broadcast
            # Numbers in a text have six digits.
            np.testing.assert_allclose(
                got, h, rtol=2e-5, atol=1e-5 * (1 + np.abs(h).max(initial=0))
            )


@every_op
@twofold
@few
@given(data=st.data())
def test_the_jacobian_times_the_gradient_is_the_contribution(record: Op, data: Any):
    y = result(record, data.draw(samples(record)))
    if y is None:
        return
    found = local_derivatives(y)
    if found is None:
        return
    g = np.random.default_rng(2).standard_normal(y._data.shape)
    want = pulled(y, Fact(y.op, y.inputs, y.params), g)
    for entries, p, h in zip(found, y.inputs, want, strict=True):
        if entries is None:
            assert not isinstance(p, Node)
            continue
        got = np.zeros(p._data.size)
        for i, j, d in entries:
            assert d != 0
            got[j] += g.ravel()[i] * d
        size = 1 + max((abs(d) for _, _, d in entries), default=0)
        np.testing.assert_allclose(got, np.ravel(h), rtol=1e-9, atol=1e-11 * size)


def test_most_operations_have_both():
    """Were everything shown as unknown, the two properties above would hold of nothing."""
    texts = numbers = total = 0
    for record in DIFFERENTIABLE:
        y = next((y for y in (result(record, record.sample(_seeded(s))) for s in range(9))
                  if y is not None and y._data.size), None)  # fmt: skip
        if y is None:
            continue
        total += 1
        texts += any(rule_texts(y))
        numbers += local_derivatives(y) is not None
    assert total > 150
    assert texts > 0.97 * total, (texts, total)
    assert numbers > 0.6 * total, (numbers, total)


def _seeded(seed: int) -> Any:
    return SeededDraw(seed)


def test_texts_of_what_everybody_uses():
    a, b = tg.Value(2.0), tg.Value(3.0)
    assert rule_texts(a * b) == ("g · b", "g · a")
    assert rule_texts(a.tanh()) == ("g · (1 − y²)",)
    assert rule_texts(a**2) == ("g · 2 · a", "")
    assert rule_texts(a**3.25) == ("g · 3.25 · a^2.25", "")
    assert rule_texts(a * 3.14159265) == ("g · b", "")
    assert rule_texts(a / b) == ("g / b", "−g · y / b")
    assert rule_texts(a.relu()) == ("g · (x > 0)",)
    m, n = tg.ones((2, 3), requires_grad=True), tg.ones((3, 4), requires_grad=True)
    assert rule_texts(m @ n) == ("g @ b.T", "a.T @ g")
    assert rule_texts(m.sum()) == ("g",)
    assert rule_texts(m) == ()


def test_a_constant_of_many_digits_is_called_by_its_name():
    """Otherwise each constant would be a formula of its own, and one could stand for another."""
    x = tg.Value(2.0)
    assert rule_texts(x**2.123456) == rule_texts(x**7.654321) == ("g · a^(b − 1) · b", "")


def test_a_rule_that_raises_has_no_text():
    def rule(g: Any, y: Any, x: Any) -> Any:
        if isinstance(g, Node):
            raise RuntimeError("not on nodes")
        return g

    @tg.custom_op(vjp=rule, check=False)
    def plainly(x: Any, /) -> Any:
        return x + 0.0

    x = tg.ones(3, requires_grad=True)
    assert rule_texts(plainly(x)) == ("",)
    assert local_derivatives(plainly(x)) is not None


def test_deriving_a_text_leaves_no_trace_and_tells_nobody():
    seen = []

    class Watch(tg.Observer):
        def edge(self, node: Any, p: Any, contribution: Any) -> None:
            seen.append(node)

    x = tg.ones((2, 2), requires_grad=True)
    y = tg.exp(x @ x)
    rules._KNOWN.clear()
    with tg.observe(Watch()), tg.no_grad(), tg.detect_anomaly():
        assert rule_texts(y) == ("g · y",)
        assert not tg.is_grad_enabled()
    assert not seen
    assert x.grad is None


@given(st.data())
def test_text_is_read_back_as_the_same_formula(data: Any):
    leaves = st.sampled_from([Symbol("g"), Symbol("y"), Symbol("x1"), Number(2.0), Number(0.5)])
    ops = st.sampled_from(list(SIGNS))

    def grown(inner: Any) -> Any:
        return st.builds(
            lambda op, a, b: Call(op, (a,) if op == "negative" else (a, b)), ops, inner, inner
        )

    x = data.draw(st.recursive(leaves, grown, max_leaves=8))
    words = {"g": 1.7, "y": 0.6, "x1": 2.3}
    scalar = {**SIGNS, "matmul": np.multiply}
    with np.errstate(all="ignore"):
        want = _number(x, words, scalar)
        got = _number(parsed(plain(x)), words, scalar)
    np.testing.assert_allclose(float(got), float(want), rtol=1e-9)


def _number(x: Any, words: dict[str, float], signs: Any) -> Any:
    if isinstance(x, Symbol):
        return words[x.name]
    if isinstance(x, Number):
        return x.value
    args = [np.float64(_number(a, words, signs)) for a in x.args]
    return signs[x.op](*args)
