"""The drawing of a movie: laid out once, with places for the numbers of each frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinygrad_nn.viz.movie.model import Column
from tinygrad_nn.viz.picture.compose import compose
from tinygrad_nn.viz.picture.measure import text_width
from tinygrad_nn.viz.picture.placing import svg_of
from tinygrad_nn.viz.picture.scene import CELL_PADDING, SIZE, Box, Line, Scene, Text, boxed
from tinygrad_nn.viz.picture.style import DARK, HEAT_STEPS, LIGHT, Palette, heat_colours
from tinygrad_nn.viz.trace.model import Record, Trace
from tinygrad_nn.viz.view.groups import groups
from tinygrad_nn.viz.view.levels import view
from tinygrad_nn.viz.view.model import Group, Part, View
from tinygrad_nn.viz.wording import clean, shape_text, shorten

__all__ = ["Picture", "heat_style", "picture"]

_WIDEST = "▼ −1.234e−10"
_MOST_PARTS = 60
_MARK = "\x01"
"""Begins the words of a place; no text of a user keeps such a character."""
_CELL = re.compile(rf'(?:<rect class="h0" ([^>]*)/>)?(?:\n)?<text ([^>]*)>{_MARK}(\d+)</text>')
_HELD = re.compile(r' textLength="[^"]*" lengthAdjust="[^"]*"')


@dataclass(frozen=True)
class Slot(Text):
    """Words that a script fills in: room for the widest number."""

    @property
    def width(self) -> float:
        """Room of any number with four digits."""
        around = 0 if self.heat is None else 2 * CELL_PADDING
        return text_width(_WIDEST, SIZE) + around


@dataclass(frozen=True)
class Picture:
    """A drawing without numbers.

    Attributes:
        svg: Its text; the place k has `data-slot="k"`, and so has its cell.
        slots: What stands in each place: the columns, of which the largest is shown.
        boxes: For each record the id of its box.
        level: That of the view.
    """

    svg: str
    slots: list[dict[str, Any]]
    boxes: dict[int, str]
    level: str


def picture(trace: Trace, columns: Sequence[Column], level: str, limit: int) -> Picture:
    """The drawing of a graph whose numbers change."""
    shown = view(trace, level, limit)
    if shown.level == "module" and any(part.kind == "repeat" for part in shown.parts):
        # Each layer has its own heat: equal ones are put together only if there are many.
        open_view = view(trace, "module", limit, _without_repeats(groups(trace)))
        if len(open_view.parts) <= _MOST_PARTS:
            shown = open_view
    return _Maker(trace, columns, shown).picture()


def _without_repeats(tree: Sequence[Group]) -> list[Group]:
    """The same tree where what was in a repeat is in the group around it."""
    home: list[int] = []
    kept: list[Group] = []
    for group in tree:
        above = None if group.parent is None else home[group.parent]
        if group.kind == "repeat" and above is not None:
            home.append(above)
            kept[above] = replace(kept[above], nodes=(*kept[above].nodes, *group.nodes))
        else:
            home.append(len(kept))
            kept.append(replace(group, key=f"g{len(kept)}", parent=above))
    return kept


class _Maker:
    def __init__(self, trace: Trace, columns: Sequence[Column], shown: View) -> None:
        self.records, self.shown = trace.records, shown
        # Of each node the first column of its value and of its gradient: the number, or the norm.
        self.main: dict[tuple[int, str], int] = {}
        for k, c in enumerate(columns):
            self.main.setdefault((c.node, c.what), k)
        self.slots: list[dict[str, Any]] = []

    def picture(self) -> Picture:
        scene = compose(self.shown)
        parts = {part.key: part for part in self.shown.parts}
        boxes = [self.box(box, parts.get(box.key)) for box in scene.boxes]
        arrows = scene.arrows
        if self.shown.level == "scalar":
            arrows = tuple(replace(arrow, label=None) for arrow in arrows)
        labels = {box.key for box in scene.all_boxes} - {box.key for box in scene.boxes}
        spine = scene.spine
        if self.shown.level == "scalar":
            spine = tuple(key for key in spine if key not in labels)
        plain: Scene = replace(
            scene, boxes=tuple(boxes), arrows=arrows, spine=spine, notes=(), alarms=(),
            title="The graph of the run", about="Its numbers are in the table below the drawing.",
        )  # fmt: skip
        svg = _CELL.sub(_placed, svg_of(plain))
        scope = svg.partition('id="')[2].partition('"')[0]
        found = {key: f"{scope}-{part.key}" for part in self.shown.parts for key in part.nodes}
        return Picture(svg, self.slots, found, self.shown.level)

    def box(self, box: Box, part: Part | None) -> Box:
        """The same box with places instead of numbers."""
        if part is None:
            return replace(box, alarm=False)
        if part.kind == "node":
            lines, head = self.node(self.records[part.nodes[0]], box), 0
        else:
            lines, head = self.group(box, part)
        return boxed(box.key, box.kind, lines, shorten(clean(part.title), 200), head=head,
                     at_least=110 if len(lines) > 1 else 44, nodes=box.nodes)  # fmt: skip

    def node(self, r: Record, box: Box) -> list[Line]:
        if not r.name:
            return list(box.lines)
        name = Text(shorten(clean(r.name)), "name")
        value = self.slot("value", r.key) if r.value.is_scalar else Text(
            shape_text(r.value.shape), "muted")  # fmt: skip
        lines = [Line(name, value)]
        what = "grad" if r.value.is_scalar else "‖∇‖"
        made = r.op is not None and self.shown.level != "scalar"
        left = Text(shorten(clean(r.op or ""), 24) if made else what, "muted")
        if (r.key, "gradient") in self.main:
            lines.append(Line(left, self.slot("gradient", r.key)))
        elif made:
            lines.append(Line(left))
        return lines

    def group(self, box: Box, part: Part) -> tuple[list[Line], int]:
        head = box.head or min(2, len(box.lines))
        lines = list(box.lines[:head])
        rows = [line for line in box.lines[head:] if line.column is not None]
        for line, key in zip(rows, part.parameters, strict=False):
            held = (key, "gradient") in self.main
            lines.append(replace(line, right=self.slot("gradient", key) if held else None))
        if not rows:
            keys = [key for key in part.nodes if (key, "gradient") in self.main]
            if keys:
                lines.append(Line(Text("largest ‖∇‖", "muted"), self.slot("gradient", *keys)))
        elif len(part.parameters) > len(rows):
            lines.append(Line(Text(f"… {len(part.parameters) - len(rows)} more", "muted")))
        return lines, head

    def slot(self, what: str, *keys: int) -> Slot:
        """A new place, for the largest of the figures of some nodes."""
        columns = [self.main[key, what] for key in keys]
        signed = len(keys) == 1 and self.records[keys[0]].value.is_scalar
        self.slots.append({"what": what, "columns": columns, "signed": signed})
        return Slot(f"{_MARK}{len(self.slots) - 1}", "plain", 0 if what == "gradient" else None)


def _placed(found: re.Match[str]) -> str:
    cell, text, number = found.groups()
    text = _HELD.sub("", re.sub(r' class="[^"]*"', "", text))
    ground = "" if cell is None else f'<rect class="h0" data-slot="{number}" {cell}/>'
    return f'{ground}<text data-slot="{number}" {text}></text>'


def heat_style() -> str:
    """Colours of all steps of the scale of gradients, for both themes."""
    light, dark = _heats(LIGHT), _heats(DARK)
    unless = _scoped(':root:not([data-theme="light"]) ', dark)
    chosen = _scoped(':root[data-theme="dark"] ', dark)
    return (
        f"{_scoped('', light)}@media screen and (prefers-color-scheme: dark) {{\n{unless}}}\n"
        f"@media screen {{\n{chosen}}}\n"
    )


def _scoped(before: str, rules: dict[str, str]) -> str:
    return "".join(f"{before}#graph {key} {{ {rule}; }}\n" for key, rule in rules.items())


def _heats(p: Palette) -> dict[str, str]:
    rules = {
        "rect.odd[data-slot]": f"fill: {p.alarm_fill}; stroke: {p.alarm}",
        "text.odd-text[data-slot]": f"fill: {p.alarm}; font-weight: bold",
        "rect.none[data-slot]": "fill: none",
    }
    for step in range(HEAT_STEPS + 1):
        fill, ink = heat_colours(step, p)
        rules[f"rect.h{step}[data-slot]"] = f"fill: {fill}"
        rules[f"text.t{step}[data-slot]"] = f"fill: {ink}"
    return rules
