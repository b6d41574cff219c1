"""The sweep of numbers keeps its marks in the nodes: the same bits, and none of them left."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import Value
from tinygrad_nn.core import sweep_numbers
from tinygrad_nn.core.forms import DIFFERENCE, PRODUCT, SUM, WEIGHTED, form_of
from tinygrad_nn.core.op import OPS
from tinygrad_nn.core.order import reverse_order
from tinygrad_nn.errors import FreedGraphError, MutationError

STEPS = (
    lambda a, b, x: a + b,
    lambda a, b, x: a - b,
    lambda a, b, x: (a * b).tanh(),
    lambda a, b, x: a * 0.5,
    lambda a, b, x: 1.5 - a,
    lambda a, b, x: a.relu(),
    lambda a, b, x: 0.1 + b,
    lambda a, b, x: a / 3.0,
    lambda a, b, x: tg.neuron(a, b, 0.25, b, a, 2.0, x),
    lambda a, b, x: tg.neuron(a, b, a, a, b),
    lambda a, b, x: tg.neuron(a, b, x, b, a, a, x, activation="relu"),
    lambda a, b, x: tg.neuron(a, b, b, x, 0.5, activation="tanh"),
    lambda a, b, x: tg.neuron(0.5, a, x, b, 2.0, a, b, activation="sigmoid"),
)
places = st.integers(0, 9)
plans = st.lists(st.tuples(st.sampled_from(STEPS), places, places), min_size=1, max_size=40)


def graph(plan, leaves=(0.3, -1.2, 0.7)):
    """A root that is computed as `plan` says, often from the same nodes; and all nodes."""
    made = [Value(x) for x in leaves]
    for step, i, j in plan:
        made.append(step(made[-1 - i % len(made)], made[-1 - j % len(made)], made[0]))
    return sum(made[3:], made[0]), made


def gradients(made):
    return [repr(x.grad) for x in made]


def marks(made):
    return [x for x in made if x.extra is not None or (x.is_leaf and x.b is not None)]


@given(plans)
def test_the_same_bits_as_with_tables(plan):
    root, made = graph(plan)
    root.backward()
    again, twins = graph(plan)
    with tg.observe(tg.Observer()):
        again.backward()
    assert gradients(made) == gradients(twins)
    assert not marks(made)


@given(plans, st.integers(0, 30))
def test_a_name_in_the_middle_changes_nothing(plan, which):
    root, made = graph(plan)
    root.backward()
    again, twins = graph(plan)
    twins[which % len(twins)].name = "y"
    again.backward()
    assert gradients(made) == gradients(twins)
    assert len(marks(twins)) == 1


@given(plans)
def test_a_pass_within_another_takes_tables(plan):
    """As a rule that itself goes backward over the same graph would find it."""
    root, made = graph(plan)
    root.backward()
    expected = gradients(made)
    again, twins = graph(plan)
    with sweep_numbers._MARKING:
        again.backward()
    assert gradients(twins) == expected


def test_a_wrong_quick_rule_within_a_neuron_is_found(monkeypatch):
    """Planted fault: the usual pass asks the quick rule of the activation, a recorded one not."""

    def agree():
        x, w = Value(-0.7), Value(0.4)
        found = []
        for create_graph in (False, True):
            x.grad = None
            tg.neuron(w, x * 1.0, 0.1, activation="relu").backward(create_graph=create_graph)
            found.append(float(x.grad))
        return found[0] == found[1]

    assert agree()
    monkeypatch.setitem(OPS["relu"].slopes, float, lambda g, y, x: g)
    assert not agree()


def test_a_result_that_is_used_very_often():
    """The marks of many uses are not kept: they would take more memory than the graph."""
    a = Value(1.5)
    b = a * 2.0
    total = b
    for _ in range(5000):
        total = total + b
    total.backward()
    assert a.grad == 2.0 * 5001
    assert b.grad == 5001
    assert sweep_numbers._LONGEST.more is None
    assert not marks([a, b])


def test_a_pass_that_breaks_leaves_no_marks():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = (c + a) * c
    b.data = 4.0
    for _ in range(2):
        with pytest.raises(MutationError):
            d.backward()
        assert not marks(reverse_order(d))
    fresh = (a * b) * a
    fresh.backward()
    assert a.grad == 16.0
    assert not sweep_numbers._MARKING.locked()


def test_a_freed_graph_below_leaves_no_marks():
    a = Value(2.0)
    c = a * a
    c.backward(retain_graph=False)
    d = (a * 3.0) * c
    with pytest.raises(FreedGraphError):
        d.backward()
    assert d.a.extra is None and c.extra is None
    assert not sweep_numbers._MARKING.locked()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("again", range(5))
def test_threads_that_share_nodes(again: int):
    """Whoever comes second takes tables; no gradient is lost, and none is another pass's."""
    shared = Value(0.5)
    middle = shared
    for _ in range(300):
        middle = middle * 0.99 + shared * 0.001
    roots = [middle * float(i + 1) for i in range(4)]
    threads = [threading.Thread(target=root.backward) for root in roots for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = shared.grad
    shared.grad = None
    middle.backward()
    assert total == pytest.approx(5 * 10 * shared.grad)


def test_forms_are_read_from_the_rules():
    forms = {name: op.form for name, op in OPS.items() if op.form}
    assert forms == {"add": SUM, "subtract": DIFFERENCE, "multiply": PRODUCT, "neuron": WEIGHTED}


def test_a_rule_that_differs_has_no_form():
    """Planted faults: the same text but for one sign, one place, one constant."""
    good = (lambda g, y, a, b: g * b), (lambda g, y, a, b: g * a)
    assert form_of(good) == PRODUCT
    assert form_of((good[0], lambda g, y, a, b: g * b)) is None
    assert form_of((good[0], lambda g, y, a, b: -g * a)) is None
    assert form_of((lambda g, y, a, b: g, lambda g, y, a, b: g * 2)) is None
    assert form_of((good[0], None)) is None
    scale = 2.0
    assert form_of((lambda g, y, a, b: g * scale, good[1])) is None


@pytest.mark.parametrize("operator", ["__add__", "__sub__", "__mul__", "__truediv__", "__pow__"])
@pytest.mark.parametrize("other", [3.0, 3, True, Value(3.0), Value(3.0, requires_grad=False)])
def test_operators_are_the_operations(operator, other):
    general = getattr(Value, operator).op.call
    x = Value(2.0)
    quick, slow = getattr(x, operator)(other), general(x, other)
    assert repr(quick.data) == repr(slow.data)
    assert quick.op is slow.op and quick.inputs == slow.inputs
    with tg.no_grad():
        assert getattr(x, operator)(other).op is None
