"""Values of a function along a line, at steps of a geometric grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["Sweep"]

_FINEST = 4
_STRAY = 1024.0
"""Rounding units of f by which it may stray from a line, being rounded inside."""
_CURVED = 2.0
"""Factor by which a parabola may be more bent close by."""
_RUN = 4
"""Neighbouring steps, the last 64 times the first, at which f follows another line."""
_SAME, _OTHER = 2e-2, 3.0
"""Part of the gap between both lines by which slopes are one, and bars that the gap exceeds."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Values of a function along a line.

    Attributes:
        steps: t, descending.
        above: f(x + t); nan where f has no finite value.
        below: f(x - t).
        center: f(x).
        unit: Rounding unit of the values: 2**-53 for float64.
        whole: Size of what the value is a part of, whose rounding may be in it.
        steepest: The largest slope along the line, of all values.
        beside: Size of the largest number that x is among.
    """

    steps: Any
    above: Any
    below: Any
    center: float
    unit: float
    whole: float = 0.0
    steepest: float = 0.0
    beside: float = 0.0

    def is_flat(self) -> bool:
        """Whether f does not move at the finest steps."""
        ends = self.above[-_FINEST:], self.below[-_FINEST:]
        return bool(all(np.all(values == self.center) for values in ends))

    def beyond(self, least: float) -> Sweep:
        """The coarser steps alone, from `least` on."""
        kept = self.steps >= least
        above, below = self.above[kept], self.below[kept]
        return replace(self, steps=self.steps[kept], above=above, below=below)

    @np.errstate(all="ignore")
    def is_straight(self, slope: float, least: float, moved: float, roundings: float = 0.0) -> bool:
        """Whether f is this line at all steps below `least`, to a thousand roundings.

        Or a parabola, as bent as it is at the first of those steps. What is rounded may be f, what
        it is a part of, or the number `moved` at the beginning, which f takes on steeply; or 1, of
        which so many `roundings` are granted.
        """
        t, near = self.steps, self.steps < least
        odd = np.abs((self.above - self.below) / 2 - slope * t)[near]
        even = np.abs((self.above + self.below) / 2 - self.center)[near]
        bend = _CURVED * even[:1] * (t[near] / t[near][:1]) ** 2
        size = max(abs(self.center), self.whole, moved * max(abs(slope), self.steepest))
        rounding = max(_STRAY * size, roundings) * self.unit
        return bool(np.all(odd <= rounding) and np.all(even <= bend + rounding))

    @np.errstate(all="ignore")
    def turns(self, slope: float, bar: float, least: float) -> list[tuple[float, float]]:
        """Lines of another slope that f follows over several steps below `least`.

        Returns:
            For each side that has one: its slope, and the longest step that lies on it.
        """
        near = self.steps < least
        found = []
        for change in (self.above - self.center, self.center - self.below):
            quotient = (change / self.steps)[near]
            for n in range(len(quotient) - _RUN + 1):
                run = quotient[n : n + _RUN]
                gap = float(np.abs(run - slope).min())
                if np.ptp(run) <= _SAME * gap and gap > _OTHER * bar:
                    found.append((float(run[0]), float(self.steps[near][n])))
                    break
        return found

    @np.errstate(all="ignore")
    def strays(self, slope: float, least: float) -> tuple[float, float, float]:
        """Where below `least` f is off this line, beside its bend: step, distance, and bend."""
        near = self.steps < least
        t = self.steps[near]
        if not t.size:
            return 0.0, 0.0, 0.0
        odd = np.abs((self.above - self.below) / 2 - slope * self.steps)[near]
        even = ((self.above + self.below) / 2 - self.center)[near]
        bend = even[0] / t[0] ** 2
        off = np.nan_to_num(np.fmax(odd, np.abs(even - bend * t**2)))
        at = int(np.flatnonzero(off >= off.max() / 2)[-1])
        return float(t[at]), float(off[at]), float(bend)
