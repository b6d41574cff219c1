"""What can be told of all outputs of a line at once: those plainly right or wrong, and flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.grid import beyond, spacing, steps
from tinygrad_nn.testing.numeric.judge import OUTSIDE, Tolerance, level_bar
from tinygrad_nn.testing.numeric.samples import Samples
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["FAR", "Plain", "flatly", "plainly"]

_QUICK = (1 / 16, 1 / 64, 1 / 256)
"""Steps, in parts of the scale, from which the slope of a well-behaved function is read."""
_FINE = (2.0**-26, 2.0**-34)
"""Steps at which it is looked whether anything else happens close by."""
_STRICT = 0.5
"""Part of the tolerance within which slope and bar must be for a function to be plainly right."""
_ROUNDINGS = 16.0
"""Rounding units of f that a difference of its values may be off by."""
_AMONG = 8.0
"""Times an output that others of its array are granted to be larger, whose rounding is in it."""
_INNER = 4.0
"""Times as much, of numbers inside f: right gradients are looked at once more beyond the first."""
_CURVED = 4.0
"""Factor by which curvature may be larger close by than it is at the usual steps."""
_SURELY, _OFF = 16.0, 4.0
"""Error bars and tolerances that a claim must be off by to be plainly wrong."""
_KINK, _BENT = 1e-4, 0.05
"""Part of the difference of its slopes by which f may stray on both sides of a kink; and, by the
rounding of numbers, where it is looked whether the kink is at x."""
_BESIDE = 58
"""Where that is, in twice the spacing of numbers."""
FAR = 2.0**20
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


@dataclass(frozen=True, slots=True)
class Plain:
    """What is plain of each output; of the others it is to be found out.

    Attributes:
        right: f is smooth, and the claim its slope.
        wrong: f is smooth, or has a kink, and the claim is beside its slopes.
        kinked: f has a kink at x, and the claim lies between its slopes.
        slope, bar: The slope where f is smooth, and how far off it may be.
        left, right_slope: Those at a kink.
    """

    right: Any
    wrong: Any
    kinked: Any
    slope: Any
    bar: Any
    left: Any
    right_slope: Any

    def element(self, output: int, claim: float) -> Element | None:
        """The verdict on an output, if it is plain."""
        if self.right[output] or (self.wrong[output] and np.isnan(self.left[output])):
            verdict = Verdict.PASS if self.right[output] else Verdict.FAIL
            return Element(verdict, claim, float(self.slope[output]), float(self.bar[output]))
        if not (self.wrong[output] or self.kinked[output]):
            return None
        left, right = float(self.left[output]), float(self.right_slope[output])
        middle, half = (left + right) / 2, abs(right - left) / 2
        if self.kinked[output]:
            return Element(Verdict.KINK, claim, middle, half, "", left, right)
        return Element(Verdict.FAIL, claim, middle, half, OUTSIDE, left, right)


def plainly(samples: Samples, claims: Any, allowed: Tolerance) -> Plain:
    """Which outputs are smooth or have a kink, and whether the claim fits to it, where it is plain.

    A hundredth of the time of a sweep for each.
    """
    scale = 4 * float(steps(samples.size)[0])
    ts = [scale * part for part in _QUICK]
    with np.errstate(all="ignore"):
        up = np.array([samples.at(t) - samples.center for t in ts])
        down = np.array([samples.center - samples.at(-t) for t in ts])
        largest = np.maximum(np.abs(samples.center), np.abs(up).max(axis=0))
        among = np.fmin(samples.wholes(), _AMONG * largest)
        rounding = _ROUNDINGS * samples.unit * np.fmax(largest, among)
        slope, finer = _romberg((up + down) / 2, ts, (2, 4))
        right, right_finer = _romberg(up, ts, (1, 2))
        left, left_finer = _romberg(down, ts, (1, 2))
        bar = np.abs(slope - finer) + rounding / ts[-1]
        sided = np.abs(right - right_finer) + np.abs(left - left_finer)
        bend = _CURVED * np.abs(up[-1] - down[-1]) / (ts[-1] * ts[-1])
        fine = [
            (t, samples.at(t) - samples.center, samples.center - samples.at(-t))
            for t in (scale * part for part in _FINE if samples.unit < _SINGLE_UNIT)
        ]

        def straight(known: Any, margin: Any, rounding: Any) -> Any:
            """Outputs that have this slope at fine steps, and there is no kink."""
            good = np.isfinite(margin) & (np.abs(right - left) <= sided + margin)
            for t, above, below in fine:
                off = np.abs((above + below) / 2 - known * t)
                good &= off <= margin / _STRICT * t + rounding
                good &= np.abs(above - below) <= bend * t * t + margin * t + rounding
            return good

        own = np.maximum(np.abs(slope), np.abs(claims))
        margin = _STRICT * allowed.relative * own
        good = (np.abs(slope - claims) <= margin) & (bar <= margin)
        good &= straight(claims, margin, rounding)
        still = ~np.any(up, axis=0) & ~np.any(down, axis=0) & (claims == 0)
        for _, above, below in fine:
            still &= (above == 0) & (below == 0)
        for t in (scale * FAR, -scale * FAR) if still.any() else ():
            still &= samples.at(t) == samples.center
        wrong = np.zeros(claims.shape, bool)
        if fine:
            # What is lost in rounding there, or comes in grains, is not plain.
            t, above, below = fine[0]
            close = (above + below) / (2 * t)
            off = np.abs(close - claims)
            least = np.fmin(off, np.abs(close)) / _SURELY
            wrong = (np.abs(slope - close) <= least) & (bar <= least) & (close != 0)
            wrong &= straight(close, margin, _INNER * rounding)
            wrong &= off > _OFF * allowed.relative * own + allowed.absolute
        kink = _kinks(samples, fine, (left, right), sided) & ~good & ~still & ~wrong
        low, high = np.minimum(left, right), np.maximum(left, right)
        beyond = np.fmax(low - claims, claims - high)
        granted = _STRICT * allowed.relative * np.maximum(np.abs(low), np.abs(high))
        outside = kink & (beyond > _KINK * (high - low) + _SURELY * granted + allowed.absolute)
        left_at_kink = np.where(kink, left, np.nan)
        slope = np.where(still, 0.0, slope)
        within = kink & (beyond <= granted)
        return Plain(good | still, wrong | outside, within, slope, bar, left_at_kink, right)


def _kinks(samples: Samples, fine: list[Any], sides: tuple[Any, Any], sided: Any) -> Any:
    """Outputs that are straight on both sides with another slope, up to a few numbers from x."""
    left, right = sides
    gap = np.abs(right - left)
    kink = (sided <= _KINK * gap) & np.isfinite(gap) & (gap > 0) & bool(fine)
    for t, above, below in fine:
        near = _KINK * gap * t
        kink &= (np.abs(above - right * t) <= near) & (np.abs(below - left * t) <= near)
    if not kink.any():
        return kink
    t = _BESIDE * spacing(samples.own, samples.bits)
    bend = np.abs(samples.at(t) - 2 * samples.center + samples.at(-t))
    return kink & (np.abs(bend - gap * t) <= _BENT * gap * t)


def flatly(samples: Samples, claims: Any, known: Any) -> tuple[Any, Any]:
    """Outputs that are the same at every step, with a claim of nothing; and their bars.

    Where f is flat at the usual steps alone, it may have a slope that shows far out: it moves
    by little at first then. What falls at once, as a saturated function does at last, has
    none. Only what does neither is judged by itself, which takes a thousand times as long.
    """
    flat, bars = np.zeros(claims.shape, bool), np.full(claims.shape, np.inf)
    if known.all():
        return flat, bars
    grid = samples.grid
    center = samples.center
    with np.errstate(all="ignore"):
        bars = level_bar(np.abs(center) * samples.unit, float(grid[0]))
        flat = ~known & np.isfinite(center) & (np.abs(claims) <= bars)
        for t in (grid, -grid) if flat.any() else ():
            flat &= np.all(samples.table(t) == center, axis=0)
        if not flat.any():
            return flat, bars
        far = beyond(grid)
        far = far[far >= _RESOLVING * grid[0]]
        falls = np.maximum(_FALLS * bars * far[:, None], _FALL * np.abs(center))
        ends = (float(grid[0]) * FAR, -float(grid[0]) * FAR)
        still = (claims == 0) & np.all([samples.at(t) == center for t in ends], axis=0)
        for t in (far, -far) if np.any(flat & ~still) else ():
            change = np.abs(samples.table(t) - center)
            flat &= still | np.all((change == 0) | (change > falls), axis=0)
    return flat, bars


def _romberg(change: Any, ts: list[float], powers: tuple[int, int]) -> tuple[Any, Any]:
    """Slopes extrapolated from three steps, and from the finer two."""
    a, b, c = (d / t for d, t in zip(change, ts, strict=True))
    p, q = (4.0**n for n in powers)
    coarse, fine = (p * b - a) / (p - 1), (p * c - b) / (p - 1)
    return (q * fine - coarse) / (q - 1), fine
