"""Gradients at a kink that are possible one by one, and not together.

At a tie of max(a, b) either slope may be anything from 0 to 1, but a and b moved alike move f as
far: whatever the gradients are, they add up to 1. Both 1 is a usual mistake (a mask of all that are
equal to the maximum), and wrong. So where f is smooth along a line, with the same slope along it
all around, each of Clarke's generalized gradients has that slope along it; and where it is not, one
among the slopes nearby.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import coordinate, flat, parts, sizes
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.ties import output_of
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["fits_together", "fitting_together"]

_OUTPUTS, _GROUPS = 64, 8
"""Outputs, and groups of equal coordinates of each, that are looked at."""
_AROUND = 32
"""Points nearby at which the slope must be the same."""
_DISTANCE, _STEP = 0.4, 0.56
"""How far they are, and the step of their slopes, in parts of the bits of a number."""
_FEW, _ALL, _BEYOND = 4, 256, 0.25
"""Coordinates of which slopes nearby are all seen, at so many points, but for a part of their
range: 4 have 16 signs and 24 orders."""
_ALIKE = 1e-2
"""Part of what the claim is off by, within which slopes are the same."""
_ROUNDINGS = 16.0
_LIKELY = (Verdict.KINK, Verdict.PASS)
"""Of three that are equal a median has the slope 0 along each, and 1 along all."""
_ROUGH, _ABOUT = 2.0**-12, 1e-2
"""Step, in parts of the size, and part of a slope to which a rough one is known."""


def fitting_together(
    checked: Checked, found: Sequence[Element], allowed: Tolerance
) -> list[Element]:
    """Verdicts again, with kinks whose gradients cannot be together told as wrong.

    Args:
        checked: The problem.
        found: A verdict for each element of the Jacobian.
        allowed: Tolerance.
    """
    likely: dict[int, list[int]] = {}
    for n, element in enumerate(found):
        if element.verdict in _LIKELY and np.isfinite(element.analytic):
            likely.setdefault(output_of(checked, element), []).append(n)
    verdicts = list(found)
    lines: dict[Any, Line] = {}
    for output, at in list(likely.items())[:_OUTPUTS]:
        for group, signs in list(_alike(checked, found, at))[:_GROUPS]:
            places = [(found[n].input, found[n].index) for n in group]
            key = (*places, *signs)
            line = lines.setdefault(key, _line(checked, places, signs))
            terms = [s * found[n].analytic for n, s in zip(group, signs, strict=True)]
            claim = sum(terms)
            # They may cancel, each with an error of its own.
            own = allowed.absolute + allowed.relative * sum(map(abs, terms))
            kinky = any(found[n].verdict is Verdict.KINK for n in group)
            if not kinky and _about(line, output, claim, own):
                continue
            told = line.judge(output, claim, replace(allowed, absolute=own))
            if told.verdict is not Verdict.FAIL or not np.isfinite(told.bar):
                continue
            if not _outside(checked, (places, signs), line.size, told, output):
                continue
            slope = f"{told.numeric:.6g}"
            if told.left is not None:
                slope = f"between {told.left:.6g} and {told.right:.6g}"
            why = (
                f"moved together with {len(group) - 1} more, f has a slope of "
                f"{slope}, and these gradients add up to {claim:.6g}"
            )
            for n in group:
                verdicts[n] = replace(found[n], verdict=Verdict.FAIL, why=why)
    return verdicts


def fits_together(checked: Checked, kink: Element, allowed: Tolerance) -> Element:
    """The verdict again on one element at a kink, with those of equal coordinates beside it.

    Args:
        checked: The problem.
        kink: Of one coordinate and one output.
        allowed: Tolerance.
    """
    one = np.zeros(checked.center.size)
    one[output_of(checked, kink)] = 1.0
    claims = flat(checked.gradients(one))
    sizes = np.abs(flat([checked.inputs[i] for i in checked.active]))
    here = abs(float(checked.inputs[kink.input][kink.index]))
    group = []
    for at in np.flatnonzero(sizes == here).tolist():
        _, i, index = coordinate(checked, at)
        if (i, index) != (kink.input, kink.index):
            group.append(replace(kink, analytic=float(claims[at]), input=i, index=index))
    return fitting_together(checked, [kink, *group], allowed)[0]


def _about(line: Line, output: int, claim: float, own: float) -> bool:
    """Whether a claim is about the slope: at ties, what is wrong is far off."""
    t = (line.size or 1.0) * _ROUGH
    slope = float(line.at(t)[output] - line.at(-t)[output]) / (2 * t)
    return abs(slope - claim) <= own + _ABOUT * max(abs(slope), abs(claim))


def _alike(
    checked: Checked, found: Sequence[Element], at: Sequence[int]
) -> Iterator[tuple[list[int], list[float]]]:
    """Elements at coordinates that are equal, or but for the sign, and the signs of their moves."""
    values = np.array([float(checked.inputs[found[n].input][found[n].index]) for n in at])
    for size in np.unique(np.abs(values)):
        group = np.flatnonzero(np.abs(values) == size)
        signs = np.where(values[group] < 0, -1.0, 1.0)
        if group.size > 1:
            yield [at[g] for g in group.tolist()], signs.tolist()
        for sign in (-1.0, 1.0) if np.ptp(signs) else ():
            part = group[signs == sign]
            if part.size > 1:
                yield [at[g] for g in part.tolist()], [1.0] * part.size


def _line(checked: Checked, places: Sequence[Any], signs: Sequence[float]) -> Line:
    """The line along which these coordinates move alike."""
    i, index = places[0]

    def move(t: float) -> Any:
        return checked.values(_moved(checked.inputs, places, signs, t))

    return Line(move, checked.center, abs(float(checked.inputs[i][index])), checked.unit)


def _moved(inputs: Sequence[Any], places: Sequence[Any], signs: Sequence[float], t: float) -> Any:
    moved = [np.array(x) for x in inputs]
    for (i, index), sign in zip(places, signs, strict=True):
        moved[i][index] += sign * t
    return moved


def _outside(
    checked: Checked,
    moves: tuple[Sequence[Any], Sequence[float]],
    size: float,
    told: Element,
    output: int,
) -> bool:
    """Whether a claim is none of the slopes along a line beside it.

    Where f is smooth along the line they must be the same all around; where it is not, there must
    be so few coordinates that those around show how far slopes reach.
    """
    smooth = told.left is None
    if not smooth and sum(checked.inputs[i].size for i in checked.active) > _FEW:
        return False
    low = high = told.numeric
    if told.left is not None and told.right is not None:
        low, high = sorted([told.left, told.right])
    for slope, error in _slopes_around(checked, moves, size, output, _AROUND if smooth else _ALL):
        if smooth and not abs(slope - low) <= _ALIKE * abs(told.analytic - low) + error:
            return False
        low, high = min(low, slope), max(high, slope)
    beyond = max(low - told.analytic, told.analytic - high)
    return smooth or beyond > _BEYOND * (high - low)


def _slopes_around(
    checked: Checked,
    moves: tuple[Sequence[Any], Sequence[float]],
    size: float,
    output: int,
    count: int,
) -> Iterator[tuple[float, float]]:
    """Slopes along a line beside it, and their errors."""
    rng = np.random.default_rng(0)
    bits = -np.log2(checked.unit)
    step = (size or 1.0) * 2.0 ** -np.round(_STEP * bits)
    own = parts(checked, sizes(flat([checked.inputs[i] for i in checked.active])))
    error = _ROUNDINGS * checked.unit * abs(float(checked.center[output])) / step
    for _ in range(count):
        near = list(checked.inputs)
        for i, scale in zip(checked.active, own, strict=True):
            aside = 2.0 ** -np.round(_DISTANCE * bits) * scale * rng.uniform(-1, 1, scale.shape)
            near[i] = near[i] + aside.astype(near[i].dtype)
        ends = [checked.values(_moved(near, *moves, t)) for t in (step, -step)]
        yield float(ends[0][output] - ends[1][output]) / (2 * step), error
