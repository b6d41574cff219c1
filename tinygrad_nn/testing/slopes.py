"""Slopes of a function of one number, read off a sweep of steps, with their error bars.

A difference quotient errs twice: by truncation, which grows with the step, and by the noise of
the function (rounding at least), which grows as the step shrinks. Both are estimated from the
sweep itself. Truncation: Richardson's extrapolation from several steps is compared with that
from fewer. Noise: third differences of neighbouring steps vanish for what is smooth on that
scale, so what they leave at fine steps is noise.

Source: L. F. Richardson, "The approximate arithmetical solution by finite differences", Phil.
Trans. R. Soc. A 210 (1911); J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J.
Sci. Comput. 33 (2011), for noise from differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.testing.grid import RATIO

__all__ = ["Estimate", "Slopes", "Sweep", "slopes"]

_TINY = 5e-324
_FEWEST = 4
"""Differences that an estimate of noise takes at least: of fewer all may be small by chance."""
_GRAIN = 1e-4
"""Jumps of at most this part of a function's values are its grain, of float16 or rounding; larger
ones are steps that it really takes."""
_SIGMAS = 5.0
_GROWTH = 1.02
"""Factor by which the quotients of a steep function grow at least from step to step (t**-0.02)."""
_EVEN = 0.1
_LAST = 5
"""Finest steps at which a jump must be seen; eight for a slope without bound."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Values of a function along a line.

    Attributes:
        steps: t, descending.
        above: f(x + t); nan where f has no finite value.
        below: f(x - t).
        center: f(x).
        unit: Rounding unit of the values: 2**-53 for float64.
    """

    steps: Any
    above: Any
    below: Any
    center: float
    unit: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A slope, how far off it may be, and the finest step that it rests upon."""

    value: float
    bar: float
    step: float


@dataclass(frozen=True, slots=True)
class Slopes:
    """What a sweep says of the slope.

    Attributes:
        central: From both sides at once; None if no estimate could be made.
        left, right: From one side.
        flat: f is exactly the same at every step.
        grain: Size of the jumps that f makes everywhere, as numbers of few digits do; 0 if none.
        grain_step: Step at which the first of them is seen.
        jumps: f jumps at x.
        steep: The slope grows without bound towards x.
        size: Largest absolute value of f in the sweep.
        around: Absolute slopes at each step, the larger of both sides.
    """

    central: Estimate | None
    left: Estimate | None
    right: Estimate | None
    flat: bool
    grain: float
    grain_step: float
    jumps: bool
    steep: bool
    size: float
    around: Any


def slopes(sweep: Sweep) -> Slopes:
    """All of it, from one sweep."""
    t, center = sweep.steps, sweep.center
    above, below = _nearest_run(sweep.above), _nearest_run(sweep.below)
    up, down = above - center, center - below
    size = float(np.nanmax(np.abs(np.concatenate([above, below, [center]]))))
    ulp = np.fmax(np.fmax(np.abs(above), np.abs(below)), abs(center)) * sweep.unit
    ulp = np.maximum(ulp, _TINY)
    flat = not np.any(np.nan_to_num(up)) and not np.any(np.nan_to_num(down))
    grain, grain_step = 0.0, float(t[0])
    if not flat:
        for change, values in ((up, above), (down, below)):
            found, level = _grain(change, values, center)
            if found:
                change[level + 1 :] = np.nan
                if found > grain:
                    grain, grain_step = found, float(t[level])
    floor = np.maximum(ulp, grain)
    both = (up + down) / 2
    return Slopes(
        central=_local(_estimates(both, t, floor, (2, 4))),
        left=_local(_estimates(down, t, floor, (1, 2))),
        right=_local(_estimates(up, t, floor, (1, 2))),
        flat=flat,
        grain=grain,
        grain_step=grain_step,
        jumps=not grain and (_jumps(up, center, sweep.unit) or _jumps(down, center, sweep.unit)),
        steep=_steep(up / t) or _steep(down / t),
        size=size,
        around=np.fmax(np.abs(up / t), np.abs(down / t)),
    )


def _nearest_run(values: Any) -> Any:
    """Only the finest run of finite values: beyond a hole lies another branch of the function."""
    holes = np.flatnonzero(~np.isfinite(values))
    near = np.array(values, float)
    if holes.size:
        near[: holes[-1] + 1] = np.nan
    return near


def _grain(change: Any, values: Any, center: float) -> tuple[float, int]:
    """Size of the first jump after steps too fine for f to change at all, and its level."""
    moves = np.flatnonzero(np.nan_to_num(change))
    if not moves.size or moves[-1] >= len(change) - 3:
        return 0.0, 0
    level = int(moves[-1])
    jump = float(abs(change[level]))
    return (jump, level) if jump <= _GRAIN * max(abs(values[level]), abs(center)) else (0.0, 0)


def _noise(change: Any, t: Any, floor: Any) -> Any:
    """Noise of the values at each level, from differences at finer levels."""
    # Coefficients that cancel t and t² of three neighbours of ratio 4.
    third = np.zeros(len(t))
    with np.errstate(invalid="ignore", over="ignore"):
        third[2:] = np.abs(change[2:] - 0.3125 * change[1:-1] + change[:-2] / 64)
    third[2:][(t[:-2] / t[1:-1] != RATIO) | (t[1:-1] / t[2:] != RATIO)] = 0.0
    third[~np.isfinite(third)] = 0.0
    worst = np.maximum.accumulate(third[::-1])[::-1]
    levels = np.minimum(np.arange(len(t)) + 1, max(len(t) - _FEWEST, 0))
    return np.maximum(worst[levels], floor)


def _estimates(change: Any, t: Any, floor: Any, powers: Sequence[int]) -> list[Estimate]:
    """Slopes by extrapolation, where the error of a quotient runs in these powers of the step."""
    noise = _SIGMAS * _noise(change, t, floor) / t
    quotient = change / t
    near = np.append(t[:-1] / t[1:] == RATIO, False)
    near &= np.isfinite(quotient) & np.isfinite(np.append(quotient[1:], np.nan))
    finer = np.append(quotient[1:], np.nan)
    found = [_packed(finer, 2 * np.abs(quotient - finer), noise, t, 1, near)]
    previous = quotient
    for order, power in enumerate(powers, start=1):
        weight = RATIO**power
        finer = np.append(previous[1:], np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            better = np.where(near, (weight * finer - previous) / (weight - 1), np.nan)
            spread = np.abs(better - finer)
            beside = np.abs(better - np.append(better[1:], np.nan))
        found.append(_packed(better, np.fmax(spread, beside), noise, t, order, None))
        previous = better
    return [e for group in found for e in group]


def _packed(
    values: Any, truncation: Any, noise: Any, t: Any, depth: int, where: Any
) -> list[Estimate]:
    """Estimates that rest on a level and the `depth` levels below it."""
    kept = np.isfinite(values) & np.isfinite(truncation)
    kept[len(t) - depth :] = False
    if where is not None:
        kept &= where
    at = np.flatnonzero(kept)
    bars = truncation[at] + noise[at + depth]
    return [
        Estimate(v, b, s)
        for v, b, s in zip(values[at].tolist(), bars.tolist(), t[at + depth].tolist(), strict=True)
        if np.isfinite(b)
    ]


def _local(found: list[Estimate]) -> Estimate | None:
    """The sharpest estimate, unless those on a finer scale agree on another slope.

    What counts is the limit: a function may look straight from afar and bend close by.
    """
    if not found:
        return None
    best = min(found, key=lambda e: e.bar)
    while True:
        others = [
            e
            for e in found
            if e.step < best.step
            and abs(e.value - best.value) > e.bar + best.bar
            and e.bar < abs(e.value - best.value) / 4
        ]
        agreed = [
            e
            for e in others
            if any(o.step != e.step and abs(o.value - e.value) <= o.bar + e.bar for o in others)
        ]
        if not agreed:
            return best
        best = min(agreed, key=lambda e: e.bar)


def _jumps(change: Any, center: float, unit: float) -> bool:
    """Whether f stays away from f(x), by the same distance however fine the step."""
    near = change[np.isfinite(change)][-_LAST:]
    if len(near) < _LAST:
        return False
    last = near[-1]
    far = abs(last) > 50 * unit * max(abs(center), abs(last))
    return bool(far and np.all(np.abs(near - last) <= 1e-2 * abs(last)))


def _steep(quotient: Any) -> bool:
    """Whether quotients grow by about the same factor at each finer step, as a root's at 0."""
    near = np.abs(quotient[np.isfinite(quotient)])[-_LAST - 3 :]
    if len(near) < _LAST + 3 or not np.all(near):
        return False
    growth = near[1:] / near[:-1]
    return bool(np.all(growth > _GROWTH) and np.ptp(growth) < _EVEN and near[-1] > 2 * near[0])
