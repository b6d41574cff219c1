"""What a report says: one line where all is right, and all that finds the fault where not."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import isfinite, isnan, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.testing.reports.hints import hints
from tinygrad_nn.testing.reports.map import map_of
from tinygrad_nn.testing.reports.paste import paste, whereabouts
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

if TYPE_CHECKING:
    from tinygrad_nn.testing.reports.report import Report

__all__ = ["as_dict", "line", "place", "text"]

_SHOWN = 10
_WIDTH = 100
_CLEAR = 1e3
"""Error bars that a wrong gradient is usually off by: only fewer are worth a word."""


def line(report: Report) -> str:
    """The report in one line."""
    counts = ", ".join(f"{n:,} {v}" for v, n in report.counts.items() if n)
    broken = sum(law.verdict is Verdict.FAIL for law in report.laws)
    laws = f"{len(report.laws)} laws" + (f" ({broken} broken)" if broken else "")
    cost = [
        counted(report.calls, "evaluation"),
        counted(report.pulls, "gradient"),
        f"{report.seconds:.2g} s",
    ]
    what = "element" if report.dense else "sum and element"
    size = counted(len(report.elements), what)
    if not report.dense and len(report.elements) != 1:
        size = f"{len(report.elements):,} sums and elements"
    parts = [f"{size}: {counts}" if counts else size, *([laws] if report.laws else [])]
    return f"gradcheck {report.name}: {verdict_of(report)}, {', '.join(parts)}; {', '.join(cost)}"


def verdict_of(report: Report) -> str:
    """The verdict, in capitals where the check is not ok."""
    if not report.ok and report.verdict is Verdict.INCONCLUSIVE:
        return f"TOO MUCH IS INCONCLUSIVE (cap {report.cap:.3g})"
    return str(report.verdict) if report.ok else str(report.verdict).upper()


def text(report: Report) -> str:
    """The report in full; one line, and notes if there are any, where all is right."""
    if report.ok:
        return "\n".join([line(report), *_notes(report)])
    parts = [line(report), *_origin(report), *_elements(report), *map_of(report)]
    parts += [_wrapped("  hint: ", hint) for hint in hints(report)]
    broken = [law for law in report.laws if law.verdict is Verdict.FAIL]
    parts += [_wrapped("  law broken: ", f"{law.name}: {law.text}") for law in broken]
    parts += [*_notes(report), *_how(report)]
    if report.call is not None:
        parts += ["", "A test that fails in the same way:", "", paste(report.call, report.labels)]
    return "\n".join(parts)


def _wrapped(head: str, words: str) -> str:
    """Words in lines that are not too long, below one another."""
    return textwrap.fill(
        f"{head}{words}", _WIDTH, subsequent_indent=" " * min(len(head), 16),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _notes(report: Report) -> list[str]:
    return [_wrapped("  note: ", note) for note in report.notes]


def _origin(report: Report) -> list[str]:
    """Where the function, its gradient and the call are written."""
    if report.call is None:
        return []
    found = []
    for what, thing in (("function", report.call.f), ("gradient", report.call.grad)):
        if at := whereabouts(thing):
            found.append(f"  {what}: {at}")
    if report.call.where:
        found.append(f"  checked: {report.call.where}")
    return found


def _how(report: Report) -> list[str]:
    way = "each element" if report.dense else "random directions and some elements"
    return [f"  looked at: {way}; seed {report.seed}"]


# ── Elements ────────────────────────────────────────────────────────────────────────────


def _elements(report: Report) -> list[str]:
    chosen = [e for e in report.elements if e.verdict is not Verdict.PASS]
    chosen.sort(key=lambda e: (-e.verdict.severity, -round(_badness(e), 6)))
    found = [_element(report, e) for e in chosen[:_SHOWN]]
    if len(chosen) > _SHOWN:
        rest = chosen[_SHOWN:]
        kinds = [f"{n:,} {v}" for v in reversed(Verdict) if (n := _count(rest, v))]
        found.append(f"  and {len(rest):,} more: {', '.join(kinds)}")
    return found


def _count(elements: Sequence[Element], verdict: Verdict) -> int:
    return sum(e.verdict is verdict for e in elements)


def _badness(e: Element) -> float:
    """By what part of itself an element is wrong."""
    off = abs(e.analytic - e.numeric)
    return off / (abs(e.analytic) + abs(e.numeric) or 1.0) if isfinite(off) else 2.0


def _element(report: Report, e: Element) -> str:
    """What is known of one element, in a few lines."""
    if isnan(e.analytic) and isnan(e.numeric) and e.why:  # nothing came of the check
        return _wrapped(f"  {e.verdict!s:<12}  ", e.why)
    values = f"gradient {shown(e.analytic, e.numeric)}"
    if isfinite(e.numeric):
        values += f", slope {shown(e.numeric, e.analytic)} ± {e.bar:.2g}"
    lines = [f"  {e.verdict!s:<12}  {place(report, e)}", f"                {values}"]
    if e.verdict in DOUBTFUL and (aside := _compared(report, e)):
        lines.append(f"                {aside}")
    if e.left is not None and e.right is not None:
        sides = f"slope {e.left:.6g} on the left, {e.right:.6g} on the right"
        lines.append(f"                {sides}")
    if e.why:
        lines.append(_wrapped(" " * 16, e.why))
    return "\n".join(lines)


def _compared(report: Report, e: Element) -> str:
    """How far both values are apart, as a ratio, in bars and in units in the last place."""
    off = abs(e.analytic - e.numeric)
    if not isfinite(off) or not off:
        return ""
    parts = []
    if e.numeric:
        parts.append(f"ratio {e.analytic / e.numeric:.6g}")
    if off < _CLEAR * e.bar:
        parts.append(f"off by {off / e.bar:.2g} bars")
    unit = 2 * report.unit * max(abs(e.analytic), abs(e.numeric))
    return ", ".join([*parts, f"{off / unit:.2g} ulp" if unit else ""])


def shown(value: float, beside: float) -> str:
    """A number with as many digits as it takes to see that it is not the other."""
    off, size = abs(value - beside), max(abs(value), abs(beside))
    digits = 6
    if isfinite(off) and off and size:
        digits = min(17, max(6, int(-log10(off / size)) + 3))
    return f"{value:.{digits}g}"


def place(report: Report, e: Element) -> str:
    """An element in words: `d output[0] / d x[1, 2]`."""
    shape = report.shapes[e.input] if e.input < len(report.shapes) else None
    several = len(report.output_shapes) > 1
    output = f"output {e.output}" if several else "output"
    top = f"d {output}{_index(e.output_index)}"
    if not report.dense and not e.index and shape != ():
        whole = not e.output_index and sum(np.prod(s) for s in report.output_shapes) > 1
        top = f"d (sum of {output}s)" if whole else top
        return f"{top} along a direction through all inputs"
    return f"{top} / d {label(report, e.input)}{_index(e.index)}"


def label(report: Report, i: int) -> str:
    """What an input is called."""
    name = report.labels[i] if i < len(report.labels) else ""
    return name or f"input {i}"


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def counted(n: int, what: str) -> str:
    """`1 element`, `2 elements`."""
    return f"{n:,} {what}" + ("" if n == 1 else "s")


# ── For programs ────────────────────────────────────────────────────────────────────────


def as_dict(report: Report) -> dict[str, Any]:
    """The report as what JSON can hold; numbers that it cannot are null."""
    return {
        "name": report.name,
        "verdict": str(report.verdict),
        "ok": report.ok,
        "counts": {str(v): n for v, n in report.counts.items()},
        "cap": report.cap,
        "seed": report.seed,
        "dense": report.dense,
        "evaluations": report.calls,
        "gradients": report.pulls,
        "seconds": report.seconds,
        "inputs": [label(report, i) for i in range(len(report.shapes))],
        "elements": [_element_dict(e) for e in report.elements],
        "laws": [
            {"name": law.name, "verdict": str(law.verdict), "text": law.text} for law in report.laws
        ],
        "notes": list(report.notes),
        "hints": [] if report.ok else hints(report),
    }


def _element_dict(e: Element) -> dict[str, Any]:
    found: dict[str, Any] = {
        "verdict": str(e.verdict),
        "input": e.input,
        "index": list(e.index),
        "output": e.output,
        "output_index": list(e.output_index),
        "analytic": _finite(e.analytic),
        "numeric": _finite(e.numeric),
        "bar": _finite(e.bar),
    }
    if e.left is not None and e.right is not None:
        found |= {"left": _finite(e.left), "right": _finite(e.right)}
    return found | ({"why": e.why} if e.why else {})


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None
