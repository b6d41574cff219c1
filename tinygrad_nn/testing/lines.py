"""A function along a line through a point: sampled once, judged for all outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.testing.grid import beyond, steps
from tinygrad_nn.testing.judge import Tolerance, judge
from tinygrad_nn.testing.slopes import Sweep
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["Line"]

_QUICK = (1 / 16, 1 / 64, 1 / 256)
"""Steps, in parts of the scale, from which the slope of a well-behaved function is read."""
_FINE = (2.0**-26, 2.0**-34)
"""Steps at which it is looked whether anything else happens close by."""
_FINE_TOLERANCE = 1e-3
_STRICT = 0.5
_FAR = 2.0**20
_SINGLE_UNIT = 1e-12


class Line:
    """Values of f(x + t u) for steps t, all outputs of each at once.

    Args:
        move: Function that gives all outputs for a step.
        center: Outputs at x.
        size: Absolute value of what is stepped from, in units of u: the coordinate for a line
            along a coordinate, 1 for a direction that is scaled to its inputs.
        unit: Rounding unit of the coarsest dtype at work.
    """

    def __init__(self, move: Callable[[float], Any], center: Any, size: float, unit: float) -> None:
        self._move, self._center, self._unit, self.size = move, center, unit, size
        self._seen: dict[float, Any] = {}

    def at(self, t: float) -> Any:
        """Outputs at a step, evaluated once."""
        if t not in self._seen:
            self._seen[t] = self._move(t)
        return self._seen[t]

    def judged(self, claims: Any, allowed: Tolerance) -> list[Element]:
        """A verdict for each output: at once for those that are plainly right."""
        quick = self._plainly(claims, allowed)
        return [
            Element(Verdict.PASS, c, n, b) if ok else self.judge(i, c, allowed)
            for i, (ok, c, n, b) in enumerate(
                zip(*(x.tolist() for x in (quick[0], claims, *quick[1:])), strict=True)
            )
        ]

    def judge(self, output: int, claim: float, allowed: Tolerance) -> Element:
        """The verdict on one output, by a sweep of all steps."""
        grid = steps(self.size, bits=round(-np.log2(self._unit)) - 1)
        found = judge(self._sweep(grid, output), claim, allowed)
        unclear = found.verdict is Verdict.INCONCLUSIVE
        if unclear or (found.numeric == 0 and found.bar > 0 and self._far(grid, output, claim)):
            wide = judge(self._sweep(np.append(beyond(grid), grid), output), claim, allowed)
            if wide.verdict is not Verdict.INCONCLUSIVE:
                return wide
        return found

    def _far(self, grid: Any, output: int, claim: float) -> bool:
        """Whether f, flat at all usual steps, is not so at one far out."""
        far = float(grid[0]) * _FAR
        return claim != 0 or any(self.at(t)[output] != self._center[output] for t in (far, -far))

    def _sweep(self, grid: Any, output: int) -> Sweep:
        above = np.array([self.at(t)[output] for t in grid.tolist()])
        below = np.array([self.at(-t)[output] for t in grid.tolist()])
        return Sweep(grid, above, below, float(self._center[output]), self._unit)

    def _plainly(self, claims: Any, allowed: Tolerance) -> tuple[Any, Any, Any]:
        """Which outputs are smooth with the slope claimed, their slopes, and bars."""
        scale = 4 * float(steps(self.size)[0])
        ts = [scale * part for part in _QUICK]
        with np.errstate(all="ignore"):
            up = np.array([self.at(t) - self._center for t in ts])
            down = np.array([self._center - self.at(-t) for t in ts])
            largest = np.maximum(np.abs(self._center), np.abs(up).max(axis=0))
            rounding = 8 * self._unit * largest / ts[-1]
            slope, finer = _romberg((up + down) / 2, ts, (2, 4))
            right, _ = _romberg(up, ts, (1, 2))
            left, _ = _romberg(down, ts, (1, 2))
            own = np.maximum(np.abs(slope), np.abs(claims))
            margin = _STRICT * allowed.relative * own
            bar = np.abs(slope - finer) + rounding
            good = (np.abs(slope - claims) <= margin) & (bar <= margin)
            good &= np.abs(right - left) <= _FINE_TOLERANCE * own
            still = ~np.any(up, axis=0) & ~np.any(down, axis=0) & (claims == 0)
            for part in _FINE if self._unit < _SINGLE_UNIT else ():
                t = scale * part
                change = (self.at(t) - self.at(-t)) / 2
                off = np.abs(change - claims * t)
                good &= off <= _FINE_TOLERANCE * own * t + 8 * self._unit * largest
                still &= change == 0
            for t in (scale * _FAR, -scale * _FAR) if still.any() else ():
                still &= self.at(t) == self._center
        return good | still, np.where(still, 0.0, slope), bar


def _romberg(change: Any, ts: list[float], powers: tuple[int, int]) -> tuple[Any, Any]:
    """Slopes extrapolated from three steps, and from the finer two."""
    a, b, c = (d / t for d, t in zip(change, ts, strict=True))
    p, q = (4.0**n for n in powers)
    coarse, fine = (p * b - a) / (p - 1), (p * c - b) / (p - 1)
    return (q * fine - coarse) / (q - 1), fine
