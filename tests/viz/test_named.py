"""What a user looks for first is there: his names, his numbers, and where it broke."""

import random
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz import samples
from tests.viz.pictures import SPACE, read
from tinygrad_nn import nn
from tinygrad_nn.viz.drawing import draw
from tinygrad_nn.viz.trace.file import from_json, to_json
from tinygrad_nn.viz.wording import shorten


def neurons(count: int, inputs: int = 4) -> tg.Value:
    """Neurons of numbers, whose weights have names."""
    pick = random.Random(0)
    xs = [tg.Value(pick.random(), name=f"x{i}") for i in range(inputs)]
    outs, k = [], 0
    for _ in range(count):
        total = tg.Value(0.0)
        for x in xs:
            total, k = total + tg.Value(pick.random(), name=f"w{k}") * x, k + 1
        outs.append(total.tanh())
    loss = sum(outs[1:], outs[0])
    loss.name = "loss"
    return loss


@pytest.mark.parametrize("count", [3, 10, 30, 100])
def test_names_stay_or_are_counted(count):
    d = draw(neurons(count), backward=True)
    p = read(d.svg)
    named = [r for r in d.trace.records if r.op is None and r.named]
    texts = [t for texts in p.texts.values() for t in texts]
    shown = [r.name for r in named if r.name in texts]
    more = [int(m[1]) for t in texts if (m := re.match(r"… (\d+) more$", t))]
    assert len(shown) + sum(more) >= len(named) == 4 + 4 * count
    assert {f"x{i}" for i in range(4)} <= set(shown)
    assert any(name.startswith("w") for name in shown)


def test_the_start_of_a_long_chain_stays():
    x = tg.Value(0.5, name="x")
    y = x
    for _ in range(60):
        y = (y * 1.1).tanh()
    d = draw(y, backward=True)
    assert "x" in [t for texts in read(d.svg).texts.values() for t in texts]
    assert re.search(r"^ +x +0\.5 ", d.text, re.MULTILINE)
    assert "equal modules in a row" not in d.svg


# ── Names that are too long ─────────────────────────────────────────────────────────────


@given(st.text(), st.integers(2, 40))
def test_what_is_cut_is_as_long_as_allowed(text, limit):
    short = shorten(text, limit)
    assert short == text if len(text) <= limit else len(short) <= limit and short.count("…")


@given(st.lists(st.from_regex("[a-z_0-9]{1,9}", fullmatch=True), min_size=2, max_size=8))
def test_the_last_name_of_a_path_stays_whole(names):
    assert shorten(".".join(names)).endswith(names[-1])


def test_weights_are_told_from_biases():
    path = "encoder.layers.0.self_attn.in_proj_"
    assert shorten(path + "weight") == "encoder…in_proj_weight"
    assert shorten(path + "bias") == "…self_attn.in_proj_bias"
    assert shorten("a sentence that is too long", 12) == "a sentence …"


# ── Parameters of another call ──────────────────────────────────────────────────────────


def twice() -> tg.Value:
    net = nn.MLP(3, [4, 4, 1], rng=0)
    with tg.tracing(net) as watch:
        outs = [net([tg.Value(v) for v in x]) for x in ((2.0, 3.0, -1.0), (3.0, -1.0, 0.5))]
        loss = (outs[0] - 1.0) ** 2 + (outs[1] + 1.0) ** 2
    return watch.trace(loss)


@pytest.mark.parametrize("flow", ["forward", "backward"])
def test_shared_parameters_are_words_and_no_lines(flow):
    d = draw(twice(), flow=flow)
    shared = {(link.source, link.target) for link in d.view.links if link.shared}
    assert len(shared) == 3
    groups = ElementTree.fromstring(d.svg).iter(SPACE + "g")
    lines = {(g.get("data-from"), g.get("data-to")): len(g) for g in groups if g.get("data-from")}
    assert all(lines[ends] == 0 for ends in shared)
    assert all(count for ends, count in lines.items() if ends not in shared)
    assert "20 parameters as in call 1" in read(d.svg).whole


def test_a_weight_used_elsewhere_is_named_there():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(9, 4, rng=0)
            self.inner = nn.Linear(4, 4, rng=1)

        def forward(self, x):
            return self.inner(self.embedding(x)) @ self.embedding.weight.mT

    net = Tied()
    trace = tg.trace(net, np.array([1, 2, 3]))
    d = draw(trace, level="module")
    assert sum(link.shared for link in d.view.links) == 1
    texts = [t for key, t in read(d.svg).texts.items() if key.startswith("r-")]
    assert texts == [["embedding.weight"]]


# ── Words ───────────────────────────────────────────────────────────────────────────────


def test_a_text_says_what_vanishes():
    trace = samples.passed(samples.sigmoids, 8, 16)
    assert "vanishing" in draw(trace, "text").text
    assert "vanishing" in draw(trace).svg


def test_no_gradient_is_not_called_vanishing():
    d = draw(twice())
    zeros = [p for p in d.view.parts if p.copies and min(p.copies) == 0 < max(p.copies)]
    assert zeros
    for part in zeros:
        assert "‖∇‖ 0 in some" in read(d.svg).texts[part.key]
    assert "vanishing" not in d.svg + d.text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: x * 0.5, "× 0.5"), (lambda x: 3.0 - x, "3 −"), (lambda x: x - 3.0, "− 3"),
        (lambda x: x + -2.0, "+ (−2)"), (lambda x: x**2, "^ 2"),
    ],
)  # fmt: skip
def test_a_number_is_in_the_box_of_its_operation(make, words):
    x = tg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    d = draw(make(x).sum(), level="op")
    p = read(d.svg)
    assert not any("constant" in kind for kind in p.kinds.values())
    assert any(words in texts for texts in p.texts.values())


def test_a_constant_with_a_name_stays():
    x = tg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    d = draw((x * tg.tensor(0.5, name="rate")).sum(), level="op")
    assert ["rate", "0.5", "requires no gradient"] in read(d.svg).texts.values()


# ── Where it broke ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("level", ["auto", "scalar", "op", "module"])
def test_the_operation_that_failed_is_a_box(level):
    net = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(9, 2, rng=1))
    trace = tg.trace(net, tg.tensor(np.ones((3, 4)), name="x"), on_error="record")
    names = {trace.records[k].name for k in trace.failure.operands}
    assert names == {"relu_1", "2.weight", "2.bias"}
    d = draw(trace, level=level)
    p = read(d.svg)
    assert p.texts["o-failed"][0] == "linear failed here"
    assert "alarm" in p.kinds["o-failed"]
    holders = {part.key for part in d.view.parts if set(part.nodes) & set(trace.failure.operands)}
    assert {a for a, b, _ in p.arrows if b == "o-failed"} == holders
    assert "o_failed" in d.dot
    assert from_json(to_json(trace)).failure == trace.failure
