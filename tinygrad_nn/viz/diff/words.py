"""Nodes, figures and changes in words."""

from __future__ import annotations

import math

from tinygrad_nn.viz.diff.figures import Change
from tinygrad_nn.viz.diff.model import MARKS, Comparison, Pair
from tinygrad_nn.viz.trace.model import Record, Summary
from tinygrad_nn.viz.trace.words import array_line, few, only
from tinygrad_nn.viz.wording import clean, counted, number, shape_text, shorten, signed, text_table

__all__ = ["change_words", "figure_words", "label", "share", "table", "verdict"]

_ROWS = 20
_DIGITS = 6
_LEAST = 1e-8


def label(r: Record, width: int = 40) -> str:
    """Name of a node, or what it is where it has none."""
    if r.name:
        return shorten(clean(r.name), width)
    return f"constant {number(only(r.value)) if r.value.is_scalar else shape_text(r.value.shape)}"


def figure_words(s: Summary | None) -> str:
    """A number with six digits, a small array in full, of a larger one the length."""
    if s is None:
        return "none"
    if s.is_scalar:
        return number(only(s), _DIGITS)
    if few(s) or not s.size:
        return array_line(s)
    odd = [f"{n} {word}" for n, word in ((s.nans, "NaN"), (s.infs, "Inf")) if n]
    return ", ".join([f"‖·‖ {number(s.norm, _DIGITS)}", *odd])


def share(relative: float, *, exact: bool = True) -> str:
    """`1.2 %`; `> 1.2 %` where that is the least."""
    if math.isinf(relative):
        return "all"
    percent = 100 * relative
    words = f"{number(percent, 3)} %" if not 0 < percent < _LEAST else "under 1e−8 %"
    return words if exact or not percent else f"> {words}"


def change_words(c: Change | None) -> str:
    """By how much, and which share that is."""
    if c is None or c.before is None or c.after is None:
        return "only before" if c is not None and c.after is None else "only after" if c else ""
    if c.before.shape != c.after.shape:
        one, other = (shape_text(s.shape) or "one number" for s in (c.before, c.after))
        return f"shape {one} → {other}"
    if c.is_same:
        return "same"
    if c.before.is_scalar and c.exact and math.isfinite(c.absolute):
        return f"{signed(only(c.after) - only(c.before))} ({share(c.relative)})"
    return _length(c)


def _length(c: Change) -> str:
    if math.isinf(c.absolute):
        return "NaN or Inf came, went or moved"
    least = "" if c.exact else "> "
    return f"{least}{number(c.norm)} ({share(c.relative, exact=c.exact)})"


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
    rows: list[tuple[str, ...]] = [("", "node", "value", "by", "gradient", "by")]
    rows += [_row(pair) for pair in d.changed[:_ROWS]]
    for mark, records in (("new", d.new), ("absent", d.absent)):
        rows += [_lone(mark, r) for r in records[:_ROWS]]
    rest = [(len(d.changed), "changed"), (len(d.new), "new"), (len(d.absent), "absent")]
    lines = [f"{verdict(d)}."]
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
