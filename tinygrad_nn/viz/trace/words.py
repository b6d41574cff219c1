"""An array in a few figures, as words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinygrad_nn.viz.trace.model import Record, Summary, Trace
from tinygrad_nn.viz.wording import clean, counted, number, shorten

__all__ = ["SMALL", "array_line", "few", "node_words", "odd_words", "only", "pass_title"]

SMALL = 4
"""Arrays up to this many elements are shown in full."""


def only(summary: Summary) -> float:
    """The number of a scalar."""
    return summary.elements[0] if summary.elements else summary.mean


def few(summary: Summary) -> bool:
    """Whether it is short enough to be shown in full."""
    return summary.elements is not None and summary.size <= SMALL


def node_words(records: Sequence[Record]) -> str:
    """How many there are: `3,001 nodes and 1,500 constants`.

    An operation's constants are recorded once for each use, and are no nodes of the graph.
    """
    nodes = sum(bool(r.name) for r in records)
    words = [counted(nodes, "node")] if nodes or not records else []
    if constants := len(records) - nodes:
        words.append(counted(constants, "constant"))
    return " and ".join(words)


def odd_words(summary: Summary) -> list[str]:
    """How many elements are NaN and infinite, each with its word: `2 NaN`, `−Inf`.

    Of a trace's figures only those with all elements tell the sign of an infinity.
    """
    found = [f"{summary.nans} NaN"] if summary.nans else []
    if summary.elements is None or not summary.infs:
        return found + ([f"{summary.infs} ±Inf"] if summary.infs else [])
    for sign, word in ((math.inf, "Inf"), (-math.inf, "−Inf")):
        count = summary.elements.count(sign)
        found += [f"{count} {word}"] if count else []
    return found


def pass_title(trace: Trace) -> str:
    """What a page about a pass is called."""
    failure = trace.failure
    if failure is not None and failure.phase == "forward":
        return "A pass that broke" + (f" in {shorten(clean(failure.op))}" if failure.op else "")
    return f"Backward pass of {shorten(clean(trace.root.name)) or 'a constant'}"


def array_line(summary: Summary) -> str:
    """A small array in full; of a larger one the mean, deviation and range."""
    if summary.elements is not None and summary.size <= SMALL:
        return _nested(list(summary.elements), summary.shape)
    if not summary.size:
        return "empty"
    odd = odd_words(summary)
    if summary.low == summary.high and summary.is_finite:
        return f"all {number(summary.low)}"
    if summary.nans + summary.infs < summary.size:
        odd.append(
            f"≈{number(summary.mean, 2)} ±{number(summary.deviation, 2)} "
            f"[{number(summary.low, 2)}, {number(summary.high, 2)}]"
        )
    return ", ".join(odd)


def _nested(elements: list[float], shape: tuple[int, ...]) -> str:
    if not shape:
        return number(elements[0])
    if 0 in shape:
        return "empty"
    step = len(elements) // shape[0]
    rows = (elements[i : i + step] for i in range(0, len(elements), step))
    return "[" + ", ".join(_nested(row, shape[1:]) for row in rows) + "]"
