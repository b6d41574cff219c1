"""Nodes, figures and changes in words."""

from __future__ import annotations

import math

from tinygrad_nn.viz.diff.figures import Change
from tinygrad_nn.viz.trace.model import Record, Summary
from tinygrad_nn.viz.trace.words import array_line, few, odd_words, only
from tinygrad_nn.viz.wording import clean, number, shape_text, shorten, signed

__all__ = ["change_words", "figure_words", "label", "share"]

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
    return ", ".join([f"‖·‖ {number(s.norm, _DIGITS)}", *odd_words(s)])


def share(c: Change) -> str:
    """Of what was before: `1.2 %`, `> 1.2 %` where that is the least; `from 0`."""
    if math.isinf(c.norm):
        return "all"
    if math.isinf(c.relative):
        return "from 0"
    percent = 100 * c.relative
    words = f"{number(percent, 3)} %" if not 0 < percent < _LEAST else "under 1e−8 %"
    return words if c.exact or not percent else f"> {words}"


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
        return f"{signed(only(c.after) - only(c.before))} ({share(c)})"
    return _length(c)


def _length(c: Change) -> str:
    if math.isinf(c.absolute):
        return "NaN or Inf came, went or moved"
    least = "" if c.exact else "> "
    return f"{least}{number(c.norm)} ({share(c)})"
