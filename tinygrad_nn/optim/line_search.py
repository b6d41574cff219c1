"""A step length that meets the strong Wolfe conditions, by cubic interpolation.

Nocedal and Wright 2006, algorithms 3.5 and 3.6: first steps grow until a minimum lies between
two of them, then the bracket shrinks. Along the line, f is the loss and f′ its slope.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt
from typing import Any, Final, NamedTuple

__all__ = ["strong_wolfe"]

_DECREASE: Final = 1e-4
_CURVATURE: Final = 0.9
_MARGIN: Final = 0.1
"""A trial nearer than this share of the bracket to its end makes too little progress."""
_GROWTH: Final = (0.01, 10)


class _Point(NamedTuple):
    """A place on the line: step, loss, slope, gradient."""

    t: float
    loss: float
    slope: float
    g: Any


def strong_wolfe(
    at: Callable[[float], tuple[float, Any]],
    t: float,
    d: Any,
    loss: float,
    g: Any,
    tolerance: float,
    most: int,
) -> tuple[float, Any, float, int]:
    """Loss, gradient and step found, and how often `at` was called.

    Args:
        at: Loss and gradient at a step.
        t: First step to try.
        d: Direction.
        loss: Loss at step 0.
        g: Gradient at step 0.
        tolerance: Smallest bracket, in the largest element of the parameters' change.
        most: Most rounds.
    """
    start = _Point(0.0, loss, float(g @ d), g)
    calls = 0

    def point(t: float) -> _Point:
        nonlocal calls
        calls += 1
        loss, g = at(t)
        return _Point(t, loss, float(g @ d), g)

    def rises(new: _Point) -> bool:
        return new.loss > start.loss + _DECREASE * new.t * start.slope

    def is_flat(new: _Point) -> bool:
        return abs(new.slope) <= -_CURVATURE * start.slope

    before, new, rounds = start, point(t), 0
    found: _Point | None = None
    while rounds < most:
        if rises(new) or (rounds > 1 and new.loss >= before.loss):
            break
        if is_flat(new):
            found = new
            break
        if new.slope >= 0:
            break
        least, most_t = new.t + _GROWTH[0] * (new.t - before.t), new.t * _GROWTH[1]
        before, new = new, point(_cubic(before, new, least, most_t))
        rounds += 1
    else:
        before = start
    if found is None:
        width = float(abs(d).max())
        found = _narrowed(before, new, point, rises, is_flat, tolerance, width, most - rounds)
    return found.loss, found.g, found.t, calls


def _narrowed(
    a: _Point,
    b: _Point,
    point: Callable[[float], _Point],
    rises: Callable[[_Point], bool],
    is_flat: Callable[[_Point], bool],
    tolerance: float,
    width: float,
    rounds: int,
) -> _Point:
    """Best point of a bracket that shrinks around a minimum."""
    ends = [a, b]
    low = 0 if a.loss <= b.loss else 1
    is_stuck = False
    for _ in range(rounds):
        if abs(ends[1].t - ends[0].t) * width < tolerance:
            break
        least, most = sorted((ends[0].t, ends[1].t))
        t, margin = _cubic(ends[0], ends[1], least, most), _MARGIN * (most - least)
        is_near = min(most - t, t - least) < margin
        if is_near and (is_stuck or t >= most or t <= least):
            t = most - margin if abs(t - most) < abs(t - least) else least + margin
            is_near = False
        is_stuck = is_near
        new = point(t)
        if rises(new) or new.loss >= ends[low].loss:
            ends[1 - low] = new
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if is_flat(new):
            return new
        if new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
    return ends[low]


def _cubic(a: _Point, b: _Point, least: float, most: float) -> float:
    """Minimum of the cubic through two points and slopes, within bounds; the middle if none."""
    if a.t > b.t:
        a, b = b, a
    slope = a.slope + b.slope - 3 * _ratio(a.loss - b.loss, a.t - b.t)
    square = slope * slope - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2
    root = sqrt(square)
    share = _ratio(b.slope + root - slope, b.slope - a.slope + 2 * root)
    return min(max(b.t - (b.t - a.t) * share, least), most)


def _ratio(a: float, b: float) -> float:
    return a / b if b else nan
