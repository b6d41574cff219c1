"""A comparison in one sentence, and as a table of texts."""

from __future__ import annotations

from tinygrad_nn.viz.diff.model import MARKS, Comparison, Pair
from tinygrad_nn.viz.diff.words import change_words, figure_words, label
from tinygrad_nn.viz.trace.model import Record
from tinygrad_nn.viz.wording import counted, text_table

__all__ = ["table", "verdict"]

_ROWS = 20


def verdict(d: Comparison) -> str:
    """The result in one sentence."""
    total = len(d.pairs) + len(d.new) + len(d.absent)
    if d.is_same:
        beyond = f" beyond rtol={d.rtol:g}, atol={d.atol:g}" if d.rtol or d.atol else ""
        return f"no difference{beyond}: all {counted(total, 'node')} have equal figures"
    parts = [f"{len(d.changed):,} of {counted(total, 'node')} changed"]
    if d.new:
        parts.append(f"{len(d.new):,} new")
    if d.absent:
        parts.append(f"{len(d.absent):,} absent")
    if d.rewired:
        parts.append(f"{counted(len(d.rewired), 'use')} rewired")
    return ", ".join(parts)


def table(d: Comparison) -> str:
    """Everything of note as text: the largest changes first, then what is new and absent."""
    by = "by (share of before)"
    rows: list[tuple[str, ...]] = [("", "node", "value", by, "gradient", by)]
    rows += [_row(pair) for pair in d.changed[:_ROWS]]
    for mark, records in (("new", d.new), ("absent", d.absent)):
        rows += [_lone(mark, r) for r in records[:_ROWS]]
    rest = [(len(d.changed), "changed"), (len(d.new), "new"), (len(d.absent), "absent")]
    order = ": the largest shares first" if len(d.changed) > 1 else ""
    lines = [f"{verdict(d)}{order}."]
    if len(rows) > 1:
        lines += ["", *text_table(rows)]
        more = ", ".join(f"{n - _ROWS:,} {word}" for n, word in rest if n > _ROWS)
        lines += [f"… and {more}"] if more else []
    for one in d.rewired[:_ROWS]:
        sides = (
            "nothing" if edge is None else label(trace.records[edge.source])
            for edge, trace in ((one.before, d.before), (one.after, d.after))
        )
        before, after = sides
        lines.append(f"input {one.slot} of {label(one.pair.after)}: {before} → {after}")
    if len(d.rewired) > _ROWS:
        lines.append(f"… and {len(d.rewired) - _ROWS:,} more inputs")
    return "\n".join([*lines, *([""] if d.notes else []), *d.notes])


def _row(pair: Pair) -> tuple[str, ...]:
    found = [MARKS["changed"], label(pair.after)]
    for c in (pair.value, pair.gradient):
        if c is None:
            found += ["", ""]
            continue
        one, other = figure_words(c.before), figure_words(c.after)
        found += [one if c.is_same else f"{one} → {other}", change_words(c)]
    return tuple(found)


def _lone(mark: str, r: Record) -> tuple[str, ...]:
    gradient = "" if r.gradient is None else figure_words(r.gradient)
    return MARKS[mark], label(r), figure_words(r.value), "", gradient, ""
