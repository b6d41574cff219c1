"""What a trace says is what the graph holds."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import tinygrad_nn as tg
from tests.viz.graphs import multiset, truth, values
from tinygrad_nn import nn
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import FreedGraphError, GradientError, OperandError, OptionError
from tinygrad_nn.viz.trace.model import Role, Trace
from tinygrad_nn.viz.trace.recorder import record


def number(summary):
    assert summary.shape == ()
    return summary.elements[0]


def edges_of(s: Trace) -> Counter[tuple[str, str, float]]:
    found: Counter[tuple[str, str, float]] = Counter()
    for e in s.edges:
        target, source = s.records[e.target], s.records[e.source]
        found[target.op, repr(number(target.value)), number(source.value)] += 1
    return found


@given(values())
def test_every_node_and_every_use_is_recorded(root):
    s, t = record(root), truth(root)
    assert s.total == s.kept == len(t.nodes)
    assert sum(bool(r.name) for r in s.records) == len(t.nodes)
    assert len(s.edges) == t.uses
    assert sum(r.role is Role.CONSTANT for r in s.records) == t.constants
    assert edges_of(s) == multiset(root)


@given(values())
def test_inputs_come_before_results_and_slots_are_in_order(root):
    s = record(root)
    assert all(r.key == k for k, r in enumerate(s.records))
    assert all(e.source < e.target for e in s.edges)
    assert all([e.slot for e in es] == list(range(len(es))) for es in s.uses().values())
    assert s.root.value.elements == (root.data,)


@given(values())
def test_observed_gradients_are_those_of_backward_and_change_none(root):
    before = [(n, n._grad) for n in truth(root).nodes]
    s = record(root, backward=True)
    assert all(n._grad is g for n, g in before)
    root.backward()
    after = record(root)
    shown = [r.gradient and r.gradient.elements for r in s.records]
    assert shown == [r.gradient and r.gradient.elements for r in after.records]
    leaves = {id(n): n.grad for n in truth(root).nodes if n.is_leaf}
    inputs = [r for r in s.records if r.role is Role.INPUT]
    assert sorted(number(r.gradient) for r in inputs) == sorted(leaves.values())


@given(values())
def test_contributions_add_up_and_are_local_times_upstream(root):
    s = record(root, backward=True)
    sums: dict[int, float] = {s.root.key: 1.0}
    for e in s.edges:
        if s.records[e.source].role is Role.CONSTANT:
            assert e.local is e.contribution is None
            continue
        upstream = number(s.records[e.target].gradient)
        assert e.contribution == pytest.approx(e.local * upstream, rel=1e-9, abs=1e-300)
        sums[e.source] = sums.get(e.source, 0.0) + e.contribution
    for key, total in sums.items():
        assert total == pytest.approx(number(s.records[key].gradient), rel=1e-9, abs=1e-12)


def test_a_planted_lost_duplicate_is_found():
    a = tg.Value(3.0)
    root = a * a
    s = record(root)
    assert edges_of(replace(s, edges=s.edges[1:])) != multiset(root)


def test_a_snapshot_keeps_its_numbers_when_the_graph_changes():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    s = record((x * x).sum())
    x.data[:] = 7.0
    assert s.records[0].value.elements == (1.0, 2.0)
    hash(s)


def test_reading_does_not_share_the_array():
    x = tg.tensor([1.0], requires_grad=True)
    record((x * 2.0).sum())
    assert x.extra is None


# ── Where gradients are missing ─────────────────────────────────────────────────────────


def missing(s: Trace) -> list[str]:
    return [r.missing for r in s.records if r.name]


def test_before_backward_nothing_is_called_zero():
    s = record(tg.Value(2.0) * tg.Value(3.0))
    assert missing(s) == ["not yet run backward"] * 3
    assert all(r.gradient is None for r in s.records)


def test_inner_tensors_say_that_theirs_was_not_kept():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    assert missing(record(loss)) == ["", "gradient not kept", "gradient not kept"]
    s = record(loss, backward=True)
    assert missing(s) == [""] * 3
    assert s.records[1].gradient.elements == (1.0, 1.0)
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_retained_gradient_is_left_as_it_is():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).retain_grad()
    record((y * 3.0).sum(), backward=True)
    assert y.grad is None


def test_a_written_leaf_is_marked_and_has_no_local_derivative():
    a = tg.Value(2.0, name="a")
    root = a * a
    a.data = 5.0
    s = record(root)
    assert s.records[0].changed
    assert all(e.local is None for e in s.edges)


def test_a_local_derivative_may_be_infinite():
    a = tg.Value(0.0)
    (edge,) = record(a.log()).edges
    assert edge.local == np.inf


# ── What is refused ─────────────────────────────────────────────────────────────────────


def test_what_cannot_be_recorded_is_refused():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(OperandError, match="expected a Value or Tensor"):
        record([1.0])
    with pytest.raises(GradientError, match=r"shape \(2,\).*loss\.sum\(\)"):
        record(x * 2.0, backward=True)
    with pytest.raises(GradientError, match="requires no gradient"):
        record(tg.tensor(1.0), backward=True)
    with pytest.raises(OptionError, match="limit=0"):
        record(x, limit=0)
    loss = (x * x).sum()
    loss.backward()
    said = r"^draw: nothing .* sum .* freed by .*test_record\.py:\d+; .*retain_graph=True"
    with pytest.raises(FreedGraphError, match=said):
        record(loss)


def test_a_leaf_and_a_constant_are_graphs_too():
    assert [r.role for r in record(tg.Value(1.0)).records] == [Role.INPUT]
    assert [r.role for r in record(tg.tensor(1.0)).records] == [Role.CONSTANT]
    weight = tg.Parameter([1.0])
    assert [r.role for r in record(weight).records] == [Role.PARAMETER]


# ── Large graphs ────────────────────────────────────────────────────────────────────────


def test_the_nearest_nodes_are_kept_and_the_rest_is_counted():
    x = tg.Value(1.0)
    for _ in range(1000):
        x = x + 1.0
    assert record(x).kept == 1001
    s = record(x, limit=300)
    assert (s.total, s.kept) == (1001, 300)
    assert s.root.value.elements == (1001.0,)
    assert sum(r.left_out for r in s.records) == 1
    assert min(number(r.value) for r in s.records if r.name) == 702.0


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_uses_are_either_kept_or_counted(limit):
    a = tg.Value(1.0)
    root = a
    for _ in range(20):
        root = root * a + root
    s = record(root, limit=limit)
    assert s.kept == limit
    held = [n for n in truth(root).nodes][:limit]
    inputs = sum(len(n.inputs) for n in held)
    assert len(s.edges) + sum(r.left_out for r in s.records) == inputs
    assert all(isinstance(n, Node) for n in held)


def test_generated_names_are_distinct_and_avoid_the_users():
    a = tg.Value(1.0, name="add_1")
    s = record((a + 1.0) + (a + 2.0))
    drawn = [r.name for r in s.records if r.name]
    assert drawn == ["add_1", "add_2", "add_3", "add_4"]


# ---------------------------------------------------------------------------- names by a model
def names_of(s: Trace) -> set[str]:
    return {r.name for r in s.records if r.role is Role.PARAMETER}


def test_parameters_of_a_model_are_named_by_their_paths():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    net[2].bias.name = "offset"
    loss = net(np.ones((2, 3), np.float32)).sum()
    found = record(loss, model=net)
    assert names_of(found) == {"0.weight", "0.bias", "2.weight", "offset"}
    assert all(r.named for r in found.records if r.role is Role.PARAMETER)
    assert names_of(record(loss)) == {"parameter_1", "parameter_2", "parameter_3", "offset"}
    assert "0.weight" in tg.draw(loss, "text", level="op", model=net).text
    assert net[0].weight.name is None


def test_several_models_and_values_and_shared_parameters():
    first, second = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1)
    second.weight = first.weight
    loss = second(first(np.ones((1, 2), np.float32))).sum()
    assert names_of(record(loss, model=[first, second])) == {"0.weight", "0.bias", "1.bias"}
    neuron = nn.Neuron(2, rng=0)
    s = record(neuron([1.0, 2.0]), model=neuron)
    assert {name for name, _ in neuron.named_parameters()} <= {r.name for r in s.records}


def test_what_is_no_model_is_refused():
    with pytest.raises(OperandError, match="got a model of type int, expected a Module"):
        record(tg.Value(1.0), model=3)
