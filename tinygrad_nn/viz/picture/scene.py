"""View to `Scene`: boxes with their texts and sizes, and arrows; not yet where they go.

This module has the words of a scene and puts one together; `nodes` makes the boxes of single
nodes, `modules` those of many nodes, and `notes` the sentences below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil

from tinygrad_nn.viz.picture.measure import text_width

__all__ = [
    "CELL_PADDING",
    "COLUMN_GAP",
    "LINE_HEIGHT",
    "PADDING",
    "PILE",
    "SMALL_SIZE",
    "Arrow",
    "Box",
    "Frame",
    "Line",
    "Scene",
    "Text",
    "boxed",
]

SIZE = 12
SMALL_SIZE = 11
SYMBOL_SIZE = 16
LINE_HEIGHT = 18
PADDING = 10
CELL_PADDING = 6
STRIP_CELL = 14
PILE = 4
"""How far a second box looks out behind one that stands for several."""
_STRIP_WIDTH = 240
COLUMN_GAP = 12


@dataclass(frozen=True)
class Text:
    """Words of one style.

    Attributes:
        words: What it says.
        style: `name`, `plain`, `muted`, `plus`, `minus`, `small`, `warn` or `symbol`.
        heat: Step on the scale of gradients if it stands in a coloured cell, -1 for one that is
            not finite.
    """

    words: str
    style: str = "plain"
    heat: int | None = None

    @property
    def size(self) -> int:
        """Font size in pixels."""
        return {"symbol": SYMBOL_SIZE, "small": SMALL_SIZE}.get(self.style, SIZE)

    @property
    def bold(self) -> bool:
        """Whether it is set in bold."""
        return self.style in ("name", "warn") or self.heat == -1

    @property
    def width(self) -> float:
        """Upper bound of its drawn width, its cell included."""
        around = 0 if self.heat is None else 2 * CELL_PADDING
        return text_width(self.words, self.size, bold=self.bold) + around


@dataclass(frozen=True)
class Line:
    """A line of a box: texts at its left and right end, or one in the middle, or a strip.

    Attributes:
        left, right, middle: The texts.
        column: Text that ends where the cells at the right ends begin.
        strip: Steps on the scale of gradients, each a cell of its own.
        abouts: What each cell of the strip is.
    """

    left: Text | None = None
    right: Text | None = None
    middle: Text | None = None
    column: Text | None = None
    strip: tuple[int, ...] = ()
    abouts: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[Text, ...]:
        """Those that are there, in reading order."""
        found = (self.left, self.middle, self.column, self.right)
        return tuple(t for t in found if t is not None)

    @property
    def strip_cell(self) -> float:
        """Width of one cell of the strip."""
        return min(float(STRIP_CELL), _STRIP_WIDTH / max(1, len(self.strip)))

    @property
    def width(self) -> float:
        """Room that it takes by itself."""
        if self.strip:
            return self.strip_cell * len(self.strip)
        return sum(t.width for t in self.texts) + 16 * (len(self.texts) - 1)


@dataclass(frozen=True)
class Box:
    """Something with a place of its own: a part of the view, an operation, or a label.

    Attributes:
        key: That of the part (`n3` for the record 3, `g2` for a group), `o3` for the operation
            that made record 3, `e3-1` for the label of the use in its slot 1 (`e-g1-g2` of a
            link of groups), `r-` and a key for a reference, `m3` for its inputs that were left out.
        kind: Value of a `Role`, the kind of a part, "operation", "label", "reference" or
            "left out".
        lines: From top to bottom.
        about: Longer text, for a tooltip.
        alarm: Whether a number in it is not finite, or the pass broke here.
        head: How many of the lines are its head.
        column: Width of the cells at the right ends of its lines.
        nodes: How many records it stands for.
    """

    key: str
    kind: str
    lines: tuple[Line, ...]
    width: int
    height: int
    about: str = ""
    alarm: bool = False
    head: int = 0
    column: int = 0
    nodes: int = 1

    @property
    def is_round(self) -> bool:
        """Whether it is drawn as a circle."""
        texts = self.lines[0].texts if self.lines else ()
        return self.kind == "operation" and bool(texts) and texts[0].style == "symbol"


def boxed(key: str, kind: str, lines: Sequence[Line], about: str = "", *, alarm: bool = False,
          at_least: int = 0, padding: int = 2 * PADDING, head: int = 0,
          nodes: int = 1) -> Box:  # fmt: skip
    """Box as large as its lines need; texts in columns end one below the other."""
    cells = [line.right.width for line in lines if line.right and line.right.heat is not None]
    rows = [line for line in lines if line.column is not None]
    cells += [line.right.width for line in rows if line.right]
    column = ceil(max(cells, default=0.0))
    widths = [line.width for line in lines if line.column is None]
    if rows:
        left = max(line.left.width if line.left else 0.0 for line in rows)
        middle = max(line.column.width if line.column else 0.0 for line in rows)
        widths.append(left + middle + column + (2 if column else 1) * COLUMN_GAP)
    for line in lines:
        if line.left and line.right and line.right.heat is not None:
            widths.append(line.left.width + COLUMN_GAP + column)
    width = max(at_least, even(max(widths, default=0.0) + padding))
    spare = 4 if kind == "label" else 14 if 0 < head < len(lines) else 8
    spare += PILE if kind == "repeat" else 0
    pitch = LINE_HEIGHT - (3 if kind == "label" else 0)
    return Box(key, kind, tuple(lines), width, pitch * len(lines) + spare, about, alarm,
               head if head < len(lines) else 0, column, nodes)  # fmt: skip


def even(x: float) -> int:
    """Smallest even number from `x` up: half of it is whole, so that positions are."""
    return 2 * ceil(x / 2)


@dataclass(frozen=True)
class Arrow:
    """One use, or a link of groups, through its label if it has one.

    Attributes:
        back: Whether it is a step of the backward pass, and points back.
        brings: Names of what comes along it.
        says: Whether its label has figures of its own.
        reference: Key of a box that stands for the source, which is far away.
        is_drawn: Whether it has a line; one line from a reference may be that of several.
        shared: Whether it brings parameters that belong elsewhere: a name says that better.
    """

    source: str
    target: str
    label: Box | None = None
    slot: int | None = None
    back: bool = False
    brings: str = ""
    says: bool = False
    reference: str | None = None
    is_drawn: bool = True
    shared: bool = False


@dataclass(frozen=True)
class Frame:
    """A cluster: around boxes, or around another frame.

    Attributes:
        parent: Key of the frame around it, or None.
    """

    key: str
    title: Line
    parent: str | None
    about: str = ""


@dataclass(frozen=True)
class Scene:
    """What to draw, in a fixed order.

    Attributes:
        title: One line.
        about: The picture in words, for those who hear it.
        level: That of the view.
        boxes, arrows: In the order of the view.
        notes: Sentences for below; those of `alarms` are bad news.
        homes: Frame of each box that is in one, labels included.
        spine: Keys of boxes that ought to stand in a straight line, labels included.
        references: Boxes with the names of others that are far away.
    """

    title: str
    about: str
    level: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    notes: tuple[str, ...]
    alarms: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    homes: dict[str, str] = field(default_factory=dict)
    spine: tuple[str, ...] = ()
    references: tuple[Box, ...] = ()

    @property
    def all_boxes(self) -> list[Box]:
        """The boxes, the labels of arrows, and the references."""
        labels = (a.label for a in self.arrows if a.label is not None)
        return [*self.boxes, *labels, *self.references]

    def links(self) -> Iterator[tuple[str, str]]:
        """Pieces of arrows between all boxes, those of one arrow together."""
        for arrow in self.arrows:
            if not arrow.is_drawn:
                continue
            stops = [arrow.reference or arrow.source, arrow.target]
            if arrow.label is not None:
                stops.insert(1, arrow.label.key)
            yield from pairwise(stops)

    def texts(self) -> Iterator[Text]:
        """Every text in a box."""
        for box in self.all_boxes:
            for line in box.lines:
                yield from line.texts

    def heats(self) -> frozenset[int]:
        """Steps of the scale of gradients that occur."""
        steps = {t.heat for t in self.texts() if t.heat is not None}
        strips = (line.strip for box in self.boxes for line in box.lines)
        return frozenset(steps.union(*strips))

    def with_spine(self) -> Scene:
        """The same with the labels between the boxes of the spine in it."""
        between: dict[tuple[str, str], Box | None] = {}
        for arrow in self.arrows:
            between.setdefault((arrow.source, arrow.target), arrow.label)
        full: list[str] = list(self.spine[:1])
        for a, b in pairwise(self.spine):
            if label := between.get((a, b)):
                full.append(label.key)
            full.append(b)
        return replace(self, spine=tuple(full))
