"""Whether a function that strays from a line close by is rounded inside.

Rounding comes in grains: f strays nearby as it does at x, and within each grain it follows a line
of its own. A wave or a kink at x may be as small, in arrays of large numbers or beside steep
outputs, but does not come again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.grid import spacing
from tinygrad_nn.testing.numeric.samples import Samples
from tinygrad_nn.testing.numeric.sweep import Sweep
from tinygrad_nn.testing.verdicts import Element

__all__ = ["SATURATED", "is_rounding", "jumps"]

SATURATED = 16.0
"""Rounding units of 1 by which f may stray: where tanh is nearly 1, its slope 1 - tanh**2 is small,
and rounded as 1 is."""
_JUMP = 1 / 16
"""Rounding units of 1 that a jump is at least then."""


def _both_sides(*distances: float) -> Any:
    return np.array([-d for d in reversed(distances)] + [*distances])


_ROUNDINGS = 16.0
"""Rounding units of f that a difference of its values may be off by."""
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
_RESOLVED = 2.0**-50
"""Part of a step by which others are told from it."""
_LONGER = 4.0**5
"""A grain of a number inside f is up to so many times as long as the finest steps looked at."""


def is_rounding(samples: Samples, sweep: Sweep, found: Element, least: float, output: int) -> bool:
    """Whether f strays from a line like rounding below some step.

    Args:
        samples: Values of f.
        sweep: Those of the usual steps, of one output.
        found: Slope and bar by coarse steps.
        least: The least of these.
        output: Which one.
    """
    slope = found.numeric
    bar = max(found.bar, _SLIGHT * abs(slope))
    lines = sweep.turns(slope, bar, least * _LONGER)
    if not all(_turns_nearby(samples, s, h, slope, output) for s, h in lines):
        return False
    return all(
        _strays_nearby(samples, *sweep.strays(slope, end), slope, output)
        for end in (least, least * _LONGER)
    )


def _turns_nearby(samples: Samples, other: float, h: float, slope: float, output: int) -> bool:
    """Whether f has this other slope nearby too, as within each grain, but not on a wave."""
    places = h * _PHASES
    values = samples.table(np.concatenate([places - h / 8, places + h / 8]))[:, output]
    below, above = values.reshape(2, -1)
    with np.errstate(all="ignore"):
        off = np.abs((above - below) / (h / 4) - other)
    return bool(np.sum(off <= _ALIKE * abs(other - slope)) >= _WITHIN * len(_PHASES))


def _strays_nearby(
    samples: Samples, h: float, off: float, bend: float, slope: float, output: int
) -> bool:
    """Whether f is off a line nearby about as far as at x, over steps of `h`."""
    if off <= _NEARBY * _ROUNDINGS * samples.unit * abs(samples.center[output]):
        return True
    places = h * _PLACES
    ts = np.concatenate([places - h, places, places + h])
    below, middle, above = samples.table(ts)[:, output].reshape(3, -1)
    with np.errstate(all="ignore"):
        odd = np.abs((above - below) / 2 - slope * h)
        even = np.abs((above + below) / 2 - middle - bend * h * h)
        return bool(np.fmax(odd, even).max() >= off / _NEARBY)


def jumps(samples: Samples, sweep: Sweep, slope: float, least: float, output: int) -> bool:
    """Whether f jumps on its way below some step, as rounding does.

    A wave or a kink that is as small takes every value on its way: halving the way, less and less
    of it is left.
    """
    near = np.append(sweep.steps[sweep.steps < least], 0.0)
    ways = [(float(a), float(b)) for ts in (near, -near) for b, a in pairwise(ts)]
    return any(
        _narrowed(samples, ends, part, output) >= _JUMP * samples.unit
        for part in (slope, 0.0)
        for ends in ways
    )


def _narrowed(samples: Samples, ends: tuple[float, float], slope: float, output: int) -> float:
    """What is left of a change beside a line, in the half that has more of it, and so on."""
    low, high = ends
    finest, most = spacing(samples.own, samples.bits), 0.0
    finest = max(finest, _RESOLVED * max(abs(low), abs(high)))
    while abs(high - low) > 2 * finest:
        middle = (low + high) / 2
        left, right = (
            abs(float(samples.at(b)[output] - samples.at(a)[output]) - slope * (b - a))
            for a, b in ((low, middle), (middle, high))
        )
        most, low, high = (left, low, middle) if left >= right else (right, middle, high)
    return most
