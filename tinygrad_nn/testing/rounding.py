"""The rounding of gradients themselves, which is granted to them.

How much it is, is seen when the inputs change in their last digits: a gradient of 1e-17 that is
another 1e-17 then is nothing but rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import flat, summed
from tinygrad_nn.testing.problem.nearby import FAINTLY, nearby
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["OwnRounding", "wholes_of"]

_SHAKES = 2
"""Points nearby at which a gradient is asked for once more: each of its elements differs there."""
_ROUNDED = 64.0
"""Rounding units of the largest output below which a whole array is nothing else."""
_LOST = 0.1
"""Part of it by which f changes with its inputs' last digits if it is rounding alone."""
_TRUSTED = 4.0
"""Changes of a gradient under a change of its inputs' last digits that it is granted."""
_BEYOND = 8.0
"""Times all that it is granted, by which an element that is off more stays wrong."""
_SLIGHT, _UNITS = 1e-9, 2.0**16
"""Part of the largest gradient, and rounding units of that or of f over x, that these are at
most."""
_SHAKEN = 64.0
"""The same, of what f changes by itself then: where it is 0 as a difference of larger numbers, all
that is seen of these is that it does not stay 0."""
_KEPT = 1_000_000
"""Numbers of gradients nearby that are kept, for all elements of a row."""


def wholes_of(checked: Checked) -> Any:
    """For each output the size of the array that it is in; of all, if that is mere rounding."""
    sizes = [int(np.prod(s)) for s in checked.shapes]
    known = np.where(np.isfinite(checked.center), np.abs(checked.center), 0.0)
    largest = known.max(initial=0.0)
    each = [p.max(initial=0.0) for p in np.split(known, np.cumsum(sizes)[:-1])]
    least = _ROUNDED * checked.unit * largest
    return np.repeat([e if e > least else largest for e in each], sizes)


@dataclass(frozen=True, slots=True)
class _Around:
    """The gradient of a sum of outputs, and what it is where the inputs' last digits differ.

    Attributes:
        largest: Its largest element.
        near: Gradients nearby.
        changes: Of the sum itself, there.
    """

    largest: float
    near: list[Any]
    changes: list[float]


class OwnRounding:
    """How much of the gradients of a problem is their own rounding.

    Attributes:
        checked: The problem.
    """

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self._around: dict[bytes, _Around] = {}

    def settled(
        self,
        line: Line,
        element: Element,
        cotangent: Any,
        where: tuple[int, tuple[int, ...]],
        output: int,
        allowed: Tolerance,
    ) -> Element:
        """The verdict again, with the gradient's own rounding granted to it.

        Args:
            line: Along the coordinate.
            element: The verdict without it.
            cotangent: What the element is the gradient of.
            where: Which active input it is in, and its index there.
            output: Which output of the line.
            allowed: Tolerance.
        """
        own = self.of(element.analytic, cotangent, where)
        off = abs(element.analytic - element.numeric)
        if own and not off > _BEYOND * (own + element.bar):
            element = line.judge(output, element.analytic, replace(allowed, absolute=own))
        if element.verdict is Verdict.FAIL and self._is_all(element, cotangent, line.own):
            why = "f is nothing but rounding of what it is a part of"
            return replace(element, verdict=Verdict.INCONCLUSIVE, why=why)
        return element

    def of(self, claim: float, cotangent: Any, where: tuple[int, tuple[int, ...]]) -> float:
        """The rounding of an element; 0 if none, or if that cannot be said.

        A change of the size of gradients is none: at ties of a maximum another argument gets it.

        Args:
            claim: The element.
            cotangent: What it is the gradient of.
            where: Which active input it is in, and its index there.
        """
        n, index = where
        checked, around = self.checked, self._near(cotangent)
        rounding = checked.unit * float(np.abs(cotangent) @ wholes_of(checked))
        size = float(np.abs(checked.inputs[checked.active[n]]).max()) or 1.0
        part = max(_SLIGHT, _UNITS * checked.unit)
        most = max(part * around.largest, _UNITS * rounding / size)
        claims = [claim]
        for near, change in zip(around.near, around.changes, strict=True):
            claims.append(float(near[n][index]))
            most = float(np.fmax(most, _SHAKEN * change / size))
        own = _TRUSTED * (max(claims) - min(claims))
        return own if own <= most else 0.0

    def _near(self, cotangent: Any) -> _Around:
        key = cotangent.tobytes()
        if key not in self._around:
            here = np.abs(flat(self.checked.gradients(cotangent)))
            if (len(self._around) + 1) * _SHAKES * here.size > _KEPT:
                self._around.clear()
            near = [self.checked.gradients(cotangent, moved) for moved, _ in self._shaken]
            changes = [
                float(summed(np.abs(cotangent), np.abs(change))) for _, change in self._shaken
            ]
            largest = float(here[np.isfinite(here)].max(initial=0.0))
            self._around[key] = _Around(largest, near, changes)
        return self._around[key]

    @cached_property
    def _shaken(self) -> list[tuple[list[Any], Any]]:
        """Inputs whose last digits differ, and by how much outputs change with them."""
        found = []
        for shake in range(_SHAKES):
            moved = nearby(self.checked.inputs, np.random.default_rng(shake), FAINTLY)
            with np.errstate(invalid="ignore"):  # inf - inf
                found.append((moved, self.checked.values(moved) - self.checked.center))
        return found

    def _is_all(self, element: Element, cotangent: Any, size: float) -> bool:
        """Whether f is so small a part that its digits are lost, and the claim as small.

        The gradient of a softmax of one score is 1e-17 and linear in its cotangent: a slope that is
        known well, and is none. Small by itself is not enough: 1e-10 beside 1e10 may be exact.
        """
        least = _ROUNDED * self.checked.unit * float(np.abs(cotangent) @ wholes_of(self.checked))
        value = abs(float(summed(cotangent, self.checked.center)))
        if not (0 < value <= least and abs(element.analytic) * min(size, 1.0) <= least):
            return False
        change = summed(cotangent, self._shaken[0][1])
        return abs(float(change)) >= _LOST * value
