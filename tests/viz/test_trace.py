"""A trace of a pass: its steps are those of the sweep, and nothing but the trace is changed."""

import gc
import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.graphs import truth, values
from tinygrad_nn import nn
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.trace.figures import figure
from tinygrad_nn.viz.trace.model import Role, Summary, Trace
from tinygrad_nn.viz.trace.recorder import record

NUMBERS = st.floats(-2.0, 2.0, width=32)


def shown(x: float | Summary | None) -> list[float]:
    """The numbers of a step or a gradient."""
    if isinstance(x, Summary):
        assert x.elements is not None
        return list(x.elements)
    return [x]


@st.composite
def tensors(draw: st.DrawFn) -> tg.Tensor:
    """A number computed from small arrays, some of them used several times and broadcast."""
    pick = st.lists(NUMBERS, min_size=6, max_size=6)
    nodes = [
        tg.tensor(np.array(draw(pick), np.float32).reshape(shape), requires_grad=True)
        for shape in [(2, 3), (6,), (3, 2)]
    ]
    nodes = [nodes[0], nodes[1].reshape(2, 3), nodes[2].mT, tg.tensor([1.0, 2.0, 3.0]) * 1.0]
    nodes[3] = tg.Parameter([1.0, -1.0, 0.5])
    for _ in range(draw(st.integers(1, 8))):
        a, b = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        rule = draw(st.integers(0, 5))
        new = (a * b, a + b, a - b, a.tanh(), a * 0.5, a * a)[rule]
        nodes.append(new)
    return nodes[-1].sum() + nodes[0].mean()


graphs = values() | tensors()


def problems(t: Trace) -> list[str]:
    """What in a trace contradicts the rest of it."""
    found = []
    if [r.key for r in t.records] != list(range(len(t.records))):
        found.append("keys")
    if not all(e.source < e.target for e in t.edges):
        found.append("forward order")
    if [e.step for e in t.steps] != list(range(len(t.steps))):
        found.append("steps")
    sums: dict[int, list[float]] = {}
    last = {e.source: e.step for e in t.steps}
    for e in t.steps:
        dtype = t.records[e.source].value.dtype
        before, adds = sums.get(e.source), shown(e.contribution)
        with np.errstate(all="ignore"):
            if before is not None:
                total = np.asarray(before, dtype) + np.asarray(adds, dtype)
                adds = total.tolist()
        if repr(shown(e.sum)) != repr(adds):
            found.append(f"sum of {t.records[e.source].name}")
        sums[e.source] = adds
        # What hands on its gradient has all of it.
        if last.get(e.target, -1) > e.step:
            found.append(f"order at {t.records[e.target].name}")
    for key, total in sums.items():
        if repr(shown(t.records[key].gradient)) != repr(total):
            found.append(f"gradient of {t.records[key].name}")
    return found


@given(graphs)
def test_steps_add_up_to_the_gradients_as_the_sweep_adds_them(root):
    """S2: the contributions of every node sum to its gradient, bit by bit."""
    t = tg.trace(root)
    assert problems(t) == []
    assert len(t.edges) == truth(root).uses
    assert len(t.steps) == sum(len([p for p in n.inputs if isinstance(p, Node)])
                               for n in truth(root).nodes)  # fmt: skip


@given(graphs)
def test_gradients_are_those_of_a_backward_pass_and_nothing_is_changed(root):
    nodes = truth(root).nodes
    before = [(n, n._grad, n.op, n.inputs) for n in nodes]
    t = tg.trace(root)
    assert all(n._grad is g and n.op is o and n.inputs == i for n, g, o, i in before)
    root.backward(retain_graph=True)
    grads = [n.grad for n in nodes if n.is_leaf and n.op is not None]
    expected = [np.asarray(g.tolist() if isinstance(g, tg.Tensor) else g).ravel().tolist()
                for g in grads]  # fmt: skip
    found = [
        shown(r.gradient) for r in t.records
        if r.role in (Role.INPUT, Role.PARAMETER) and r.gradient is not None
    ]  # fmt: skip
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


@given(values())
def test_local_derivatives_times_what_arrives_are_the_contributions(root):
    t = tg.trace(root)
    for e in t.steps:
        (upstream,) = shown(t.records[e.target].gradient)
        assert e.contribution == pytest.approx(e.local * upstream, rel=1e-9, abs=1e-300)


def test_planted_faults_are_found():
    a, b = tg.Value(2.0, name="a"), tg.Value(3.0, name="b")
    t = tg.trace((a * b + a) * a)
    assert problems(t) == []
    first, *rest = t.edges
    assert problems(replace(t, edges=tuple(rest)))
    assert problems(replace(t, edges=(replace(first, contribution=first.contribution + 1), *rest)))
    assert problems(replace(t, edges=(replace(first, step=99), *rest)))
    assert problems(replace(t, edges=(*rest, replace(first, source=first.target))))


def test_a_product_with_itself_is_two_steps():
    """S5: a·a + a has three contributions."""
    a = tg.Value(3.0, name="a")
    t = tg.trace(a * a + a)
    assert [(s.contribution, s.sum) for s in t.steps if s.source == 0] == [
        (1.0, 1.0), (3.0, 4.0), (3.0, 7.0),
    ]  # fmt: skip


def test_nothing_of_the_graph_is_kept_alive():
    x = tg.tensor(np.ones((4, 4)), requires_grad=True)
    middle = x * 2.0
    gone = weakref.ref(middle._data)
    t = tg.trace((middle * middle).sum())
    del x, middle
    gc.collect()
    assert gone() is None
    assert t.root.value.elements == (64.0,)


def test_hooks_run_and_shape_the_gradient():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()) or g * 10.0)
    t = tg.trace((x * 3.0).sum())
    assert seen == [[3.0, 3.0]]
    assert t.records[0].gradient.elements == (30.0, 30.0)
    assert x.grad is None


def test_not_finite_numbers_work_everywhere():
    a = tg.Value(0.0, name="a")
    t = tg.trace((a / a) * math.inf)
    assert next(shown(s.sum) for s in t.steps if s.source == 0) == [math.inf]
    assert math.isnan(t.records[0].gradient.elements[0])
    x = tg.tensor([1.0, math.nan, math.inf, -math.inf], requires_grad=True)
    t = tg.trace((x * x).sum())
    assert (t.records[0].gradient.nans, t.records[0].gradient.infs) == (1, 2)
    assert (t.root.value.nans, t.root.gradient.elements) == (1, (1.0,))


def test_every_node_is_recorded_however_many_there_are():
    x = tg.Value(1.0)
    for _ in range(20_000):
        x = x + 1.0
    t = tg.trace(x)
    assert (t.total, t.kept, len(t.steps)) == (20_001, 20_001, 20_000)
    assert t.records[0].gradient.elements == (1.0,)


def test_a_pass_within_a_rule_belongs_to_the_rule():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    x = tg.tensor([3.0, 4.0], requires_grad=True)
    t = tg.trace(tg.checkpoint(lambda x: tg.exp(x * w), x).sum())
    assert [r.op for r in t.records] == [None, None, "checkpoint", "sum"]
    assert len(t.steps) == 3
    assert problems(t) == []


# ── No pass can be made ─────────────────────────────────────────────────────────────────


def test_what_has_no_backward_pass_is_recorded_and_says_why():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    t = tg.trace(x * 3.0)
    assert (len(t.records), t.steps, t.observed, t.failure) == (3, [], False, None)
    assert "shape (2,), expected one element, for example loss.sum()" in t.root.missing
    t = tg.trace(tg.tensor([1.0]) * 2.0)
    assert t.root.missing == "requires no gradient"


def test_a_freed_graph_says_so():
    x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = (x * x).sum()
    loss.backward()
    t = tg.trace(loss)
    assert [r.name for r in t.records] == ["sum_1"]
    assert (t.failure.phase, t.failure.op, t.failure.at) == ("freed", "sum", 0)
    assert "was freed by" in t.failure.message
    assert t.root.missing == "the graph was freed"
    assert x.grad.tolist() == [2.0, 4.0]
    t = tg.trace(loss + x.sum())
    assert {r.name for r in t.records} >= {"x", "sum_1"}
    assert t.failure.phase == "freed"


def test_a_rule_that_raises_half_way():
    x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    middle = x * 2.0
    middle.register_hook(lambda g: 1 / 0)
    loss = (middle * 3.0).sum()
    with pytest.raises(ZeroDivisionError) as caught:
        tg.trace(loss)
    assert any("on_error='record'" in note for note in caught.value.__notes__)
    t = tg.trace(loss, on_error="record")
    assert t.failure.phase == "backward"
    assert t.failure.message.startswith("ZeroDivisionError")
    assert t.records[t.failure.at].op == t.failure.op == "multiply"
    assert t.records[0].missing == "the pass broke before it came here"
    assert x.grad is None


# ── What is refused, and what else the name means ───────────────────────────────────────


def test_what_cannot_be_traced_is_refused():
    with pytest.raises(OperandError, match="got str, expected a Value or Tensor"):
        tg.trace("loss")
    with pytest.raises(OptionError, match="on_error='ignore'"):
        tg.trace(tg.Value(1.0), on_error="ignore")
    with pytest.raises(OperandError, match="got arguments beside a Value"):
        tg.trace(tg.Value(1.0), 2)
    with pytest.raises(OperandError, match="the function returned float"):
        tg.trace(lambda: 1.0)
    with pytest.raises(OperandError, match="got a model of type int"):
        tg.trace(tg.Value(1.0), model=3)


def test_of_a_matrix_it_is_numpys_function():
    m = np.arange(9.0).reshape(3, 3)
    assert tg.trace(m) == np.trace(m)
    x = tg.tensor(m, requires_grad=True)
    assert tg.trace(x, 1).item() == np.trace(m, 1)
    assert np.trace(x, offset=-1).item() == np.trace(m, -1)
    assert isinstance(tg.trace(x, model=nn.Linear(3, 3, rng=0)), Pass)


def test_names_come_from_the_user_then_the_model_then_a_count():
    net = nn.Sequential(nn.Linear(2, 2, rng=0))
    net[0].weight.name = "mine"
    net[0].register_buffer("mask", tg.tensor([1.0, 0.0]))
    t = tg.trace(lambda x: (net(x) * net[0].mask).sum(), np.ones((3, 2), np.float32), model=net)
    names = {r.name for r in t.records}
    assert {"mine", "0.bias", "0.mask", "linear_1"} <= names


def test_it_is_equal_for_the_same_pass_and_short_in_words():
    a = tg.Value(1.0, name="a" * 100)
    assert tg.trace(a * a) == tg.trace(a * a)
    assert repr(tg.trace(a)) == f"<Pass of '{'a' * 40}…': 1 node, 0 backward steps>"
    assert repr(record(a * a, limit=1)) == "<Trace of 'multiply_1': 1 of 2 nodes, 0 backward steps>"


# ── Figures ─────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.floats(width=64), max_size=40))
def test_figures_are_those_of_the_finite_elements(numbers):
    array = np.array(numbers)
    s = figure(array)
    finite = array[np.isfinite(array)].tolist()
    assert (s.nans, s.infs) == (np.isnan(array).sum(), np.isinf(array).sum())
    assert s.zeros == (array == 0).sum()
    assert repr(s.elements) == repr(tuple(array.tolist()))
    if finite:
        assert (s.low, s.high) == (min(finite), max(finite))
        assert s.norm == pytest.approx(math.hypot(*finite), rel=1e-9, abs=1e-320)
        slack = 1e-9 * max(map(abs, finite)) + 1e-320
        assert min(finite) - slack <= s.mean <= max(finite) + slack


@given(st.floats())
def test_a_float_has_the_figures_of_an_array_of_one(x):
    one, array = figure(x), figure(np.array(x))
    assert repr(replace(one, dtype="float64")) == repr(array)


@pytest.mark.parametrize(
    "shape", [(257,), (5000,), (300, 1), (1, 300), (7, 50), (3, 40, 41), (2, 2, 2, 99)]
)
def test_pictures_are_small_and_show_the_means(shape):
    rng = np.random.default_rng(0)
    array = rng.normal(size=shape)
    picture = figure(array).picture
    assert 1 <= picture.rows <= 32 and 1 <= picture.columns <= 32
    cells = np.frombuffer(picture.cells, np.int8).reshape(picture.rows, picture.columns)
    assert np.abs(cells).max() == 127
    flat = figure(np.full(shape, -3.0)).picture
    assert (flat.limit, set(flat.cells)) == (3.0, {256 - 127})
    assert figure(np.zeros(shape)).picture.limit == 0.0
    array.flat[0] = np.nan
    assert np.frombuffer(figure(array).picture.cells, np.int8)[0] == -128
    assert figure(array, picture=False).picture is None


def test_a_picture_of_a_small_matrix_is_the_matrix():
    array = np.linspace(-1.0, 1.0, 17 * 31).reshape(17, 31)
    picture = figure(array).picture
    cells = np.frombuffer(picture.cells, np.int8).reshape(17, 31)
    assert np.abs(cells / 127 * picture.limit - array).max() <= 0.5 / 127


def test_large_traces_have_no_pictures():
    x = tg.tensor(np.ones((20, 20)), requires_grad=True)
    y = x
    for _ in range(2100):
        y = y + 1.0
    t = tg.trace(y.sum)
    assert all(r.value.picture is None for r in t.records)
    assert tg.trace((x * x).sum()).records[0].value.picture is not None


def test_names_of_local_variables():
    def loss():
        a, b = tg.Value(2.0), tg.Value(3.0, name="mine")
        weights = [a * 2.0, b]
        _hidden = a + b
        total = weights[0] + _hidden
        tg.name_locals()
        return total

    names = [r.name for r in tg.trace(loss()).records if r.name]
    assert names == ["a", "weights[0]", "mine", "add_1", "total"]
