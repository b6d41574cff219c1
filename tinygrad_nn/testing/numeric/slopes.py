"""Slopes of a function of one number, read off a sweep of steps, with their error bars.

A difference quotient errs twice: by truncation, which grows with the step, and by the noise of
the function (rounding at least), which grows as the step shrinks. Both are estimated from the
sweep itself. Truncation: Richardson's extrapolation from several steps is compared with that
from fewer. Noise: differences of neighbouring steps in which powers of the step cancel, up to the
fifth, vanish for what is smooth on that scale, so what they leave at fine steps is noise.

Source: L. F. Richardson, "The approximate arithmetical solution by finite differences", Phil.
Trans. R. Soc. A 210 (1911); J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J.
Sci. Comput. 33 (2011), for noise from differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.grid import RATIO
from tinygrad_nn.testing.numeric.sweep import Sweep

__all__ = ["Estimate", "Slopes", "slopes"]

_TINY = 5e-324
_FEWEST = 4
"""Differences that an estimate of noise takes at least: of fewer all may be small by chance."""
_GRAIN = 1e-4
_GRAINS = 64
"""Jumps of at most this part of a function's values, or of which it makes so many within the
usual steps, are its grain, of float16 or rounding; larger ones are steps that it really takes."""
_OF_ONE = 4.0
"""Rounding units of 1 that a jump is grain up to, if f is flat as far on both sides: 1 - tanh**2 at
17 makes thirteen such jumps within the usual steps."""
_SIGMAS = 5.0
"""Times the noise that is reckoned with: it is the largest of a few values, not of all."""
_GROWTH = 1.02
"""Factor by which the quotients of a steep function grow at least from step to step (t**-0.02)."""
_EVEN = 0.1
"""Range of such factors: of a power they are all the same."""
_LAST = 5
"""Finest steps at which a jump must be seen; eight for a slope without bound."""
_LOGARITHM = 16
"""Finest steps over which quotients must keep growing by the same amount, as those of x log x do
(a root x**1.05, whose slope is 0, has let up to a third by then)."""
_LETS_UP = 0.9
"""Part of the largest of these amounts that the least must be."""
_NOISY = 1e-6
"""Part of f up to which a jump at x is its noise, of float32 or of an iteration that ends."""
_ABOVE = 50
"""Rounding errors that a jump or a change at a steep place must exceed."""
_ASIDE = 4.0
"""The noise of a central difference is at least this part of that of each side: only symmetry
makes it less, and x sin(1/x) at 0 is symmetric but has no slope."""
_COUNTS = 2.0**-12
"""Rounding unit of the values up to which whole ones are taken for counts: beyond, all of them may
be whole for want of digits."""
_TWIN = 1
"""Levels by which flat stretches on both sides may differ for grain to be their cause."""
_ULPS = 8.0
"""Rounding units that are no grain: they are reckoned with anyway."""
_PARTS = 12
_COUNTED = 1e-2
"""Grains are whole multiples of this part of the first jump, which may be two or three of them; to
a hundredth, for rounding."""
_KNOWN = 1e-4
"""Part of itself to which a slope is known that finer steps are not allowed to overrule."""
_AGREE, _CHAOTIC = 0.5, 100.0
"""Part by which slopes at the finest steps may differ, and times an estimate that they are of what
is chaotic."""
_WILD, _BEYOND = 1e-2, 16.0
"""Part of f by which that moves, at steps up to so many times that at which it would by all."""
_SLOWEST = 0.95
"""Ratio of successive errors, of extrapolations that hardly converge."""
_INSIDE = 32.0
"""Rounding units of 1 below which steps may be lost inside a function, as x is in 1 + x."""


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
        steep: Signs of slopes that grow without bound towards x, one for each side that has one.
        size: Largest absolute value of f in the sweep.
        around: Absolute slopes at each step, the larger of both sides.
        rounding: Of what f is made of, where that is known to be larger than f.
        chaotic: The slope close by is so large that the estimates are nothing beside it.
    """

    central: Estimate | None
    left: Estimate | None
    right: Estimate | None
    flat: bool
    grain: float
    grain_step: float
    jumps: bool
    steep: tuple[float, ...]
    size: float
    around: Any
    rounding: float
    chaotic: bool


@np.errstate(all="ignore")
def slopes(sweep: Sweep, grainy: bool = True, step: float = 0.0, rounding: float = 0.0) -> Slopes:
    """All of it, from one sweep.

    Args:
        sweep: Values of f.
        grainy: Whether a flat stretch may be the grain of f, as far as these values say.
        step: Size up to which a jump is known to be grain.
        rounding: Of what f is made of, where that is known to be larger than f.
    """
    t, center = sweep.steps, sweep.center
    above, below = _nearest_run(sweep.above), _nearest_run(sweep.below)
    up, down = above - center, center - below
    size = float(np.fmax.reduce(np.abs(np.concatenate([above, below, [center]]))))
    ulp = np.fmax(np.fmax(np.abs(above), np.abs(below)), abs(center)) * sweep.unit
    ulp = np.maximum(ulp, _TINY)
    known = np.isfinite(up) | np.isfinite(down)
    flat = bool(known.any()) and not np.any(np.nan_to_num(up)) and not np.any(np.nan_to_num(down))
    grain, grain_step = 0.0, float(t[0])
    if not flat:
        # Counts, which only take whole values, jump on purpose; numbers so large that all are
        # whole do not count.
        whole = not np.any(np.mod(np.concatenate([above, below, [center]]), 1) > 0)
        whole &= size * sweep.unit < _COUNTS
        ends = [_last_change(c) for c in (up, down)]
        twin = abs(ends[0] - ends[1]) <= _TWIN
        pairs = ((up, above, down), (down, below, up))
        for change, values, other in pairs if grainy and not whole else ():
            slight = max(_OF_ONE * sweep.unit if twin else 0.0, step)
            found, level = _grain(change, values, center, ulp, slight)
            if found and not _counted(change[: level + 1], found) and _still(other):
                continue
            if found:
                change[level + 1 :] = np.nan
                if found > grain:
                    grain, grain_step = found, float(t[level])
    jump = 0.0 if grain else max(_jump(up, center, sweep.unit), _jump(down, center, sweep.unit))
    slight_jump = jump <= _NOISY * max(abs(center), sweep.whole)
    floor = np.maximum(ulp, max(grain, jump) if slight_jump else grain)
    both = (up + down) / 2
    limit = _INSIDE * sweep.unit * max(1.0, 4 * float(t[0]))
    sides = [_noise(c, t, floor, (1, 2, 3, 4, 5)) for c in (up, down)]
    aside = np.maximum(_noise(both, t, floor, (1, 3, 5, 7, 9)), np.fmax(*sides) / _ASIDE)
    close = _finest(both / t)
    # Rounding inside is as steep between two numbers, but moves f by little.
    near = np.abs(both[np.isfinite(both) & (t * close < _BEYOND * size)])
    close = close if near.max(initial=0.0) > _WILD * size else 0.0
    sided = [
        _local(_estimates(change, t, noise, (1, 2)), change, t, limit)
        for change, noise in zip((down, up), reversed(sides), strict=True)
    ]
    central = _local(_estimates(both, t, aside, (2, 4)), both, t, limit)
    central, left, right = (_not_chaotic(e, close) for e in (central, *sided))
    return Slopes(
        central=central,
        left=left,
        right=right,
        flat=flat,
        grain=grain,
        grain_step=grain_step,
        jumps=jump > 0 and not slight_jump,
        steep=tuple(
            float(np.sign(c[np.isfinite(c)][-1]))
            for c in (up, down)
            if _steep(c / t, c, center, sweep.unit)
        ),
        size=size,
        around=np.fmax(np.abs(up / t), np.abs(down / t)),
        rounding=max(rounding, grain) if rounding else 0.0,
        chaotic=central is not None and central.bar == close > 0,
    )


def _nearest_run(values: Any) -> Any:
    """Only the finest run of finite values: beyond a hole lies another branch of the function."""
    holes = np.flatnonzero(~np.isfinite(values))
    near = np.array(values, float)
    if holes.size:
        near[: holes[-1] + 1] = np.nan
    return near


def _last_change(change: Any) -> int:
    """The finest level at which f is not what it is at x; -1 if there is none."""
    moves = np.flatnonzero(np.nan_to_num(change))
    return int(moves[-1]) if moves.size else -1


def _still(change: Any) -> bool:
    """Whether f never moves on a side, though it has values there: a constant has no grain."""
    return bool(np.all(change == 0))


def _counted(change: Any, grain: float) -> bool:
    """Whether changes are whole multiples of a twelfth of a grain."""
    counts = change[np.isfinite(change)] / grain * _PARTS
    return bool(np.all(np.abs(counts - np.round(counts)) <= _COUNTED))


def _grain(change: Any, values: Any, center: float, ulp: Any, slight: float) -> tuple[float, int]:
    """Size of the first jump after steps too fine for f to change at all, and its level."""
    level = _last_change(change)
    if level < 0 or level >= len(change) - 3:
        return 0.0, 0
    jump = float(abs(change[level]))
    if jump <= _ULPS * ulp[level]:
        return 0.0, 0
    small = jump <= _GRAIN * max(abs(values[level]), abs(center))
    small |= jump * _GRAINS <= np.nanmax(np.abs(change))
    small |= jump <= slight
    return (jump, level) if small else (0.0, 0)


def _noise(change: Any, t: Any, floor: Any, powers: Sequence[int]) -> Any:
    """Noise of the values at each level, from differences at finer levels.

    Neighbours are combined so that these powers of t cancel, one more at a time. What is left of
    noise is about the same each time (its finest value has weight 1, the others 1/4 and less),
    what is left of a smooth function shrinks: the least of all is taken.
    """
    even = np.append(False, t[:-1] / t[1:] == RATIO)
    rest, least = change, np.full(len(t), np.inf)
    for n, power in enumerate(powers):
        coarser = np.append(np.nan, rest[:-1])
        rest = np.where(even, rest - coarser / RATIO**power, np.nan)
        if n:
            least = np.fmin(least, np.abs(rest))
    least[~np.isfinite(least)] = 0.0
    worst = np.maximum.accumulate(least[::-1])[::-1]
    levels = np.minimum(np.arange(len(t)) + 1, max(len(t) - _FEWEST, 0))
    return np.maximum(worst[levels], floor)


def _estimates(change: Any, t: Any, noise: Any, powers: Sequence[int]) -> Any:
    """Slopes by extrapolation, where the error of a quotient runs in these powers of the step.

    Returns:
        A column for each: value, bar, finest step, as `Estimate` has them.
    """
    noise = _SIGMAS * noise / t
    quotient = change / t
    near = np.append(t[:-1] / t[1:] == RATIO, False)
    finer = _finer(quotient)
    near &= np.isfinite(quotient) & np.isfinite(finer)
    found = [_packed(finer, 2 * _remaining(quotient, finer), noise, t, 1, near)]
    previous = quotient
    for order, power in enumerate(powers, start=1):
        weight = RATIO**power
        finer = _finer(previous)
        better = np.where(near, (weight * finer - previous) / (weight - 1), np.nan)
        spread = np.abs(better - finer)
        beside = _remaining(better, _finer(better))
        found.append(_packed(better, np.fmax(spread, beside), noise, t, order, None))
        previous = better
    return np.concatenate(found, axis=1)


def _finer(values: Any) -> Any:
    """At each level the value of the next finer one."""
    found = np.empty_like(values)
    found[:-1], found[-1:] = values[1:], np.nan
    return found


def _remaining(values: Any, finer: Any) -> Any:
    """How far values are from their limit, if they go on to converge as they do here.

    Smooth functions converge by 1/4 and better from step to step, |x|**1.5 at 0 only by 1/2: what
    remains is the geometric series.
    """
    change = np.abs(values - finer)
    ratio = _finer(change) / change
    slow = np.where((ratio > 1 / RATIO) & (ratio < 1), np.minimum(ratio, _SLOWEST), 0.0)
    return change / (1 - slow)


def _packed(values: Any, truncation: Any, noise: Any, t: Any, depth: int, where: Any) -> Any:
    """Estimates that rest on a level and the `depth` levels below it."""
    kept = np.isfinite(values) & np.isfinite(truncation)
    kept[len(t) - depth :] = False
    if where is not None:
        kept &= where
    at = np.flatnonzero(kept)
    found = np.array([values[at], truncation[at] + noise[at + depth], t[at + depth]])
    return found[:, np.isfinite(found[1])]


def _local(found: Any, change: Any, t: Any, limit: float) -> Estimate | None:
    """The sharpest estimate, unless those on a finer scale agree on another slope.

    What counts is the limit: a function may look straight from afar and bend close by. But steps
    below `limit` may be lost inside of it (1 - x does not change when x of 1e-6 changes by 1e-17),
    which shows in changes that stray about the straight line.
    """
    values, bars, at = found
    if not values.size:
        return None
    n = int(np.argmin(bars))
    while True:
        best = Estimate(float(values[n]), float(bars[n]), float(at[n]))
        known = best.step >= limit and best.bar <= _KNOWN * abs(best.value)
        lost = known and _strays(change, t, best, limit)
        off = np.abs(values - best.value)
        others = (at < best.step) & (off > bars + best.bar) & (bars < off / 4)
        if lost:
            others &= at >= limit
        agreed = [m for m in np.flatnonzero(others).tolist() if _seconded(m, others, found)]
        if not agreed:
            return best
        n = min(agreed, key=bars.__getitem__)


def _finest(quotient: Any) -> float:
    """Absolute slope that quotients at the finest steps agree on, roughly; 0 if they do not."""
    near = np.abs(quotient[np.isfinite(quotient)][-_LAST:-1])
    agree = len(near) == _LAST - 1 and np.ptp(near) <= _AGREE * near.min()
    return float(near.min()) if agree else 0.0


def _not_chaotic(estimate: Estimate | None, finest: float) -> Estimate | None:
    """An estimate with a bar that has the slope close by in it, if beside that it is nothing.

    What is chaotic looks from afar like something bounded and noisy.
    """
    if estimate is None or finest <= _CHAOTIC * (abs(estimate.value) + estimate.bar):
        return estimate
    return Estimate(estimate.value, finest, estimate.step)


def _seconded(n: int, others: Any, found: Any) -> bool:
    """Whether another of these estimates, of another step, agrees with this one."""
    values, bars, at = found
    again = (at != at[n]) & (np.abs(values - values[n]) <= bars + bars[n])
    return bool(np.any(again & others))


def _strays(change: Any, t: Any, best: Estimate, limit: float) -> bool:
    """Whether changes at steps a little above `limit` are off a straight line irregularly."""
    near = (t >= limit) & (t <= limit * RATIO**6) & np.isfinite(change)
    rest = change[near] - best.value * t[near]
    return bool(rest.size and np.ptp(rest) > np.abs(rest).max() / 10)


def _jump(change: Any, center: float, unit: float) -> float:
    """The distance from f(x) at which f stays however fine the step; 0 if it does not."""
    near = change[np.isfinite(change)][-_LAST:]
    if len(near) < _LAST:
        return 0.0
    last = near[-1]
    far = abs(last) > _ABOVE * unit * max(abs(center), abs(last))
    stays = far and np.all(np.abs(near - last) <= 1e-2 * abs(last))
    return float(abs(last)) if stays else 0.0


def _steep(quotient: Any, change: Any, center: float, unit: float) -> bool:
    """Whether quotients grow without end: by an even factor as a root's, or evenly as a log's."""
    known = np.isfinite(quotient)
    moves = np.abs(change[known]) > _ABOVE * unit * abs(center)
    near = np.abs(quotient[known])[-_LAST - 3 :]
    if len(near) < _LAST + 3 or not np.all(near) or not np.all(moves[-_LAST - 3 :]):
        return False
    growth = near[1:] / near[:-1]
    jumps = growth.min() > (1 - _EVEN) * RATIO
    if np.all(growth > _GROWTH) and np.ptp(growth) < _EVEN and near[-1] > 2 * near[0]:
        return not jumps
    added = np.diff(quotient[known][-_LOGARITHM - 1 :])
    if len(added) < _LOGARITHM or not np.all(moves[-_LOGARITHM - 1 :]):
        return False
    within = added * np.sign(added[-1])
    return bool(within.min() > _LETS_UP * within.max() and within.min() > 0)
