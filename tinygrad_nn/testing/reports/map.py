"""Where in an input the wrong elements lie, as a small map and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.testing.verdicts import Verdict

if TYPE_CHECKING:
    from tinygrad_nn.testing.reports.report import Report

__all__ = ["map_of"]

_ROWS, _COLUMNS = 16, 40
_MARKS = {Verdict.PASS: ".", Verdict.KINK: "~", Verdict.INCONCLUSIVE: "?", Verdict.FAIL: "X"}


def map_of(report: Report) -> list[str]:
    """For each input with wrong elements: which they are. Nothing if only some were looked at."""
    if not report.dense:
        return []
    found = []
    for i, shape in enumerate(report.shapes):
        severity = np.zeros(shape, int)
        for e in report.elements:
            if e.input == i and len(e.index) == len(shape):
                severity[e.index] = max(severity[e.index], e.verdict.severity)
        wrong = severity == Verdict.FAIL.severity
        if len(shape) and wrong.any() and wrong.size > 1:
            name = (report.labels[i] if i < len(report.labels) else "") or f"input {i}"
            found.append(f"  wrong in {name} {list(shape)}: {_words(wrong)}")
            found += _drawn(severity)
    return found


def _words(wrong: Any) -> str:
    """What part of an array is true."""
    count = int(wrong.sum())
    if count == wrong.size:
        return "every element"
    for axis in range(wrong.ndim):
        others = tuple(k for k in range(wrong.ndim) if k != axis)
        lines = wrong.all(axis=others)
        if others and int(lines.sum()) * (wrong.size // wrong.shape[axis]) == count:
            at = [":"] * wrong.ndim
            numbers = np.flatnonzero(lines).tolist()
            at[axis] = str(numbers[0]) if len(numbers) == 1 else str(numbers)
            return f"all of [{', '.join(at)}], and nothing else"
    if wrong.ndim == 2 and wrong.shape[0] == wrong.shape[1]:
        square = np.eye(len(wrong), dtype=bool)
        for name, pattern in (
            ("the diagonal, and nothing else", square),
            ("all but the diagonal", ~square),
            ("all above the diagonal, and nothing else", np.triu(~square)),
            ("all below the diagonal, and nothing else", np.tril(~square)),
        ):
            if np.array_equal(wrong, pattern):
                return name
    return f"{count:,} of {wrong.size:,}"


def _drawn(severity: Any) -> list[str]:
    """A letter for each element: X wrong, ? inconclusive, ~ kink, . right."""
    marks = [_MARKS[v] for v in sorted(Verdict, key=lambda v: v.severity)]
    rows = severity.reshape(-1, severity.shape[-1])
    if rows.shape[0] > _ROWS or rows.shape[1] > _COLUMNS or not 1 < rows.shape[1]:
        return []
    return ["    " + " ".join(marks[k] for k in row) for row in rows]
