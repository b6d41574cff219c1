"""A function along a line through a point: sampled once, judged for all outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.testing.grid import beyond, steps
from tinygrad_nn.testing.fits import fitted, nodes
from tinygrad_nn.testing.judge import Tolerance, judge, resolved, sharp, within
from tinygrad_nn.testing.slopes import Sweep
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["Line"]

_QUICK = (1 / 16, 1 / 64, 1 / 256)
"""Steps, in parts of the scale, from which the slope of a well-behaved function is read."""
_FINE = (2.0**-26, 2.0**-34)
"""Steps at which it is looked whether anything else happens close by."""
_STRICT = 0.5
_ROUNDINGS = 16.0
_CURVED = 4.0
"""Factor by which curvature may be larger close by than it is at the usual steps."""
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
        """The verdict on one output: by a sweep of all steps; if that is rough, by fits too."""
        grid = steps(self.size, bits=round(-np.log2(self._unit)) - 1)
        found = judge(self._sweep(grid, output), claim, allowed)
        rounding = self._unit * abs(float(self._center[output])) / (4 * float(grid[0]))
        if found.verdict is Verdict.KINK or (found.bar > 0 and sharp(found, rounding)):
            return found
        found = self._fitted(found, grid, output, claim, allowed)
        unclear = found.verdict is Verdict.INCONCLUSIVE
        if unclear or (found.numeric == 0 and found.bar > 0 and self._far(grid, output, claim)):
            return self._from_afar(found, grid, output, claim, allowed)
        return found

    def _fitted(
        self, found: Element, grid: Any, output: int, claim: float, allowed: Tolerance
    ) -> Element:
        """The verdict by a fit, if that is sharper and lies within the bar of the sweep."""
        if not np.isfinite(found.bar) or found.left is not None:
            return found
        usual = grid[np.append(True, grid[1:] * 4 == grid[:-1])]

        def values(radius: float) -> Any:
            return np.array([self.at(t)[output] for t in nodes(radius).tolist()])

        better = fitted(usual[:8].tolist(), values, self._unit)
        if better is None or better.bar >= found.bar:
            return found
        return within(found, better, claim, allowed)

    def _from_afar(
        self, found: Element, grid: Any, output: int, claim: float, allowed: Tolerance
    ) -> Element:
        """The verdict from coarser steps than usual, where a slope shows there that is not 0."""
        wide = judge(self._sweep(np.append(beyond(grid), grid), output), claim, allowed)
        fits = not np.isfinite(found.bar) or abs(wide.numeric - found.numeric) <= found.bar
        if wide.verdict in (Verdict.PASS, Verdict.FAIL) and resolved(wide) and fits:
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
            rounding = _ROUNDINGS * self._unit * largest
            slope, finer = _romberg((up + down) / 2, ts, (2, 4))
            right, right_finer = _romberg(up, ts, (1, 2))
            left, left_finer = _romberg(down, ts, (1, 2))
            own = np.maximum(np.abs(slope), np.abs(claims))
            margin = _STRICT * allowed.relative * own
            bar = np.abs(slope - finer) + rounding / ts[-1]
            good = (np.abs(slope - claims) <= margin) & (bar <= margin) & np.isfinite(margin)
            sided = np.abs(right - right_finer) + np.abs(left - left_finer)
            good &= np.abs(right - left) <= sided + margin
            still = ~np.any(up, axis=0) & ~np.any(down, axis=0) & (claims == 0)
            bend = _CURVED * np.abs(up[-1] - down[-1]) / ts[-1] ** 2
            for part in _FINE if self._unit < _SINGLE_UNIT else ():
                t = scale * part
                above, below = self.at(t) - self._center, self._center - self.at(-t)
                off = np.abs((above + below) / 2 - claims * t)
                good &= off <= allowed.relative * own * t + rounding
                good &= np.abs(above - below) <= bend * t * t + margin * t + rounding
                still &= (above == 0) & (below == 0)
            for t in (scale * _FAR, -scale * _FAR) if still.any() else ():
                still &= self.at(t) == self._center
        return good | still, np.where(still, 0.0, slope), bar


def _romberg(change: Any, ts: list[float], powers: tuple[int, int]) -> tuple[Any, Any]:
    """Slopes extrapolated from three steps, and from the finer two."""
    a, b, c = (d / t for d, t in zip(change, ts, strict=True))
    p, q = (4.0**n for n in powers)
    coarse, fine = (p * b - a) / (p - 1), (p * c - b) / (p - 1)
    return (q * fine - coarse) / (q - 1), fine
