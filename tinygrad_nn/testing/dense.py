"""Every element of a small Jacobian, one coordinate after another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.exact import Function, complex_slopes, judged_in_digits, precise
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.rounding import OwnRounding, wholes_of
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

__all__ = ["coordinate_line", "dense", "of_row", "rows_of"]


def dense(checked: Checked, allowed: Tolerance, exact: Any = "auto") -> list[Element]:
    """A verdict on each element.

    Args:
        checked: The problem.
        allowed: Tolerance.
        exact: As of `gradcheck`.
    """
    digits = precise(exact, checked.problem.name, checked.problem.values)
    units = np.eye(checked.center.size)
    rows, own = rows_of(checked, units), OwnRounding(checked)
    found: list[Element] = []
    for n, i in enumerate(checked.active):
        for index in np.ndindex(checked.inputs[i].shape):
            claims = np.array([row[n][index] for row in rows])
            if digits is not None:
                found += _in_digits(own, digits, (n, i, index), claims, allowed)
                continue
            line = coordinate_line(checked, i, index, exact)
            for k, element in enumerate(line.judged(claims, allowed)):
                if element.verdict in DOUBTFUL:
                    element = own.settled(line, element, units[k], (n, index), k, allowed)  # noqa: PLW2901
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
    rounding: OwnRounding,
    f: Function,
    where: tuple[int, int, tuple[int, ...]],
    claims: Any,
    allowed: Tolerance,
) -> list[Element]:
    """Verdicts on one coordinate in 50 digits."""
    n, i, index = where
    found, checked = [], rounding.checked
    units = np.eye(checked.center.size)
    name, at = checked.problem.name, checked.inputs
    for k, element in enumerate(judged_in_digits(f, name, at, (i, index), claims, allowed)):
        if element.verdict is Verdict.FAIL:
            own = rounding.of(element.analytic, units[k], (n, index))
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
