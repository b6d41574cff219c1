"""Large Jacobians in 50 digits: random directions, single elements, and the way from one to other.

The same plan as for values in floats, but simpler: a slope is exact here, so that whatever a sum
is off by is the gradient's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.dense import of_row, own_rounding, rows_of
from tinygrad_nn.testing.numeric.exact import Function, judged_in_digits, precise
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.problem.coordinates import coordinate, flat, parts, sizes
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["directions_in_digits"]

_ROWS, _SUMS = 4, 3
"""Outputs up to which each has a row; of more, sums are looked at."""
_DIRECTIONS, _SPOTS = 2, 4
"""Fewer than in floats: each value of f takes thousands of times as long."""
_SUSPECT = 1e-9
"""Part of all terms of a sum that it must be off by for an element to be looked for."""
_ROUNDINGS = 16.0
"""The same in rounding units of the dtypes."""


def directions_in_digits(
    checked: Checked, allowed: Tolerance, exact: Any, rng: np.random.Generator
) -> list[Element]:
    """Verdicts on sums of elements, and on single ones, from slopes in 50 digits.

    Args:
        checked: The problem.
        allowed: Tolerance.
        exact: As of `gradcheck`: "mpmath" or a function.
        rng: For random choices.
    """
    f = precise(exact, checked.problem.name, checked.problem.values)
    assert f is not None
    return _Search(checked, allowed, f, rng).elements()


class _Search:
    """A check by directions."""

    def __init__(
        self, checked: Checked, allowed: Tolerance, f: Function, rng: np.random.Generator
    ) -> None:
        self.checked, self.allowed, self.f, self.rng = checked, allowed, f, rng
        outputs = checked.center.size
        few = outputs <= _ROWS
        self.cotangents = np.eye(outputs) if few else rng.choice([-1.0, 1.0], (_SUMS, outputs))
        self.rows = np.array([flat(r) for r in rows_of(checked, self.cotangents)])
        self.sizes = sizes(flat([checked.inputs[i] for i in checked.active]))

    def elements(self) -> list[Element]:
        """Of some directions and coordinates; after a wrong one no more."""
        found: list[Element] = []
        for n in range(_DIRECTIONS):
            signs = self.rng.choice([-1.0, 1.0], self.sizes.size)
            # The last one moves all coordinates alike: relative steps hardly move the small ones.
            found += self._along(signs * (self.sizes if n < _DIRECTIONS - 1 else 1.0))
            if any(e.verdict is Verdict.FAIL for e in found):
                return found
        for at in self.rng.choice(self.sizes.size, min(_SPOTS, self.sizes.size), replace=False):
            found += self._singles(int(at), list(range(len(self.rows))))
        return found

    def _judged(self, direction: Any, rows: list[int], grant: float = 0.0) -> list[Element]:
        """Verdicts on the slopes of some rows along a direction."""
        line = self._line(direction, self.cotangents[rows])
        wider = replace(self.allowed, absolute=grant)
        name, at = self.checked.problem.name, [np.zeros(())]
        claims = self.rows[rows] @ direction
        return judged_in_digits(line, name, at, (0, ()), claims, wider)

    def _along(self, direction: Any) -> list[Element]:
        """A verdict on each row; one that is off leads to the element that it is off by."""
        found, unit = [], self.checked.unit
        for k, element in enumerate(self._judged(direction, list(range(len(self.rows))))):
            off = abs(element.numeric - element.analytic)
            terms = float(np.abs(self.rows[k] * direction).sum())
            if element.left is not None or off > max(_SUSPECT, _ROUNDINGS * unit) * terms:
                element = self._traced(direction, k, element)  # noqa: PLW2901
                if element.verdict is Verdict.FAIL:
                    return [self._placed(element, k)]
            elif element.verdict is Verdict.FAIL:  # by rounding of terms that cancel
                element = replace(element, verdict=Verdict.PASS)  # noqa: PLW2901
            found.append(self._placed(element, k))
        return found

    def _traced(self, direction: Any, k: int, element: Element) -> Element:
        """The element that makes a sum wrong, by halving; a kink where each of them is right."""
        chosen = np.flatnonzero(direction)
        off = element.numeric - element.analytic
        while chosen.size > 1:
            left, right = np.array_split(chosen, 2)
            part = np.zeros_like(direction)
            part[left] = direction[left]
            of_left = self._judged(part, [k])[0]
            less = of_left.numeric - of_left.analytic
            chosen, off = (left, less) if abs(less) >= abs(off - less) else (right, off - less)
        single = self._singles(int(chosen[0]), [k])[0]
        if single.verdict is Verdict.FAIL:
            return single
        if element.left is not None:
            why = "some elements are at kinks"
            return replace(element, verdict=Verdict.KINK, why=why)
        terms = float(np.abs(self.rows[k] * direction).sum())
        slight = abs(element.numeric - element.analytic) <= self.allowed.relative * terms
        return replace(element, verdict=Verdict.PASS) if slight else element

    def _singles(self, at: int, rows: list[int]) -> list[Element]:
        """Verdicts on one coordinate of rows, of the one output that is wrong where there is."""
        unit = np.zeros_like(self.sizes)
        unit[at] = 1.0
        _, i, index = coordinate(self.checked, at)
        found = []
        for k, element in zip(rows, self._judged(unit, rows), strict=True):
            if element.verdict is Verdict.FAIL:
                # The gradient's own rounding is granted, and asked for only where it matters.
                own = self._own(self.cotangents[k], at)
                element = self._judged(unit, [k], own)[0]  # noqa: PLW2901
            row = k
            if element.verdict is Verdict.FAIL and np.count_nonzero(self.cotangents[k]) > 1:
                element, row = self._of_output(unit, at, element, k)  # noqa: PLW2901
            found.append(self._placed(replace(element, input=i, index=index), row))
        return found

    def _of_output(self, unit: Any, at: int, element: Element, k: int) -> tuple[Element, int]:
        """The wrong one of the outputs of a sum, by halving."""
        count = self.cotangents.shape[1]
        chosen = np.flatnonzero(self.cotangents[k])
        while chosen.size > 1:
            for half in np.array_split(chosen, 2):
                some = np.zeros(count)
                # The last half is a single one, of which it is the gradient that is told.
                some[half] = self.cotangents[k][half] if half.size > 1 else 1.0
                row = self._added(some)
                tried = self._judged(unit, [row], self._own(some, at))[0]
                if tried.verdict is Verdict.FAIL:
                    chosen, element, k = half, tried, row
                    break
            else:
                break
        return element, k

    def _added(self, cotangent: Any) -> int:
        """One more row."""
        row = flat(self.checked.gradients(cotangent))
        self.cotangents = np.vstack([self.cotangents, cotangent])
        self.rows = np.vstack([self.rows, row])
        return len(self.rows) - 1

    def _own(self, cotangent: Any, at: int) -> float:
        """How much an element changes with the last digits of the inputs."""
        n, _, index = coordinate(self.checked, at)
        claim = float(self.checked.gradients(cotangent)[n][index])
        return own_rounding(self.checked, claim, cotangent, (n, index))

    def _line(self, direction: Any, cotangents: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """Sums of outputs as a function of the step along a direction, in digits."""
        checked, each = self.checked, parts(self.checked, direction)
        weights = [[(n, float(c)) for n, c in enumerate(row) if c] for row in cotangents]

        def along(given: Sequence[Any]) -> Sequence[Any]:
            step, moved = given[0].item(), list(checked.inputs)
            for i, part in zip(checked.active, each, strict=True):
                moved[i] = _moved(checked.inputs[i], part, step)
            values = [y for out in self.f(moved) for y in np.asarray(out).ravel().tolist()]
            made = np.empty(len(weights), object)
            made[:] = [sum((values[n] * c for n, c in row), 0.0) for row in weights]
            return [made]

        return along

    def _placed(self, element: Element, k: int) -> Element:
        return of_row(self.checked, self.cotangents[k], element)


def _moved(x: Any, part: Any, step: Any) -> Any:
    """An array of objects: x and a step of a part, both exact."""
    found = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        found[at] = step * float(part[at]) + float(x[at])
    return found
