"""Explanations against every path, walked one by one, and against the engine's own numbers."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.graphs import values
from tinygrad_nn import nn
from tinygrad_nn.errors import (
    FreedGraphError,
    GradientError,
    GraphError,
    OperandError,
    OptionError,
    PositionError,
)
from tinygrad_nn.viz.explain.net import Recorded
from tinygrad_nn.viz.explain.result import count_text, route_text
from tinygrad_nn.viz.explain.search import groups, largest
from tinygrad_nn.viz.explain.why import explain
from tinygrad_nn.viz.trace.model import Edge, Record, Role, Summary, Trace
from tinygrad_nn.viz.trace.recorder import record


def every_path(trace: Trace, start: int) -> list[tuple[Edge, ...]]:
    """All paths from the root down to `start`, by a walk that knows nothing of the search."""
    uses = trace.uses()
    found = []
    stack: list[tuple[int, tuple[Edge, ...]]] = [(trace.root.key, ())]
    while stack:
        key, edges = stack.pop()
        if key == start:
            found.append(edges)
        stack += [(e.source, (*edges, e)) for e in uses.get(key, ())]
    return found


def product(edges: tuple[Edge, ...]) -> float:
    return math.prod(e.local for e in edges)  # type: ignore[misc]


def leaves(trace: Trace) -> list[Record]:
    return [r for r in trace.records if r.role is Role.INPUT and r.gradient is not None]


# ── Numbers ─────────────────────────────────────────────────────────────────────────────


@given(root=values(), top=st.integers(1, 6))
@settings(deadline=None)
def test_the_largest_paths_are_the_largest_of_all(root: tg.Value, top: int):
    trace = record(root, backward=True)
    for leaf in leaves(trace):
        all_paths = every_path(trace, leaf.key)
        sizes = sorted((abs(product(p)) for p in all_paths), reverse=True)
        got = explain(leaf.name, of=trace, top=top)
        assert got.path_count == len(all_paths)
        assert got.exact
        assert len(got.paths) == min(top, len(all_paths))
        np.testing.assert_allclose(
            [abs(r.product) for r in got.paths], sizes[:top], rtol=1e-13, atol=5e-324
        )
        texts = [route_text(r) for r in got.paths if len(r.factors) < 12]
        assert len(set(texts)) == len(texts), "two paths that read alike"
        keys = [tuple((f.target, f.slot) for f in r.factors) for r in got.paths]
        assert len(set(keys)) == len(keys), "a path twice"
        for r in got.paths:
            factors = [f.local for f in r.factors]
            assert math.prod(factors) == r.product  # type: ignore[arg-type]
            ends = [trace.root.key, *(f.source for f in r.factors)]
            assert [f.target for f in r.factors] == ends[:-1]
            assert ends[-1] == leaf.key


@given(root=values())
@settings(deadline=None)
def test_contributions_add_up_to_the_gradient_exactly(root: tg.Value):
    """As the sweep adds them to the last bit; as products of all factors to rounding."""
    root.backward()
    trace = record(root, backward=True)
    truth = [n.grad for n in tg.reverse_order(root) if n.is_leaf]
    seen = []
    for leaf in leaves(trace):
        got = explain(leaf.name, of=trace, top=3)
        running = None
        for use in got.uses:
            running = use.contribution if running is None else running + use.contribution
            assert running == use.sum
        assert running == got.gradient
        seen.append(got.gradient)
        products = [product(p) for p in every_path(trace, leaf.key)]
        # Where products are subnormal, each is rounded to a multiple of 5e-324.
        close = 1e-12 * math.fsum(map(abs, products)) + 1e-318
        assert abs(math.fsum(products) - got.gradient) <= close
        parts = [r.product for r in got.paths]
        assert got.others == math.fsum([got.gradient, *(-p for p in parts)])
    assert sorted(seen) == sorted(truth)


def synthetic(locals_of: list[tuple[int, int, float]], count: int) -> Trace:
    """A trace of `count` numbers with these (source, target, derivative)."""
    one = Summary((), "float", 1, (1.0,), 1.0, 0.0, 1.0, 1.0, 1.0, 0, 0)
    records = tuple(
        Record(i, f"n{i}", True, Role.INPUT, "op" if i else None, (), (), one, one, "", 0, False)
        for i in range(count)
    )
    edges = tuple(Edge(s, t, i, d, 1.0, i, 1.0) for i, (s, t, d) in enumerate(locals_of))
    return Trace(records, edges, count, count, True)


ODD = [0.0, math.inf, -math.inf, math.nan, 1e300, 1e-300, 2.0, -0.5, 1.0]


def rank(x: float) -> tuple[int, float]:
    return (3, 0.0) if math.isnan(x) else (2, 0.0) if math.isinf(x) else (1 if x else 0, abs(x))


@given(data=st.data())
@settings(deadline=None)
def test_the_search_is_exact_with_zeros_infinities_and_nan(data: Any):
    count = data.draw(st.integers(2, 6))
    edges = [
        (s, t, data.draw(st.sampled_from(ODD)))
        for t in range(1, count)
        for s in range(t)
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    net = Recorded(synthetic(sorted(edges, key=lambda e: e[1]), count), 0)
    want = sorted(map(rank, map(_scaled, every_path(net.trace, 0))), reverse=True)
    got = largest(net, 4)
    assert net.total == len(want)
    assert len(got) == min(4, len(want))
    for found, expected in zip(got, want, strict=False):
        kind, size = rank(_scaled(found.edges))
        assert kind == expected[0]
        assert math.isclose(size, expected[1], rel_tol=1e-12)


def _scaled(edges: tuple[Edge, ...]) -> float:
    """The product, in wider numbers so that six factors of 1e300 neither overflow nor vanish."""
    wide = np.longdouble(1)
    with np.errstate(all="ignore"):
        for e in edges:
            wide = wide * np.longdouble(e.local)
        # The order is kept, and a float can hold it.
        small = wide if not np.isfinite(wide) or not wide else np.sign(wide) * _squeezed(wide)
    return float(small)


def _squeezed(x: Any) -> Any:
    return np.exp(np.log(np.abs(x)) / 64)


@pytest.mark.parametrize(("stages", "words"), [
    (1500, "about 10^451"), pytest.param(5000, "about 10^1505", marks=pytest.mark.slow),
])  # fmt: skip
def test_so_many_paths_that_nobody_could_walk_them(stages, words):
    """2^stages paths, counted exactly, and the largest found; no recursion."""
    x = tg.Value(1.0, name="x")
    y = x
    for _ in range(stages):
        y = y * 0.5 + y * 0.25
    got = explain(x, of=y, top=3)
    assert got.path_count == 2**stages
    assert all(f.local in (1.0, 0.5) for f in got.paths[0].factors)
    assert count_text(got.path_count) == words
    assert f"{words} paths" in str(got)
    assert len(str(got)) < 5000
    assert len(got.latex) < 20_000


@pytest.mark.parametrize("count", [500, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_leaf_with_very_many_uses(count):
    x = tg.Value(0.5, name="x")
    total = x * 1.0
    for i in range(count):
        total = total + x * (i % 7)
    got = explain(x, of=total)
    assert len(got.uses) == count + 1
    assert got.uses[-1].sum == got.gradient
    assert len(got.latex) < 20_000


# ── Why it is 0, or not finite ──────────────────────────────────────────────────────────


def test_a_dead_relu_is_named():
    w, x = tg.Value(2.0, name="w"), tg.Value(-1.0, name="x")
    hidden = (x * w).relu()
    hidden.name = "hidden"
    got = explain(w, of=hidden * 3 + hidden**2)
    assert got.gradient == 0
    assert any("hidden = relu" in note for note in got.notes)
    assert "Each of the 2 paths" in " ".join(got.notes)


def test_paths_that_cancel_are_not_called_zero():
    x = tg.Value(3.0, name="x")
    got = explain(x, of=x * 2 - x * 2)
    assert got.gradient == 0
    assert any("cancel" in note for note in got.notes)
    assert {r.product for r in got.paths} == {2.0, -2.0}


def test_a_dead_unit_of_a_network_is_named():
    w = tg.tensor([[1.0, -1.0], [1.0, -2.0]], requires_grad=True, name="w")
    loss = (tg.tensor([[1.0, 2.0]]) @ w).relu().sum()
    got = explain(w, of=loss, index=(0, 1))
    assert got.gradient == 0
    assert any("relu_1" in note for note in got.notes)
    assert explain(w, of=loss, index=(0, 0)).gradient == 1


def test_where_an_infinity_came_from_is_named():
    x = tg.Value(0.0, name="x")
    y = x * 2
    y.name = "y"
    got = explain(x, of=y.log() * 3)
    assert math.isinf(got.gradient)
    assert any("log_1 = log" in note and "y = 0" in note for note in got.notes)
    assert str(got)


def test_where_a_nan_of_a_tensor_came_from_is_named():
    w = tg.tensor([1.0, 0.0], requires_grad=True, name="w")
    got = explain(w, of=(w.sqrt() * 0.0).sum())
    assert math.isnan(got.gradient)
    assert got.index == (1,)
    assert any("sqrt_1 = sqrt" in note for note in got.notes)


def test_a_rule_that_answers_zero_to_infinity_is_believed():
    """relu hands on exactly 0 where it is off: 0 · Inf would be NaN, and wrong."""
    x = tg.Value(-1.0, name="x")
    got = explain(x, of=x.relu().log())
    assert got.gradient == 0
    assert [r.product for r in got.paths] == [0.0]


# ── Tensors ─────────────────────────────────────────────────────────────────────────────


def network(sizes: list[int], seed: int, residual: int = 0) -> tuple[Any, Any]:
    """A loss in float64, and the first weight."""
    rng = np.random.default_rng(seed)
    x = tg.tensor(rng.standard_normal((3, sizes[0])))
    weights = [
        tg.tensor(rng.standard_normal(s), requires_grad=True, name=f"w{i}")
        for i, s in enumerate(pairwise(sizes))
    ]
    for w in weights:
        x = (x @ w).tanh()
    for _ in range(residual):
        x = x + (x * 0.5).tanh()
    return (x * x).sum(), weights[0]


@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    seed=st.integers(0, 999),
    residual=st.integers(0, 5),
)
def test_paths_of_a_tensor_graph_add_up_to_the_gradient(sizes: list[int], seed: int, residual: int):
    loss, w = network(sizes, seed, residual)
    got = explain(w, of=loss, top=200)
    loss.backward()
    assert got.gradient == w.grad.data[got.index]
    assert abs(got.gradient) == np.abs(w.grad.data).max()
    assert got.exact
    assert len(got.paths) == got.path_count == 2 * 2**residual
    products = [r.product for r in got.paths]
    assert products == sorted(products, key=lambda p: -abs(p))
    assert abs(math.fsum(products) - got.gradient) <= 1e-12 * math.fsum(map(abs, products))
    assert got.uses[-1].sum == got.gradient
    for use in got.uses:
        if use.terms and use.terms_total == len(use.terms):
            terms = math.fsum(t.product for t in use.terms)
            assert math.isclose(terms, use.contribution, rel_tol=1e-9, abs_tol=1e-12)


@given(seed=st.integers(0, 999), index=st.tuples(st.integers(-2, 1), st.integers(-3, 2)))
def test_a_trace_explains_what_the_graph_does(seed: int, index: tuple[int, int]):
    """By the recorded Jacobians the same paths, without the graph."""
    loss, w = network([2, 3, 2], seed, residual=1)
    alive = explain(w, of=loss, index=index, top=9)
    kept = explain("w0", of=record(loss, backward=True), index=index, top=9)
    assert kept.gradient == alive.gradient
    assert kept.index == alive.index
    assert kept.path_count == alive.path_count
    for a, b in zip(kept.paths, alive.paths, strict=True):
        assert math.isclose(a.product, b.product, rel_tol=1e-9, abs_tol=1e-14)
    for a, b in zip(kept.uses, alive.uses, strict=True):
        assert (a.contribution, a.sum) == (b.contribution, b.sum)
        assert a.terms_total == b.terms_total


def test_with_too_many_paths_the_groups_add_up():
    loss, w = network([3, 3], 5, residual=20)
    got = explain(w, of=loss, top=10**6)
    assert got.path_count == 2 * 2**20
    assert not got.exact
    assert sum(r.count for r in got.paths) == got.path_count
    products = [r.product for r in got.paths]
    assert math.isclose(math.fsum(products), got.gradient, rel_tol=1e-9)
    few = explain(w, of=loss, top=3)
    assert len(few.paths) == 3
    assert math.isclose(math.fsum([*(r.product for r in few.paths), few.others]), few.gradient)
    assert "other paths" in str(few)


def test_a_planted_fault_in_a_group_is_seen(monkeypatch: pytest.MonkeyPatch):
    """The property above is not vacuous: a tangent that is 1 % off breaks the sum."""
    ahead = Recorded.ahead
    monkeypatch.setattr(Recorded, "ahead", lambda *args: 1.01 * ahead(*args))
    loss, _ = network([2, 2], 3)
    trace = record(loss, backward=True)
    key = next(r.key for r in trace.records if r.name == "w0")
    net = Recorded(trace, key)
    found, _ = groups(net, 0, 9)
    assert not math.isclose(sum(f.contribution for f in found), net.gradient(key)[0], rel_tol=1e-3)


def test_terms_are_the_products_of_row_and_column():
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    w = tg.tensor(rng.standard_normal((3, 2)), requires_grad=True, name="w")
    got = explain(w, of=((x @ w) * g).sum(), index=(2, 1))
    (use,) = got.uses
    want = sorted((x[:, 2] * g[:, 1]).tolist(), key=abs, reverse=True)
    np.testing.assert_allclose([t.product for t in use.terms], want, rtol=1e-12)
    assert use.terms_total == 4
    assert use.rule == "a.T @ g"
    for t in use.terms:
        assert (t.upstream, t.local) == pytest.approx((g[t.index], x[t.index[0], 2]))


def test_a_weight_that_is_used_twice_has_two_uses():
    w = tg.tensor(np.eye(2) * 0.5, requires_grad=True, name="w")
    loss = (tg.ones((1, 2), dtype="float64") @ w @ w).sum()
    got = explain(w, of=loss, index=(0, 0))
    assert len(got.uses) == 2
    assert sum(u.contribution for u in got.uses) == got.gradient
    squared = explain(w, of=(w * w).sum(), index=(0, 0))
    assert [u.slot for u in squared.uses] == [0, 1]
    assert squared.gradient == 1.0


def test_a_module_names_its_parameters_and_nothing_is_changed():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    loss = nn.functional.cross_entropy(model(tg.ones((5, 3))), np.array([0, 1, 0, 1, 1]))
    got = explain("0.weight", of=loss, model=model, index=(3, 1))
    assert got.name == "0.weight"
    assert got.paths[0].factors[-1].op == "linear"
    assert all(p.grad is None for p in model.parameters())
    loss.backward()
    assert got.gradient == model[0].weight.grad.data[3, 1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_uses_end_at_the_gradient_in_every_format(dtype: str):
    rng = np.random.default_rng(1)
    w = tg.tensor(rng.standard_normal((3, 3)).astype(dtype), requires_grad=True, name="w")
    x = tg.tensor(rng.standard_normal((2, 3)).astype(dtype))
    y = x
    for _ in range(4):
        y = (y @ w).tanh()
    loss = y.sum()
    got = [explain(w, of=loss, index=(i, j)) for i in range(3) for j in range(3)]
    loss.backward()
    assert [e.gradient for e in got] == w.grad.data.ravel().tolist()
    for e in got:
        assert len(e.uses) == 4
        assert e.uses[-1].sum == e.gradient


# ── Wrong questions ─────────────────────────────────────────────────────────────────────


def test_a_freed_graph_says_so():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    with pytest.raises(FreedGraphError, match=r"explain.*freed"):
        explain(w, of=loss)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda w, v, loss: explain(w), OperandError, "of=loss"),
        (lambda w, v, loss: explain(w, of=3.0), OperandError, "float"),
        (lambda w, v, loss: explain(3.0, of=loss), OperandError, "float"),
        (lambda w, v, loss: explain("weigth", of=loss), GraphError, "'weight'"),
        (lambda w, v, loss: explain(v, of=loss), GraphError, "detach"),
        (lambda w, v, loss: explain(w.detach(), of=loss), GraphError, "requires no gradient"),
        (lambda w, v, loss: explain(w, of=w * 2), GradientError, "one element"),
        (lambda w, v, loss: explain(w, of=loss, index=9), PositionError, "shape"),
        (lambda w, v, loss: explain(w, of=loss, index=(0, 0)), PositionError, "1 whole"),
        (lambda w, v, loss: explain(w, of=loss, index="x"), PositionError, "whole"),
        (lambda w, v, loss: explain(w, of=loss, top=0), OptionError, "top"),
        (lambda w, v, loss: explain("weight", of=record(loss)), GradientError, "no backward"),
        (lambda w, v, loss: explain(w, of=record(loss)), OperandError, "name"),
    ],
)
def test_wrong_questions_are_answered_in_words(ask: Any, error: type[Exception], words: str):
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="weight")
    v = tg.tensor([1.0, 2.0], requires_grad=True, name="other")
    loss = (w * w * v.detach()).sum()
    with pytest.raises(error, match=words):
        ask(w, v, loss)


def test_a_pass_within_the_pass_is_part_of_its_rule():
    x = tg.tensor(np.array([1.0, 2.0]), requires_grad=True, name="x")
    got = explain(x, of=tg.checkpoint(lambda x: tg.exp(tg.sin(x)), x).sum())
    assert got.gradient == pytest.approx(math.exp(math.sin(1.0)) * math.cos(1.0))
    assert [r.product for r in got.paths] == pytest.approx([got.gradient])


@pytest.mark.parametrize("where", ["leaf", "way"])
def test_a_hook_that_changes_the_gradient_is_told(where: str):
    w = tg.tensor(np.array([1.0, 2.0]), requires_grad=True, name="w")
    y = w * w
    (w if where == "leaf" else y).register_hook(lambda g: g * 2)
    got = explain(w, of=y.sum(), index=1)
    assert got.gradient == 8
    assert any("hook" in note and "4" in note for note in got.notes)


def test_the_root_explains_itself():
    x = tg.Value(2.0, name="x")
    y = x * 3
    got = explain(y, of=y)
    assert got.gradient == 1
    assert any("root" in note for note in got.notes)
    assert str(got)


def test_names_of_any_kind_are_shown_as_text(tmp_path: Any):
    bad = "</script><img onerror=x>\"'&{}\\\n\u202e\ud800" + "x" * 10**5
    a, b = tg.Value(2.0, name=bad), tg.Value(3.0, name=bad)
    got = explain(a, of=(a * b).tanh())
    for text in (str(got), got._repr_html_(), got.latex, got.mathml):
        assert len(text) < 30_000
        assert "\u202e" not in text
    assert "<img" not in got._repr_html_()
    for suffix in ("html", "tex", "mml", "txt"):
        got.save(tmp_path / f"e.{suffix}")
        assert (tmp_path / f"e.{suffix}").stat().st_size
    page = (tmp_path / "e.html").read_text("utf-8")
    assert "default-src 'none'" in page
    assert "<img" not in page


# ── What a newcomer asks ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("masked", [False, True])
def test_a_path_is_nan_where_its_use_is(masked: bool):
    """0 · ∞ on the way, which forward is lost in a derivative that is exactly 0."""
    x = tg.tensor(np.array([0.0, 2.0]), requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        y = tg.relu(np.log(x)) if masked else np.log(x) * 0
        loss = y.sum() + (x**2).sum()
        for got in (tg.trace(loss).explain("x", 0), explain(x, of=loss, index=0)):
            assert math.isnan(got.gradient)
            by_use = {use.op: use.contribution for use in got.uses}
            by_path = {route.factors[-1].op: route.product for route in got.paths}
            assert math.isnan(by_path["log"]) and by_path["pow"] == 0 == by_use["pow"]


@pytest.mark.parametrize("rows", [4, 16, 60])
@pytest.mark.parametrize("branches", [False, True])
def test_a_saved_trace_of_a_small_layer_is_explained(rows: int, branches: bool, tmp_path: Any):
    layer = nn.Linear(4, 3, rng=0)
    inputs = np.random.default_rng(0).normal(size=(rows, 4))

    def loss() -> Any:
        y = layer(tg.tensor(inputs))
        return (y * y).sum() + (y.mean() if branches else 0.0)

    trace = tg.trace(loss, model=layer)
    got = type(trace).load(trace.save(tmp_path / "pass.json")).explain("weight", (1, 2))
    whole = explain(layer.weight, of=loss(), index=(1, 2))
    assert got.path_count == whole.path_count == 2 + branches
    assert got.gradient == pytest.approx(whole.gradient)
    assert sum(r.count for r in got.paths) == got.path_count
    assert sum(r.product for r in got.paths) == pytest.approx(got.gradient)
    assert [u.rule for u in got.uses] == [u.rule for u in whole.uses] == ["g.T @ x"]


def test_a_slip_and_an_unused_parameter_get_different_answers(tmp_path: Any):
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
    trace = tg.trace(lambda: net[0](tg.tensor([[1.0, 2.0]])).sum(), model=net)
    assert trace.unused == ("1.weight", "1.bias")
    for found in (trace, type(trace).load(trace.save(tmp_path / "pass.json"))):
        with pytest.raises(GraphError, match=r"did you mean '0.weight'"):
            found.explain("0.wieght")
        with pytest.raises(GraphError, match="not used by"):
            found.explain("1.weight")
        with pytest.raises(GraphError, match=r"one of '0.weight', '0.bias', '1.weight', '1.bias'"):
            found.explain("ww")


def test_the_chosen_element_is_named_and_a_tiny_gradient_too():
    w = tg.tensor([1.0, -3.0], requires_grad=True, name="w")
    assert ", the largest element [1]" in str(explain(w, of=(w * w).sum()))
    assert "largest element" not in str(explain(w, of=(w * w).sum(), index=1))
    tiny = str(explain(w, of=(w * 1e-9).sum()))
    assert "Vanishing" in tiny and "train.diagnose" in tiny
    assert "Vanishing" not in str(explain(w, of=(w * 0.0).sum()))


def test_other_endings_are_refused(tmp_path: Any):
    a = tg.Value(2.0, name="a")
    trace = tg.trace(a * a)
    for save, name in (
        (trace.explain("a").save, "why.svg"), (trace.save, "pass.svg"),
        (trace.save_html, "pass.json"), (trace.draw().save, "pass.gif"),
        (tg.compare(a * a, a).save_html, "diff.svg"), (tg.movie(traces=[trace]).save, "film.gif"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=r"expected .*\."):
            save(tmp_path / name)
    assert not list(tmp_path.iterdir())
