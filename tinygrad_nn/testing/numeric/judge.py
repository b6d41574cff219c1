"""The verdict on one element: its gradient beside what a sweep says of its slope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.slopes import Estimate, Slopes, slopes
from tinygrad_nn.testing.numeric.sweep import Sweep
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = [
    "FLAT",
    "OUTSIDE",
    "Tolerance",
    "judge",
    "level_bar",
    "nothing",
    "resolved",
    "sharp",
    "straight",
    "within",
]

_RESOLVED = 3e-3
"""A slope known to 0.3 % is known: a gradient that is off by 1 % is off by `_SURE` bars then."""
_SHARP = 1e-4
"""A slope known to this part needs no better estimate."""
_NOTHING = 256.0
"""Rounding units of f, over a step of 1 or of the size of x, below which a slope is nothing."""
_FLOOR = 12.0
"""The same, of a bar that cannot be smaller: a claim within it is right as far as f shows, as in
the tails of tanh, where slopes are 300 rounding units of f and known to 3."""
_LEAST_SEEN = 0.25
"""Part of what is nothing below which no error bar of a slope is worth its name."""
_COARSE = 16.0
"""Rounding units to which a slope can be known in dtypes of few digits."""
_SURE = 3.0
"""Bars that a gradient must be off by to be called wrong."""
_UNDERFLOW = 1e-320
"""Numbers below this have lost their digits."""
_USUAL = 4
"""Coarsest steps, at which slopes are what they usually are."""
_SLIGHT = 1e-7
"""Part of the usual slope below which a kink is not worth the name."""

_FLAT_BARS = 5.0
"""Roundings over the step that a slope of 0 may be off by, as `slopes` grants them to others."""
_FLAT_SLOPES = 64.0
"""Rounding units of a slope of 1 that may be too little to move f."""
_SLIGHTEST = "f is flat, and the gradient so small that f might not show it"
_LEAST = 5e-324
OUTSIDE = "outside of the one-sided slopes at a kink"
FLAT = "f is flat"
"""Why, of what did not change at any step."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a gradient may be off by.

    Attributes:
        relative: Part of the larger of both values: the rounding of the gradient itself.
        absolute: The same in its own units: how much the gradient changes when its inputs change
            in their last digits.
    """

    relative: float = 1e-6
    absolute: float = 0.0


def judge(sweep: Sweep, claim: float, allowed: Tolerance, found: Slopes | None = None) -> Element:
    """Whether `claim` is the slope.

    Args:
        sweep: Values of the function around the point.
        claim: The gradient's value.
        allowed: What it may be off by.
        found: Slopes of the sweep, where they are known.
    """
    if not isfinite(sweep.center):
        return Element(Verdict.INCONCLUSIVE, claim, why="f has no finite value here")
    if found is None:
        found = slopes(sweep)
    element = _judged(sweep, claim, allowed, found)
    if element.verdict is not Verdict.PASS and _rounded(element, claim, found, sweep):
        return Element(
            Verdict.PASS, claim, element.numeric, element.bar, "nothing but rounding of f"
        )
    return element


def _judged(  # noqa: PLR0911  (a case each)
    sweep: Sweep, claim: float, allowed: Tolerance, found: Slopes
) -> Element:
    scale = 4 * float(sweep.steps[0])
    if found.flat:
        noise = max(found.size * sweep.unit, found.rounding, sweep.whole * sweep.unit**2)
        element = _level(noise, scale / 4, claim, allowed, FLAT)
        if element.verdict is Verdict.FAIL and abs(claim) <= _FLAT_SLOPES * sweep.unit:
            return replace(element, verdict=Verdict.INCONCLUSIVE, why=_SLIGHTEST)
        return element
    if found.jumps:
        return Element(Verdict.KINK, claim, why="f jumps here")
    if found.steep:
        why = "the slope grows without bound"
        if all(sign * claim < 0 for sign in found.steep):
            return Element(Verdict.FAIL, claim, why=f"{why}, and has the other sign")
        return Element(Verdict.KINK, claim, why=why)
    left, right = found.left, found.right
    if left is None and right is None:
        if found.grain:
            why = "f is flat to its grain"
            return _level(found.grain, found.grain_step, claim, allowed, why)
        return Element(Verdict.INCONCLUSIVE, claim, why="f has no finite values around")
    if left is None or right is None:
        side = left if left is not None else right
        assert side is not None
        return _compared(side, claim, found, sweep, allowed, "f has values on one side only")
    if _apart(left, right, found, allowed):
        return _between(left, right, claim, allowed)
    best = min((e for e in (found.central, left, right) if e is not None), key=lambda e: e.bar)
    return _compared(best, claim, found, sweep, allowed, "")


def _level(noise: float, step: float, claim: float, allowed: Tolerance, why: str) -> Element:
    """Where f did not change: whether the claim is nothing too."""
    bar = float(level_bar(noise, step))
    off = abs(claim) - allowed.absolute
    verdict = Verdict.PASS if off <= bar else Verdict.FAIL
    if bar < off <= _SURE * bar:
        # What f is summed from may be larger than f, and rounded as it is.
        verdict = Verdict.INCONCLUSIVE
    return Element(verdict, claim, 0.0, bar, why)


def level_bar(noise: Any, step: float) -> Any:
    """What a slope may be where f, of this noise, did not change over a step."""
    return _FLAT_BARS * np.maximum(noise, _LEAST) / step


def _apart(left: Estimate, right: Estimate, found: Slopes, allowed: Tolerance) -> bool:
    """Whether the one-sided slopes differ, by more than is worth the name."""
    apart = abs(left.value - right.value)
    usual = float(np.nanmedian(found.around)) if np.any(np.isfinite(found.around)) else 0.0
    larger = max(abs(left.value), abs(right.value))
    return apart > left.bar + right.bar and apart > max(_SLIGHT * usual, allowed.relative * larger)


def _between(left: Estimate, right: Estimate, claim: float, allowed: Tolerance) -> Element:
    """At a kink every value between the slopes is a subgradient; none beyond them is."""
    low = min(left.value - left.bar, right.value - right.bar)
    high = max(left.value + left.bar, right.value + right.bar)
    margin = allowed.relative * max(abs(low), abs(high)) + allowed.absolute
    inside = low - margin <= claim <= high + margin
    return Element(
        Verdict.KINK if inside else Verdict.FAIL,
        claim,
        (low + high) / 2,
        (high - low) / 2,
        "" if inside else OUTSIDE,
        left.value,
        right.value,
    )


def _compared(
    best: Estimate, claim: float, found: Slopes, sweep: Sweep, allowed: Tolerance, why: str
) -> Element:
    """Where f is smooth: whether the claim lies within the bar, and whether that says enough."""

    def verdict(of: Verdict, why: str) -> Element:
        return Element(of, claim, best.value, best.bar, why)

    if not isfinite(claim):
        return verdict(Verdict.FAIL, "the gradient is not finite, the slope is")
    off = abs(claim - best.value)
    own = max(abs(claim), abs(best.value))
    if off <= best.bar + allowed.relative * own + allowed.absolute + _UNDERFLOW:
        if _says_enough(best, claim, own, found, sweep, allowed):
            return verdict(Verdict.PASS, why)
        return verdict(Verdict.INCONCLUSIVE, "the slope drowns in the noise of f")
    if off > _SURE * best.bar + allowed.absolute:
        return verdict(Verdict.FAIL, why)
    if own + best.bar <= _LEAST_SEEN * nothing(sweep):
        return verdict(Verdict.PASS, "nothing but rounding of f")
    return verdict(Verdict.INCONCLUSIVE, "the gradient is off by about the error bar")


def _says_enough(
    best: Estimate, claim: float, own: float, found: Slopes, sweep: Sweep, allowed: Tolerance
) -> bool:
    """Whether the bar is small beside the slope, beside rounding or, for 0, beside slopes near."""
    if best.bar <= _part(sweep) * own or _lost(best, own, sweep, found.rounding):
        return True
    around = found.around[(sweep.steps >= best.step) & np.isfinite(found.around)]
    near = float(around.max(initial=0.0))
    return abs(claim) <= allowed.absolute and best.bar <= _RESOLVED * near


def _part(sweep: Sweep) -> float:
    """Part of itself to which a slope must be known."""
    return max(_RESOLVED, _COARSE * sweep.unit)


def _lost(best: Estimate, own: float, sweep: Sweep, rounding: float = 0.0) -> bool:
    """Whether the rounding of f alone lets the slope be known no better."""
    scale = min(1.0, 4 * float(sweep.steps[0]))
    rounding = max(rounding, sweep.unit * sweep.whole)
    limit = max(nothing(sweep), _NOTHING * rounding / scale)
    floor = max(limit / _NOTHING, sweep.unit * sweep.steepest) * _FLOOR
    return best.bar + own <= limit or best.bar <= floor


def _rounded(element: Element, claim: float, found: Slopes, sweep: Sweep) -> bool:
    """Whether both claim and slope are nothing but rounding, whatever the sweep made of it.

    It is so where f is rounding itself, of what it is a part of. And where its slopes at usual
    steps are so much larger: x - tanh x rounds in digits of x, which no value of it shows.
    """
    sides = [e for e in (found.left, found.right) if e is not None]
    if not sides or not isfinite(claim):
        return False
    top = max(abs(e.value) for e in sides)
    kinked = element.verdict is Verdict.KINK or element.left is not None
    known = all(e.bar <= _RESOLVED * top for e in sides) if kinked else resolved(element)
    scale = min(1.0, 4 * float(sweep.steps[0]))
    whole = _NOTHING * sweep.unit * max(sweep.whole, sweep.beside)
    if not known and found.size <= whole and abs(claim) <= whole / scale:
        return True
    if not isfinite(element.numeric):
        return False
    coarse = found.around[:_USUAL]
    usual = float(np.max(coarse, initial=0.0, where=np.isfinite(coarse)))
    usual = sweep.unit * min(usual, found.size / scale)
    own = max(abs(claim), top if kinked else abs(element.numeric))
    return not known and own + element.bar <= _NOTHING * usual


def nothing(sweep: Sweep) -> float:
    """Slopes that are lost in the rounding of f(x)."""
    scale = min(1.0, 4 * float(sweep.steps[0]))
    return _NOTHING * sweep.unit * abs(sweep.center) / scale


def within(
    found: Element,
    better: Estimate,
    allowed: Tolerance,
    sweep: Sweep,
    rounding: float = 0.0,
) -> Element:
    """The verdict by a sharper estimate, if it lies within the bar of the one there was.

    Args:
        found: The verdict there was.
        better: The sharper estimate.
        allowed: Tolerance.
        sweep: Values of f.
        rounding: As of `Slopes`.
    """
    claim = found.analytic
    if abs(better.value - found.numeric) > found.bar + better.bar:
        return found
    off, own = abs(claim - better.value), max(abs(claim), abs(better.value))
    verdict = Verdict.INCONCLUSIVE
    if off <= better.bar + allowed.relative * own + allowed.absolute:
        known = better.bar <= _part(sweep) * own or _lost(better, own, sweep, rounding)
        verdict = Verdict.PASS if known or found.verdict is Verdict.PASS else verdict
    elif off > _SURE * better.bar + allowed.absolute:
        verdict = Verdict.FAIL
    why = found.why if verdict is found.verdict else "by a fit to many values"
    return Element(verdict, claim, better.value, better.bar, why)


def straight(found: Element, better: Estimate, allowed: Tolerance) -> Element:
    """The verdict on a kink by the slope still closer by, if that is known well beside its bend.

    Args:
        found: The verdict by the sweep.
        better: The slope closer by.
        allowed: Tolerance.
    """
    assert found.left is not None and found.right is not None
    if better.bar > _RESOLVED * abs(found.right - found.left):
        return found
    off = abs(found.analytic - better.value)
    own = max(abs(found.analytic), abs(better.value))
    verdict = Verdict.INCONCLUSIVE
    if off <= better.bar + allowed.relative * own + allowed.absolute:
        verdict = Verdict.PASS
    elif off > _SURE * better.bar + allowed.absolute:
        verdict = Verdict.FAIL
    return Element(
        verdict, found.analytic, better.value, better.bar, "a kink lies beside x, not at it"
    )


def resolved(element: Element) -> bool:
    """Whether the slope is known well, and is not 0."""
    return element.bar <= _RESOLVED * abs(element.numeric)


def sharp(element: Element, allowed: Tolerance) -> bool:
    """Whether the slope is known so well that a better estimate would say no more."""
    own = max(abs(element.numeric), abs(element.analytic))
    return element.bar <= max(_SHARP, allowed.relative / 10) * own
