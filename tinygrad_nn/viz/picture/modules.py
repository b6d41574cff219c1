"""Boxes of many nodes: a module with a row for each parameter, repeats, chains and rests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from tinygrad_nn.viz.picture.nodes import gradient_cell, is_told
from tinygrad_nn.viz.picture.scene import Box, Line, Text, boxed
from tinygrad_nn.viz.picture.style import heat_step
from tinygrad_nn.viz.trace.model import (
    NEEDS_NONE,
    NONE_ARRIVES,
    NOT_KEPT,
    NOT_RUN,
    Record,
    Role,
    Trace,
)
from tinygrad_nn.viz.trace.words import node_words, only
from tinygrad_nn.viz.view.model import Part
from tinygrad_nn.viz.wording import clean, counted, norm_words, number, shorten, signed, times

__all__ = ["norms_tag", "part_box", "shown_rows", "within"]

_MOST_ROWS = 8
_MOST_NAMED = 7
"""Rows of a box that is no module."""
_MOST_CELLS = 96
_MISSING = {
    NEEDS_NONE: "no grad",
    NONE_ARRIVES: "none arrives",
    NOT_RUN: "not yet run",
    NOT_KEPT: "not kept",
}


def part_box(
    part: Part, records: dict[int, Record], trace: Trace, shared: Sequence[Line] = ()
) -> Box:
    """Box of a group: its head, what is known of the gradients in it, and what it shares."""
    inner = [records[key] for key in part.nodes]
    head = _head(part, inner)
    lines = [*head, *_repeat_lines(part)]
    if part.kind in ("chain", "rest") and len(part.parameters) < len(inner):
        lines += _range_line(inner)
    lines += [*_rows(part, records), *shared]
    odd = [r for r in inner if not _finite(r)]
    if odd:
        lines.append(Line(Text(f"{len(odd)} of {len(inner)} with NaN or Inf", "warn")))
    failure = trace.failure
    broken = failure is not None and failure.at in set(part.nodes) and is_told(failure)
    if broken:
        lines.append(Line(Text("the pass broke in here", "warn")))
    return boxed(part.key, part.kind, lines, _about(part, inner), alarm=bool(odd) or broken,
                 at_least=110, head=len(head), nodes=len(part.nodes))  # fmt: skip


def _finite(r: Record) -> bool:
    return r.value.is_finite and (r.gradient is None or r.gradient.is_finite)


def _head(part: Part, inner: Sequence[Record]) -> list[Line]:
    title, about = clean(part.title), shorten(clean(part.about), 44)
    learned = sum(r.value.size for r in inner if r.role is Role.PARAMETER)
    count = Text(counted(learned, "param"), "muted") if learned else None
    if not title:
        return [Line(Text(about or part.kind, "name"), count)]
    name = Text(shorten(title, 32), "name")
    if not about:
        return [Line(name, count)]
    return [Line(name, count), Line(Text(about, "muted"))]


# ── Parameters ──────────────────────────────────────────────────────────────────────────


def shown_rows(part: Part) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Keys of those that have a row, and of those for which there is no room."""
    keys, most = part.parameters, _MOST_ROWS if part.kind == "module" else _MOST_NAMED
    room = most if len(keys) <= most else most - 1
    return keys[:room], keys[room:]


def _rows(part: Part, records: dict[int, Record]) -> list[Line]:
    """A row for each parameter, as far as there is room."""
    shown, others = shown_rows(part)
    lines = [_row(records[key], part) for key in shown]
    if rest := [records[key] for key in others]:
        norms = sorted(r.gradient.norm for r in rest if r.gradient is not None)
        words = f"{number(norms[0])} … {number(norms[-1])}" if norms else ""
        lines.append(Line(Text(f"… {len(rest)} more", "muted"), Text(words, "muted")))
    return lines


def _row(r: Record, part: Part) -> Line:
    shape = number(only(r.value)) if r.value.is_scalar else times(r.value.shape)
    name = Text(shorten(within(clean(r.name), clean(part.title)), 26))
    return Line(name, _cell(r), column=Text(shape, "muted"))


def _cell(r: Record) -> Text:
    if r.gradient is None:
        return Text(_MISSING.get(r.missing, shorten(r.missing, 16)), "muted")
    if r.gradient.is_scalar and r.gradient.is_finite:
        g = only(r.gradient)
        return Text(signed(g), "plain", heat_step(abs(g)))
    return gradient_cell(r.gradient)


def within(name: str, path: str) -> str:
    """Name of a parameter as seen from the module at `path`."""
    return name.removeprefix(f"{path}.") if path else name


# ── Repeats, chains and rests ───────────────────────────────────────────────────────────


def _repeat_lines(part: Part) -> list[Line]:
    """Of equal groups in a row: the smallest and largest gradient norm, and a cell for each."""
    known = [c for c in part.copies if math.isfinite(c)]
    odd = len(part.copies) - len(known)
    if not odd and not any(known):
        return []
    lines = []
    if known:
        low, high = min(known), max(known)
        tag = norms_tag(known) or ("0 in some" if low == 0 < high else "")
        words = f"{number(low)} … {number(high)}" if low < high else f"all {number(low)}"
        lines.append(Line(Text(f"‖∇‖ {tag}".strip(), "muted"), Text(words)))
    if odd:
        lines.append(Line(Text(f"NaN or Inf in {odd} of {len(part.copies)}", "warn")))
    step = -(-len(part.copies) // _MOST_CELLS)
    strip = _thinned(part.copies, step)
    abouts = tuple(
        f"copy {k * step + 1}{f' and next {step - 1}, largest' if step > 1 else ''}: "
        f"gradient norm {number(c)}"
        for k, c in enumerate(strip)
    )
    return [*lines, Line(strip=tuple(map(heat_step, strip)), abouts=abouts)]


def norms_tag(norms: Sequence[float]) -> str:
    """`vanishing` or `exploding` if one of them is that; what is 0 does not only vanish."""
    known = [norm for norm in norms if norm > 0 and math.isfinite(norm)]
    ends = (min(known), max(known)) if known else ()
    return next(filter(None, (norm_words(norm).partition(" ")[2] for norm in ends)), "")


def _thinned(copies: Sequence[float], step: int) -> list[float]:
    """The largest of each `step` neighbours; NaN is never lost."""
    chunks = [copies[k : k + step] for k in range(0, len(copies), step)]
    return [next((c for c in chunk if not math.isfinite(c)), max(chunk)) for chunk in chunks]


def _range_line(inner: Sequence[Record]) -> list[Line]:
    norms = [r.gradient.norm for r in inner if r.gradient is not None and r.gradient.is_finite]
    if not norms:
        return []
    low, high = min(norms), max(norms)
    if low == high:
        return [Line(Text("‖∇‖", "muted"), Text(norm_words(low)))]
    name = f"‖∇‖ {norms_tag(norms)}".strip()
    return [Line(Text(name, "muted"), Text(f"{number(low)} … {number(high)}"))]


def _about(part: Part, inner: Sequence[Record]) -> str:
    operations = Counter(r.op for r in inner if r.op)
    words = ", ".join(
        f"{clean(op)} ×{n}" if n > 1 else clean(op) for op, n in list(operations.items())[:12]
    )
    parts = [clean(part.title), clean(part.about), node_words(inner), words]
    return "; ".join(filter(None, parts))[:600]
