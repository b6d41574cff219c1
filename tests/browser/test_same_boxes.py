"""The page shows at a level what the drawing shows there: one algorithm says what is open."""

from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_nn as tg
from tests.browser.passes import opened
from tests.extents import thinned
from tests.viz.samples import lenet, passed, perceptron, transformer
from tinygrad_nn import nn
from tinygrad_nn.viz.view.groups import groups
from tinygrad_nn.viz.view.levels import view

BOXES = "[...document.querySelectorAll('#graph .box')].map(b => b.dataset.part)"
NETS: dict[Callable[[], nn.Module], tuple[int, ...]] = {
    perceptron: (32, 784), lenet: (4, 1, 28, 28), transformer: (2, 6, 8),
}  # fmt: skip


def compare(trace: tg.viz.Trace, level: str, boxes: list[str]) -> None:
    """Boxes of the page against the drawing's parts, each with those that fold into it there."""
    parts = view(trace, level).parts
    tree = groups(trace)
    at = {g.key: i for i, g in enumerate(tree)}
    part_of = {key: p.key for p in parts for key in p.nodes}
    inside: dict[str, set[int]] = {}
    for i, group in enumerate(tree):
        around: int | None = i
        while around is not None:
            inside.setdefault(tree[around].key, set()).update(group.nodes)
            around = tree[around].parent
    assert {p.key for p in parts} <= set(boxes)
    seen = set[int]()
    for box in boxes:
        keys = inside[box] if box in at else {int(box[1:])}
        assert len({part_of.get(key) for key in keys}) == 1, box
        assert not keys & seen
        seen |= keys
    assert seen == set(range(len(trace.records)))


# At "op" the transformer has so many boxes that the page only makes those near the window.
CASES = [(make, level) for make in NETS for level in ("auto", "module", "op")][:-1]


# Each net and each level once.
FIRST = [(perceptron, "op"), (lenet, "module"), (transformer, "auto")]


@pytest.mark.parametrize(("make", "level"), thinned(CASES, FIRST))
def test_page_and_drawing_show_the_same_boxes(page_at: Any, make: Any, level: str):
    trace = passed(make, *NETS[make])
    page = opened(page_at, trace)
    shown = page.eval_on_selector("#level", "s => s.value")
    assert shown == view(trace).level
    if level != "auto":
        other = "op" if level == "module" else "module"
        page.select_option("#level", other)
        page.select_option("#level", level)
    compare(trace, level, page.evaluate(BOXES))


def test_another_cut_is_found(page_at: Any):
    page = opened(page_at, passed(perceptron, *NETS[perceptron]))
    page.select_option("#level", "op")
    with pytest.raises(AssertionError):
        compare(passed(perceptron, *NETS[perceptron]), "module", page.evaluate(BOXES))
