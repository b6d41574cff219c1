"""Scene to DOT, the language of Graphviz.

Boxes with columns have HTML-like labels, all of whose texts are escaped; other labels are
quoted strings. There are no records. Names of nodes are ours, never the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil

from tinygrad_nn.viz.picture.layers import straight
from tinygrad_nn.viz.picture.measure import FONT, wrapped
from tinygrad_nn.viz.picture.scene import Arrow, Box, Line, Scene, Text
from tinygrad_nn.viz.picture.style import LIGHT, heat_colours

__all__ = ["POINTS_PER_INCH", "quoted", "to_dot"]

POINTS_PER_INCH = 72
_NOTE_WIDTH = 480
_SIDES = 16
_FACE = FONT.split(",", maxsplit=1)[0]

_P = LIGHT
_VALUE = f'style="rounded,filled" fillcolor="{_P.value_fill}" color="{_P.line}"'
_SHAPES = {
    "input": f'style="rounded,filled" fillcolor="{_P.input_fill}" color="{_P.input_line}"',
    "parameter": f'style="rounded,filled" fillcolor="{_P.parameter_fill}" '
    f'color="{_P.parameter_line}" penwidth=2.5',
    "constant": f'style="dashed,filled" fillcolor="{_P.ground}" color="{_P.line}"',
    "value": _VALUE,
    "module": _VALUE,
    "repeat": _VALUE + " peripheries=2",
    "chain": _VALUE,
    "rest": _VALUE,
    "result": f'style="rounded,filled" fillcolor="{_P.result_fill}" color="{_P.result_fill}" '
    f'fontcolor="{_P.result_text}"',
    "operation": f'style="rounded,filled" fillcolor="{_P.ground}" color="{_P.edge}"',
    "reference": f'style="rounded,dashed" color="{_P.line}" fontcolor="{_P.muted}"',
    "failed": f'style="filled" fillcolor="{_P.ground}" color="{_P.alarm}"',
    "left out": f'style="dotted" color="{_P.edge}" fontcolor="{_P.muted}"',
}
_COLOURS = {"muted": _P.muted, "plus": _P.plus, "minus": _P.minus, "warn": _P.alarm}
_ON_RESULT = {"muted": _P.result_muted, "plus": _P.result_plus, "minus": _P.result_minus}


def to_dot(scene: Scene, direction: str = "TB") -> str:
    """DOT text of a scene, to be drawn by any Graphviz program.

    Args:
        scene: What to draw.
        direction: "TB" for downward, "LR" for rightward.
    """
    notes = [line for note in (*scene.alarms, *scene.notes)
             for line in wrapped(note, 11, _NOTE_WIDTH)]  # fmt: skip
    return "\n".join([
        f"digraph {quoted([scene.title])} {{",
        f'  graph [rankdir={direction} nodesep=0.3 ranksep=0.3 ordering=in pad=0.2 '
        f'bgcolor="{_P.ground}" fontname="{_FACE}" fontsize=11 fontcolor="{_P.muted}" '
        f'labelloc=b labeljust=l label={quoted(notes, to_the_left=True)}]',
        f'  node [shape=box fontname="{_FACE}" fontsize=12 fontcolor="{_P.text}" '
        'margin="0.08,0.04"]',
        f'  edge [fontname="{_FACE}" fontsize=11 fontcolor="{_P.text}" color="{_P.edge}" '
        "arrowsize=0.7]",
        *_nodes(scene),
        *_edges(scene),
        "}",
        "",
    ])  # fmt: skip


# ── Boxes ───────────────────────────────────────────────────────────────────────────────


def _nodes(scene: Scene) -> Iterator[str]:
    """Boxes, those in frames within their clusters."""
    boxes: dict[str | None, list[Box]] = {}
    for box in (*scene.boxes, *scene.references):
        boxes.setdefault(scene.homes.get(box.key), []).append(box)
    frames: dict[str | None, list[int]] = {}
    for k, frame in enumerate(scene.frames):
        frames.setdefault(frame.parent, []).append(k)
    # Frame to open, or None for the end of one, and how deep it is.
    stack: list[tuple[int | None, int]] = [(k, 1) for k in reversed(frames.get(None, []))]
    yield from (_node(box, 1) for box in boxes.get(None, []))
    while stack:
        number, depth = stack.pop()
        pad = "  " * depth
        if number is None:
            yield f"{pad}}}"
            continue
        frame = scene.frames[number]
        title = "  ".join(t.words for t in frame.title.texts)
        yield (
            f"{pad}subgraph cluster_{number} {{ graph [label={quoted([title])} labelloc=t "
            f'labeljust=l style="rounded,filled" fillcolor="{_P.frame}" '
            f'color="{_P.frame_line}" margin=10]'
        )
        yield from (_node(box, depth + 1) for box in boxes.get(frame.key, []))
        stack.append((None, depth))
        stack += [(k, depth + 1) for k in reversed(frames.get(frame.key, []))]


def _node(box: Box, depth: int) -> str:
    return f"{'  ' * depth}{_name(box.key)} [{_attributes(box)}]"


def _name(key: str) -> str:
    return key.replace("-", "_")


def _attributes(box: Box) -> str:
    size = f"width={box.width / POINTS_PER_INCH:.3f} height={box.height / POINTS_PER_INCH:.3f}"
    alarm = f' color="{_P.alarm}" penwidth=4' if box.alarm else ""
    shape = " shape=circle fontsize=16 margin=0" if box.is_round else ""
    plain = all(line.middle is not None for line in box.lines)
    label = quoted(_texts(box)) if plain else _table(box)
    return f"label={label} {size} {_SHAPES[box.kind]}{shape}{alarm}"


def _texts(box: Box) -> list[str]:
    return ["  ".join(t.words for t in line.texts) for line in box.lines]


def _table(box: Box) -> str:
    """HTML-like label, as wide as the box, in up to three columns."""
    colours = _ON_RESULT if box.kind == "result" else _COLOURS
    rows = []
    for k, line in enumerate(box.lines):
        if box.head == k and k:
            rows.append("<HR/>")
        rows.append(f"<TR>{_cells(line, box, colours)}</TR>")
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">'
        f"{''.join(rows)}</TABLE>>"
    )


def _cells(line: Line, box: Box, colours: dict[str, str]) -> str:
    if line.strip:
        size = f'FIXEDSIZE="TRUE" HEIGHT="14" WIDTH="{max(2, round(line.strip_cell))}"'
        cells = "".join(f'<TD {size} BGCOLOR="{_fill(h)}"></TD>' for h in line.strip)
        return (
            '<TD COLSPAN="3"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0">'
            f"<TR>{cells}</TR></TABLE></TD>"
        )
    if line.middle is not None:
        return f'<TD COLSPAN="3">{_words(line.middle, colours)}</TD>'
    left = _words(line.left, colours) if line.left else ""
    if line.right is None and line.column is None:
        return f'<TD COLSPAN="3" ALIGN="LEFT">{left}</TD>'
    right = _words(line.right, colours) if line.right else ""
    heat = line.right.heat if line.right else None
    # Graphviz does not stretch the columns of a wide table: here they are told how wide to be.
    ending = box.column or ceil(line.right.width if line.right else 0)
    middle = ceil(line.column.width) if line.column else 0
    room = f'WIDTH="{max(1, box.width - _SIDES - ending - middle)}"'
    fill = "" if heat is None else f' BGCOLOR="{_fill(heat)}"'
    end = f'<TD ALIGN="RIGHT" WIDTH="{ending}"{fill}>{right}</TD>'
    if line.column is None:
        return f'<TD COLSPAN="2" ALIGN="LEFT" {room}>{left}</TD>{end}'
    column = _words(line.column, colours)
    return f'<TD ALIGN="LEFT" {room}>{left}</TD><TD ALIGN="RIGHT">{column}</TD>{end}'


def _fill(heat: int) -> str:
    return _P.alarm_fill if heat < 0 else heat_colours(heat, _P)[0]


def _words(text: Text, colours: dict[str, str]) -> str:
    # Here too a backslash begins names for parts of the graph, such as \N, and \\ is one.
    words = escape(text.words).replace("\\", r"\\") or " "
    colour = colours.get(text.style)
    if text.heat is not None:
        colour = _P.alarm if text.heat < 0 else heat_colours(text.heat, _P)[1]
    if text.bold:
        words = f"<B>{words}</B>"
    return f'<FONT COLOR="{colour}">{words}</FONT>' if colour else words


# ── Arrows ──────────────────────────────────────────────────────────────────────────────


def _edges(scene: Scene) -> Iterator[str]:
    at = {box.key: k for k, box in enumerate((*scene.boxes, *scene.references))}
    arrows = [arrow for arrow in scene.arrows if arrow.is_drawn]
    links = [(at[a.reference or a.source], at[a.target]) for a in arrows]
    spine = [at[key] for key in scene.spine if key in at]
    lines = straight(len(at), links, spine)
    for arrow, is_straight in zip(arrows, lines, strict=True):
        attributes = " ".join(_arrow(arrow, is_straight))
        ends = f"  {_name(arrow.reference or arrow.source)} -> {_name(arrow.target)}"
        yield f"{ends} [{attributes}]" if attributes else ends


def _arrow(arrow: Arrow, is_straight: bool) -> Iterator[str]:
    if arrow.label is not None:
        yield f"label={quoted([f' {t} ' for t in _texts(arrow.label)])}"
    if is_straight:
        yield "weight=9"
    if arrow.back:
        yield f'dir=back style=dashed color="{_P.step}" penwidth=1.5'


def quoted(lines: Sequence[str], *, to_the_left: bool = False) -> str:
    r"""DOT string of several lines, in which nothing is special any more.

    In a string only `\"` is an escape; a label then reads `\n`, `\N` and their like, and
    entities such as `&lt;`.
    """
    safe = [line.replace("&", "&amp;").replace("\\", r"\\").replace('"', r"\"") for line in lines]
    # Here an end of line says how the line before it is set.
    text = "".join(rf"{line}\l" for line in safe) if to_the_left else r"\n".join(safe)
    return f'"{text}"'
