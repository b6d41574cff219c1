"""Trace to `Scene`: the boxes, their texts and sizes, and the arrows; not yet where they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from tinygrad_nn.viz.picture.measure import text_width
from tinygrad_nn.viz.trace.model import Edge, Record, Trace, Summary
from tinygrad_nn.viz.wording import (
    arguments,
    array_line,
    clean,
    number,
    shape_text,
    shorten,
    signed,
)

__all__ = ["SYMBOLS", "Arrow", "Box", "Line", "Scene", "Text", "compose"]

SIZE = 12
SMALL_SIZE = 11
SYMBOL_SIZE = 16
LINE_HEIGHT = 18

SYMBOLS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "pow": "^", "negative": "−",
           "matmul": "@"}  # fmt: skip
_COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "logaddexp", "hypot"}
_ORDINALS = ("1st", "2nd", "3rd")


@dataclass(frozen=True)
class Text:
    """Words of one style: `name`, `plain`, `muted`, `plus` or `minus`, or `symbol`."""

    words: str
    style: str = "plain"

    @property
    def size(self) -> int:
        """Font size in pixels."""
        return {"symbol": SYMBOL_SIZE, "small": SMALL_SIZE}.get(self.style, SIZE)

    @property
    def bold(self) -> bool:
        """Whether it is set in bold."""
        return self.style == "name"

    @property
    def width(self) -> float:
        """Upper bound of its drawn width."""
        return text_width(self.words, self.size, bold=self.bold)


@dataclass(frozen=True)
class Line:
    """A line of a box: one text at its left end, one at its right, or one in the middle."""

    left: Text | None = None
    right: Text | None = None
    middle: Text | None = None

    @property
    def texts(self) -> tuple[Text, ...]:
        """Those that are there, in reading order."""
        return tuple(t for t in (self.left, self.middle, self.right) if t is not None)

    @property
    def width(self) -> float:
        """Room that it takes."""
        return sum(t.width for t in self.texts) + 16 * (len(self.texts) - 1)


@dataclass(frozen=True)
class Box:
    """Something with a place of its own: a node, an operation or the label of an arrow.

    Attributes:
        key: `n3` for the node 3, `o3` for the operation that made it, `e3-1` for the label
            of the use in slot 1 of that operation, `m3` for its inputs that were left out.
        kind: Value of a `Role`, or "operation", "label", "left out".
        about: Longer text, for a tooltip.
        alarm: Whether a number in it is not finite.
    """

    key: str
    kind: str
    lines: tuple[Line, ...]
    width: int
    height: int
    about: str = ""
    alarm: bool = False

    @property
    def is_round(self) -> bool:
        """Whether it is drawn as a circle."""
        return self.kind == "operation" and self.lines[0].texts[0].style == "symbol"


@dataclass(frozen=True)
class Arrow:
    """One edge, through its label if it has one."""

    source: str
    target: str
    label: Box | None = None
    slot: int | None = None


@dataclass(frozen=True)
class Scene:
    """What to draw, in a fixed order."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    notes: tuple[str, ...]

    @property
    def all_boxes(self) -> list[Box]:
        """The boxes, and the labels of arrows."""
        return [*self.boxes, *(a.label for a in self.arrows if a.label is not None)]

    def links(self) -> Iterator[tuple[str, str]]:
        """Pieces of arrows between all boxes, those of one arrow together."""
        for arrow in self.arrows:
            stops = [arrow.source, arrow.target]
            if arrow.label is not None:
                stops.insert(1, arrow.label.key)
            yield from pairwise(stops)


def compose(trace: Trace, *, constants: bool = True) -> Scene:
    """Scene of a trace, with or without its constants."""
    records = {r.key: r for r in trace.records}
    hidden = set() if constants else {r.key for r in trace.records if not r.name}
    shown = [r for r in trace.records if r.key not in hidden]
    uses = trace.uses()
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    for r in shown:
        boxes.append(_node_box(r, trace))
        if r.op is None:
            continue
        boxes.append(_operation_box(r))
        edges = [e for e in uses.get(r.key, ()) if e.source not in hidden]
        arrows += [
            Arrow(f"n{e.source}", f"o{r.key}", _label_box(e, r, records[e.source]), e.slot)
            for e in edges
        ]
        if r.left_out:
            boxes.append(_left_out_box(r))
            arrows.append(Arrow(f"m{r.key}", f"o{r.key}"))
        arrows.append(Arrow(f"o{r.key}", f"n{r.key}"))
    title = f"Graph of {clean(trace.root.name)}"
    return Scene(title, tuple(boxes), tuple(arrows), tuple(_notes(trace, len(hidden))))


# ── Boxes ───────────────────────────────────────────────────────────────────────────────


def _even(x: float) -> int:
    """Smallest even number from `x` up: half of it is whole, so that positions are."""
    return 2 * ceil(x / 2)


def _box(key: str, kind: str, lines: list[Line], about: str, *, alarm: bool = False,
         at_least: int = 0, padding: int = 20) -> Box:  # fmt: skip
    width = max(at_least, _even(max(line.width for line in lines) + padding))
    height = LINE_HEIGHT * len(lines) + (8 if kind != "label" else 0)
    return Box(key, kind, tuple(lines), width, height, about, alarm)


def _node_box(r: Record, trace: Trace) -> Box:
    figures = [f for f in (r.value, r.gradient) if f is not None]
    alarm = not all(f.is_finite for f in figures)
    if not r.name:
        return _box(f"n{r.key}", r.role.value, _constant_lines(r.value), _about(r),
                    alarm=alarm, at_least=44)  # fmt: skip
    name = Text(shorten(clean(r.name)), "name")
    if r.value.is_scalar:
        lines = [Line(name, Text(number(_only(r.value))))]
    else:
        lines = [Line(name, Text(shape_text(r.value.shape), "muted")),
                 Line(Text(array_line(r.value)))]  # fmt: skip
    lines.append(_gradient_line(r, trace))
    return _box(f"n{r.key}", r.role.value, lines, _about(r), alarm=alarm, at_least=130)


def _only(summary: Summary) -> float:
    assert summary.elements is not None
    return summary.elements[0]


def _constant_lines(value: Summary) -> list[Line]:
    if value.is_scalar:
        return [Line(middle=Text(number(_only(value))))]
    return [Line(Text("constant", "muted"), Text(shape_text(value.shape), "muted")),
            Line(Text(array_line(value)))]  # fmt: skip


def _gradient_line(r: Record, trace: Trace) -> Line:
    if r.gradient is None:
        return Line(Text(r.missing, "muted"))
    root, own = clean(trace.root.name), clean(r.name)
    # Without a pass of our own nobody knows whose gradient it is that lies in the node.
    short = trace.observed and len(root) + len(own) <= 16
    label = Text(f"∂{root}/∂{own}" if short else "grad", "muted")
    if not r.gradient.is_scalar:
        return Line(label, Text(array_line(r.gradient)))
    g = _only(r.gradient)
    return Line(label, Text(signed(g), _sign(g)))


def _sign(x: float) -> str:
    return "plus" if x > 0 else "minus" if x < 0 else "plain"


def _operation_box(r: Record) -> Box:
    assert r.op is not None
    call = f"{r.op}({', '.join(r.arguments) or '…'})"
    if r.op in SYMBOLS:
        return Box(f"o{r.key}", "operation", (Line(middle=Text(SYMBOLS[r.op], "symbol")),),
                   30, 30, call)  # fmt: skip
    lines = [Line(middle=Text(clean(r.op)))]
    if static := arguments(r.params):
        lines.append(Line(middle=Text(static, "small")))
    return _box(f"o{r.key}", "operation", lines, call, padding=24)


def _left_out_box(r: Record) -> Box:
    plural = "s" if r.left_out > 1 else ""
    words = f"… {r.left_out} input{plural} not drawn"
    return _box(f"m{r.key}", "left out", [Line(middle=Text(words, "muted"))], "", padding=16)


def _label_box(e: Edge, r: Record, source: Record) -> Box | None:
    """Label of a use: which operand it is, its local derivative and what it adds."""
    operand = _operand(e, r)
    lines = []
    if e.local is not None:
        lines.append(f"{operand}{': ' if operand else ''}local {number(e.local)}")
    elif operand:
        lines.append(operand)
    texts = [Line(middle=Text(words, "small")) for words in lines]
    if e.contribution is not None:
        words = f"adds {signed(e.contribution)}"
        texts.append(Line(middle=Text(words, _sign(e.contribution))))
    if not texts:
        return None
    about = f"{clean(source.name) or 'constant'} to {r.op}"
    box = _box(f"e{r.key}-{e.slot}", "label", texts, about, padding=8)
    return Box(box.key, box.kind, box.lines, box.width, 15 * len(texts) + 4, about)


def _operand(e: Edge, r: Record) -> str:
    """Which operand it is, where that matters."""
    count = len(r.arguments)
    if r.op in _COMMUTATIVE or count == 1:
        return ""
    if r.op in SYMBOLS:
        return ("left", "right")[e.slot]
    return _ORDINALS[e.slot] if e.slot < len(_ORDINALS) else f"{e.slot + 1}th"


# ── Words around them ───────────────────────────────────────────────────────────────────


def _about(r: Record) -> str:
    """Everything that is known of a node, for its tooltip."""
    parts = [clean(r.name), r.role.value, _figures("value", r.value)]
    if r.gradient is not None:
        parts.append(_figures("gradient", r.gradient))
    elif r.missing:
        parts.append(r.missing)
    if r.changed:
        parts.append("written after it was used: the results do not show it")
    return "; ".join(part for part in parts if part)


def _figures(what: str, s: Summary) -> str:
    if s.is_scalar:
        return f"{what} {_only(s)!r} ({s.dtype})"
    return (
        f"{what} {shape_text(s.shape)} {s.dtype}, mean {number(s.mean)}, "
        f"from {number(s.low)} to {number(s.high)}, norm {number(s.norm)}, "
        f"{s.nans} NaN, {s.infs} infinite"
    )


def _notes(trace: Trace, hidden: int) -> Iterator[str]:
    root = clean(shorten(trace.root.name))
    if left_out := trace.total - trace.kept:
        yield (
            f"{trace.total} nodes; the {trace.kept} nearest to {root} are drawn, "
            f"{left_out} are left out."
        )
    waiting = [r for r in trace.records if r.missing == "not yet run backward"]
    figures = (f for r in trace.records for f in (r.value, r.gradient) if f is not None)
    if any("≈" in array_line(f) for f in figures):
        yield "Arrays: ≈ mean ± standard deviation [smallest, largest]."
    if any(e.local is not None for e in trace.edges):
        note = "Arrows: “local” is the derivative of the result by this input"
        if any(e.contribution is not None for e in trace.edges):
            note += "; “adds” is local × the result's gradient, this arrow's share of the input's"
        yield note + "."
    if waiting:
        yield "Not yet run backward: call .backward(), or draw(…, backward=True) for gradients."
    elif any(r.missing == "gradient not kept" for r in trace.records):
        yield "Tensors keep gradients of leaves only; draw(…, backward=True) shows all."
    if changed := [shorten(clean(r.name)) for r in trace.records if r.changed]:
        names = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
        yield f"Written after use: {names}. The results are those of the earlier numbers."
    if hidden:
        yield f"{hidden} constant{'s are' if hidden > 1 else ' is'} not shown."
