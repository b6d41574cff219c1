"""What can be told of all outputs of a line at once: those plainly right, and those flat."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.grid import beyond, steps
from tinygrad_nn.testing.numeric.judge import Tolerance, level_bar
from tinygrad_nn.testing.numeric.samples import Samples

__all__ = ["FAR", "flatly", "plainly"]

_QUICK = (1 / 16, 1 / 64, 1 / 256)
"""Steps, in parts of the scale, from which the slope of a well-behaved function is read."""
_FINE = (2.0**-26, 2.0**-34)
"""Steps at which it is looked whether anything else happens close by."""
_STRICT = 0.5
"""Part of the tolerance within which slope and bar must be for a function to be plainly right."""
_ROUNDINGS = 16.0
"""Rounding units of f that a difference of its values may be off by."""
_CURVED = 4.0
"""Factor by which curvature may be larger close by than it is at the usual steps."""
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


def plainly(samples: Samples, claims: Any, allowed: Tolerance) -> tuple[Any, Any, Any]:
    """Which outputs are smooth with the slope claimed, their slopes, and bars."""
    scale = 4 * float(steps(samples.size)[0])
    ts = [scale * part for part in _QUICK]
    with np.errstate(all="ignore"):
        up = np.array([samples.at(t) - samples.center for t in ts])
        down = np.array([samples.center - samples.at(-t) for t in ts])
        largest = np.maximum(np.abs(samples.center), np.abs(up).max(axis=0))
        rounding = _ROUNDINGS * samples.unit * largest
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
        for part in _FINE if samples.unit < _SINGLE_UNIT else ():
            t = scale * part
            above, below = samples.at(t) - samples.center, samples.center - samples.at(-t)
            off = np.abs((above + below) / 2 - claims * t)
            good &= off <= allowed.relative * own * t + rounding
            good &= np.abs(above - below) <= bend * t * t + margin * t + rounding
            still &= (above == 0) & (below == 0)
        for t in (scale * FAR, -scale * FAR) if still.any() else ():
            still &= samples.at(t) == samples.center
    return good | still, np.where(still, 0.0, slope), bar


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
