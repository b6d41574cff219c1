"""View to plain text: for terminals, logs, and readers of screens.

A tree of the nodes, or an outline of the modules; long ones are cut, and say so.
"""

from __future__ import annotations

from tinygrad_nn.viz.picture import notes
from tinygrad_nn.viz.picture.modules import norms_tag, shown_rows, within
from tinygrad_nn.viz.trace.model import Edge, Record, Role, Summary, Trace
from tinygrad_nn.viz.trace.words import array_line, few, node_words, only
from tinygrad_nn.viz.view.model import Part, View
from tinygrad_nn.viz.wording import (
    arguments,
    clean,
    counted,
    norm_words,
    number,
    shape_text,
    shorten,
    signed,
    text_table,
    times,
)

__all__ = ["MOST_LINES", "to_text"]

MOST_LINES = 300
_WIDEST = 64
"""Room for the names of a tree; deep ones are indented further, but take no column along."""


def to_text(view: View, *, constants: bool = True) -> str:
    """Text of a view."""
    folded = any(part.kind != "node" for part in view.parts)
    shown, count = _outline(view) if folded else _tree(view.trace, constants)
    if count > len(shown):
        shown.append([f"… {count - len(shown)} more lines"])
    # What the tree shows are all records, whatever the boxes show.
    words = [*notes.alarms(view.trace), *_notes(view, shown)]
    return "\n".join([*text_table(shown, widest=_WIDEST), *(["", *words] if words else [])]) + "\n"


def _notes(view: View, lines: list[list[str]]) -> list[str]:
    found = list(notes.notes(view, (), back=False))
    cells = [cell for line in lines for cell in line]
    if any("≈" in cell for cell in cells):
        found.insert(0, "Arrays: ≈ mean ± standard deviation [smallest, largest].")
    if any("‖" in cell for cell in cells):
        found.append("‖∇‖ is the norm of a gradient: the root of the sum of its squares.")
    return found


# ── Tree ────────────────────────────────────────────────────────────────────────────────


def _tree(trace: Trace, constants: bool) -> tuple[list[list[str]], int]:
    """The root on top, and the inputs of each operation, in order, below it.

    A node that is used again is named again, but what lies below it is written only once.

    Returns:
        The first lines, and how many there are in all: one for each use, one for the root, and
        one for each node of which some inputs are left out.
    """
    records = {r.key: r for r in trace.records}
    uses = trace.uses()
    lines: list[list[str]] = []
    written: set[int] = set()
    # Edge by which it is reached, key (negative: so many inputs that were left out), rails of
    # the line itself, rails of the lines below it.
    stack: list[tuple[Edge | None, int, str, str]] = [(None, trace.root.key, "", "")]
    while stack and len(lines) < MOST_LINES:
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
    count = sum(constants or bool(records[e.source].name) for e in trace.edges)
    return lines, 1 + count + sum(bool(r.left_out) for r in trace.records)


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
    return f"{name} = {clean(r.op)}({', '.join(inputs + more + ([static] if static else []))})"


def _operand(r: Record) -> str:
    if r.name:
        return shorten(clean(r.name))
    return array_line(r.value) if r.value.is_scalar else f"constant {shape_text(r.value.shape)}"


def _cells(r: Record, edge: Edge | None) -> list[str]:
    """What follows the name: the value, its gradient, and the arrow that led here."""
    if not r.name:
        return [r.role.words]
    cells = [_figures(r.value), _gradient(r)]
    if edge is not None and edge.local is not None:
        added = edge.contribution
        adds = f", adds {signed(added)}" if isinstance(added, (int, float)) else ""
        cells.append(f"[local {number(edge.local)}{adds}]")
    return cells


def _gradient(r: Record) -> str:
    if r.gradient is None:
        return r.missing.partition(": ")[0]
    if r.gradient.is_scalar:
        return f"grad {signed(only(r.gradient))}"
    norm = "" if few(r.gradient) else f"  ‖∇‖ {_norm(r.gradient)}"
    return f"grad {array_line(r.gradient)}{norm}"


def _norm(gradient: Summary) -> str:
    return norm_words(gradient.norm) if gradient.is_finite else "not finite"


def _figures(s: Summary) -> str:
    return array_line(s) if s.is_scalar else f"{shape_text(s.shape)} {array_line(s)}"


# ── Outline ─────────────────────────────────────────────────────────────────────────────


def _outline(view: View) -> tuple[list[list[str]], int]:
    """Parts in order of the computation, within their frames, parameters below their modules."""
    records = {r.key: r for r in view.trace.records}
    frames = {c.key: c for c in view.clusters}
    lines: list[list[str]] = []
    opened: list[str] = []
    for part in view.parts:
        around: list[str] = []
        key = part.cluster
        while key is not None:
            around.insert(0, key)
            key = frames[key].parent
        same = 0
        while same < min(len(around), len(opened)) and around[same] == opened[same]:
            same += 1
        for depth in range(same, len(around)):
            frame = frames[around[depth]]
            title = shorten(clean(frame.title), 40)
            lines.append([f"{'  ' * depth}{title}  {shorten(clean(frame.about), 60)}".rstrip()])
        opened = around
        lines += _part_lines(part, records, "  " * len(around))
    return lines[:MOST_LINES], len(lines)


def _part_lines(part: Part, records: dict[int, Record], pad: str) -> list[list[str]]:
    if part.kind == "node":
        r = records[part.nodes[0]]
        op = f" = {clean(r.op)}(…)" if r.op else ""
        return [[f"{pad}{shorten(clean(r.name)) or r.role.words}{op}", times(r.value.shape),
                 _gradient(r) if r.name else array_line(r.value)]]  # fmt: skip
    inner = [records[key] for key in part.nodes]
    learned = sum(r.value.size for r in inner if r.role is Role.PARAMETER)
    counts = [node_words(inner)]
    if learned:
        counts.insert(0, counted(learned, "param"))
    words = [shorten(clean(part.title), 40), shorten(clean(part.about), 60)]
    title = "  ".join(filter(None, words))
    lines = [[f"{pad}{title or part.kind}", "", ", ".join(counts) + _range(part)]]
    shown, others = shown_rows(part)
    for key in shown:
        r = records[key]
        name = shorten(within(clean(r.name), clean(part.title)))
        shape = number(only(r.value)) if r.value.is_scalar else times(r.value.shape)
        norm = _gradient(r) if r.gradient is None else f"‖∇‖ {_norm(r.gradient)}"
        lines.append([f"{pad}  {name}", shape, norm])
    if others:
        lines.append([f"{pad}  … {len(others)} more"])
    return lines


def _range(part: Part) -> str:
    if not part.copies or not any(part.copies):
        return ""
    low, high = number(min(part.copies)), number(max(part.copies))
    words = f", ‖∇‖ {low} … {high} {norms_tag(part.copies)}"
    zeros = part.copies.count(0.0)
    return words.rstrip() + (f", 0 in {zeros}" if zeros else "")
