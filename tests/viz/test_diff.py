"""Two passes, node by node: what is found again, what changed, and what is said of it."""

import math
from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.samples import NASTY, broken, lesson, nasty, odd
from tests.viz.traces import figure, made, traces
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import FreedGraphError, OperandError, OptionError
from tinygrad_nn.viz.diff import compare
from tinygrad_nn.viz.diff.figures import change_of, difference
from tinygrad_nn.viz.diff.matching import _common, matched
from tinygrad_nn.viz.trace.figures import figure as figures_of
from tinygrad_nn.viz.trace.model import Failure, Trace

F = nn.functional
INPUTS = np.random.default_rng(0).normal(size=(8, 12))
TARGETS = np.arange(8) % 3


def net(*between: nn.Module, dtype: str = "float64", seed: int = 0) -> nn.Sequential:
    """12-16-3, with more layers after the first one."""
    first, last = nn.Linear(12, 16, rng=seed), nn.Linear(16, 3, rng=seed + 1)
    model = nn.Sequential(first, *between, nn.Tanh(), last)
    model.to(dtype)
    return model


def passed(model: nn.Module, *, watched: bool = True, dtype: str = "float64") -> Trace:
    def loss() -> tg.Tensor:
        scores = model(tg.tensor(INPUTS.astype(dtype), name="input"))
        found = F.cross_entropy(scores, tg.tensor(TARGETS, name="targets"))
        found.name = "loss"
        return found

    return tg.trace(loss, model=model) if watched else tg.trace(loss(), model=model)


def classes(d) -> list[tuple[str, int]]:
    """Side and key of every record, as often as it is in some class."""
    found = [("before", r.key) for r in d.absent] + [("after", r.key) for r in d.new]
    for pair in (*d.changed, *d.unchanged):
        found += [("before", pair.before.key), ("after", pair.after.key)]
    return sorted(found)


def everything(before: Trace, after: Trace) -> list[tuple[str, int]]:
    sides = (("before", before), ("after", after))
    return sorted((name, r.key) for name, trace in sides for r in trace.records)


# ── Properties ──────────────────────────────────────────────────────────────────────────


@given(traces())
def test_a_pass_does_not_differ_from_itself(trace):
    d = compare(trace, trace)
    assert d.is_same
    assert d.first_difference(0.0) is None
    assert [(pair.before.key, pair.after.key) for pair in d.pairs] == [
        (r.key, r.key) for r in trace.records
    ]
    assert str(d).startswith("no difference")


@given(traces(30), traces(30))
def test_every_node_of_both_is_in_exactly_one_class(before, after):
    d = compare(before, after)
    assert classes(d) == everything(before, after)
    assert all(pair.before.op == pair.after.op for pair in d.pairs)


@given(traces(30), traces(30))
def test_what_is_changed_backward_is_what_is_changed_forward(before, after):
    there, back = compare(before, after), compare(after, before)
    assert matched(after, before) == {y: x for x, y in matched(before, after).items()}
    assert (there.new, there.absent) == (back.absent, back.new)
    assert len(there.rewired) == len(back.rewired)
    assert {(p.before.key, p.after.key) for p in there.changed} == {
        (p.after.key, p.before.key) for p in back.changed
    }


@given(traces(40), st.data())
def test_one_changed_number_is_found_and_nothing_else(trace, data):
    at = data.draw(st.integers(0, len(trace.records) - 1))
    what = data.draw(st.sampled_from(["value", "gradient"]))
    records = list(trace.records)
    records[at] = replace(records[at], **{what: figure(7.5)})
    d = compare(trace, replace(trace, records=tuple(records)))
    assert [pair.after.key for pair in d.changed] == [at]
    assert (d.new, d.absent, d.rewired) == ((), (), ())
    back = compare(d.after, d.before)
    assert [pair.after.key for pair in back.changed] == [at]
    changes = [getattr(side.changed[0], what) for side in (d, back)]
    assert changes[0].absolute == changes[1].absolute
    for change in changes:
        size = change.before.norm if change.before is not None else 0.0
        assert change.relative == (change.norm / size if size else math.inf)


@given(st.integers(2, 30), st.data())
def test_a_node_put_into_a_chain_is_the_only_new_one(length, data):
    at = data.draw(st.integers(1, length))
    ops = ["tanh", "exp", "add"]
    chain = made([[], *([k] for k in range(length))], lambda i: ops[i % 3])
    longer = made(
        [[], *([k] for k in range(length + 1))],
        lambda i: "sin" if i == at else ops[(i - (i > at)) % 3],
    )
    d = compare(chain, longer)
    assert [r.op for r in d.new] == ["sin"]
    assert d.absent == ()
    assert len(d.rewired) == (at <= length)
    back = compare(longer, chain)
    assert [r.op for r in back.absent] == ["sin"]
    assert (back.new, len(back.rewired)) == ((), len(d.rewired))


labels = st.lists(st.integers(0, 4), max_size=14)


@given(labels, labels)
def test_what_two_lists_have_in_common_is_as_long_as_it_can_be(a, b):
    found = _common(a, b)
    assert all(a[i] == b[j] for i, j in found)
    assert all(p[0] < q[0] and p[1] < q[1] for p, q in pairwise(found))
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            best[i + 1][j + 1] = best[i][j] + 1 if x == y else max(best[i][j + 1], best[i + 1][j])
    assert len(found) == best[-1][-1]


arrays = st.lists(st.floats(width=32), min_size=1, max_size=12)


@given(arrays, st.data())
def test_figures_never_tell_of_more_change_than_there_is(a, data):
    b = data.draw(st.lists(st.floats(width=32), min_size=len(a), max_size=len(a)))
    one, other = figures_of(np.array(a)), figures_of(np.array(b))
    absolute, norm, exact = difference(one, other)
    assert exact
    vague = [replace(s, elements=None) for s in (one, other)]
    least, shorter, exact = difference(*vague)
    if math.isfinite(least):
        assert not exact
        assert least <= absolute * (1 + 1e-6) + 1e-300
        assert shorter <= norm * (1 + 1e-6) + 1e-300
    else:
        assert absolute == math.inf
    assert difference(other, one) == (absolute, norm, True)


# ── What it is for ──────────────────────────────────────────────────────────────────────


def test_one_step_of_an_optimiser_changes_values_and_gradients_but_no_wiring():
    model = net()
    before = passed(model)
    F.cross_entropy(model(tg.tensor(INPUTS)), tg.tensor(TARGETS)).backward()
    optim.SGD(model.parameters(), lr=0.1).step()
    d = compare(before, passed(model))
    assert (d.new, d.absent, d.rewired) == ((), (), ())
    names = {pair.after.name for pair in d.changed}
    assert {"0.weight", "0.bias", "2.weight", "2.bias", "loss"} <= names
    weight = next(pair for pair in d.changed if pair.after.name == "2.bias")
    step = 0.1 * np.array(weight.before.gradient.elements)
    np.testing.assert_allclose(weight.value.norm, np.linalg.norm(step), rtol=1e-12)
    assert weight.value.exact
    assert [pair.relative for pair in d.changed] == sorted(
        (pair.relative for pair in d.changed), reverse=True
    )


@pytest.mark.parametrize("watched", [True, False])
def test_a_layer_put_in_between_leaves_the_others_matched(watched):
    before, after = (passed(m, watched=watched) for m in (net(), net(nn.BatchNorm1d(16))))
    d = compare(before, after)
    assert d.absent == ()
    assert {r.op or r.role.value for r in d.new} == {"parameter", "standardize"}
    pairs = {pair.before.name: pair.after.name for pair in d.pairs}
    assert pairs["2.weight"] == "3.weight"
    assert pairs["0.weight"] == "0.weight"
    ((rewired,),) = [d.rewired]
    assert rewired.pair.after.op == "tanh"
    assert after.records[rewired.after.source].op == "standardize"
    assert "input 0 of tanh_1: linear_1 → standardize_1" in str(d)


def test_a_layer_of_another_kind_is_absent_and_new():
    d = compare(passed(net()), passed(nn.Sequential(*list(net())[:1], nn.ReLU(), list(net())[2])))
    assert [r.op for r in d.absent] == ["tanh"]
    assert [r.op for r in d.new] == ["relu"]


def test_the_first_difference_of_two_precisions_is_told():
    one, other = passed(net()), passed(net(dtype="float32"), dtype="float32")
    d = compare(one, other)
    assert d.first_difference(rtol=1e-4) is None
    assert d.first_difference(rtol=1e-9).after.name == "input"
    assert "float64 to float32" in str(d)
    assert compare(one, other, rtol=1e-3).is_same
    records = list(other.records)
    at = next(r.key for r in records if r.op == "tanh")
    value = records[at].value
    records[at] = replace(records[at], value=replace(value, elements=(9.0, *value.elements[1:])))
    planted = compare(one, replace(other, records=tuple(records)))
    assert planted.first_difference(rtol=1e-4).after.key == at


def test_operands_that_changed_places_are_rewired():
    def side(swapped: bool) -> tg.Value:
        a, b = tg.Value(2.0, name="a"), tg.Value(3.0, name="b")
        return b - a if swapped else a - b

    d = compare(side(False), side(True))
    assert (d.new, d.absent) == ((), ())
    assert {pair.after.name for pair in d.pairs} == {"a", "b", "subtract_1"}
    assert [one.slot for one in d.rewired] == [0, 1]


# ── Odd passes ──────────────────────────────────────────────────────────────────────────


def test_two_programs_altogether_are_told_and_still_shown():
    d = compare(lesson(), passed(net()))
    assert any("two different programs" in note for note in d.notes)
    assert classes(d) == everything(d.before, d.after)
    assert "absent" in str(d)
    assert "<svg" in d.draw().svg


def test_a_broken_and_an_unrun_pass_are_told():
    d = compare(tg.trace(lesson()), broken())
    assert any("“after” broke in forward: ShapeError" in note for note in d.notes)
    unrun = replace(tg.trace(lesson()), observed=False)
    assert any("not run backward" in note for note in compare(unrun, unrun).notes)
    freed = replace(tg.trace(lesson()), failure=Failure("freed", "it is gone"))
    assert any("was freed" in note for note in compare(freed, lesson()).notes)
    for one in (d, compare(freed, lesson())):
        assert "<svg" in one.draw().svg
        assert one.html().startswith("<!doctype html>")


def test_nan_equals_nan_and_differs_from_a_number():
    with np.errstate(all="ignore"):
        d = compare(tg.trace(odd()), tg.trace(odd()))
    assert d.is_same
    change = change_of(figures_of(np.array([1.0, np.nan])), figures_of(np.array([1.0, 2.0])))
    assert change.absolute == math.inf
    assert not change.within(1.0, 1.0)
    assert compare(tg.Value(1.0), tg.Value(math.nan)).changed
    assert "NaN" in str(compare(tg.Value(1.0), tg.Value(math.nan)))


def test_a_gradient_that_is_gone_is_a_change():
    a = tg.trace(lesson())
    records = tuple(replace(r, gradient=None) if r.name == "a" else r for r in a.records)
    (pair,) = compare(a, replace(a, records=records)).changed
    assert pair.gradient.absolute == math.inf
    assert "only before" in str(compare(a, replace(a, records=records)))


def test_what_is_no_pass_is_refused():
    with pytest.raises(OperandError, match=r"got int for 'after'.*expected a Value or Tensor"):
        compare(tg.Value(1.0), 3)
    with pytest.raises(OperandError, match="no nodes"):
        compare(Trace((), (), 0, 0, True), tg.Value(1.0))
    for options in ({"rtol": -1.0}, {"atol": math.nan}):
        with pytest.raises(OptionError, match="expected 0 or a positive number"):
            compare(tg.Value(1.0), tg.Value(1.0), **options)
    d = compare(tg.Value(1.0), tg.Value(1.0))
    with pytest.raises(OptionError, match="rtol"):
        d.first_difference(-1.0)
    for wrong in (lambda: d.draw(theme="blue"), lambda: d.html(theme="blue")):
        with pytest.raises(OptionError, match="theme"):
            wrong()


# ── Size and form ───────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_ten_thousand_nodes_take_seconds_whatever_differs():
    generator = np.random.default_rng(0)

    def tangled(seed: int, count: int = 10_000) -> Trace:
        draws = np.random.default_rng(seed)
        ops = draws.choice(["add", "multiply", "tanh", "exp"], count)
        inputs = [
            [],
            *([max(0, k - int(d))] for k, d in enumerate(draws.integers(0, 9, count - 1))),
        ]
        return made(inputs, lambda i: str(ops[i]))

    one = tangled(0)
    cut = int(generator.integers(2000, 8000))
    records = list(one.records)
    records[cut] = replace(records[cut], op="sin")
    start = perf_counter()
    few = compare(one, replace(one, records=tuple(records)))
    assert (len(few.new), len(few.absent)) == (1, 1)
    assert classes(compare(one, tangled(1)))
    assert perf_counter() - start < 30


def test_it_is_the_same_on_every_run():
    before, after = passed(net()), passed(net(nn.BatchNorm1d(16)))
    one, other = compare(before, after), compare(before, after)
    assert str(one) == str(other)
    assert one.html() == other.html()
    assert one.draw().svg == other.draw().svg


def test_drawings_and_pages_say_what_became_of_each_box(tmp_path):
    d = compare(passed(net()), passed(net(nn.BatchNorm1d(16))))
    svg = d.draw(path=tmp_path / "d.svg").svg
    assert (tmp_path / "d.svg").read_text() == svg
    for words in ("± changed", "+ new", "before", "after", "m-new"):
        assert words in svg
    assert d.draw("text").content().decode().startswith("9 of 14 nodes changed, 3 new")
    assert d.draw("dot").content().startswith(b"digraph")
    page = d.save_html(tmp_path / "d.html").read_text()
    assert "https://" not in page
    assert set(d._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_names_are_only_text():
    d = compare(nasty(), lesson())
    page = d.html(title="</title><b>", names=("<i>", "\u202e"))
    for name in NASTY:
        assert "<" not in name or name not in page
    assert "<b>" not in page
    assert "\u202e" not in page
    assert "<svg" in d.draw().svg


def test_shares_are_of_what_was_before():
    one, two, none = (tg.Value(x, name="x") for x in (1.0, 2.0, 0.0))
    assert "▲ 1 (100 %)" in str(compare(tg.trace(one + 0.0), tg.trace(two + 0.0)))
    assert "▼ −1 (50 %)" in str(compare(tg.trace(two + 0.0), tg.trace(one + 0.0)))
    found = compare(tg.trace(none + 0.0), tg.trace(two + 0.0))
    assert "▲ 2 (from 0)" in str(found) and "by (share of before)" in str(found)
    assert repr(found.first_difference()) == "<Pair 'x': value by ▲ 2 (from 0)>"


def test_the_first_difference_is_that_of_the_page():
    a, b = tg.Value(1.0, name="x"), tg.Value(1.0 + 1e-7, name="x")
    found = compare(tg.trace(a * a), tg.trace(b * b))
    assert found.first_difference().after.name == "x" and "that differs is x" in found.html()
    assert compare(tg.trace(a * a), tg.trace(b * b), rtol=1e-5).first_difference() is None


def test_a_freed_graph_is_not_compared():
    loss = tg.tensor([1.0, 2.0], requires_grad=True).sum()
    loss.backward()
    with pytest.raises(FreedGraphError, match="compare: "):
        tg.compare(loss, loss)
