"""Long lines become names: what comes from a box far away is named where it is used.

A line through many rows is what makes a picture unreadable: it takes a column of its own in every
row that it passes. The 250 boxes of a random graph of 100 operations had 1,684 of those bends and
were 5,648 px wide; with names for the longest lines it is 2,641 px, laid out in half the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tinygrad_nn.viz.picture.scene import Arrow, Box, Line, Scene, Text, boxed
from tinygrad_nn.viz.wording import clean, counted, shorten

__all__ = ["with_references"]

_FINE = 60
"""So many bends are fine in any picture, and so are ..."""
_FOR_EACH = 1.0
"""... so many for each box and label: networks have 0.2 to 0.9, tangles 4 to 8."""
_SHORTEST = 5
"""Lines through fewer rows stay lines."""
_MOST_LINES = 8
_LONGEST = 28


def with_references(scene: Scene) -> Scene:
    """The same, with the longest lines replaced by boxes with names if there are too many bends.

    So are those that bring parameters of another module. The line from a box to the first that
    uses it always stays, so that nothing hangs in the air.
    """
    spans = _spans(scene)
    bends = sum(max(0, span - 1) for span in spans)
    allowed = max(_FINE, _FOR_EACH * len(scene.all_boxes))
    longest = max(spans, default=0)
    while bends > allowed and longest > _SHORTEST:
        bends -= sum(span - 1 for span in spans if span == longest)
        longest -= 1
    far = [arrow.is_drawn and (arrow.shared or span > longest)
           for arrow, span in zip(scene.arrows, spans, strict=True)]  # fmt: skip
    return _replaced(scene, far, longest) if any(far) else scene


def _spans(scene: Scene) -> list[int]:
    """For each arrow how many rows on its end stands, each box right above the first use of it."""
    users: dict[str, list[str]] = {}
    waiting: dict[str, int] = {}
    for a, b in scene.links():
        users.setdefault(b, []).append(a)
        waiting[a] = waiting.get(a, 0) + 1
    height = {box.key: 0 for box in scene.all_boxes}
    ready = [key for key in height if not waiting.get(key)]
    while ready:
        b = ready.pop()
        for a in users.get(b, ()):
            height[a] = max(height[a], height[b] + 1)
            waiting[a] -= 1
            if not waiting[a]:
                ready.append(a)
    return [height[arrow.source] - height[arrow.target] for arrow in scene.arrows]


def _replaced(scene: Scene, far: Sequence[bool], longest: int) -> Scene:
    homes = dict(scene.homes)
    boxes = {box.key: box for box in scene.boxes}
    together: dict[str, list[Arrow]] = {}
    for arrow, is_far in zip(scene.arrows, far, strict=True):
        if is_far and not arrow.says:
            together.setdefault(arrow.target, []).append(arrow)
    references: list[Box] = []
    arrows: list[Arrow] = []

    def add(key: str, named: Sequence[Arrow]) -> None:
        references.append(_box(key, named, boxes))
        if (home := homes.get(named[0].target)) is not None:
            homes[key] = home

    for arrow, is_far in zip(scene.arrows, far, strict=True):
        if not is_far:
            arrows.append(arrow)
        elif arrow.says and arrow.label is not None:
            key = f"r-{arrow.label.key}"
            add(key, [arrow])
            homes.pop(arrow.label.key, None)
            if key in homes:
                homes[arrow.label.key] = homes[key]
            arrows.append(replace(arrow, reference=key))
        else:
            key, named = f"r-{arrow.target}", together[arrow.target]
            if arrow is named[0]:
                add(key, named)
            if arrow.label is not None:
                homes.pop(arrow.label.key, None)
            arrows.append(replace(arrow, label=None, reference=key, is_drawn=arrow is named[0]))
    count = sum(is_far and not arrow.shared
                for arrow, is_far in zip(scene.arrows, far, strict=True))  # fmt: skip
    note = (
        f"{counted(count, 'line')} past more than {longest} rows {'is' if count == 1 else 'are'} "
        "not drawn: dashed boxes name what comes from there."
    )
    return replace(
        scene, arrows=tuple(arrows), references=tuple(references), homes=homes,
        notes=(*scene.notes, note) if count else scene.notes,
    )  # fmt: skip


def _box(key: str, named: Sequence[Arrow], boxes: dict[str, Box]) -> Box:
    """A box with the names of what comes from far away."""
    shown = named if len(named) <= _MOST_LINES else named[: _MOST_LINES - 1]
    names = [shorten(arrow.brings or "constant", _LONGEST) for arrow in shown]
    lines = [Line(middle=Text(name, "muted")) for name in names]
    if more := len(named) - len(shown):
        lines.append(Line(middle=Text(f"… {more} more", "muted")))
    words = []
    for arrow in named:
        box = boxes[arrow.source]
        head = " ".join(t.words for line in box.lines[:1] for t in line.texts[:1])
        inside = f" in {head}" if head and head != arrow.brings else ""
        words.append(f"{arrow.brings or 'constant'}{inside}")
    return boxed(key, "reference", lines, clean("from " + ", ".join(words))[:600], padding=16,
                 nodes=0)  # fmt: skip
