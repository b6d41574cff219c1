"""Graphs in which everything is used everywhere: few enough boxes, lines and bends to be read."""

import gc
import random
import weakref
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import thinned
from tests.viz import samples
from tests.viz.pictures import SPACE, read
from tests.viz.test_groups import large
from tests.viz.test_layout import along
from tests.viz.test_pictures import needs_dot
from tests.viz.traces import made, traces
from tinygrad_nn.viz.drawing import draw
from tinygrad_nn.viz.picture.compose import compose
from tinygrad_nn.viz.picture.layers import Layers, Size
from tinygrad_nn.viz.picture.placing import placed
from tinygrad_nn.viz.picture.references import with_references
from tinygrad_nn.viz.picture.scene import Scene
from tinygrad_nn.viz.trace.model import Role, Trace
from tinygrad_nn.viz.trace.unswept import unswept
from tinygrad_nn.viz.view import drawn, groups, view
from tinygrad_nn.viz.view.links import MOST, allowed
from tinygrad_nn.viz.view.model import View

_LONGEST_ABOUT = 600

levels = st.sampled_from(["auto", "scalar", "op", "module"])


def tangle(count: int, seed: int = 0, uses: int = 2) -> Trace:
    """Every operation uses any of those before it."""
    pick = random.Random(seed)
    inputs: list[list[int]] = [[] for _ in range(10)]
    inputs += [[pick.randrange(i) for _ in range(uses)] for i in range(10, count)]
    used = {s for sources in inputs for s in sources}
    inputs.append([i for i in range(count) if i not in used])
    return made(inputs, lambda i: ("add", "tanh", "sin")[i % 3])


def bends(scene: Scene) -> int:
    boxes = scene.all_boxes
    at = {box.key: k for k, box in enumerate(boxes)}
    links = [(at[a], at[b]) for a, b in scene.links()]
    return len(Layers([Size(20, 20) for _ in boxes], links).sizes) - len(boxes)


def check(v: View) -> None:
    assert drawn(v) <= 300
    assert len(v.links) <= allowed(drawn(v)) <= MOST
    scene = with_references(compose(v))
    assert len(scene.arrows) >= len(v.links)
    # What the layout has to do is bounded: its items are the boxes and the bends.
    assert bends(scene) <= 5 * len(scene.all_boxes) + 100


@given(st.integers(20, 400), st.integers(0, 99), st.integers(1, 6), levels)
def test_links_and_bends_are_few_for_any_tangle(count, seed, uses, level):
    check(view(tangle(count, seed, uses), level))


@given(traces(), levels)
def test_links_and_bends_are_few_for_any_trace(trace, level):
    check(view(trace, level))


@pytest.mark.parametrize("level", thinned(["auto", "scalar", "op", "module"], ["auto", "op"]))
def test_links_and_bends_are_few_in_large_graphs(level):
    """G9."""
    check(view(large("random", 10_000), level))


def test_a_tangle_is_a_few_boxes_and_the_notes_say_so():
    v = view(tangle(2000))
    assert 4 <= len(v.parts) <= 100
    assert any("too much to read" in note or "used all over" in note for note in v.notes)


def test_a_planted_hairball_is_noticed():
    v = view(tangle(200), "op")
    first = v.links[0]
    with pytest.raises(AssertionError):
        check(replace(v, links=v.links + (first,) * MOST))


# ── Names in place of lines ─────────────────────────────────────────────────────────────


@given(st.integers(30, 150), st.integers(0, 99))
def test_names_in_place_of_lines_lose_nothing(count, seed):
    v = view(tangle(count, seed), "op")
    plain = compose(v)
    scene = with_references(plain)
    assert [(a.source, a.target, a.slot) for a in scene.arrows] == [
        (a.source, a.target, a.slot) for a in plain.arrows
    ]
    held = {box.key: box for box in scene.references}
    assert {a.reference for a in scene.arrows if a.reference} == set(held)
    for arrow in scene.arrows:
        if arrow.reference:
            about = held[arrow.reference].about
            assert arrow.brings in about or len(about) == _LONGEST_ABOUT
    # Every box but the result still leads somewhere by a line.
    lines = {a.source for a in scene.arrows if not a.reference}
    assert lines == {a.source for a in plain.arrows}


def test_short_lines_stay_lines():
    x = tg.Value(0.5, name="x")
    y = (x * 2.0).tanh() + x
    scene = compose(view(tg.trace(y)))
    assert with_references(scene) is scene


def test_the_picture_of_a_tangle_says_what_the_names_are():
    d = draw(tangle(100), engine="own", level="op")
    p = read(d.svg)
    assert any(key.startswith("r-") for key in p.texts)
    assert "name of what comes from farther away" in d.svg
    assert "are not drawn: dashed boxes name" in d.svg
    assert bends(d._scene) < 0.7 * bends(compose(d.view))
    assert len(p.arrows) == len(d.view.links)


# ── Frames, and notebooks ───────────────────────────────────────────────────────────────


def test_no_arrow_runs_through_the_title_of_a_frame():
    d = draw(samples.passed(samples.residual, 8, 8), level="op", engine="own", direction="TB")
    root = ElementTree.fromstring(d.svg)
    places = [r.attrib for r in root.iter(SPACE + "rect") if r.get("class") == "frame-title"]
    assert len(places) == len(d.view.clusters)
    placement, _ = placed(d._scene)
    for place in places:
        x, y, width, height = (float(place[k]) for k in ("x", "y", "width", "height"))
        for curve in placement.curves:
            for u, v in along(curve):
                assert not (x < u < x + width and y < v < y + height)


@needs_dot
def test_frames_that_graphviz_leaves_away_are_told_of():
    trace = samples.passed(samples.residual, 8, 8)
    assert "without the frames" in draw(trace, level="op", engine="dot").svg
    assert "without the frames" not in draw(trace, level="op", engine="own").svg


def test_a_notebook_gets_the_page_of_a_small_pass_only():
    bundle = tg.trace(samples.lesson())._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml", "text/html"}
    assert bundle["text/html"].startswith('<iframe sandbox="allow-scripts')
    assert len(bundle["text/html"]) < 2_000_000
    large = tg.trace(samples.chain(20_000))
    assert set(large._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}


# ── Found once ──────────────────────────────────────────────────────────────────────────


def test_groups_are_found_once_and_do_not_keep_the_trace_alive():
    trace = tangle(50)
    assert groups(trace) is groups(trace)
    view(trace)
    watched = weakref.ref(trace)
    del trace
    assert watched() is None


def test_equal_traces_are_not_taken_for_one_another():
    one, other = tangle(50), tangle(50)
    assert one == other
    assert groups(one) is not groups(other)


@pytest.mark.parametrize("was", [True, False])
def test_the_collector_is_as_it_was(was):
    (gc.enable if was else gc.disable)()
    try:
        with pytest.raises(ZeroDivisionError), unswept():
            assert not gc.isenabled()
            raise ZeroDivisionError
        assert gc.isenabled() is was
    finally:
        gc.enable()


# ── Networks written by hand ────────────────────────────────────────────────────────────


def test_lists_of_numbers_are_layers():
    """`w0.1.2` and `b0.1` belong together, and many inputs are one box."""
    sizes = (6, 8, 8, 2)
    pick = random.Random(0)
    h = [tg.Value(pick.random(), name=f"x{i}") for i in range(sizes[0])]
    for k, (wide, high) in enumerate(pairwise(sizes)):
        w = [[tg.Value(pick.random(), name=f"w{k}.{i}.{j}") for j in range(wide)]
             for i in range(high)]  # fmt: skip
        b = [tg.Value(0.0, name=f"b{k}.{i}") for i in range(high)]
        h = [sum((x * y for x, y in zip(row, h, strict=True)), c).tanh()
             for row, c in zip(w, b, strict=True)]  # fmt: skip
    v = view(tg.trace(h[0] * h[1]))
    assert [(p.title, p.about) for p in v.parts if p.kind != "node"][:4] == [
        ("x0 … x5", "6 inputs"),
        ("layer 0", "multiply → add → tanh"),
        ("layer 1", "multiply → add → tanh"),
        ("layer 2", "multiply → add"),
    ]
    learned = {r.key for r in v.trace.records if r.name[:1] in "wb" and r.role is Role.INPUT}
    inside = {k for p in v.parts if p.kind == "module" for k in p.nodes}
    assert learned <= inside
