"""One coordinate of a large Jacobian: its line, and verdicts on rows, on sums and on outputs."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_nn.testing.dense import coordinate_line
from tinygrad_nn.testing.large.search import Search, more_off, part_of
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import coordinate, summed
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.rounding import wholes_of
from tinygrad_nn.testing.ties import at_ties
from tinygrad_nn.testing.together import fits_together
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

__all__ = ["LOOKED_AT", "Spot", "explains", "kinky", "smooth_outputs"]

LOOKED_AT = "so many kinks that their sum says nothing: only single elements were looked at"
_PROBED = 4
"""Outputs of a sum that are looked at one by one, those that bend most first."""
_NEAR = (2.0**-14, 2.0**-18)
"""Steps, in parts of what is stepped from, at which outputs are asked for kinks."""
_ROUNDINGS = 64.0
"""Rounding units of f by which second differences may be off."""


def kinky(element: Element) -> bool:
    """Whether the one-sided slopes of a sum differ."""
    return element.verdict is Verdict.KINK or element.left is not None


def explains(element: Element) -> bool:
    """Whether a single element is why its sum is off: it is wrong, or at a tie.

    At a plain kink it is not: the one-sided slopes of the sum differ then, too.
    """
    tied = element.verdict is Verdict.KINK and element.left is None
    return element.verdict is Verdict.FAIL or tied


def smooth_outputs(checked: Checked, line: Line) -> Any:
    """Outputs whose second differences shrink faster than the step, as they do not at kinks."""
    bends = []
    with np.errstate(all="ignore"):
        for part in _NEAR:
            t = part * line.own
            bend = _bend(checked, line, t)
            noise = _ROUNDINGS * checked.unit * (np.abs(line.at(t)) + np.abs(checked.center))
            bends.append(np.where(bend > noise, bend / t, 0.0))
    return bends[1] <= bends[0] / 2


def _bend(checked: Checked, line: Line, t: float) -> Any:
    return np.abs(line.at(t) - 2 * checked.center + line.at(-t))


class Spot:
    """One coordinate.

    Args:
        search: What the check works on.
        at: Which coordinate, of all active inputs end to end.
    """

    def __init__(self, search: Search, at: int) -> None:
        self._search, self._checked, self._at = search, search.checked, at
        self._n, self._input, self._index = coordinate(self._checked, at)

    @cached_property
    def _line(self) -> Line:
        return coordinate_line(self._checked, self._input, self._index)

    def elements(self) -> list[Element]:
        """A verdict on each row."""
        found: list[Element] = []
        line = self._summed(self._search.cotangents)
        claims = self._search.rows[:, self._at]
        for k, element in enumerate(line.judged(claims, self._search.allowed)):
            element = self._settled(line, element, self._search.cotangents[k], k)  # noqa: PLW2901
            if element.verdict is Verdict.FAIL:
                element = self._wrong(k, element)  # noqa: PLW2901
            elif element.verdict is Verdict.KINK and not any(map(kinky, found)):
                element = self._fitting(k, element)  # noqa: PLW2901
            found.append(self._search.placed(element, k))
        return found

    def wrong_output(self, k: int) -> Element:
        """The verdict on that output of a row that is off by most."""
        cotangent = self._search.cotangents[k]
        chosen = np.flatnonzero(cotangent)
        while chosen.size > 1:
            chosen, off = more_off(chosen, lambda part: self._off(part_of(cotangent, part)))
            if not off:
                return self._sum(part_of(cotangent, chosen))
        return self._output(int(chosen[0]))

    def _wrong(self, k: int, element: Element) -> Element:
        """The verdict again on a row, by the output that is wrong."""
        if kinky(element):
            return self._one_by_one(k, element)
        single = self.wrong_output(k)
        if explains(single):
            return single
        smooth = smooth_outputs(self._checked, self._line)[self._search.cotangents[k] != 0]
        return element if smooth.all() else self._one_by_one(k, element)

    def _one_by_one(self, k: int, element: Element) -> Element:
        """The verdict on a row with kinks, by outputs that bend most."""
        if np.count_nonzero(self._search.cotangents[k]) == 1:
            return element
        for output in self._most_bent(k)[:_PROBED]:
            found = self._output(output)
            if found.verdict is Verdict.FAIL:
                return found
        return replace(element, verdict=Verdict.KINK, why=LOOKED_AT)

    def _fitting(self, k: int, element: Element) -> Element:
        """The verdict again on a row at a kink, with gradients of equal coordinates beside it."""
        found = self._output(self._most_bent(k)[0])
        if found.verdict is Verdict.KINK:
            found = self._together(found)
        return found if found.verdict is Verdict.FAIL else element

    def _together(self, kink: Element) -> Element:
        return fits_together(self._checked, kink, self._search.allowed)

    def _most_bent(self, k: int) -> list[int]:
        """Outputs of a row, those first that bend most."""
        chosen = np.flatnonzero(self._search.cotangents[k])
        bends = _bend(self._checked, self._line, _NEAR[0] * self._line.own)[chosen]
        return chosen[np.argsort(-bends, kind="stable")].tolist()  # type: ignore[no-any-return]

    def _output(self, output: int) -> Element:
        """The verdict on one output, which knows ties."""
        found = self._sum(part_of(np.ones(self._checked.center.size), [output]))
        place, where = self._checked.place(output)
        found = replace(found, output=place, output_index=where)
        if found.verdict is not Verdict.FAIL:
            return found
        told = at_ties(self._checked, [found], self._search.allowed)[0]
        return found if told is found else self._together(told)

    def _off(self, cotangent: Any) -> float:
        element = self._sum(cotangent)
        return element.analytic - element.numeric

    def _sum(self, cotangent: Any) -> Element:
        """The verdict on a sum of outputs."""
        claim = float(self._checked.gradients(cotangent)[self._n][self._index])
        line = self._summed(cotangent[None])
        element = line.judge(0, claim, self._search.allowed)
        return self._settled(line, element, cotangent, 0)

    def _settled(self, line: Line, element: Element, cotangent: Any, output: int) -> Element:
        """The verdict with the gradient's own rounding granted, and the place that it is of."""
        if element.verdict in DOUBTFUL:
            where, allowed = (self._n, self._index), self._search.allowed
            own = self._search.rounding
            element = own.settled(line, element, cotangent, where, output, allowed)
        return replace(element, input=self._input, index=self._index)

    def _summed(self, cotangents: Any) -> Line:
        """The line with its values summed up."""
        return Line(
            lambda t: summed(cotangents, self._line.at(t)),
            summed(cotangents, self._checked.center),
            self._line.size,
            self._checked.unit,
            wholes=np.abs(cotangents) @ wholes_of(self._checked),
            beside=self._line.beside,
        )
