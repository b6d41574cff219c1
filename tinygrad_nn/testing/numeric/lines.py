"""A function along a line through a point: sampled once, judged for all outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.exact import confirmed
from tinygrad_nn.testing.numeric.fits import fitted, nodes, straight_fit
from tinygrad_nn.testing.numeric.grid import beyond, spacing, steps
from tinygrad_nn.testing.numeric.judge import (
    FLAT,
    Tolerance,
    judge,
    level_bar,
    nothing,
    resolved,
    sharp,
    straight,
    within,
)
from tinygrad_nn.testing.numeric.slopes import Slopes, slopes
from tinygrad_nn.testing.numeric.sweep import Sweep
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["Line"]


def _both_sides(*distances: float) -> Any:
    return np.array([-d for d in reversed(distances)] + [*distances])


_QUICK = (1 / 16, 1 / 64, 1 / 256)
"""Steps, in parts of the scale, from which the slope of a well-behaved function is read."""
_FINE = (2.0**-26, 2.0**-34)
"""Steps at which it is looked whether anything else happens close by."""
_STRICT = 0.5
"""Part of the tolerance within which slope and bar must be for a function to be plainly right."""
_REACH = 4.0**8
"""Radii up to this many times the finest step of the sweep's best estimate are fitted."""
_ROUNDINGS = 16.0
"""Rounding units of f that a difference of its values may be off by."""
_CURVED = 4.0
"""Factor by which curvature may be larger close by than it is at the usual steps."""
_BESIDE = 29
"""Distance, in twice the spacing of numbers, at which it is looked whether a kink is at x."""
_SEEN = 0.5
"""Part of the bend of a kink that shows it at x: it bends by twice as much at two distances."""
_CLOSE = 2.0**8
"""Distance, in spacings of numbers, within which f may be straight beside a kink."""
_DOUBLE = 40
"""Bits of precision; with fewer all is straight within a grain."""
_COARSE, _COARSER = 0.65, 0.35
"""Part of the bits of a number that coarse steps leave as they are: 2**-34 and 2**-18 of it in
double."""
_FEWEST = 4
"""Coarse steps from which a slope is read at least."""
_KNOWN, _KNOWN_SINGLE = 3e-3, 3e-2
"""Part of itself to which a slope is known then."""
_PLACES = _both_sides(*range(5, 51, 2))
"""Where, in steps, it is looked whether f strays there as it does at x: all over 46 steps, for
what is rounded strays once in a grain."""
_PHASES = _both_sides(21, 29.3, 38.1, 45, 53.7, 62.9, 75, 83.3, 91.7, 104.1)
"""Where, in the longest steps at which f follows a line of its own, it is looked for others."""
_WITHIN = 0.35
"""Part of these at which it is found. Most of a grain has it; of a wave, a seventh."""
_ALIKE = 0.1
"""Part of the gap between two slopes by which others are still one of them."""
_SLIGHT = 2e-2
"""Part of a slope, a third of what another must be off by: what is ill-conditioned rounds so that
its slope close by is a little another."""
_NEARBY = 8.0
"""Factor by which it may stray less there."""
_BEYOND = 4.0**5
"""A flat stretch ends at most so far beyond the steps that lie in it, or shows as one."""
_EACH = 32
"""Values wanted there, on each side."""
_FAR = 2.0**20
"""Factor to the coarsest step at which it is looked whether what is flat is so far out too."""
_RESOLVING = 4.0**4
"""Steps this many times as coarse are the first that may know a slope to 0.3 % which is so small
that f does not move at the others: 5 roundings / 0.3 % = 333 times 5 roundings."""
_FALLS = 1024.0
"""Times the largest such slope by which f moves there, if it follows none."""
_FALL = 2.0**-14
"""Part of f by which it moves then: what is flat at the usual steps moves by less at the first of
these, up to the fifth power of a step (256**5 / 2 roundings)."""
_SINGLE_UNIT = 1e-12
"""Rounding unit from which on dtypes have too few digits for the fine steps."""


class Line:
    """Values of f(x + t u) for steps t, all outputs of each at once.

    Args:
        move: Function that gives all outputs for a step.
        center: Outputs at x.
        size: Absolute value of what is stepped from, in units of u: the coordinate for a line
            along a coordinate, 1 for a direction that is scaled to its inputs.
        unit: Rounding unit of the coarsest dtype at work.
        exact: Slopes of all outputs by a complex step; asked for where a sweep is rough.
        wholes: Sizes of what each output is a part of, whose rounding may be in it.
        beside: Size of the numbers beside the one that is stepped from.
    """

    def __init__(
        self,
        move: Callable[[float], Any],
        center: Any,
        size: float,
        unit: float,
        exact: Callable[[], Any | None] | None = None,
        wholes: Any = None,
        beside: float = 0.0,
    ) -> None:
        self._move, self._center, self._unit, self.size = move, center, unit, size
        self._exact, self._wholes, self._beside = exact, wholes, beside
        self._bits = round(-np.log2(unit)) - 1
        self._steepest = 0.0
        self._slopes: Any | None = None
        self._tables: dict[bytes, Any] = {}
        self._seen: dict[float, Any] = {}

    def at(self, t: float) -> Any:
        """Outputs at a step, evaluated once."""
        if t not in self._seen:
            self._seen[t] = self._move(t)
        return self._seen[t]

    def judged(self, claims: Any, allowed: Tolerance) -> list[Element]:
        """A verdict for each output: at once for those that are plainly right."""
        self._steepest = float(np.abs(claims[np.isfinite(claims)]).max(initial=0.0))
        right, numeric, bars = self._plainly(claims, allowed)
        flat, flat_bars = self._flatly(claims, right)
        found = []
        for i, c in enumerate(claims.tolist()):
            if right[i]:
                found.append(Element(Verdict.PASS, c, float(numeric[i]), float(bars[i])))
            elif flat[i]:
                found.append(Element(Verdict.PASS, c, 0.0, float(flat_bars[i]), FLAT))
            else:
                found.append(self.judge(i, c, allowed))
        return found

    def judge(self, output: int, claim: float, allowed: Tolerance) -> Element:
        """The verdict on one output.

        Steps near the spacing of numbers may all lie in one grain of what is rounded inside f, and
        agree on a slope that is none: the coarser ones alone may still find the claim right.
        """
        found = self._by_all_steps(output, claim, allowed)
        if found.verdict is Verdict.PASS or not np.isfinite(claim):
            return found
        sweep = self._sweep(steps(self.size, self._bits, self._beside), output)
        size = self.size or self._beside or 1.0
        for part in (_COARSE, _COARSER):
            least = size * 2.0 ** -(self._bits * part)
            coarse = sweep.beyond(least)
            if len(coarse.steps) < _FEWEST:
                continue
            again = judge(coarse, claim, allowed)
            if self._is_right(again, allowed):
                fits = sweep.is_straight(again.numeric, least, size)
                fits = fits and self._is_rounding(sweep, again, least, output)
                return replace(again, verdict=Verdict.PASS, why="") if fits else found
        return found

    def _is_rounding(self, sweep: Sweep, found: Element, least: float, output: int) -> bool:
        """Whether f strays from a line like rounding: nearby as at x, and within grains.

        In arrays of large numbers, or beside steep outputs, a wave or a kink at x may be as small.
        """
        slope = found.numeric
        bar = max(found.bar, _SLIGHT * abs(slope))
        lines = sweep.turns(slope, bar, least * _BEYOND)
        if not all(self._turns_nearby(s, h, slope, output) for s, h in lines):
            return False
        return all(
            self._strays_nearby(*sweep.strays(slope, end), slope, output)
            for end in (least, least * _BEYOND)
        )

    def _turns_nearby(self, other: float, h: float, slope: float, output: int) -> bool:
        """Whether f has this other slope nearby too, as within each grain, but not on a wave."""
        places = h * _PHASES
        values = self._table(np.concatenate([places - h / 8, places + h / 8]))[:, output]
        below, above = values.reshape(2, -1)
        with np.errstate(all="ignore"):
            off = np.abs((above - below) / (h / 4) - other)
        return bool(np.sum(off <= _ALIKE * abs(other - slope)) >= _WITHIN * len(_PHASES))

    def _strays_nearby(self, h: float, off: float, bend: float, slope: float, output: int) -> bool:
        """Whether f is off a line nearby about as far as at x, over steps of `h`."""
        if off <= _NEARBY * _ROUNDINGS * self._unit * abs(self._center[output]):
            return True
        places = h * _PLACES
        ts = np.concatenate([places - h, places, places + h])
        below, middle, above = self._table(ts)[:, output].reshape(3, -1)
        with np.errstate(all="ignore"):
            odd = np.abs((above - below) / 2 - slope * h)
            even = np.abs((above + below) / 2 - middle - bend * h * h)
            return bool(np.fmax(odd, even).max() >= off / _NEARBY)

    def _is_right(self, coarse: Element, allowed: Tolerance) -> bool:
        """Whether a claim fits to what coarse steps say, and those know the slope well."""
        off = abs(coarse.analytic - coarse.numeric)
        own = max(abs(coarse.analytic), abs(coarse.numeric))
        known = coarse.bar <= (_KNOWN if self._bits > _DOUBLE else _KNOWN_SINGLE) * own
        smooth = coarse.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
        return smooth and known and off <= coarse.bar + allowed.relative * own

    def _by_all_steps(self, output: int, claim: float, allowed: Tolerance) -> Element:
        """By a sweep of all steps; if that is rough, by more."""
        grid = steps(self.size, self._bits, self._beside)
        sweep = self._sweep(grid, output)
        seen = slopes(sweep)
        found = judge(sweep, claim, allowed, seen)
        if np.isnan(claim):
            return found  # no comparison with it means anything, and no better slope changes that
        if found.left is not None and found.right is not None and self._bits > _DOUBLE:
            return self._closer(found, output, allowed)
        if found.verdict is Verdict.KINK or sharp(found, allowed):
            return found
        # Two evaluations for all outputs, where a fit takes hundreds.
        exact = confirmed(found, self._by_complex_step(output), allowed)
        if exact is not found:
            return exact
        if found.bar > nothing(sweep) or found.verdict is Verdict.INCONCLUSIVE:
            found = self._fitted(found, seen, sweep, output, allowed)
        if not resolved(found) and (found.numeric or self._far(grid, output, claim)):
            return self._from_afar(found, grid, output, claim, allowed)
        return found

    def _closer(self, found: Element, output: int, allowed: Tolerance) -> Element:
        """The verdict on a kink again: it may lie beside x, and f be straight still closer by."""
        assert found.left is not None and found.right is not None
        size = self.size or self._beside or 1.0
        h = _BESIDE * spacing(size, self._bits)
        near = self._table(h * np.arange(-2, 3, 2.0))[:, output]
        bend = abs(near[0] - 2 * near[1] + near[2])
        if not bend <= _SEEN * abs(found.right - found.left) * h:
            return found
        radius = 2.0 ** (np.round(np.log2(size)) - self._bits) * _CLOSE
        ts = np.arange(-_EACH, _EACH + 1) * (radius / _EACH)
        better = straight_fit(ts, self._table(ts)[:, output], self._unit)
        return found if better is None else straight(found, better, allowed)

    def _by_complex_step(self, output: int) -> float:
        """Slope of an output; nan where f is not known to be analytic."""
        if self._slopes is None:
            exact = None if self._exact is None else self._exact()
            self._slopes = np.full(len(self._center), np.nan) if exact is None else exact
        return float(self._slopes[output])

    def _table(self, ts: Any) -> Any:
        """All outputs at these steps, a row for each step."""
        key = ts.tobytes()
        if key not in self._tables:
            self._tables[key] = np.array([self.at(t) for t in ts.tolist()])
        return self._tables[key]

    def _fitted(
        self, found: Element, seen: Slopes, sweep: Sweep, output: int, allowed: Tolerance
    ) -> Element:
        """The verdict by a fit, if that is sharper and lies within the bar of the sweep."""
        best = min(
            (e for e in (seen.central, seen.left, seen.right) if e is not None),
            key=lambda e: e.bar,
            default=None,
        )
        if not np.isfinite(found.bar) or best is None:
            return found
        t = np.append(4 * sweep.steps[0], sweep.steps)

        def values(radius: float) -> Any:
            return self._table(nodes(radius))[:, output]

        with np.errstate(all="ignore"):
            radii = t[(t >= best.step) & (t <= best.step * _REACH)]
            better = fitted(radii.tolist(), values, self._unit)
        if better is None or better.bar >= found.bar:
            return found
        return within(found, better, found.analytic, allowed, sweep)

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
        above, below = self._table(grid)[:, output], self._table(-grid)[:, output]
        return Sweep(
            grid,
            above,
            below,
            float(self._center[output]),
            self._unit,
            0.0 if self._wholes is None else float(self._wholes[output]),
            self._steepest,
        )

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
            bend = _CURVED * np.abs(up[-1] - down[-1]) / (ts[-1] * ts[-1])
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

    def _flatly(self, claims: Any, known: Any) -> tuple[Any, Any]:
        """Outputs that are the same at every step, with a claim of nothing; and their bars.

        Where f is flat at the usual steps alone, it may have a slope that shows far out: it moves
        by little at first then. What falls at once, as a saturated function does at last, has
        none. Only what does neither is judged by itself, which takes a thousand times as long.
        """
        flat, bars = np.zeros(claims.shape, bool), np.full(claims.shape, np.inf)
        if known.all():
            return flat, bars
        grid = steps(self.size, self._bits, self._beside)
        center = self._center
        with np.errstate(all="ignore"):
            bars = level_bar(np.abs(center) * self._unit, float(grid[0]))
            flat = ~known & np.isfinite(center) & (np.abs(claims) <= bars)
            for t in (grid, -grid) if flat.any() else ():
                flat &= np.all(self._table(t) == center, axis=0)
            if not flat.any():
                return flat, bars
            far = beyond(grid)
            far = far[far >= _RESOLVING * grid[0]]
            falls = np.maximum(_FALLS * bars * far[:, None], _FALL * np.abs(center))
            ends = (float(grid[0]) * _FAR, -float(grid[0]) * _FAR)
            still = (claims == 0) & np.all([self.at(t) == center for t in ends], axis=0)
            for t in (far, -far) if np.any(flat & ~still) else ():
                change = np.abs(self._table(t) - center)
                flat &= still | np.all((change == 0) | (change > falls), axis=0)
        return flat, bars


def _romberg(change: Any, ts: list[float], powers: tuple[int, int]) -> tuple[Any, Any]:
    """Slopes extrapolated from three steps, and from the finer two."""
    a, b, c = (d / t for d, t in zip(change, ts, strict=True))
    p, q = (4.0**n for n in powers)
    coarse, fine = (p * b - a) / (p - 1), (p * c - b) / (p - 1)
    return (q * fine - coarse) / (q - 1), fine
