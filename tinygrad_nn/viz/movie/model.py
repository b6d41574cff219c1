"""Frames of a training run: one trace for the wiring, and numbers that change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_nn.viz.diff.matching import matched
from tinygrad_nn.viz.trace.model import NEEDS_NONE, Record, Summary, Trace

__all__ = ["Column", "Frame", "columns_of", "frame_of"]

_ARRAY = {"value": ("norm", "mean", "low", "high"), "gradient": ("norm", "low", "high")}
_PHASES = {"forward": "the computation broke", "backward": "the backward pass broke"}


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of one node, of which each frame has a number.

    Attributes:
        node: Key of its record in the first trace.
        what: "value" or "gradient".
        figure: "number" for a single number; "norm", "mean", "low" or "high" of an array.
    """

    node: int
    what: str
    figure: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What one pass had in it.

    Attributes:
        step: Which call it was, or the number that was given for it.
        numbers: One for each column; None where this pass has no such node or no gradient. The
            norm of an array with a NaN or an infinity is that.
        note: What is odd about the pass, in words.
    """

    step: int
    numbers: tuple[float | None, ...]
    note: str = ""


def columns_of(trace: Trace) -> tuple[Column, ...]:
    """Columns of all nodes; gradients of those that can have one."""
    found = []
    for r in trace.records:
        for what in ("value", "gradient") if _learns(r) else ("value",):
            figures = ("number",) if r.value.is_scalar else _ARRAY[what]
            found += [Column(r.key, what, figure) for figure in figures]
    return tuple(found)


def _learns(r: Record) -> bool:
    return r.gradient is not None or r.missing != NEEDS_NONE


def frame_of(first: Trace, columns: Sequence[Column], trace: Trace, step: int) -> Frame:
    """Numbers of a pass; of another graph those of the nodes that are in the first one too."""
    to: dict[int, int] | None = None
    notes = []
    if not _same_graph(first, trace):
        to = matched(first, trace)
        gone, new = len(first.records) - len(to), len(trace.records) - len(to)
        notes.append(f"another graph: {gone} nodes of the first frame absent, {new} new")
    if trace.failure is not None:
        notes.append(_PHASES.get(trace.failure.phase, "the graph was freed"))
    numbers = []
    for column in columns:
        key = column.node if to is None else to.get(column.node)
        r = None if key is None else trace.records[key]
        numbers.append(None if r is None else _number(r, column))
    return Frame(step, tuple(numbers), "; ".join(notes))


def _same_graph(a: Trace, b: Trace) -> bool:
    return len(a.records) == len(b.records) and [
        (e.source, e.target, e.slot) for e in a.edges
    ] == [(e.source, e.target, e.slot) for e in b.edges] and all(
        (x.op, x.named and x.name) == (y.op, y.named and y.name)
        for x, y in zip(a.records, b.records, strict=True)
    )  # fmt: skip


def _number(r: Record, column: Column) -> float | None:
    figures: Summary | None = r.value if column.what == "value" else r.gradient
    if figures is None:
        return None
    if column.figure == "number":
        return float(figures.elements[0]) if figures.elements else figures.mean
    if column.figure == "norm" and not figures.is_finite:
        return math.nan if figures.nans else math.inf
    found: float = getattr(figures, column.figure)
    return found
