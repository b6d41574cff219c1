"""Both passes as one drawing, side by side, each box with what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from tinygrad_nn.viz.diff.figures import Change
from tinygrad_nn.viz.diff.model import MARKS, Comparison
from tinygrad_nn.viz.diff.table import table, verdict
from tinygrad_nn.viz.diff.words import share
from tinygrad_nn.viz.drawing import Drawing
from tinygrad_nn.viz.picture.compose import compose
from tinygrad_nn.viz.picture.scene import Arrow, Box, Frame, Line, Scene, Text, boxed
from tinygrad_nn.viz.picture.style import DARK, LIGHT, Palette
from tinygrad_nn.viz.view.levels import view
from tinygrad_nn.viz.view.model import Part, View
from tinygrad_nn.viz.wording import counted

__all__ = ["DiffDrawing", "Side", "marked", "views"]

_GROUP = re.compile(r'<g id="(tg[0-9a-f]{8})-([^"]+)" class="')
_BARE = ("operation", "label", "left out")


class Side:
    """What became of the nodes of one of both traces.

    Attributes:
        marks: "same", "changed", "new" or "absent", by key.
        shares: Change of value and gradient of what is in both; None where it is rewired.
    """

    def __init__(self, d: Comparison, *, after: bool) -> None:
        alone = d.new if after else d.absent
        self.marks = {r.key: "new" if after else "absent" for r in alone}
        self.shares: dict[int, list[tuple[str, Change | None]]] = {}
        for pair in d.pairs:
            key = (pair.after if after else pair.before).key
            self.marks[key] = "changed" if pair.is_changed or pair.rewired else "same"
            changes = (("value", pair.value), ("∇", pair.gradient))
            self.shares[key] = [(what, c) for what, c in changes if c and not c.is_same]
            if pair.rewired:
                self.shares[key].append(("rewired", None))

    def mark(self, nodes: Iterable[int]) -> str:
        """Class of a box: that of most of its nodes if it is new or absent, else "changed"."""
        found = [self.marks[key] for key in nodes]
        for mark in ("new", "absent", "same"):
            count = found.count(mark)
            if count == len(found) or (mark != "same" and 2 * count > len(found)):
                return mark
        return "changed"

    def lines(self, part: Part) -> list[Line]:
        """What a box says of it; nothing if all is the same."""
        mark = self.mark(part.nodes)
        if mark == "same":
            return []
        many = [k for k in part.nodes if self.marks[k] != "same"]
        lone = [k for k in many if self.marks[k] in ("new", "absent")]
        words = MARKS[mark]
        if mark != "changed":
            some = f"{words}: {len(lone)} of {len(part.nodes)}"
            return [Line(Text(words if len(lone) == len(part.nodes) else some, "name"))]
        if 1 < len(part.nodes) != len(many):
            words = f"± {len(many)} of {len(part.nodes)} changed"
        said = self._largest(part.nodes)
        lines = [Line(Text(words, "name"), Text(said, "muted") if said else None)]
        if lone:
            sign = MARKS[self.marks[lone[0]]]
            lines.append(Line(Text(f"{sign}: {counted(len(lone), 'node')}", "muted")))
        return lines

    def _largest(self, nodes: Iterable[int]) -> str:
        most: dict[str, Change | None] = {}
        for key in nodes:
            for what, c in self.shares.get(key, ()):
                known = most.get(what)
                if known is None or (c is not None and c.relative > known.relative):
                    most[what] = c
        words = [f"{what} {share(c)}" for what in ("value", "∇") if (c := most.get(what))]
        return ", ".join([*words, *(["rewired"] if "rewired" in most else [])])


def views(d: Comparison, level: str, limit: int) -> tuple[View, View]:
    """Both traces at one level: that of the second one, if it is left open."""
    after = view(d.after, level, limit)
    return view(d.before, after.level, limit), after


def marked(shown: View, side: Side) -> tuple[Scene, dict[str, str]]:
    """Scene of one trace with the marks in its boxes, and the class of each box by its key."""
    scene = compose(shown)
    parts = {part.key: part for part in shown.parts}
    marks: dict[str, str] = {}
    boxes = []
    for box in scene.boxes:
        part = parts.get(box.key) or parts.get("n" + box.key[1:])
        if part is None:
            boxes.append(box)
            continue
        marks[box.key] = side.mark(part.nodes)
        lines = side.lines(part) if box.kind not in _BARE else []
        boxes.append(_longer(box, lines) if lines else box)
    return replace(scene, boxes=tuple(boxes)), marks


def _longer(box: Box, lines: list[Line]) -> Box:
    least = 110 if len(box.lines) > 1 else 0
    found = boxed(box.key, box.kind, [*box.lines, *lines], box.about, alarm=box.alarm,
                  at_least=least, head=box.head or (len(box.lines) if box.kind == "module" else 0),
                  nodes=box.nodes)  # fmt: skip
    return found if found.width >= box.width else replace(found, width=box.width)


class DiffDrawing(Drawing):
    """Two passes side by side, and their pictures; made by `Diff.draw`."""

    def __init__(self, d: Comparison, format: str, level: str, limit: int, **options: Any) -> None:
        self.diff = d
        self._views = views(d, level, limit)
        super().__init__(self._views[1], format, constants=True, flow="forward", **options)
        self._marks: dict[str, str] = {}

    @cached_property
    def text(self) -> str:
        """The table of the changes."""
        return table(self.diff) + "\n"

    @cached_property
    def svg(self) -> str:
        """SVG text."""
        found = _GROUP.sub(self._class, super().svg)
        scope = found.partition('id="')[2].partition('"')[0]
        return found.replace("</style>", f"{style(scope, self._options['theme'])}</style>", 1)

    def _class(self, group: re.Match[str]) -> str:
        mark = self._marks.get(group[2])
        return f"{group[0]}m-{mark} " if mark else group[0]

    @cached_property
    def _scene(self) -> Scene:
        frames: list[Frame] = []
        boxes: list[Box] = []
        arrows: list[Arrow] = []
        homes: dict[str, str] = {}
        spine: list[str] = []
        whole = []
        for name, shown, after in zip(("before", "after"), self._views, (False, True), strict=True):
            scene, marks = marked(shown, Side(self.diff, after=after))
            whole.append(scene)
            p = name[0]
            self._marks |= {p + key: mark for key, mark in marks.items()}
            frames.append(Frame(name, Line(Text(name, "name")), None, name))
            frames += [
                replace(f, key=p + f.key, parent=p + f.parent if f.parent else name)
                for f in scene.frames
            ]
            boxes += [replace(box, key=p + box.key) for box in scene.boxes]
            arrows += [_moved(arrow, p) for arrow in scene.arrows]
            homes |= {p + b.key: p + scene.homes[b.key] if b.key in scene.homes else name
                      for b in scene.all_boxes}  # fmt: skip
            spine += [p + key for key in scene.spine]
        first = verdict(self.diff)
        notes = [f"{first[0].upper()}{first[1:]}.", *self.diff.notes]
        if not self.diff.is_same:
            notes.append(
                "A box without a mark is the same in both. Shares are of the longer vector."
            )
        return Scene(
            title="Two passes side by side",
            about=f"Two passes: {notes[0]}",
            level=self.view.level,
            boxes=tuple(boxes),
            arrows=tuple(arrows),
            notes=tuple(dict.fromkeys([*notes, *whole[1].notes])),
            alarms=tuple(f"{name}: {alarm}" for name, scene in
                         zip(("Before", "After"), whole, strict=True) for alarm in scene.alarms),
            frames=tuple(frames),
            homes=homes,
            spine=tuple(spine),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Drawing of two passes, {verdict(self.diff)}, {self.format}>"


def _moved(arrow: Arrow, prefix: str) -> Arrow:
    label = None if arrow.label is None else replace(arrow.label, key=prefix + arrow.label.key)
    return replace(arrow, source=prefix + arrow.source, target=prefix + arrow.target, label=label)


def style(scope: str, theme: str) -> str:
    """Rules for the borders of marked boxes."""
    colours = _borders(scope, DARK if theme == "dark" else LIGHT)
    if theme != "auto":
        return colours
    dark = _borders(scope, DARK)
    return f"{colours}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _borders(scope: str, p: Palette) -> str:
    rules: Mapping[str, str] = {
        "changed": f"stroke: {p.step}; stroke-width: 2",
        "new": f"stroke: {p.plus}; stroke-width: 3",
        "absent": f"stroke: {p.minus}; stroke-width: 2.5; stroke-dasharray: 7 4",
    }
    return "".join(f"#{scope} .m-{mark} .shape {{ {rule}; }}\n" for mark, rule in rules.items())
