"""Views: each level shows every record once and every use once, in no more boxes than allowed."""

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.test_groups import blocks, large, unrolled
from tests.viz.traces import figure, made, traces
from tinygrad_nn import nn
from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.trace.model import Role, Trace
from tinygrad_nn.viz.trace.words import node_words
from tinygrad_nn.viz.view import drawn, groups, view
from tinygrad_nn.viz.view.model import View

levels = st.sampled_from(["auto", "scalar", "op", "module"])


def check(v: View, budget: int) -> None:
    """What holds for every view (G1, G2 and the documented order)."""
    trace = v.trace
    of = {key: p.key for p in v.parts for key in p.nodes}
    assert sum(len(p.nodes) for p in v.parts) == len(of) == len(trace.records)
    assert len({p.key for p in v.parts}) == len(v.parts)
    links = Counter(k for link in v.links for k in link.edges)
    assert all(count == 1 for count in links.values())
    assert set(links) == {k for k, e in enumerate(trace.edges) if of[e.source] != of[e.target]}
    kinds = {p.key: p.kind for p in v.parts}
    place = {p.key: i for i, p in enumerate(v.parts)}
    for link in v.links:
        assert place[link.source] < place[link.target]
        assert {of[trace.edges[k].source] for k in link.edges} == {link.source}
        assert {of[trace.edges[k].target] for k in link.edges} == {link.target}
        if kinds[link.source] == kinds[link.target] == "node":
            assert len(link.edges) == 1
    pairs = Counter((link.source, link.target) for link in v.links)
    assert all(n == 1 or kinds[a] == kinds[b] == "node" for (a, b), n in pairs.items())
    assert drawn(v) <= budget
    frames = {c.key for c in v.clusters}
    assert {p.cluster for p in v.parts} | {c.parent for c in v.clusters} <= {None, *frames}
    assert set(v.spine) <= set(kinds)
    assert v.spine[-1] == of[trace.root.key]
    steps = set(pairs)
    assert all(step in steps for step in zip(v.spine, v.spine[1:], strict=False))
    for p in v.parts:
        assert set(p.parameters) <= set(p.nodes)
        assert p.kind != "node" or p.key == f"n{p.nodes[0]}"


@given(traces(), levels, st.booleans(), st.sampled_from([1, 7, 20, 300]))
def test_every_record_and_use_is_shown_once(
    trace: Trace, level: str, plumbing: bool, budget: int
) -> None:
    v = view(trace, level, budget, plumbing=plumbing)
    check(v, budget)
    assert v == view(trace, level, budget, groups(trace), plumbing)
    if level != "auto":
        assert v.level == level


@given(traces())
def test_the_scalar_level_shows_every_node_alone(trace: Trace) -> None:
    v = view(trace, "scalar")
    assert [p.nodes for p in sorted(v.parts, key=lambda p: p.nodes)] == [
        (r.key,) for r in trace.records
    ]
    assert len(v.links) == len(trace.edges)


@pytest.mark.parametrize("fault", ["twice", "missing", "merged uses"])
def test_the_check_notices_faults(fault: str) -> None:
    v = view(made([[], [0, 0]]), "scalar")
    first, second = v.links
    wrong = {
        "twice": replace(v, parts=(*v.parts, v.parts[0])),
        "missing": replace(v, links=(first,)),
        "merged uses": replace(v, links=(replace(first, edges=first.edges + second.edges),)),
    }
    check(v, 300)
    with pytest.raises(AssertionError):
        check(wrong[fault], 300)


def test_two_uses_are_two_links_between_nodes_and_one_between_groups() -> None:
    a = tg.Value(2.0)
    v = view(tg.trace(a * a), "scalar")
    assert [link.edges for link in v.links] == [(0,), (1,)]


LARGE = [(kind, level) for kind in ("chain", "leaves", "random", "sum")
         for level in ("auto", "scalar", "op", "module")]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "level"),
    # Each kind and each level once; the rest is the long tail.
    [pytest.param(*LARGE[k], marks=[] if k % 5 == 0 else [pytest.mark.slow]) for k in range(16)],
)
def test_large_graphs_fit_the_budget(kind: str, level: str) -> None:
    """G9: 10,000 operations in at most 300 boxes, and quickly."""
    trace = large(kind, 10_000)
    start = time.process_time()
    v = view(trace, level)
    assert time.process_time() - start < 4.0
    check(v, 300)
    assert v.notes and v.notes[0].startswith(f"{node_words(trace.records)} in {len(v.parts)} box")


# ── Levels ──────────────────────────────────────────────────────────────────────────────


def test_unknown_levels_are_refused() -> None:
    with pytest.raises(OptionError, match="level='layer', expected one of 'auto'"):
        view(made([[], [0]]), "layer")
    with pytest.raises(OptionError, match="limit=0, expected at least 1"):
        view(made([[], [0]]), budget=0)


def test_auto_takes_the_level_by_size() -> None:
    def chain(count: int) -> Trace:
        return made([[], *([i] for i in range(count - 1))], lambda i: f"op{i * i % 17}")

    assert view(chain(40)).level == "scalar"
    assert view(chain(41)).level == "op"
    assert view(chain(301)).level == "module"


def test_auto_takes_modules_for_networks() -> None:
    assert view(blocks(2)).level == "scalar"  # Of single numbers, and few.
    assert view(blocks(12)).level == "module"


def test_a_loop_is_folded_where_its_steps_would_be_too_many() -> None:
    assert [p.kind for p in view(unrolled(10)).parts].count("repeat") == 0
    v = view(unrolled(50))
    assert [p.about for p in v.parts if p.kind == "repeat"] == ["steps ×50"]
    assert "steps ×50" in v.notes[0]


def test_a_repeat_bears_the_largest_gradient_of_each_copy() -> None:
    trace = blocks(4)
    norms = iter([3.0, float("nan"), 2.0, 1.0])
    records = tuple(
        replace(r, gradient=figure(next(norms)) if r.role is Role.PARAMETER else figure(9.0))
        for r in trace.records
    )
    nan = replace(figure(0.0), nans=1)
    records = tuple(
        replace(r, gradient=nan) if r.gradient and r.gradient.norm != r.gradient.norm else r
        for r in records
    )
    (repeat,) = (
        p for p in view(replace(trace, records=records), "module").parts if p.kind == "repeat"
    )
    assert repr(repeat.copies) == "(3.0, nan, 2.0, 1.0)"


# ── Networks ────────────────────────────────────────────────────────────────────────────


def batch(*shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def network() -> tuple[nn.Module, Trace]:
    model = nn.Sequential(
        nn.Linear(784, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 10)
    )
    x, y = batch(4, 784), tg.tensor(np.array([1, 2, 3, 4]))
    return model, tg.trace(lambda: nn.CrossEntropyLoss()(model(x), y), model=model)


def test_a_network_is_a_row_of_modules_with_their_parameters() -> None:
    _, trace = network()
    v = view(trace)
    check(v, 300)
    modules = [p for p in v.parts if p.kind == "module"]
    assert [(p.title, p.about) for p in modules] == [
        ("0", "Linear (784→16) → Tanh"),
        ("2", "Linear (16→16) → Tanh"),
        ("4", "Linear (16→10)"),
    ]
    names = [[trace.records[k].name for k in p.parameters] for p in modules]
    assert names == [[f"{i}.weight", f"{i}.bias"] for i in (0, 2, 4)]
    assert [k.label for k in v.links][:4] == ["4×784", "4×16", "4×16", "4×10"]
    assert set(p.key for p in modules) < set(v.spine)
    assert not v.clusters


def test_two_passes_of_one_network_have_the_same_keys() -> None:
    (_, one), (_, other) = network(), network()
    assert groups(one) == groups(other)
    assert [p.key for p in view(one).parts] == [p.key for p in view(other).parts]


def test_operations_stand_in_frames_of_their_modules() -> None:
    _, trace = network()
    v = view(trace, "op")
    check(v, 300)
    titles = {c.key: c.title for c in v.clusters}
    assert list(titles.values()) == ["Sequential", "0", "1", "2", "3", "4"]
    inside = {trace.records[p.nodes[0]].name: titles.get(p.cluster or "") for p in v.parts}
    assert inside["0.weight"] == "0" and inside["tanh_1"] == "1" and inside["nll_1"] is None


def test_plumbing_is_folded_unless_asked_for() -> None:
    a = tg.tensor(np.ones((2, 3)), requires_grad=True)
    trace = tg.trace((a.reshape(3, 2).swapaxes(0, 1) * 2.0).sum())
    v = view(trace, "op")
    check(v, 300)
    assert all(trace.records[p.nodes[0]].op not in ("reshape", "permute_dims") for p in v.parts)
    assert any("reshape" in note and "permute_dims" in note for note in v.notes)
    assert len(view(trace, "op", plumbing=True).parts) == len(trace.records) - 1  # not the 2.0


def test_blocks_of_a_transformer_are_one_box() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 12)
    trace = tg.trace(lambda: model(batch(2, 3, 8)).sum(), model=model)
    v = view(trace)
    check(v, 300)
    (block,) = (p for p in v.parts if p.kind == "repeat")
    assert (block.title, block.about) == ("layers.0…11", "TransformerEncoderLayer ×12")
    assert len(block.copies) == 12 and len(set(block.copies)) > 1
    for level in ("scalar", "op"):
        check(view(trace, level), 300)


def test_a_batch_of_single_numbers_is_one_network() -> None:
    model = nn.MLP(2, [4, 4, 1])
    rows = [(0.1, 0.2, 1.0), (0.3, -0.4, -1.0), (0.5, 0.6, 1.0), (-0.7, 0.8, 1.0)]
    loss = sum(((model([a, b]) - c) ** 2 for a, b, c in rows), tg.Value(0.0))
    for trace in (
        tg.trace(loss, model=model),
        tg.trace(
            lambda: sum(((model([a, b]) - c) ** 2 for a, b, c in rows), tg.Value(0.0)), model=model
        ),
    ):
        v = view(trace)
        check(v, 300)
        found = [p.title for p in v.parts if p.kind in ("repeat", "module")]
        assert found == ["layers.0.neurons.0…3", "layers.1.neurons.0…3", "layers.2.neurons.0"]


def test_constants_can_be_left_away() -> None:
    x = tg.Value(0.5, name="x")
    v = view(tg.trace(x * 2.0 + 3.0), constants=False)
    assert [v.trace.records[p.nodes[0]].op for p in v.parts] == [None, "multiply", "add"]
    assert "2 constants not shown." in v.notes
