"""What a wrong gradient looks like: what is plain to see from its values beside the right ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.testing.verdicts import Element, Verdict

if TYPE_CHECKING:
    from tinygrad_nn.testing.reports.report import Report

__all__ = ["hints"]

_CLOSE = 1e-3
_MOST = 3


@dataclass(frozen=True)
class _Table:
    """Gradient, slopes and their bars of one input; the first axis is that of the outputs."""

    input: int
    label: str
    claims: Any
    slopes: Any
    bars: Any
    wrong: Any


def hints(report: Report) -> list[str]:
    """What is plain to see, in words; at most a few."""
    wrong = [e for e in report.elements if e.verdict is Verdict.FAIL]
    if not wrong:
        return []
    known = [e for e in wrong if np.isfinite(e.numeric) and e.left is None]
    found = list(dict.fromkeys([*_lost(wrong), *_ratios(report, known)]))
    if report.dense and known and not found:
        tables = _tables(report)
        found = list(
            dict.fromkeys([*_exchanged(tables), *_moved(tables), *_factors(report, known)])
        )
    return found[:_MOST]


def _lost(wrong: list[Element]) -> Iterator[str]:
    lost = [e for e in wrong if not np.isfinite(e.analytic)]
    if lost:
        yield f"the gradient is {lost[0].analytic} {_where(lost, wrong)}, where the slope is finite"


def _where(some: list[Element], all_: list[Element]) -> str:
    if len(all_) == 1:
        return "at the wrong element"
    return f"at {'all' if len(some) == len(all_) else len(some)} of the wrong elements"


def _ratios(report: Report, wrong: list[Element]) -> Iterator[str]:
    """One factor between the gradient and the slope at all wrong elements."""
    claims, slopes, bars = _values(wrong)
    finite = np.isfinite(claims)
    claims, slopes, bars = claims[finite], slopes[finite], bars[finite]
    if not claims.size:
        return
    if np.all(np.abs(slopes) <= bars):
        yield "there is a gradient where the output does not depend on the input: it must be 0"
        return
    seen = np.abs(slopes) > 30 * bars
    if not seen.all():
        return
    ratios = claims / slopes
    ratio = float(np.median(ratios))
    if np.abs(ratios - ratio).max() > _CLOSE * max(1.0, abs(ratio)):
        return
    # Of one element every ratio is "the same": only those that have a meaning are named then.
    if named := _ratio(report, ratio, float(np.abs(ratios - ratio).max())):
        yield named
    elif len(claims) > 1:
        yield f"all {len(claims)} wrong elements are {ratio:.6g} times the slope"


def _ratio(report: Report, ratio: float, spread: float) -> str:
    close = max(_CLOSE * 0.01, spread)
    if abs(ratio) <= close:
        return "the gradient is 0 where the slope is not: a term is missing, or the graph is cut"
    if abs(ratio + 1) <= close:
        return "minus the slope: the sign is wrong"
    sign = "minus " if ratio < 0 else ""
    for size in (abs(ratio), 1 / abs(ratio)):
        whole = round(size)
        if whole < 2 or abs(size - whole) > close * whole:
            continue
        many = abs(ratio) > 1
        factor = f"{whole} times" if many else f"1/{whole} of"
        return f"{sign}{factor} the slope{_meaning(report, whole, many)}"
    return ""


def _meaning(report: Report, whole: int, many: bool) -> str:
    """What a factor may come from: the number of elements along an axis, of an input, or 2."""
    # A forgotten 2, of a square, is likelier than an axis of that length.
    for i, shape in enumerate(report.shapes if whole > 2 else ()):
        name = report.labels[i] if i < len(report.labels) else ""
        of = f" of {name}" if name else ""
        if whole in shape:
            axis = shape.index(whole)
            size = f"{whole} is the length of axis {axis}{of}"
        elif whole == int(np.prod(shape)):
            size = f"{whole} is the number of elements{of}"
        else:
            continue
        taken, for_ = ("sum", "mean") if many else ("mean", "sum")
        return f": {size}; is it the gradient of a {taken}, where the function has a {for_}?"
    return f": a factor {whole} too much" if many else f": a factor {whole} is missing"


def _values(elements: list[Element]) -> tuple[Any, Any, Any]:
    rows = np.array([(e.analytic, e.numeric, e.bar) for e in elements]).reshape(-1, 3)
    return rows[:, 0], rows[:, 1], rows[:, 2]


# ── Other elements' values ──────────────────────────────────────────────────────────────


def _tables(report: Report) -> list[_Table]:
    outputs = sorted({(e.output, e.output_index) for e in report.elements})
    row = {key: n for n, key in enumerate(outputs)}
    found = []
    for i, shape in enumerate(report.shapes):
        size = (len(outputs), *shape)
        parts = claims, slopes, bars = [np.full(size, np.nan) for _ in range(3)]
        wrong = np.zeros(size, bool)
        mine = [e for e in report.elements if e.input == i and len(e.index) == len(shape)]
        for e in mine:
            at = (row[e.output, e.output_index], *e.index)
            for part, value in zip(parts, (e.analytic, e.numeric, e.bar), strict=True):
                part[at] = value
            wrong[at] = e.verdict is Verdict.FAIL
        if mine and all(np.isfinite(p).all() for p in parts):
            name = report.labels[i] if i < len(report.labels) else ""
            found.append(_Table(i, name or f"input {i}", claims, slopes, bars, wrong))
    return found


def _exchanged(tables: list[_Table]) -> Iterator[str]:
    """Gradients of two inputs in each other's place."""
    for n, a in enumerate(tables):
        for b in tables[n + 1 :]:
            if a.claims.shape == b.claims.shape and _same(a, b.slopes) and _same(b, a.slopes):
                if a.wrong.any() and b.wrong.any():
                    yield f"the gradients of {a.label} and {b.label} are exchanged"


def _moved(tables: list[_Table]) -> Iterator[str]:
    """The right values at other places, or summed up."""
    for t in tables:
        if not t.wrong.any() or not np.abs(t.slopes).max():
            continue
        for words, other in _rearranged(t.slopes):
            if other.shape == t.claims.shape and _same(t, other):
                yield f"the gradient of {t.label} is {words}"
                break


def _rearranged(right: Any) -> Iterator[tuple[str, Any]]:
    n = len(right)
    flat = right.reshape(n, -1)
    if right.ndim > 2:
        yield "transposed: its axes are exchanged", np.swapaxes(right, -1, -2)
        if right.shape[-1] != right.shape[-2]:
            turned = np.swapaxes(right, -1, -2).reshape(right.shape)
            yield "that of the transposed input, reshaped", turned
    if n == flat.shape[1] and n > 1:
        yield (
            "that of the transposed Jacobian: J v where v' J is needed",
            flat.T.reshape(right.shape),
        )
    for axis in range(1, right.ndim):
        of = f"along axis {axis - 1}"
        yield f"in reverse order {of}", np.flip(right, axis)
        yield f"shifted by one {of}", np.roll(right, 1, axis)
        yield f"shifted by one {of}", np.roll(right, -1, axis)
        total = np.broadcast_to(right.sum(axis, keepdims=True), right.shape)
        yield f"summed {of}: each element has the sum of all", total
        yield f"the mean {of}: each element has the mean of all", total / right.shape[axis]
        yield f"summed up {of}: each element has the sum of those before it", right.cumsum(axis)
    if right.ndim > 1:
        # One of several terms of a broadcast input: as if no other row had used it.
        yield (
            "the sum over all elements",
            np.broadcast_to(flat.sum(1).reshape((n,) + (1,) * (right.ndim - 1)), right.shape),
        )


def _same(table: _Table, other: Any) -> bool:
    """Whether the claims of a table are other values, those that are wrong for the right ones too.

    A single small one that is wrong is no sign of what leaves it as it is.
    """
    scale = np.abs(table.slopes).max()
    off, before = np.abs(table.claims - other), np.abs(table.claims - table.slopes)
    fits = np.all(off <= _CLOSE * np.abs(other) + 1e-6 * scale)
    return bool(fits and np.all(off[table.wrong] <= before[table.wrong] / 2))


# ── Factors that depend on the input ────────────────────────────────────────────────────


def _factors(report: Report, wrong: list[Element]) -> Iterator[str]:
    """The ratio is the input itself, or one over it, or the difference is the same everywhere."""
    claims, slopes, _ = _values(wrong)
    if len(wrong) < 2:
        return
    offsets = claims - slopes
    if np.ptp(offsets) <= _CLOSE * np.abs(offsets).max():
        yield f"all {len(wrong)} wrong elements are off by the same {offsets[0]:.6g}"
    call = report.call
    if call is None or len(call.inputs) != len(report.shapes) or not slopes.all():
        return
    if any(call.inputs[e.input].kind == "python" for e in wrong):
        return
    at = np.array([float(call.inputs[e.input].value[e.index]) for e in wrong])
    ratios = claims / slopes
    if not at.all() or not ratios.all() or np.ptp(at) <= _CLOSE * np.abs(at).max():
        return
    for words, factor in (
        ("there is a factor too many: the input", at),
        ("a factor is missing: the input", 1 / at),
        ("there are factors too many: twice the input", 2 * at),
        ("factors are missing: twice the input", 0.5 / at),
        ("there is a factor too many: the square of the input", at * at),
        ("a factor is missing: the square of the input", 1 / (at * at)),
    ):
        if np.all(np.abs(ratios - factor) <= _CLOSE * np.abs(factor)):
            yield words
