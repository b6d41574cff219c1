"""Where a function has no derivative though it is smooth along each coordinate.

So is max(a, min(b, c)) where all three are equal: its slopes along a, b and c are 0 or 1, and no
gradient is right. Like any point without a derivative it shows along a diagonal, as a kink. What
may be claimed there lies among the slopes nearby: Clarke's generalized gradient is the convex hull
of their limits.

Source: F. H. Clarke, "Optimization and Nonsmooth Analysis" (1983), theorem 2.5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.dense import coordinate_line
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import flat, parts, sizes
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["at_ties"]

_COLUMNS = 16
"""Coordinates that are looked at: where more are wrong, the gradient is."""
_DIAGONALS = 4
_NEARBY = 32
"""Points nearby: of eight equally likely slopes each is missed with a chance of 1.4 %."""
_DISTANCE, _STEP = 2.0**-22, 2.0**-28
"""How far these are, and the step of their slopes, in parts of each coordinate."""
_ROUNDINGS = 16.0
_APART = 8.0
"""Errors of slopes, and in the next line part of a slope, by which those nearby differ at least."""
_WORTH = 1e-2


def at_ties(checked: Checked, found: Sequence[Element], allowed: Tolerance) -> list[Element]:
    """Verdicts again, with what is claimed where there is no derivative told as a kink.

    Args:
        checked: The problem.
        found: A verdict for each element of the Jacobian.
        allowed: Tolerance.
    """
    wrong = [(n, e) for n, e in enumerate(found) if _may_be_a_tie(e)]
    columns = {(e.input, e.index) for _, e in wrong}
    if not columns or len(columns) > _COLUMNS or sum(map(_size, checked.inputs)) < 2:
        return list(found)
    kinks = _kinks(checked, allowed)
    known: dict[Any, tuple[Any, Any, Any]] = {}
    verdicts = list(found)
    for n, element in wrong:
        output = _output(checked, element)
        if not kinks[output]:
            continue
        where = (element.input, element.index)
        if where not in known:
            known[where] = _slopes_nearby(checked, *where)
        low, high, error = (float(ends[output]) for ends in known[where])
        apart = high - low > max(_APART * error, _WORTH * max(abs(low), abs(high)))
        margin = error + allowed.absolute + allowed.relative * max(abs(low), abs(high))
        if apart and low - margin <= element.analytic <= high + margin:
            why = f"no derivative: slopes nearby lie between {low:.6g} and {high:.6g}"
            verdicts[n] = replace(element, verdict=Verdict.KINK, why=why)
    return verdicts


def _may_be_a_tie(element: Element) -> bool:
    return element.verdict is Verdict.FAIL and bool(np.isfinite(element.analytic))


def _size(x: Any) -> int:
    return int(x.size) if x.dtype.kind == "f" else 0


def _output(checked: Checked, element: Element) -> int:
    """Where an element's output is among all of them, end to end."""
    before = sum(int(np.prod(s)) for s in checked.shapes[: element.output])
    return before + int(np.ravel_multi_index(element.output_index, checked.shapes[element.output]))


def _kinks(checked: Checked, allowed: Tolerance) -> Any:
    """Which outputs have a kink at x along one of a few diagonals."""
    rng = np.random.default_rng(0)
    scale = sizes(flat([checked.inputs[i] for i in checked.active]))
    found = np.zeros(checked.center.size, bool)
    for _ in range(_DIAGONALS):
        direction = scale * rng.choice([-1.0, 1.0], scale.size) * rng.uniform(0.25, 1, scale.size)
        line = _line(checked, direction)
        for output in np.flatnonzero(~found).tolist():
            slope = float(line.at(_DISTANCE)[output] - line.at(-_DISTANCE)[output])
            element = line.judge(output, slope / (2 * _DISTANCE), allowed)
            found[output] = element.left is not None
    return found


def _line(checked: Checked, direction: Any) -> Line:
    def move(t: float) -> Any:
        return checked.values(_moved(checked, t * direction))

    return Line(move, checked.center, 1.0, checked.unit)


def _moved(checked: Checked, by: Any) -> list[Any]:
    moved = list(checked.inputs)
    for i, part in zip(checked.active, parts(checked, by), strict=True):
        moved[i] = np.asarray(checked.inputs[i] + part, checked.inputs[i].dtype)
    return moved


def _slopes_nearby(checked: Checked, i: int, index: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The least and the largest slope along a coordinate around x, of each output; their errors."""
    rng = np.random.default_rng(0)
    scale = sizes(flat([checked.inputs[k] for k in checked.active]))
    step = _STEP * coordinate_line(checked, i, index).size or _STEP
    slopes = []
    for _ in range(_NEARBY):
        above = _moved(checked, _DISTANCE * scale * rng.uniform(-1, 1, scale.size))
        below = [np.array(x) for x in above]
        above[i][index] += step
        below[i][index] -= step
        with np.errstate(all="ignore"):
            change = checked.values(above) - checked.values(below)
            slopes.append(change / float(above[i][index] - below[i][index]))
    error = _ROUNDINGS * checked.unit * np.abs(checked.center) / step
    return np.min(slopes, axis=0), np.max(slopes, axis=0), error
