"""Every element of a small Jacobian, one coordinate after another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.exact import Function, complex_slopes, judged_in_digits, precise
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import flat
from tinygrad_nn.testing.problem.nearby import FAINTLY, nearby
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

__all__ = [
    "coordinate_line",
    "dense",
    "of_row",
    "own_rounding",
    "rows_of",
    "settled",
    "wholes_of",
]

_SHAKES = 2
"""Points nearby at which a gradient is asked for once more: each of its elements differs there."""
_ROUNDED = 64.0
"""Rounding units of the largest output below which a whole array is nothing else."""
_LOST = 0.1
"""Part of it by which f changes with its inputs' last digits if it is rounding alone."""
_TRUSTED = 4.0
"""Changes of a gradient under a change of its inputs' last digits that it is granted."""
_SLIGHT, _UNITS = 1e-9, 2.0**16
"""Part of the largest gradient, and rounding units of that or of f over x, that these are at
most."""
_SHAKEN = 64.0
"""The same, of what f changes by itself then: where it is 0 as a difference of larger numbers, all
that is seen of these is that it does not stay 0."""


def dense(checked: Checked, allowed: Tolerance, exact: Any = "auto") -> list[Element]:
    """A verdict on each element.

    Args:
        checked: The problem.
        allowed: Tolerance.
        exact: As of `gradcheck`.
    """
    digits = precise(exact, checked.problem.name, checked.problem.values)
    units = np.eye(checked.center.size)
    rows = rows_of(checked, units)
    found: list[Element] = []
    for n, i in enumerate(checked.active):
        for index in np.ndindex(checked.inputs[i].shape):
            claims = np.array([row[n][index] for row in rows])
            if digits is not None:
                found += _in_digits(checked, digits, (n, i, index), claims, allowed)
                continue
            line = coordinate_line(checked, i, index, exact)
            for k, element in enumerate(line.judged(claims, allowed)):
                if element.verdict in DOUBTFUL:
                    element = settled(checked, line, element, units[k], (n, index), k, allowed)  # noqa: PLW2901
                found.append(_placed(checked, element, (i, index), k))
    return found


def _placed(
    checked: Checked, element: Element, where: tuple[int, tuple[int, ...]], k: int
) -> Element:
    """The element with the input, the index in it, and the output that it is of."""
    output, output_index = checked.place(k)
    i, index = where
    return replace(element, input=i, index=index, output=output, output_index=output_index)


def of_row(checked: Checked, cotangent: Any, element: Element) -> Element:
    """The element with the output that its row is of, if it is of one alone."""
    chosen = np.flatnonzero(cotangent)
    if chosen.size != 1:
        return element
    output, index = checked.place(int(chosen[0]))
    return replace(element, output=output, output_index=index)


def rows_of(checked: Checked, cotangents: Any) -> list[list[Any]]:
    """Gradients of each cotangent."""
    return [checked.gradients(c) for c in cotangents]


def _in_digits(
    checked: Checked,
    f: Function,
    where: tuple[int, int, tuple[int, ...]],
    claims: Any,
    allowed: Tolerance,
) -> list[Element]:
    """Verdicts on one coordinate in 50 digits."""
    n, i, index = where
    found = []
    units = np.eye(checked.center.size)
    name, at = checked.problem.name, checked.inputs
    for k, element in enumerate(judged_in_digits(f, name, at, (i, index), claims, allowed)):
        if element.verdict is Verdict.FAIL:
            own = own_rounding(checked, element.analytic, units[k], (n, index))
            if own:
                wider = replace(allowed, absolute=own)
                again = judged_in_digits(f, name, at, (i, index), claims, wider)
                element = again[k]  # noqa: PLW2901
        found.append(_placed(checked, element, (i, index), k))
    return found


def coordinate_line(checked: Checked, i: int, index: tuple[int, ...], exact: Any = "auto") -> Line:
    """The line along one coordinate."""
    x = checked.inputs[i]

    def move(t: float) -> Any:
        moved = x.copy()
        with np.errstate(over="ignore"):
            moved[index] = float(x[index]) + t
        return checked.values([moved if k == i else y for k, y in enumerate(checked.inputs)])

    def slopes() -> Any | None:
        return complex_slopes(checked.problem.values, checked.inputs, (i, index), checked.center)

    return Line(
        move,
        checked.center,
        abs(float(x[index])),
        checked.unit,
        None if exact is False else slopes,
        wholes_of(checked),
        float(np.abs(x).max()),
    )


def wholes_of(checked: Checked) -> Any:
    """For each output the size of the array that it is in; of all, if that is mere rounding."""
    sizes = [int(np.prod(s)) for s in checked.shapes]
    known = np.where(np.isfinite(checked.center), np.abs(checked.center), 0.0)
    largest = known.max(initial=0.0)
    each = [p.max(initial=0.0) for p in np.split(known, np.cumsum(sizes)[:-1])]
    least = _ROUNDED * checked.unit * largest
    return np.repeat([e if e > least else largest for e in each], sizes)


def settled(
    checked: Checked,
    line: Line,
    element: Element,
    cotangent: Any,
    where: tuple[int, tuple[int, ...]],
    output: int,
    allowed: Tolerance,
) -> Element:
    """The verdict again, with the gradient's own rounding granted to it.

    How much that is, is seen when the inputs change in their last digits: a gradient of 1e-17
    that is another 1e-17 then is nothing but rounding.
    """
    own = own_rounding(checked, element.analytic, cotangent, where)
    if own:
        element = line.judge(output, element.analytic, replace(allowed, absolute=own))
    if element.verdict is Verdict.FAIL and _is_rounding(checked, element, cotangent, line.own):
        why = "f is nothing but rounding of what it is a part of"
        return replace(element, verdict=Verdict.INCONCLUSIVE, why=why)
    return element


def _is_rounding(checked: Checked, element: Element, cotangent: Any, size: float) -> bool:
    """Whether f is so small a part that its digits are lost, and the claim as small.

    The gradient of a softmax of one score is 1e-17 and linear in its cotangent: a slope that is
    known well, and is none. Small by itself is not enough: 1e-10 beside 1e10 may be exact.
    """
    least = _ROUNDED * checked.unit * float(np.abs(cotangent) @ wholes_of(checked))
    value = abs(float(cotangent @ checked.center))
    if not (0 < value <= least and abs(element.analytic) * min(size, 1.0) <= least):
        return False
    near = nearby(checked.inputs, np.random.default_rng(0), FAINTLY)
    return abs(float(cotangent @ (checked.values(near) - checked.center))) >= _LOST * value


def own_rounding(
    checked: Checked, claim: float, cotangent: Any, where: tuple[int, tuple[int, ...]]
) -> float:
    """How much of a gradient is its own rounding; 0 if none, or if that cannot be said.

    A change of the size of gradients is none: at ties of a maximum another argument gets it.

    Args:
        checked: The problem.
        claim: The element of the gradient.
        cotangent: What it is the gradient of.
        where: Which active input it is in, and its index there.
    """
    n, index = where
    claims = [claim]
    around = np.abs(flat(checked.gradients(cotangent)))
    rounding = checked.unit * float(np.abs(cotangent) @ wholes_of(checked))
    size = float(np.abs(checked.inputs[checked.active[n]]).max()) or 1.0
    part = max(_SLIGHT, _UNITS * checked.unit)
    most = max(part * float(around[np.isfinite(around)].max(initial=0.0)), _UNITS * rounding / size)
    for shake in range(_SHAKES):
        near = nearby(checked.inputs, np.random.default_rng(shake), FAINTLY)
        claims.append(float(checked.gradients(cotangent, near)[n][index]))
        change = float(np.abs(cotangent) @ np.abs(checked.values(near) - checked.center))
        most = float(np.fmax(most, _SHAKEN * change / size))
    own = _TRUSTED * (max(claims) - min(claims))
    return own if own <= most else 0.0
