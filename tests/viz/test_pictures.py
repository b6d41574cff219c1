"""SVG, DOT and text show every node, every use and the right numbers, whatever the names."""

import re
import shutil
import subprocess
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tinygrad_nn as tg
from tests.viz.graphs import names, truth, values
from tests.viz.pictures import read
from tinygrad_nn.viz import draw
from tinygrad_nn.viz.picture import svg
from tinygrad_nn.viz.trace.recorder import record
from tinygrad_nn.viz.wording import number

ACTIVE = "<(script|img|a|foreignObject|image|use)[ >]"
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def parsed(text: str) -> float:
    return float(text.removeprefix("▲ ").removeprefix("▼ ").replace("−", "-"))


def near(text: str, x: float) -> bool:
    return parsed(text) == pytest.approx(x, rel=5.1e-4, abs=0)


# ── SVG ─────────────────────────────────────────────────────────────────────────────────


@given(values())
def test_svg_has_every_node_use_and_number(root):
    drawing = draw(root, backward=True, engine="own")
    s, p, t = drawing.trace, read(drawing.svg), truth(root)
    boxes = {key for key in p.texts if key.startswith("n")}
    assert boxes == {f"n{r.key}" for r in s.records}
    assert len(boxes) == len(t.nodes) + t.constants
    uses = Counter((f"n{e.source}", f"o{e.target}", str(e.slot)) for e in s.edges)
    results = Counter((f"o{r.key}", f"n{r.key}", None) for r in s.records if r.op)
    assert Counter(p.arrows) == uses + results
    for r in s.records:
        texts = p.texts[f"n{r.key}"]
        if r.name:
            assert texts[0] == r.name
            assert near(texts[1], r.value.elements[0])
            assert near(texts[-1], r.gradient.elements[0])
        else:
            assert near(texts[0], r.value.elements[0])
    for e in s.edges:
        if e.local is not None:
            local, added = p.texts[f"e{e.target}-{e.slot}"]
            assert near(local.rpartition(" ")[2], e.local)
            assert near(added.removeprefix("adds "), e.contribution)


@given(values(names))
def test_svg_is_well_formed_for_any_name(root):
    drawing = draw(root, engine="own")
    p = read(drawing.svg)
    assert len([k for k in p.texts if k.startswith("n")]) == len(drawing.trace.records)
    assert not re.search(ACTIVE, drawing.svg)


HOSTILE = [
    '"',
    "\\",
    '\\"',
    "\\N\\G\\l",
    "&lt;b&gt;",
    "<script>alert(1)</script>",
    "</text></svg><script>alert(1)</script>",
    "a|{b|<c>d}",
    "<<b>x</b>>",
    "two\nlines\r\ttab",
    "\x00\x07\ud800￾\u202e\u2028",
    '" onload="alert(1)',
    "{scope}",
    "]]>",
    "名前 é ß 🎲 ﷽",
    "long " * 100,
    '"]; evil [label="',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(name):
    a = tg.Value(2.0, name=name)
    drawing = draw(a * a, engine="own")
    p = read(drawing.svg)
    plain = p.texts["n0"][0]
    assert len(plain) <= 24
    assert plain.isprintable()
    if name.isprintable() and len(name) <= 24:
        assert plain == name
    assert len(p.arrows) == 3
    assert "\n" not in drawing.text.splitlines()[1]
    drawing.text.encode()


def test_a_planted_missing_escape_is_found(monkeypatch):
    monkeypatch.setattr(svg, "escape", lambda text, _: text)
    drawing = draw(tg.Value(2.0, name="<script>alert(1)</script>"), engine="own")
    with pytest.raises(AssertionError):
        assert not re.search(ACTIVE, drawing.svg)
    with pytest.raises(ElementTree.ParseError):
        read(draw(tg.Value(2.0, name="a < b"), engine="own").svg)


@needs_dot
@pytest.mark.parametrize("name", HOSTILE)
def test_dot_reads_hostile_names_as_one_label(name):
    a = tg.Value(2.0, name=name)
    drawing = draw(a * a, "dot")
    done = subprocess.run(
        ["dot", "-Tplain"], input=drawing.dot.encode(), capture_output=True, check=True
    )
    assert not done.stderr
    plain = done.stdout.decode()
    rows = [line.split()[0] for line in plain.splitlines()]
    assert rows.count("node") == 3
    assert rows.count("edge") == 3
    picture = subprocess.run(
        ["dot", "-Tsvg"], input=drawing.dot.encode(), capture_output=True, check=True
    ).stdout.decode()
    shown = read(draw(a * a, engine="own").svg).texts["n0"][0]
    assert not re.search("<script", picture)
    # Graphviz writes spaces that must not collapse as no-break spaces.
    assert shown in read_texts(picture)


def read_texts(svg: str) -> str:
    return "\n".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")


@pytest.mark.parametrize("engine", ["own", pytest.param("dot", marks=needs_dot)])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_the_same_graph_gives_the_same_bytes(engine, direction):
    def one() -> tuple[str, str, str]:
        a, b = tg.Value(2.0, name="a"), tg.Value(-3.0)
        d = draw((a * b + a).tanh(), backward=True, engine=engine, direction=direction)
        return d.svg, d.dot, d.text

    assert one() == one()


def test_two_uses_are_two_arrows_and_two_edges():
    a = tg.Value(3.0, name="a")
    d = draw(a * a, backward=True, engine="own")
    assert read(d.svg).arrows == [("n0", "o1", "0"), ("n0", "o1", "1"), ("o1", "n1", None)]
    assert d.dot.count("n0 -> o1") == 2
    assert [line for line in d.text.splitlines() if line.startswith(("├", "└"))] == [
        "├─ a                         3  grad ▲ 6  [local 3, adds ▲ 3]",
        "└─ a                         3  grad ▲ 6  [local 3, adds ▲ 3]",
    ]
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert read(draw(x * x, engine="own").svg).arrows[:2] == [("n0", "o1", "0"), ("n0", "o1", "1")]


def test_operands_are_told_apart_where_their_order_matters():
    a, b = tg.Value(3.0), tg.Value(4.0)
    texts = read(draw(a - b, engine="own").svg).texts
    assert texts["e2-0"] == ["left: local 1"]
    assert texts["e2-1"] == ["right: local −1"]
    assert read(draw(a + b, engine="own").svg).texts["e2-0"] == ["local 1"]


def test_kinds_are_told_apart():
    w = tg.Parameter([[1.0, 2.0]], name="w")
    x = tg.tensor([[3.0], [4.0]], requires_grad=True, name="x")
    d = draw(((w @ x) * 2.0).sum(), engine="own")
    kinds = read(d.svg).kinds
    found = {r.name or "constant": kinds[f"n{r.key}"] for r in d.trace.records}
    assert found == {
        "w": "parameter", "x": "input", "matmul_1": "value", "multiply_1": "value",
        "constant": "constant", "sum_1": "result",
    }  # fmt: skip


def test_static_arguments_are_in_the_box_of_their_operation():
    x = tg.tensor(np.ones((2, 3)), requires_grad=True)
    d = draw(x.sum(axis=1).sum(), engine="own")
    assert read(d.svg).texts["o1"] == ["sum", "axis=1"]
    assert read(d.svg).texts["o2"] == ["sum"]
    assert "sum(leaf_1, axis=1)" in d.text


def test_arrays_are_summarised_and_small_ones_shown():
    x = tg.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True, name="x")
    b = tg.tensor([0.5, -1.0], requires_grad=True, name="b")
    d = draw(x.sum() + b.sum(), backward=True, engine="own")
    texts = read(d.svg).texts
    assert texts["n0"] == ["x", "3×4", "≈5.5 ±3.5 [0, 11]", "‖∇‖", "3.464"]
    assert texts["n2"] == ["b", "2 elements", "[0.5, −1]", "∂add_1/∂b", "[1, 1]"]
    assert "≈ mean ± standard deviation" in d.svg
    assert "≈ mean" not in draw(b.sum(), backward=True, engine="own").svg


def test_what_is_not_finite_is_said_and_marked():
    a = tg.Value(float("nan"), name="a")
    p = read(draw(a * 2.0, engine="own").svg)
    assert p.texts["n0"][1] == "NaN"
    assert "alarm" in p.kinds["n0"]
    x = tg.tensor([1.0, np.nan, np.inf, np.inf, 2.0], requires_grad=True)
    assert "1 NaN, 2 Inf, ≈1.5 ±0.5 [1, 2]" in read(draw(x, engine="own").svg).texts["n0"]


def test_constants_can_be_left_away_and_that_is_said():
    d = draw(tg.Value(2.0, name="a") * 3.0, show_constants=False, engine="own")
    assert set(read(d.svg).texts) == {"n0", "n2", "o2", "e2-0"}
    assert "1 constant not shown." in read(d.svg).whole
    assert "1 constant not shown." in d.text
    assert "1 constant not shown." in d.dot
    assert len(d.text.split("\n\n")[0].splitlines()) == 2


@pytest.mark.parametrize("form", ["svg", "dot", "text"])
def test_what_is_folded_is_said(form):
    x = tg.Value(1.0)
    for _ in range(60):
        x = x + 1.0
    d = draw(x, form, limit=10, engine="own")
    shown = read(d.svg).whole.replace("\n", " ") if form == "svg" else str(getattr(d, form))
    assert "61 nodes and 60 constants in 2 boxes: 1 repeat folded" in shown.replace(r"\l", " ")


@pytest.mark.parametrize("form", ["svg", "dot", "text"])
def test_what_a_trace_does_not_hold_is_said(form):
    x = tg.Value(1.0)
    for _ in range(60):
        x = x + 1.0
    d = draw(record(x, limit=10), form, level="scalar", engine="own")
    shown = read(d.svg).whole.replace("\n", " ") if form == "svg" else str(getattr(d, form))
    said = "61 nodes; the 10 nearest to add_10 are drawn, 51 are left out."
    assert said in shown.replace(r"\l", " ")
    assert "1 input not drawn" in shown or "1 not drawn" in shown


def test_a_leaf_is_one_box():
    p = read(draw(tg.Value(2.0, name="a"), engine="own").svg)
    assert p.texts == {"n0": ["a", "2", "not yet run backward"]}
    constant = read(draw(tg.tensor(2.0, name="c"), engine="own").svg)
    assert constant.texts == {"n0": ["c", "2", "requires no gradient"]}
    assert "requires no gradient" in draw(tg.tensor(2.0), "text").text


# ── DOT and text ────────────────────────────────────────────────────────────────────────


@given(values(names))
def test_dot_has_every_node_and_use(root):
    d = draw(root, "dot")
    lines = d.dot.splitlines()
    nodes = [m[1] for line in lines if (m := re.match(r"  ([no]\d+) \[label=[\"<]", line))]
    edges = Counter(m.groups() for line in lines if (m := re.match(r"  (\S+) -> (\S+)", line)))
    s = d.trace
    operations = [f"o{r.key}" for r in s.records if r.op]
    assert sorted(nodes) == sorted([*(f"n{r.key}" for r in s.records), *operations])
    # A long line may be a name in a box of its own.
    far = {(a.source, a.target): a.reference.replace("-", "_") for a in d._scene.arrows
           if a.reference}  # fmt: skip
    uses = ((f"n{e.source}", f"o{e.target}") for e in s.edges)
    expected = Counter((far.get(use, use[0]), use[1]) for use in uses)
    assert edges == expected + Counter((o, "n" + o[1:]) for o in operations)


@needs_dot
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(values(names))
def test_graphviz_accepts_every_dot_text(root):
    done = subprocess.run(
        ["dot", "-Tplain"], input=draw(root, "dot").dot.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@given(values())
def test_text_has_every_node_once_and_every_use(root):
    d = draw(root, "text", backward=True)
    lines = [line for line in d.text.split("\n\n")[0].splitlines() if line]
    labels = [re.sub("^[│├└─ ]*", "", line) for line in lines]
    # A result is written out once; leaves and constants each time they are used.
    written = [w.split()[0] for w in labels if " = " in w]
    assert sorted(written) == sorted(r.name for r in d.trace.records if r.op)
    assert len(lines) == len(d.trace.edges) + 1


@given(values())
def test_numbers_have_four_digits(root):
    for r in record(root).records:
        x = r.value.elements[0]
        assert near(number(x), x)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-2.5, "−2.5"), (0.00099994, "9.999e−4"),
        (12345.6, "12346"), (99999.7, "100000"), (1e5, "1e5"), (1.23456e-7, "1.235e−7"),
        (float("inf"), "Inf"), (float("-inf"), "−Inf"), (float("nan"), "NaN"), (0.1, "0.1"),
        (1 / 3, "0.3333"), (True, "True"), (7, "7"), (-1e300, "−1e300"),
    ],
)  # fmt: skip
def test_numbers_as_words(x, expected):
    assert number(x) == expected
