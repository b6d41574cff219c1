"""Where a function has no derivative though it has a slope along each coordinate.

So is max(a, min(b, c)) where all three are equal, and so is their median: its slopes along a, b
and c are 0 or 1, and no gradient is right. It shows in that slopes do not add up: moving two
coordinates at once changes f by something else than moving one after another, however fine the
steps. A kink along some line would be too much to ask for (a median has none: it is straight
along each), and too little to go by (f may have it in a coordinate that this one has no part in).

What may be claimed there lies among the slopes nearby: Clarke's generalized gradient is the convex
hull of their limits.

Source: F. H. Clarke, "Optimization and Nonsmooth Analysis" (1983), theorem 2.5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.problem.coordinates import flat, sizes
from tinygrad_nn.testing.problem.nearby import moved_by
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["at_ties", "output_of", "smooth_in_parts"]

_COLUMNS = 16
"""Coordinates that are looked at and found to be at no tie: where more are wrong, the gradient
is."""
_DIAGONALS, _TRIED = 128, 32
"""Moves of all coordinates that are tried: of many equal ones few moves change a given output; and
parts of a direction."""
_PARTS = 16
"""Directions are whole multiples of this part of the size of coordinates: steps along them are
exact, and equal numbers stay equal."""
_NEARBY, _EACH, _MOST = 32, 16, 512
"""Points nearby: at least, for each coordinate, and at most. Of as many equally likely slopes as
there are coordinates each is missed with a chance of 1e-7."""
_DISTANCE, _STEP = 0.4, 0.56
"""How far these are, and the step of their slopes, in parts of the bits of a coordinate: 2**-21
and 2**-30 of it in double. Few points are so close to another slope that a step reaches it."""
_SCALES = (0.42, 0.5, 0.58, 0.66, 0.74, 0.83)
"""Steps at which slopes do not add up, likewise; the finest may be lost in rounding."""
_ROUNDINGS = 16.0
_APART, _WORTH = 8.0, 1e-2
"""Errors of slopes, and part of a slope, by which those nearby differ at least."""
_GAP = 2e-2
"""Part of the change of f from the least to the largest slope that adding up is off by at least."""
_SEEN = 4.0
"""Errors of it."""
_SURELY = 3
"""Scales at which a sum of many outputs must be off: the rounding inside them is not known."""
_EVEN = 0.25
"""Part of it that may change from step to step: of what is smooth three quarters and more do."""


def at_ties(checked: Checked, found: Sequence[Element], allowed: Tolerance) -> list[Element]:
    """Verdicts again, with what is claimed where there is no derivative told as a kink.

    Args:
        checked: The problem.
        found: A verdict for each element of the Jacobian.
        allowed: Tolerance.
    """
    columns: dict[Any, list[int]] = {}
    for n, element in enumerate(found):
        if element.verdict is Verdict.FAIL and np.isfinite(element.analytic):
            columns.setdefault((element.input, element.index), []).append(n)
    verdicts = list(found)
    if not columns or sum(checked.inputs[i].size for i in checked.active) < 2:
        return verdicts
    ties, missed = _Ties(checked), 0
    for (i, index), wrong in columns.items():
        claims = {output_of(checked, found[n]): found[n].analytic for n in wrong}
        low, high, error = ties.slopes_nearby(i, index, claims)
        within = {}
        for n in wrong:
            output = output_of(checked, found[n])
            ends = float(low[output]), float(high[output])
            if _among(found[n].analytic, *ends, float(error[output]), allowed):
                within[output] = n, ends
        at = ties.none_adds_up(i, index, {k: h - w for k, (_, (w, h)) in within.items()})
        for output, (n, (least, most)) in within.items():
            if output in at:
                why = f"no derivative: slopes nearby lie between {least:.6g} and {most:.6g}"
                verdicts[n] = replace(found[n], verdict=Verdict.KINK, why=why)
        missed += not at
        if missed == _COLUMNS:
            break
    return verdicts


def smooth_in_parts(checked: Checked, direction: Any, cotangent: Any, gap: float) -> bool:
    """Whether a sum is smooth along parts of a direction, with slopes that add up.

    At ties they do not; and what has kinks may look smooth along the whole, where these cancel.

    Args:
        checked: The problem.
        direction: Of whole powers of 2, or 0, for each coordinate.
        cotangent: Of the sum of outputs.
        gap: What the slope is known to be off by.
    """
    rng, ties = np.random.default_rng(0), _Ties(checked)
    for _ in range(_TRIED):
        part = np.where(rng.choice([True, False], direction.size), direction, 0.0)
        for other in (direction - part, -part):
            off = [ties.off(part + other, part, ties.part(bits)) for bits in _SCALES[:_SURELY]]
            values = np.array([cotangent @ by for by, _ in off])
            errors = np.array([np.abs(cotangent) @ error for _, error in off])
            seen = np.abs(values) > np.maximum(_GAP * gap, _APART * errors)
            if np.all(seen & (np.abs(values - values[0]) <= _EVEN * abs(values[0]))):
                return False
    return True


def _among(claim: float, low: float, high: float, error: float, allowed: Tolerance) -> bool:
    """Whether slopes nearby differ, and a claim lies among them."""
    margin = error + allowed.absolute + allowed.relative * max(abs(low), abs(high))
    return bool(_apart(low, high, error)) and low - margin <= claim <= high + margin


def _ends(slopes: Sequence[Any]) -> tuple[Any, Any]:
    return np.min(slopes, axis=0), np.max(slopes, axis=0)


def _apart(low: Any, high: Any, error: Any) -> Any:
    """Whether slopes differ by more than their errors, and by more than smooth ones do."""
    size = np.maximum(np.abs(low), np.abs(high))
    return high - low > np.maximum(_APART * error, _WORTH * size)


def output_of(checked: Checked, element: Element) -> int:
    """Where an element's output is among all of them, end to end."""
    before = sum(int(np.prod(s)) for s in checked.shapes[: element.output])
    return before + int(np.ravel_multi_index(element.output_index, checked.shapes[element.output]))


class _Ties:
    """A function around a point, in steps that are parts of the size of each coordinate."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._bits = -np.log2(checked.unit)
        self._scale = sizes(flat([checked.inputs[k] for k in checked.active]))
        self._cuts = np.cumsum([0] + [checked.inputs[k].size for k in checked.active])

    def part(self, bits: float) -> float:
        return float(2.0 ** -np.round(bits * self._bits))

    def _place(self, i: int, index: tuple[int, ...]) -> int:
        """Where a coordinate is among all of them, end to end."""
        n = self._checked.active.index(i)
        return int(self._cuts[n] + np.ravel_multi_index(index, self._checked.inputs[i].shape))

    def slopes_nearby(
        self, i: int, index: tuple[int, ...], claims: dict[int, float]
    ) -> tuple[Any, Any, Any]:
        """The least and the largest slope along a coordinate around x, of each output; errors.

        Of as many points as it takes to have these claims, of some outputs, among them.
        """
        checked, count = self._checked, self._scale.size
        rng = np.random.default_rng(0)
        at = self._place(i, index)
        step, distance = self.part(_STEP) * self._scale[at], self.part(_DISTANCE) * self._scale
        error = _ROUNDINGS * checked.unit * np.abs(checked.center) / step
        slopes: list[Any] = []
        for n in range(int(np.clip(_EACH * count, _NEARBY, _MOST))):
            if n and n % _NEARBY == 0:
                low, high = _ends(slopes)
                among = all(low[k] <= c <= high[k] for k, c in claims.items())
                if among or not np.any(_apart(low, high, error)):
                    break
            above = moved_by(checked, distance * rng.uniform(-1, 1, count))
            below = [np.array(x) for x in above]
            above[i][index] += step
            below[i][index] -= step
            with np.errstate(all="ignore"):
                change = checked.values(above) - checked.values(below)
                slopes.append(change / (float(above[i][index]) - float(below[i][index])))
        return *_ends(slopes), error

    def none_adds_up(self, i: int, index: tuple[int, ...], gaps: dict[int, float]) -> set[int]:
        """Outputs whose slope along a coordinate and those along the others do not add up.

        Args:
            i: Input that the coordinate is in.
            index: Where in it.
            gaps: By how much slopes along it differ nearby, of each output in question.
        """
        rng = np.random.default_rng(0)
        at = self._place(i, index)
        found: set[int] = set()
        for _ in range(_DIAGONALS):
            if len(found) == len(gaps):
                break
            signs = rng.choice([-1, 1], self._scale.size)
            whole = self._scale * signs * rng.integers(4, _PARTS + 1, self._scale.size) / _PARTS
            alone = np.where(np.arange(self._scale.size) == at, whole, 0.0)
            off: list[tuple[Any, Any]] = []
            for bits in _SCALES:
                off.append(self.off(whole, alone, self.part(bits)))
                seen = {k for k in set(gaps) - found if _adds_nothing(off, k, gaps[k], alone[at])}
                if not seen:
                    break
            found |= seen
        return found

    def off(self, whole: Any, alone: Any, t: float) -> tuple[Any, Any]:
        """By how much changes of f do not add up, over a step; and the error of that."""
        checked, center = self._checked, self._checked.center
        moves = (t * whole, t * (whole - alone), t * alone)
        values = [checked.values(moved_by(checked, by)) for by in moves]
        size = np.max(np.abs([*values, center]), axis=0)
        with np.errstate(all="ignore"):
            off = (values[0] - values[1]) - (values[2] - center)
            return off / t, _ROUNDINGS * checked.unit * size / t


def _adds_nothing(off: Sequence[tuple[Any, Any]], output: int, gap: float, step: float) -> bool:
    """Whether changes of an output stay off by the same at ever finer steps."""
    first, least = float(off[0][0][output]), _GAP * gap * abs(step)
    for of_all, errors in off:
        value, error = float(of_all[output]), float(errors[output])
        if len(off) > 1 and _SEEN * error > abs(first):
            return True  # lost in rounding from here on
        if not abs(value) > max(least, _SEEN * error):
            return False
        if not abs(value - first) <= _EVEN * abs(first) + error:
            return False
    return True
