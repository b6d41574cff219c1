"""Trace to a tree of plain text: for terminals, logs, and readers of screens."""

from __future__ import annotations

from tinygrad_nn.viz.picture.scene import compose
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

__all__ = ["to_text"]


def to_text(trace: Trace, *, constants: bool = True) -> str:
    """Tree with the root on top and the inputs of each operation, in order, below it.

    A node that is used again is named again, but what lies below it is written only once.
    """
    records = {r.key: r for r in trace.records}
    uses = trace.uses()
    lines: list[list[str]] = []
    written: set[int] = set()
    # Edge by which it is reached, key (negative: so many inputs that were left out), rails of
    # the line itself, rails of the lines below it.
    stack: list[tuple[Edge | None, int, str, str]] = [(None, trace.root.key, "", "")]
    while stack:
        edge, key, rails, below = stack.pop()
        if key < 0:
            lines.append([f"{rails}… {-key} not drawn"])
            continue
        r = records[key]
        again = key in written and r.op is not None
        lines.append([rails + _head(r, uses.get(key, []), records, again), *_cells(r, edge)])
        if again:
            continue
        written.add(key)
        if r.left_out:
            stack.append((None, -r.left_out, f"{below}└─ ", ""))
        children = [e for e in uses.get(key, ()) if constants or records[e.source].name]
        for position, e in reversed(list(enumerate(children))):
            last = position == len(children) - 1 and not r.left_out
            turn, rail = ("└─ ", "   ") if last else ("├─ ", "│  ")
            stack.append((e, e.source, below + turn, below + rail))
    notes = compose(trace, constants=constants).notes
    return "\n".join([*_columns(lines), *(["", *notes] if notes else [])]) + "\n"


def _head(r: Record, edges: list[Edge], records: dict[int, Record], again: bool) -> str:
    if not r.name:
        return _figures(r.value)
    name = shorten(clean(r.name))
    if r.op is None:
        return name
    if again:
        return f"{name} (above)"
    inputs = [_operand(records[e.source]) for e in edges]
    static = arguments(r.params)
    more = ["…"] if r.left_out else []
    return f"{name} = {r.op}({', '.join(inputs + more + ([static] if static else []))})"


def _operand(r: Record) -> str:
    if r.name:
        return shorten(clean(r.name))
    return array_line(r.value) if r.value.is_scalar else f"constant {shape_text(r.value.shape)}"


def _cells(r: Record, edge: Edge | None) -> list[str]:
    """What follows the name: the value, its gradient, and the arrow that led here."""
    if not r.name:
        return [r.role.value]
    cells = [_figures(r.value)]
    if r.gradient is None:
        cells.append(r.missing)
    elif r.gradient.is_scalar and r.gradient.elements:
        cells.append(f"grad {signed(r.gradient.elements[0])}")
    else:
        cells.append(f"grad {array_line(r.gradient)}")
    if edge is not None and edge.local is not None:
        added = "" if edge.contribution is None else f", adds {signed(edge.contribution)}"
        cells.append(f"[local {number(edge.local)}{added}]")
    return cells


def _figures(s: Summary) -> str:
    return array_line(s) if s.is_scalar else f"{shape_text(s.shape)} {array_line(s)}"


def _columns(lines: list[list[str]]) -> list[str]:
    """Cells one below the other, as far as the widest of each column."""
    count = max(map(len, lines))
    widths = [max((len(row[k]) for row in lines if k < len(row)), default=0) for k in range(count)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in lines
    ]
