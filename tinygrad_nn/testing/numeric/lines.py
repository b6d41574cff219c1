"""A function along a line through a point: sampled once, judged for all outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.exact import confirmed
from tinygrad_nn.testing.numeric.fits import fitted, nodes, straight_fit
from tinygrad_nn.testing.numeric.grains import SATURATED, is_rounding, jumps
from tinygrad_nn.testing.numeric.grid import beyond, spacing
from tinygrad_nn.testing.numeric.judge import (
    FLAT,
    Tolerance,
    judge,
    nothing,
    resolved,
    sharp,
    straight,
    within,
)
from tinygrad_nn.testing.numeric.plain import FAR, flatly, plainly
from tinygrad_nn.testing.numeric.samples import Samples
from tinygrad_nn.testing.numeric.slopes import Slopes, slopes
from tinygrad_nn.testing.numeric.stairs import in_steps, saturated, step_beyond
from tinygrad_nn.testing.numeric.sweep import Sweep
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

__all__ = ["Line"]

_REACH = 4.0**8
"""Radii up to this many times the finest step of the sweep's best estimate are fitted."""
_BESIDE = 29
"""Distance, in twice the spacing of numbers, at which it is looked whether a kink is at x."""
_SEEN = 0.5
"""Part of the bend of a kink that shows it at x: it bends by twice as much at two distances."""
_CLOSE = 2.0**8
"""Distance, in spacings of numbers, within which f may be straight beside a kink."""
_EACH = 32
"""Values wanted within that, on each side."""
_DOUBLE = 40
"""Bits of precision; with fewer all is straight within a grain."""
_COARSE, _COARSER = 0.65, 0.35
"""Part of the bits of a number that coarse steps leave as they are: 2**-34 and 2**-18 of it in
double."""
_FEWEST = 4
"""Coarse steps from which a slope is read at least."""
_KNOWN, _KNOWN_SINGLE = 3e-3, 3e-2
"""Part of itself to which a slope is known then."""
_LOST = 16.0
"""Rounding units of what f is a part of, by which a claim must be off over the usual steps."""


class Line(Samples):
    """A function along a line, and whether what is claimed are its slopes.

    Args:
        move, center, size, unit, wholes, beside: As of `Samples`.
        exact: Slopes of all outputs by a complex step; asked for where a sweep is rough.
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
        super().__init__(move, center, size, unit, wholes, beside)
        self._exact = exact
        self._steepest = 0.0
        self._slopes: Any | None = None

    def judged(self, claims: Any, allowed: Tolerance) -> list[Element]:
        """A verdict for each output: at once where it is plain."""
        self._steepest = float(np.abs(claims[np.isfinite(claims)]).max(initial=0.0))
        plain = plainly(self, claims, allowed)
        flat, flat_bars = flatly(self, claims, plain.right | plain.wrong | plain.kinked)
        found = []
        for i, c in enumerate(claims.tolist()):
            if flat[i]:
                found.append(Element(Verdict.PASS, c, 0.0, float(flat_bars[i]), FLAT))
            else:
                found.append(plain.element(i, c) or self.judge(i, c, allowed))
        return found

    def judge(self, output: int, claim: float, allowed: Tolerance) -> Element:
        """The verdict on one output.

        Steps near the spacing of numbers may all lie in one grain of what is rounded inside f, and
        agree on a slope that is none: the coarser ones alone may still find the claim right.
        """
        found = self._by_all_steps(output, claim, allowed)
        if found.verdict is Verdict.PASS or not np.isfinite(claim):
            return found
        coarse = self._by_coarse_steps(output, claim, allowed)
        if coarse is not None:
            return coarse
        if found.verdict is Verdict.FAIL and found.left is None:
            sweep = self.sweep(self.grid, output, self._steepest)
            return in_steps(self, sweep, found, output, allowed)
        return found

    def _by_coarse_steps(self, output: int, claim: float, allowed: Tolerance) -> Element | None:
        """The verdict of a claim that is right by coarse steps, if all else is rounding."""
        sweep = self.sweep(self.grid, output, self._steepest)
        for part in (_COARSE, _COARSER):
            least = self.own * 2.0 ** -(self.bits * part)
            coarse = sweep.beyond(least)
            if len(coarse.steps) < _FEWEST:
                continue
            again = judge(coarse, claim, allowed)
            if self._is_right(again, allowed):
                fits = sweep.is_straight(again.numeric, least, self.own) or (
                    sweep.is_straight(again.numeric, least, self.own, SATURATED)
                    and jumps(self, sweep, again.numeric, least, output)
                )
                fits = fits and is_rounding(self, sweep, again, least, output)
                return replace(again, verdict=Verdict.PASS, why="") if fits else None
        return None

    def _is_right(self, coarse: Element, allowed: Tolerance) -> bool:
        """Whether a claim fits to what coarse steps say, and those know the slope well."""
        off = abs(coarse.analytic - coarse.numeric)
        own = max(abs(coarse.analytic), abs(coarse.numeric))
        known = coarse.bar <= (_KNOWN if self.bits > _DOUBLE else _KNOWN_SINGLE) * own
        smooth = coarse.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
        granted = coarse.bar + allowed.relative * own + allowed.absolute
        return smooth and known and off <= granted

    def _by_all_steps(self, output: int, claim: float, allowed: Tolerance) -> Element:
        """By a sweep of all steps; if that is rough, by more."""
        sweep = self.sweep(self.grid, output, self._steepest)
        seen = slopes(sweep)
        if seen.grain and not step_beyond(self, sweep, output)[0]:
            seen = slopes(sweep, grainy=False)
        found = judge(sweep, claim, allowed, seen)
        if found.verdict in DOUBTFUL and sweep.is_flat():
            seen = saturated(self, sweep, output) or seen
            found = judge(sweep, claim, allowed, seen)
        if np.isnan(claim) or (seen.rounding and found.verdict is Verdict.PASS):
            return found  # with nan no comparison means anything: no better slope changes that
        if found.left is not None and found.right is not None and self.bits > _DOUBLE:
            return self._closer(found, output, allowed)
        if found.verdict is Verdict.KINK or sharp(found, allowed):
            return found
        # Two evaluations for all outputs, where a fit takes hundreds.
        exact = confirmed(found, self._by_complex_step(output), allowed)
        if exact is not found:
            return exact
        rough = found.bar > nothing(sweep) or found.verdict is Verdict.INCONCLUSIVE
        # A fit to equal values, or to chaos, would know no more, and say it did.
        if rough and not seen.flat and not seen.chaotic:
            found = self._fitted(found, seen, sweep, output, allowed)
        if not resolved(found) and (found.numeric or self._far(output, claim)):
            return self._from_afar(found, output, claim, allowed)
        return found

    def _closer(self, found: Element, output: int, allowed: Tolerance) -> Element:
        """The verdict on a kink again: it may lie beside x, and f be straight still closer by."""
        assert found.left is not None and found.right is not None
        h = _BESIDE * spacing(self.own, self.bits)
        near = self.table(h * np.arange(-2, 3, 2.0))[:, output]
        bend = abs(near[0] - 2 * near[1] + near[2])
        if not bend <= _SEEN * abs(found.right - found.left) * h:
            return found
        radius = 2.0 ** (np.round(np.log2(self.own)) - self.bits) * _CLOSE
        ts = np.arange(-_EACH, _EACH + 1) * (radius / _EACH)
        better = straight_fit(ts, self.table(ts)[:, output], self.unit)
        return found if better is None else straight(found, better, allowed)

    def _by_complex_step(self, output: int) -> float:
        """Slope of an output; nan where f is not known to be analytic."""
        if self._slopes is None:
            exact = None if self._exact is None else self._exact()
            self._slopes = np.full(len(self.center), np.nan) if exact is None else exact
        return float(self._slopes[output])

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
            return self.table(nodes(radius))[:, output]

        with np.errstate(all="ignore"):
            radii = t[(t >= best.step) & (t <= best.step * _REACH)]
            better = fitted(radii.tolist(), values, self.unit, seen.rounding)
        if better is None or better.bar >= found.bar:
            return found
        return within(found, better, allowed, sweep, seen.rounding)

    def _from_afar(self, found: Element, output: int, claim: float, allowed: Tolerance) -> Element:
        """The verdict from coarser steps than usual, where a slope shows there that is not 0."""
        steps = np.append(beyond(self.grid), self.grid)
        wide = judge(self.sweep(steps, output, self._steepest), claim, allowed)
        fits = not np.isfinite(found.bar) or abs(wide.numeric - found.numeric) <= found.bar
        # Rounding of what f is a part of may follow a line from afar.
        fits &= abs(claim - wide.numeric) * self.grid[0] > _LOST * self.unit * self.whole(output)
        if wide.verdict in (Verdict.PASS, Verdict.FAIL) and resolved(wide) and fits:
            return wide
        return found

    def _far(self, output: int, claim: float) -> bool:
        """Whether coarser steps may say more of a flat f."""
        far = float(self.grid[0]) * FAR
        return claim != 0 or any(self.at(t)[output] != self.center[output] for t in (far, -far))
