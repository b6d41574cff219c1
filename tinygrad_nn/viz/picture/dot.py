"""Trace to DOT, the language of Graphviz.

Labels are plain quoted strings: no records and no HTML-like labels, whose texts are
languages of their own. Names of nodes are ours, never the user's.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_nn.viz.picture.layers import straight
from tinygrad_nn.viz.picture.measure import FONT, wrapped
from tinygrad_nn.viz.picture.scene import Box, Scene, compose
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.picture.style import LIGHT

__all__ = ["POINTS_PER_INCH", "quoted", "to_dot"]

POINTS_PER_INCH = 72
_NOTE_WIDTH = 480
_FACE = FONT.split(",", maxsplit=1)[0]

_P = LIGHT
_SHAPES = {
    "input": f'style="rounded,filled" fillcolor="{_P.input_fill}" color="{_P.input_line}"',
    "parameter": f'style="rounded,filled" fillcolor="{_P.parameter_fill}" '
    f'color="{_P.parameter_line}" penwidth=2.5',
    "constant": f'style="dashed,filled" fillcolor="{_P.ground}" color="{_P.line}"',
    "intermediate value": f'style="rounded,filled" fillcolor="{_P.value_fill}" color="{_P.line}"',
    "result": f'style="rounded,filled" fillcolor="{_P.result_fill}" color="{_P.result_fill}" '
    f'fontcolor="{_P.result_text}"',
    "operation": f'style="rounded,filled" fillcolor="{_P.ground}" color="{_P.edge}"',
    "left out": f'style="dotted" color="{_P.edge}" fontcolor="{_P.muted}"',
}


def to_dot(trace: Trace, *, constants: bool = True, direction: str = "TB") -> str:
    """DOT text of a trace, to be drawn by any Graphviz program.

    Args:
        trace: What to draw.
        constants: Draw the constants too.
        direction: "TB" for downward, "LR" for rightward.
    """
    scene = compose(trace, constants=constants)
    notes = [line for note in scene.notes for line in wrapped(note, 11, _NOTE_WIDTH)]
    return "\n".join([
        f"digraph {quoted([scene.title])} {{",
        f'  graph [rankdir={direction} nodesep=0.3 ranksep=0.3 ordering=in pad=0.2 '
        f'bgcolor="{_P.ground}" fontname="{_FACE}" fontsize=11 fontcolor="{_P.muted}" '
        f'labelloc=b labeljust=l label={quoted(notes, to_the_left=True)}]',
        f'  node [shape=box fontname="{_FACE}" fontsize=12 fontcolor="{_P.text}" '
        'margin="0.12,0.06"]',
        f'  edge [fontname="{_FACE}" fontsize=11 fontcolor="{_P.text}" color="{_P.edge}" '
        "arrowsize=0.7]",
        *(f"  {box.key} [{_attributes(box)}]" for box in scene.boxes),
        *_edges(scene),
        "}",
        "",
    ])  # fmt: skip


def _attributes(box: Box) -> str:
    size = f"width={box.width / POINTS_PER_INCH:.3f} height={box.height / POINTS_PER_INCH:.3f}"
    alarm = f' color="{_P.alarm}" penwidth=4' if box.alarm else ""
    shape = " shape=circle fontsize=16 margin=0" if box.is_round else ""
    return f"label={quoted(_texts(box))} {size} {_SHAPES[box.kind]}{shape}{alarm}"


def _texts(box: Box) -> list[str]:
    return ["  ".join(t.words for t in line.texts) for line in box.lines]


def _edges(scene: Scene) -> list[str]:
    at = {box.key: k for k, box in enumerate(scene.boxes)}
    lines = straight(len(at), [(at[a.source], at[a.target]) for a in scene.arrows])
    found = []
    for arrow, is_straight in zip(scene.arrows, lines, strict=True):
        label = (
            ""
            if arrow.label is None
            else f"label={quoted([f' {t} ' for t in _texts(arrow.label)])}"
        )
        attributes = " ".join(filter(None, [label, "weight=9" if is_straight else ""]))
        found.append(
            f"  {arrow.source} -> {arrow.target}" + (f" [{attributes}]" if attributes else "")
        )
    return found


def quoted(lines: Sequence[str], *, to_the_left: bool = False) -> str:
    r"""DOT string of several lines, in which nothing is special any more.

    In a string only `\"` is an escape; a label then reads `\n`, `\N` and their like, and
    entities such as `&lt;`.
    """
    safe = [line.replace("&", "&amp;").replace("\\", r"\\").replace('"', r"\"") for line in lines]
    # Here an end of line says how the line before it is set.
    text = "".join(rf"{line}\l" for line in safe) if to_the_left else r"\n".join(safe)
    return f'"{text}"'
