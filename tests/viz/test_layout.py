"""The built-in layout: nothing overlaps, nothing is crossed, everything runs onward."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.viz.graphs import names, values
from tests.viz.pictures import meet, within
from tinygrad_nn.viz.drawing import view
from tinygrad_nn.viz.picture.compose import compose
from tinygrad_nn.viz.picture.layout import Placement, Size, place
from tinygrad_nn.viz.picture.measure import text_width
from tinygrad_nn.viz.picture.nested import Border, place_nested
from tinygrad_nn.viz.trace.recorder import record

Rectangle = tuple[float, float, float, float]


def rectangles(sizes: list[Size], p: Placement) -> list[Rectangle]:
    return [
        (x - s.width / 2, y - s.height / 2, x + s.width / 2, y + s.height / 2)
        for s, (x, y) in zip(sizes, p.centres, strict=True)
    ]


def overlaps(boxes: list[Rectangle]) -> list[tuple[int, int]]:
    return [
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(boxes), 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


def along(curve, steps=8):
    """Points on a curve of cubic pieces."""
    for k in range(0, len(curve) - 1, 3):
        a, b, c, d = curve[k : k + 4]
        for n in range(steps + 1):
            t = n / steps
            u = 1 - t
            w = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
            yield tuple(sum(v * q[i] for v, q in zip(w, (a, b, c, d), strict=True)) for i in (0, 1))


@st.composite
def diagrams(draw):
    """Sizes and links of any graph without cycles, repeats included."""
    count = draw(st.integers(1, 14))
    side = st.integers(5, 80).map(lambda n: 2 * n)
    sizes = [Size(draw(side), draw(side)) for _ in range(count)]
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    pairs = draw(st.lists(ends.filter(lambda e: e[0] != e[1]), max_size=24))
    return sizes, [(min(e), max(e)) for e in pairs]


@given(diagrams(), st.sampled_from(["TB", "LR"]))
def test_boxes_are_disjoint_within_the_frame_and_not_crossed(diagram, direction):
    sizes, links = diagram
    p = place(sizes, links, direction)
    boxes = rectangles(sizes, p)
    assert overlaps(boxes) == []
    assert all(x0 >= 0 and y0 >= 0 and x1 <= p.width and y1 <= p.height for x0, y0, x1, y1 in boxes)
    along_axis = 1 if direction == "TB" else 0
    for (a, b), curve in zip(links, p.curves, strict=True):
        assert boxes[a][along_axis + 2] < boxes[b][along_axis]
        points = list(along(curve))
        assert points[0][along_axis] == boxes[a][along_axis + 2]
        assert points[-1][along_axis] == boxes[b][along_axis]
        for x, y in points:
            assert -1e-6 <= x <= p.width + 1e-6
            assert -1e-6 <= y <= p.height + 1e-6
            for x0, y0, x1, y1 in boxes:
                assert not (x0 + 1e-6 < x < x1 - 1e-6 and y0 + 1e-6 < y < y1 - 1e-6)


@given(diagrams())
def test_layout_is_deterministic(diagram):
    assert place(*diagram, "TB") == place(*diagram, "TB")


@given(diagrams())
def test_repeated_links_run_apart(diagram):
    sizes, links = diagram
    links = [*links, *links[:1]]
    p = place(sizes, links, "TB")
    for (i, a), (j, b) in combinations(enumerate(links), 2):
        if a == b:
            assert p.curves[i] != p.curves[j]


@given(values(names))
def test_texts_fit_their_boxes_and_boxes_do_not_overlap(root):
    scene = compose(view(record(root, backward=True), "scalar"))
    boxes = scene.all_boxes
    at = {box.key: k for k, box in enumerate(boxes)}
    sizes = [Size(b.width, b.height, b.is_round) for b in boxes]
    p = place(sizes, [(at[a], at[b]) for a, b in scene.links()], "TB")
    assert overlaps(rectangles(sizes, p)) == []
    for box in boxes:
        assert all(line.width <= box.width for line in box.lines)


def test_a_computation_is_a_straight_line():
    x = tg.Value(0.1)
    for k in range(6):
        x = (x * tg.Value(float(k)) + tg.Value(1.0)).tanh()
    scene = compose(view(record(x, backward=True), "scalar"))
    at = {box.key: k for k, box in enumerate(scene.all_boxes)}
    sizes = [Size(b.width, b.height) for b in scene.all_boxes]
    p = place(sizes, [(at[a], at[b]) for a, b in scene.links()], "TB")
    results = [p.centres[at[b.key]][0] for b in scene.boxes if b.kind == "value"]
    assert max(results) - min(results) <= 2


def test_nothing_is_placed_nowhere():
    assert place([], [], "TB") == Placement((), (), 0.0, 0.0)


def test_planted_overlaps_are_found():
    assert overlaps([(0, 0, 10, 10), (9, 9, 20, 20), (20, 0, 30, 30)]) == [(0, 1)]


@pytest.mark.parametrize(
    ("text", "thousandths"),
    # Advances of DejaVu Sans as its own tables give them.
    [("0123456789", 6360), ("WMm%@", 4776), ("∂−▲▼×", 3731), ("grad", 2294), ("iljt", 1226)],
)
def test_texts_are_measured_from_above(text, thousandths):
    assert thousandths / 1000 <= text_width(text, 1.0) <= 1.15 * thousandths / 1000


# ── Frames ──────────────────────────────────────────────────────────────────────────────


@st.composite
def framed(draw_):
    """A diagram whose boxes are in frames one after the other, some within others."""
    sizes, links = draw_(diagrams())
    cuts = sorted(draw_(st.sets(st.integers(0, len(sizes)), max_size=4)) | {0, len(sizes)})
    borders, homes = [], [None] * len(sizes)
    for a, b in pairwise(cuts):
        if draw_(st.booleans()):
            borders.append(Border(draw_(st.floats(0, 300)), None))
            outer = inner = len(borders) - 1
            if draw_(st.booleans()):
                borders.append(Border(50.0, outer))
                inner = len(borders) - 1
            middle = draw_(st.integers(a, b))
            for k in range(a, b):
                homes[k] = outer if k < middle else inner
    spine = draw_(st.sampled_from([[], *([a, b] for a, b in links)]))
    return sizes, links, spine, homes, borders


@given(framed(), st.sampled_from(["TB", "LR"]))
def test_frames_hold_their_own_and_nothing_crosses_a_box(diagram, direction):
    sizes, links, spine, homes, borders = diagram
    p, frames = place_nested(sizes, links, direction, spine, homes, borders)
    boxes = rectangles(sizes, p)
    assert overlaps(boxes) == []
    edges = [(x, y, x + w, y + h) for x, y, w, h in frames]

    def around(home):
        while home is not None:
            yield home
            home = borders[home].parent

    for k, box in enumerate(boxes):
        for number_, frame in enumerate(edges):
            assert within(box, frame) if number_ in around(homes[k]) else not meet(box, frame)
    for (i, a), (j, b) in combinations(enumerate(edges), 2):
        assert within(b, a) if i in around(borders[j].parent) else not meet(a, b)
    axis = 1 if direction == "TB" else 0
    for (a, b), curve in zip(links, p.curves, strict=True):
        points = list(along(curve))
        assert points[0][axis] == pytest.approx(boxes[a][axis + 2])
        assert points[-1][axis] == pytest.approx(boxes[b][axis])
        own = {*around(homes[a]), *around(homes[b])}
        others = [*boxes, *(f for k, f in enumerate(edges) if k not in own)]
        for x, y in points:
            assert -1e-6 <= x <= p.width + 1e-6
            assert -1e-6 <= y <= p.height + 1e-6
            for x0, y0, x1, y1 in others:
                assert not (x0 + 1e-6 < x < x1 - 1e-6 and y0 + 1e-6 < y < y1 - 1e-6)
