"""The way from a sum that is off along a direction to the element that it is off by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.large.search import Search, more_off, part_of
from tinygrad_nn.testing.large.spot import Spot, explains
from tinygrad_nn.testing.ties import smooth_in_parts
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["traced"]

_TIED = "no derivative: along parts of a direction f has kinks, or slopes that do not add up"
_ROUGH = (2.0**-6, 2.0**-8)
"""Steps by which a wrong element is looked for; what is found is judged by a sweep."""


def traced(search: Search, direction: Any, k: int, element: Element) -> Element:
    """The element that makes a row's slope wrong, if halving the direction leads to one.

    Else the row's own verdict; a kink where f has no derivative along parts of the direction.

    Args:
        search: What the check works on.
        direction: Through coordinates.
        k: Row.
        element: Verdict on it along the direction.
    """
    cotangent, row = search.cotangents[k], search.rows[k]
    chosen = np.flatnonzero(direction)
    wild = chosen[~np.isfinite(row[chosen])]
    if wild.size:
        chosen = wild[:1]  # no sum with it could lead there

    def off(part: Any) -> float:
        return _off(search, part_of(direction, part), cotangent, row)

    whole = off(chosen) if chosen.size > 1 else 0.0
    while chosen.size > 1:
        chosen, whole = more_off(chosen, off, whole)
    single = Spot(search, int(chosen[0])).wrong_output(k)
    if explains(single):
        return single
    gap = abs(element.analytic - element.numeric)
    wrong = element.verdict is Verdict.FAIL
    if wrong and not smooth_in_parts(search.checked, direction, cotangent, gap):
        element = replace(element, verdict=Verdict.KINK, why=_TIED)
    return search.placed(element, k)


def _off(search: Search, direction: Any, cotangent: Any, row: Any) -> float:
    """By how much the slope along a direction is off, roughly."""
    line = search.line(direction, cotangent[None])
    coarse, fine = ((line.at(t) - line.at(-t))[0] / (2 * t) for t in _ROUGH)
    return float((16 * fine - coarse) / 15 - row @ direction)
