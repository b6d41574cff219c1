"""Functions that come in steps: those that round inside, and those whose steps are meant.

Within a step f is flat, or straight with a slope of its own; the slope over many is another. Steps
no larger than the rounding of what f is made of are rounding. Larger ones may be that of float16,
or be meant, as those of a quantiser: which one, no value tells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_nn.testing.numeric.grid import spacing
from tinygrad_nn.testing.numeric.judge import Tolerance, judge
from tinygrad_nn.testing.numeric.samples import FARTHER, Samples
from tinygrad_nn.testing.numeric.slopes import Slopes, slopes
from tinygrad_nn.testing.numeric.sweep import Sweep
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["in_steps", "saturated", "step_beyond"]

_ROUNDINGS = 16.0
"""Rounding units of f that a difference of its values may be off by."""
_RESOLVED = 2.0**-50
"""Part of a step by which others are told from it."""
_TREAD, _TRIED = 2.0**-12, 8
"""Part of a flat stretch over which f is the same beyond it, too, if it comes in steps: the next
is much shorter where what is rounded has nearly vanished. And points at which this is tried."""
_OF_FARTHER = 64.0
"""Rounding units of f farther out, or of numbers that x is among, that its steps are at most."""
_QUANTUM = 1e-6
"""Part of f, or of x times its slope, that a step of it is if x is rounded to float32: what comes
in larger ones may have been made so, and be meant to have no slope."""
_HALF = 2.0**-7
"""Part of f that its steps may be if something inside is rounded to float16."""
_MANY = 8.0
"""Distances of the first step at which the slope over many is seen."""
_WITHIN = 8.0
"""Times a step, or an error bar, that is granted where f comes in steps."""
_STEPPED = "f comes in steps, whose slope is not that over many"


def step_beyond(
    samples: Samples, sweep: Sweep, output: int, slope: float = 0.0
) -> tuple[float, float]:
    """The step by which f leaves a straight stretch around x, as numbers of few digits do.

    Beyond a kink it moves by its own rounding first, or a little with each number: by no step.

    Args:
        samples: Values of f.
        sweep: Those of the usual steps, of one output.
        output: Which one.
        slope: Of the stretch.

    Returns:
        Its size, and how far it is from x; 0 if there is none.
    """
    center = sweep.center
    tolerance = _ROUNDINGS * samples.unit * abs(center) if slope else 0.0
    found = []
    for side, values in ((1.0, sweep.above), (-1.0, sweep.below)):
        off = np.abs(values - center - slope * side * sweep.steps)
        moved = np.flatnonzero(np.isfinite(off) & (off > tolerance))
        if not moved.size or moved[-1] == len(sweep.steps) - 1:
            continue
        near, far = (float(sweep.steps[moved[-1] + n]) for n in (1, 0))
        finest = max(spacing(samples.own, samples.bits), _RESOLVED * far)
        while far - near > 2 * finest:
            middle = (near + far) / 2
            value = float(samples.at(side * middle)[output])
            still = abs(value - center - slope * side * middle) <= tolerance
            near, far = (middle, far) if still else (near, middle)
        tread = far + max(finest, _TREAD * far / _TRIED) * np.arange(_TRIED)
        beyond = samples.table(side * tread)[:, output] - center - slope * side * tread
        rounding = _ROUNDINGS * samples.unit * max(abs(float(beyond[0])), abs(center))
        step = float(abs(beyond[0]))
        if step > rounding and np.ptp(beyond) <= (step / _TRIED if slope else 0.0):
            found.append((step, far))
    return min(found, key=lambda pair: pair[1], default=(0.0, 0.0))


def saturated(samples: Samples, sweep: Sweep, output: int) -> Slopes | None:
    """Slopes of what comes in steps that are the rounding of what f is made of.

    As 1 - tanh(x) does: where tanh is nearly 1, all that is seen are the last digits of 1.
    """
    grid = np.union1d(samples.own * FARTHER, samples.grid)[::-1]
    wide = samples.sweep(grid, output, sweep.steepest)
    rounding = samples.unit * samples.large(output)
    step, _ = step_beyond(samples, wide, output)
    if not 0 < step <= _OF_FARTHER * rounding:
        return None
    return slopes(sweep, step=_OF_FARTHER * rounding, rounding=rounding)


def in_steps(
    samples: Samples, sweep: Sweep, found: Element, output: int, allowed: Tolerance
) -> Element:
    """The verdict on a claim that is off, again, where f comes in steps: that may be why.

    Args:
        samples: Values of f.
        sweep: Those of the usual steps, of one output.
        found: What these say.
        output: Which one.
        allowed: Tolerance.
    """
    flat = sweep.is_flat()
    within = 0.0 if flat else found.numeric
    step, distance = step_beyond(samples, sweep, output, within)
    if not step:
        return found
    size = max(abs(float(samples.center[output])), samples.whole(output))
    half = flat and step <= _HALF * size
    if flat and found.analytic == 0:
        may_be = step > _QUANTUM * max(size, samples.own * abs(found.numeric))
    elif abs(found.numeric - within) * distance > step / _WITHIN:
        may_be = half and _is_near(found.analytic, found)
    elif not _is_towards_many(samples, found, output, distance):
        may_be = False
    elif step <= _OF_FARTHER * samples.unit * samples.large(output):
        beyond = sweep.beyond(distance)
        rounded = slopes(beyond, rounding=samples.unit * samples.large(output))
        many = judge(beyond, found.analytic, allowed, rounded)
        if many.verdict is Verdict.PASS:
            return many
        small = abs(found.analytic - within) * distance <= _WITHIN * step
        may_be = many.verdict is Verdict.INCONCLUSIVE and small
    else:
        many = judge(sweep, found.analytic, Tolerance(), slopes(sweep, step=4 * step))
        may_be = half and _is_near(found.analytic, many)
    return replace(found, verdict=Verdict.INCONCLUSIVE, why=_STEPPED) if may_be else found


def _is_near(claim: float, measured: Element) -> bool:
    return abs(claim - measured.numeric) <= _WITHIN * measured.bar


def _is_towards_many(samples: Samples, found: Element, output: int, distance: float) -> bool:
    """Whether a claim is off what was measured towards the slope over many steps."""
    t = _MANY * distance
    many = float(samples.at(t)[output] - samples.at(-t)[output]) / (2 * t) - found.numeric
    off = found.analytic - found.numeric
    return off * many > 0 and abs(off) <= 2 * abs(many)
