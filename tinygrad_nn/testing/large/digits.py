"""Random directions and single elements in 50 digits, and the way from one to the other.

The same plan as for values in floats, but simpler: a slope is exact here, so that whatever a sum
is off by is the gradient's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.large.search import Search, more_off, part_of
from tinygrad_nn.testing.numeric.exact import Function, judged_in_digits, precise
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.problem.coordinates import coordinate, parts
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
    outputs = checked.center.size
    few = outputs <= _ROWS
    cotangents = np.eye(outputs) if few else rng.choice([-1.0, 1.0], (_SUMS, outputs))
    search = _Search.along_rows(checked, allowed, cotangents)
    search.f = f
    found: list[Element] = []
    for direction in search.directions(rng, _DIRECTIONS):
        found += search.along(direction)
        if any(e.verdict is Verdict.FAIL for e in found):
            return found
    size = search.sizes.size
    for at in rng.choice(size, min(_SPOTS, size), replace=False).tolist():
        found += search.spot(at)
    return found


@dataclass
class _Search(Search):
    """A search whose slopes are of a function in digits.

    Attributes:
        f: The function.
    """

    f: Function | None = None

    def along(self, direction: Any) -> list[Element]:
        """A verdict on each row; one that is off leads to the element that it is off by."""
        found, unit = [], self.checked.unit
        for k, element in enumerate(self._judged(direction, self.cotangents, self.rows)):
            off = abs(element.numeric - element.analytic)
            terms = float(np.abs(self.rows[k] * direction).sum())
            slight = bool(off <= max(_SUSPECT, _ROUNDINGS * unit) * terms < np.inf)
            if element.left is not None or not slight:
                element = self._traced(direction, k, element)  # noqa: PLW2901
                if element.verdict is Verdict.FAIL:
                    return [self.placed(element, k)]
            elif element.verdict is Verdict.FAIL:  # by rounding of terms that cancel
                element = replace(element, verdict=Verdict.PASS)  # noqa: PLW2901
            found.append(self.placed(element, k))
        return found

    def spot(self, at: int) -> list[Element]:
        """Verdicts on one coordinate, of all rows at once."""
        unit = part_of(np.ones_like(self.sizes), [at])
        _, i, index = coordinate(self.checked, at)
        found = []
        for k, element in enumerate(self._judged(unit, self.cotangents, self.rows)):
            wrong = element.verdict is Verdict.FAIL
            told = self._single(at, k) if wrong else replace(element, input=i, index=index)
            found.append(self.placed(told, k))
        return found

    def _single(self, at: int, k: int) -> Element:
        """The verdict on one coordinate of a row, of the one output that is wrong if there is."""
        element = self._of_sum(at, self.cotangents[k])
        chosen = np.flatnonzero(self.cotangents[k])
        if element.verdict is not Verdict.FAIL or chosen.size == 1:
            return element

        def off(part: Any) -> float:
            told = self._of_sum(at, part_of(self.cotangents[k], part))
            return told.analytic - told.numeric

        while chosen.size > 1:
            chosen, _ = more_off(chosen, off)
        output = int(chosen[0])
        alone = self._of_sum(at, part_of(np.ones(self.checked.center.size), [output]))
        place, where = self.checked.place(output)
        wrong = alone.verdict is Verdict.FAIL
        return replace(alone, output=place, output_index=where) if wrong else element

    def _traced(self, direction: Any, k: int, element: Element) -> Element:
        """The element that makes a sum wrong, by halving; a kink where each of them is right."""
        cotangent, row = self.cotangents[k][None], self.rows[k][None]

        def off(part: Any) -> float:
            told = self._judged(part_of(direction, part), cotangent, row)[0]
            return told.numeric - told.analytic

        chosen, whole = np.flatnonzero(direction), element.numeric - element.analytic
        while chosen.size > 1:
            chosen, whole = more_off(chosen, off, whole)
        single = self._single(int(chosen[0]), k)
        if single.verdict is Verdict.FAIL:
            return single
        if element.left is not None:
            why = "some elements are at kinks"
            return replace(element, verdict=Verdict.KINK, why=why)
        terms = float(np.abs(self.rows[k] * direction).sum())
        slight = abs(element.numeric - element.analytic) <= self.allowed.relative * terms
        return replace(element, verdict=Verdict.PASS) if slight else element

    def _of_sum(self, at: int, cotangent: Any) -> Element:
        """The verdict on one coordinate of a sum of outputs."""
        n, i, index = coordinate(self.checked, at)
        unit = part_of(np.ones_like(self.sizes), [at])
        claim = float(self.checked.gradients(cotangent)[n][index])
        row = claim * unit[None]
        element = self._judged(unit, cotangent[None], row)[0]
        if element.verdict is Verdict.FAIL:
            # The gradient's own rounding is granted, and asked for only where it matters.
            own = self.rounding.of(claim, cotangent, (n, index))
            element = self._judged(unit, cotangent[None], row, own)[0]
        return replace(element, input=i, index=index)

    def _judged(
        self, direction: Any, cotangents: Any, rows: Any, grant: float = 0.0
    ) -> list[Element]:
        """Verdicts on the slopes of sums along a direction, whose gradients are these rows."""
        wider = replace(self.allowed, absolute=grant)
        name, at = self.checked.problem.name, [np.zeros(())]
        line = self._moved(direction, cotangents)
        return judged_in_digits(line, name, at, (0, ()), rows @ direction, wider)

    def _moved(self, direction: Any, cotangents: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """Sums of outputs as a function of the step along a direction, in digits."""
        checked, each, f = self.checked, parts(self.checked, direction), self.f
        weights = [[(n, float(c)) for n, c in enumerate(row) if c] for row in cotangents]
        assert f is not None

        def along(given: Sequence[Any]) -> Sequence[Any]:
            step, moved = given[0].item(), list(checked.inputs)
            for i, part in zip(checked.active, each, strict=True):
                moved[i] = _stepped(checked.inputs[i], part, step)
            values = [y for out in f(moved) for y in np.asarray(out).ravel().tolist()]
            made = np.empty(len(weights), object)
            made[:] = [sum((values[n] * c for n, c in row), 0.0) for row in weights]
            return [made]

        return along


def _stepped(x: Any, part: Any, step: Any) -> Any:
    """An array of objects: x and a step of a part, both exact."""
    found = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        found[at] = step * float(part[at]) + float(x[at])
    return found
