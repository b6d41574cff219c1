"""Pictures of modules, frames and folded graphs: checks G1 to G11 of the specification."""

import re
import shutil
import subprocess
import time
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz import samples
from tests.viz.pictures import meet, read, within
from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.drawing import Drawing, draw
from tinygrad_nn.viz.picture.measure import known
from tinygrad_nn.viz.picture.style import (
    DARK,
    HEAT_STEPS,
    LIGHT,
    contrast,
    heat_colours,
    heat_step,
    style_sheet,
)  # fmt: skip
from tinygrad_nn.viz.picture.text import MOST_LINES
from tinygrad_nn.viz.trace.recorder import record
from tinygrad_nn.viz.view import drawn
from tinygrad_nn.viz.wording import clean, norm_words, number, shorten

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
DRAWINGS = samples.drawings()
each_drawing = pytest.mark.parametrize("d", DRAWINGS, indirect=True)
each_trace = pytest.mark.parametrize("trace", samples.traces().values(), ids=samples.traces())


@pytest.fixture
def d(request: pytest.FixtureRequest) -> Drawing:
    """Made when a test asks: in a run of several processes each has some of them."""
    return samples.drawing(request.param)


# ── Every drawing ───────────────────────────────────────────────────────────────────────


@each_drawing
def test_every_node_is_in_one_box(d: Drawing):
    """G1."""
    p = read(d.svg)
    assert {part.key for part in d.view.parts} == {key for key in p.texts if key[0] not in "oemr"}
    assert all(p.nodes[part.key] == len(part.nodes) for part in d.view.parts)
    everything = [key for part in d.view.parts for key in part.nodes]
    assert sorted(everything) == sorted({r.key for r in d.trace.records})


@each_drawing
def test_every_link_is_an_arrow(d: Drawing):
    """G2: two uses of one input are two."""
    p = read(d.svg)
    made = [(a, b) for a, b, _ in p.arrows if not (a[0] in "om" and b[1:] == a[1:])]
    ends = [(x.source, x.target) for x in d.view.links]
    assert sorted((a, "n" + b[1:] if b[0] == "o" else b) for a, b in made) == sorted(ends)


@each_drawing
def test_boxes_do_not_overlap_and_frames_hold_their_own(d: Drawing):
    """G4."""
    p = read(d.svg)
    for (a, first), (b, second) in combinations(p.boxes.items(), 2):
        assert not meet(first, second), (a, b)
    above = {c.key: c.parent for c in d.view.clusters}

    def around(key):
        while key is not None:
            yield key
            key = above[key]

    homes = {part.key: set(around(part.cluster)) for part in d.view.parts}
    for key, box in p.boxes.items():
        # A name in place of a line stands beside what it leads to.
        own = re.sub(r"^(?:[om]|r-e|r-o)(\d+).*", r"n\1", key).removeprefix("r-")
        home = homes.get(own, set())
        for frame, rectangle in p.frames.items():
            if frame in home:
                assert within(box, rectangle), (key, frame)
            else:
                assert not meet(box, rectangle), (key, frame)
    for a, b in combinations(p.frames, 2):
        if a in around(b) or b in around(a):
            outer, inner = (a, b) if a in around(b) else (b, a)
            assert within(p.frames[inner], p.frames[outer])
        else:
            assert not meet(p.frames[a], p.frames[b])
    assert all(within(box, (0, 0, *p.size)) for box in (*p.boxes.values(), *p.frames.values()))


@each_drawing
def test_it_is_told_in_words_and_has_a_stable_name(d: Drawing):
    title, about = (re.search(f"<{t} id[^>]*>([^<]*)</{t}>", d.svg) for t in ("title", "desc"))
    assert title is not None and title[1].startswith(("Graph of ", "A pass that broke"))
    assert about is not None and f"at {d.view.level} level" in about[1]
    assert 'role="img"' in d.svg
    again = Drawing(d.view, "svg", **d._options)
    assert again.svg == d.svg
    assert not re.search(r"[\ud800-\udfff\u202e]", d.svg)


@each_drawing
def test_texts_are_short_enough_for_a_terminal_and_a_page(d: Drawing):
    lines = d.text.splitlines()
    assert len(lines) <= MOST_LINES + 20
    d.text.encode()


@needs_dot
@pytest.mark.parametrize("name", [n for n in DRAWINGS if n.endswith("backward")][::2])
def test_graphviz_reads_every_text(name):
    """G6."""
    d = samples.drawing(name)
    done = subprocess.run(
        ["dot", "-Tplain", "-Gnslimit=1"], input=d.dot.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    plain = done.stdout.decode().splitlines()
    boxes = [key for key in read(d.svg).texts if not key.startswith("e")]
    assert sum(line.startswith("node ") for line in plain) == len(boxes)
    assert d.dot == Drawing(d.view, "dot", **d._options).dot


@each_trace
def test_at_most_300_boxes(trace):
    d = draw(trace, engine="own")
    assert drawn(d.view) <= 300
    assert all(known(t.words) for t in d._scene.texts() if t.style == "symbol")


# ── Networks ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine", ["own", pytest.param("dot", marks=needs_dot)])
def test_a_small_network_fits_a_screen(engine):
    """G10."""
    d = draw(samples.passed(samples.perceptron, 32, 784), engine=engine)
    width, height = read(d.svg).size
    assert width <= 1400
    assert height < 300
    assert d.view.level == "module"
    sizes = [int(s) for s in re.findall(r"font-size: (\d+)px", d.svg)]
    assert sizes and min(sizes) >= 10


@pytest.mark.parametrize("engine", ["own", pytest.param("dot", marks=needs_dot)])
@pytest.mark.parametrize("kind", ["residual", "transformer"])
@pytest.mark.parametrize("level", ["op", "module"])
def test_the_spine_is_straight(kind, level, engine):
    """G11, folded and not."""
    if engine == "dot" and level == "op":
        pytest.skip("frames are placed by the built-in layout")
    make, shape = {"residual": (samples.blocks, (8, 8)),
                   "transformer": (samples.transformer, (2, 6, 8))}[kind]  # fmt: skip
    d = draw(samples.passed(make, *shape), level=level, engine=engine)
    p = read(d.svg)
    across = 0 if p.size[1] > p.size[0] else 1
    places = [p.middle(key)[across] for key in d.view.spine]
    assert len(places) >= 5
    assert max(places) - min(places) <= 2


def test_a_module_has_a_row_for_each_parameter():
    """G5 for modules."""
    trace = samples.passed(samples.perceptron, 32, 784)
    d = draw(trace, engine="own")
    texts = read(d.svg).texts
    records = {r.key: r for r in trace.records}
    modules = [part for part in d.view.parts if part.kind == "module"]
    assert len(modules) == 3
    for part in modules:
        count = sum(records[k].value.size for k in part.parameters)
        assert texts[part.key][:3] == [part.title, f"{count:,} params", part.about]
        rows = texts[part.key][3:]
        for k, key in enumerate(part.parameters):
            r = records[key]
            name, shape, norm = rows[3 * k : 3 * k + 3]
            assert r.name == f"{part.title}.{name}"
            assert shape == "×".join(map(str, r.value.shape))
            assert norm == number(float(r.gradient.norm))


def test_printed_gradients_are_those_of_the_engine():
    net = samples.sigmoids(2)
    x = np.random.default_rng(0).normal(size=(4, 16)).astype("f4")
    loss = tg.sum(net(x) ** 2)
    d = draw(loss, "text", model=net, backward=True, level="module")
    loss.backward()
    for name, parameter in net.named_parameters():
        norm = number(float(np.linalg.norm(parameter.grad.data.astype(float))))
        shown = [line.split() for line in d.text.splitlines()]
        assert any(row[0] == name.rpartition(".")[2] and norm in row for row in shown)


def test_vanishing_gradients_are_named():
    """The demonstration: a deep net of sigmoids."""
    d = draw(samples.passed(samples.sigmoids, 8, 16), engine="own")
    repeat = next(part for part in d.view.parts if part.kind == "repeat")
    texts = read(d.svg).texts[repeat.key]
    assert "‖∇‖ vanishing" in texts
    assert f"{number(min(repeat.copies))} … {number(max(repeat.copies))}" in texts
    assert d.svg.count("<title>copy ") == len(repeat.copies) == 10
    assert "smallest 0.bias" in d.svg or "smallest 0.weight" in d.svg


def test_a_copy_that_is_not_finite_is_named():
    d = draw(samples.passed(samples.sigmoids, 8, 16), engine="own")
    parts = tuple(
        replace(p, copies=(float("nan"), *p.copies[1:])) if p.copies else p for p in d.view.parts
    )
    worse = Drawing(replace(d.view, parts=parts), "svg", **d._options)
    assert "NaN or Inf in 1 of 10" in read(worse.svg).whole
    assert 'class="odd"' in worse.svg


# ── Flow, failures, other input ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("level", ["scalar", "op", "module"])
def test_the_backward_flow_has_an_arrow_for_each_step(level):
    trace = record(samples.lesson(), backward=True)
    d = draw(trace, flow="backward", level=level, engine="own")
    p = read(d.svg)
    assert "Dashed arrows are the backward pass" in d.svg
    assert "local" not in "".join(text for texts in p.texts.values() for text in texts)
    steps = {(e.source, e.target, e.slot) for e in trace.steps}
    if level != "module":
        back = {(int(a[1:]), int(b[1:]), int(slot)) for a, b, slot in p.back if slot is not None}
        assert back == steps
    assert not read(draw(trace, level=level, engine="own").svg).back
    assert "Dashed arrows" not in draw(record(samples.lesson()), flow="backward", engine="own").svg


def test_the_lesson_has_the_contributions_of_the_chain_rule():
    p = read(draw(samples.lesson(), backward=True, flow="backward", engine="own").svg)
    adds = sorted(t[-1] for key, t in p.texts.items() if key.startswith("e") and "adds" in t[-1])
    assert adds == sorted([
        "adds ▲ 2.52", "adds ▲ 4", "adds ▼ −1.68", "adds ▼ −0.8399", "adds ▼ −0.8399",
        "adds ▼ −0.8399", "adds ▲ 0.21", "adds ▲ 0.42", "adds ▲ 1", "adds ▲ 1",
    ])  # fmt: skip


def test_a_broken_pass_is_told_of_and_marked():
    d = draw(samples.broken(), engine="own")
    p = read(d.svg)
    assert "the next operation failed" in p.texts["n6"]
    assert "alarm" in p.kinds["n6"]
    for text in (p.whole.replace("\n", " "), d.text, d.dot.replace(r"\l", " ")):
        assert "The forward pass broke in add at net.py:10: ShapeError" in text
    folded = draw(samples.broken(), level="module", engine="own")
    assert "the pass broke in here" in read(folded.svg).whole + "the next operation failed"


def test_a_freed_graph_is_drawn_as_far_as_it_is_there():
    x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    y = tg.sum(x * x)
    y.backward()
    d = draw(y * 2.0, engine="own")
    said = r"What lies below is gone: the result of sum .* freed by .*test_parts\.py:\d+"
    assert re.search(said, read(d.svg).whole.replace("\n", " "))
    assert re.search(said, d.text)


def test_numbers_that_are_not_finite_are_named():
    d = draw(samples.traces()["odd arrays"], level="op", engine="own")
    p = read(d.svg)
    assert "NaN in gradient" in p.texts["n0"]
    assert "the value of log_1 is the first that is infinite" in p.whole.replace("\n", " ")
    assert "odd-text" in d.svg


def test_a_trace_is_drawn_as_it_is():
    trace = record(samples.lesson(), backward=True)
    d = draw(trace, "text")
    assert d.trace is trace is d.view.trace
    with pytest.raises(OptionError, match="got a Trace and backward="):
        draw(trace, backward=True)
    for options in ({"level": "layer"}, {"flow": "sideways"}):
        with pytest.raises(OptionError, match="expected one of"):
            draw(trace, **options)


def test_long_graphs_are_drawn_in_time():
    """G9."""
    root = samples.tangle(4000)
    start = time.monotonic()
    d = draw(root, backward=True)
    assert time.monotonic() - start < 5
    assert len(d.trace.records) > 8000
    assert drawn(d.view) <= 300


def test_long_trees_are_cut_and_say_so():
    d = draw(samples.chain(250), "text", level="scalar", limit=2000, engine="own")
    more = re.search(r"… (\d+) more lines", d.text)
    assert more is not None
    assert MOST_LINES + int(more[1]) == len(d.trace.edges) + 1
    assert len(d.text.splitlines()) <= MOST_LINES + 5


# ── Colours and words ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_number_can_be_read_on_its_colour(palette):
    ramp = [heat_colours(step, palette) for step in range(HEAT_STEPS + 1)]
    assert all(contrast(text, fill) >= 4.5 for fill, text in ramp)
    against = [contrast(fill, palette.ground) for fill, _ in ramp]
    assert against == sorted(against)
    for text in (palette.text, palette.muted, palette.plus, palette.minus, palette.alarm):
        assert contrast(text, palette.value_fill) >= 4.5
        assert contrast(text, palette.ground) >= 4.5
    assert contrast(palette.muted, palette.head) >= 4.5
    assert contrast(palette.muted, palette.frame) >= 4.5
    assert contrast(palette.step, palette.ground) >= 4.5


def test_contrast_is_that_of_the_definition():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@given(st.floats(0, allow_nan=False, allow_infinity=False), st.floats(0, allow_infinity=False))
def test_larger_gradients_are_never_fainter(a, b):
    low, high = sorted((a, b))
    assert 0 <= heat_step(low) <= heat_step(high) <= HEAT_STEPS
    assert heat_step(float("inf")) == heat_step(float("nan")) == -1


def test_the_scale_ends_where_it_says():
    assert [heat_step(x) for x in (0, 1e-9, 1e-8, 1e-3, 1e2, 1e5)] == [0, 0, 0, 10, 20, 20]
    words = {1e-7: "1e−7 vanishing", 0.0: "0: no gradient", 0.5: "0.5", 101.0: "101 exploding"}
    assert {x: norm_words(x) for x in words} == words


def test_the_style_sheet_has_what_occurs():
    sheet = style_sheet("x", "auto", frozenset({3, -1}))
    assert "rect.h3" in sheet and "rect.h4" not in sheet
    assert "prefers-color-scheme: dark" in sheet


def test_nasty_names_stay_words():
    for name in samples.NASTY:
        assert shorten(clean(name)).isprintable()
