"""Large Jacobians with kinks: what is wrong beside them, with the kinks taken out of the way.

Where many elements are at kinks (a rectifier at zeros, ties of maxima), each claim may be right and
their sum lie beyond the one-sided slopes of the sum. First coordinates are left out that are 0 or
equal to others, where kinks mostly are; then outputs that have one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.large.search import Search
from tinygrad_nn.testing.large.spot import LOOKED_AT, kinky, smooth_outputs
from tinygrad_nn.testing.large.traced import traced
from tinygrad_nn.testing.problem.coordinates import flat
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["beside"]


def beside(search: Search, direction: Any, before: list[Element]) -> list[Element]:
    """Verdicts on rows that have kinks along a direction: what is wrong besides, or just kinks.

    Args:
        search: Of these rows alone.
        direction: Through all coordinates.
        before: Verdicts on the rows along it.
    """
    rest = before
    for part, masked in _without_kinks(search, direction):
        line = masked.line(part, masked.cotangents)
        rest = line.judged(masked.rows @ part, masked.allowed)
        wrong = [k for k, e in enumerate(rest) if e.verdict is Verdict.FAIL and not kinky(e)]
        if wrong:
            told = traced(masked, part, wrong[0], rest[wrong[0]])
            if told.verdict is Verdict.FAIL:
                return [told]
        if not any(map(kinky, rest)):
            break
    return [search.placed(element, k) for k, element in enumerate(map(_told, before, rest))]


def _told(before: Element, rest: Element) -> Element:
    """A kink, if the claim lies within its slopes or all but the kinks is right."""
    if before.verdict is Verdict.KINK:
        return before
    if rest.verdict is Verdict.PASS:
        why = "some elements are at kinks, the others are right"
        return replace(before, verdict=Verdict.KINK, why=why)
    return replace(before, verdict=Verdict.KINK, why=LOOKED_AT)


def _without_kinks(search: Search, direction: Any) -> Iterator[tuple[Any, Search]]:
    """Directions and sums that leave out coordinates, then outputs, that may be at kinks."""
    checked = search.checked
    point = flat([checked.inputs[i] for i in checked.active])
    _, place, count = np.unique(np.abs(point), return_inverse=True, return_counts=True)
    alone = (count[place] == 1) & (point != 0)
    if alone.any() and not alone.all():
        direction = np.where(alone, direction, 0.0)
        yield direction, search
    smooth = smooth_outputs(checked, search.line(direction, None))
    if smooth.any() and not smooth.all():
        yield direction, Search.along_rows(checked, search.allowed, search.cotangents * smooth)
