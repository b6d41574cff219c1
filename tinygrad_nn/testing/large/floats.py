"""Random directions, spot checks, and the way from a wrong sum to its element.

A direction sums over all coordinates at once, so that one wrong element shows as a small part of
a large slope; the error bar of a smooth function (1e-9 of it and less) is small enough to see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.testing.large.kinks import beside
from tinygrad_nn.testing.large.search import Search
from tinygrad_nn.testing.large.spot import Spot, kinky
from tinygrad_nn.testing.large.traced import traced
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.problem.coordinates import flat
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import DOUBTFUL, Element, Verdict

__all__ = ["directions"]

_ROWS = 64
"""Outputs up to which each has a row of its own; of more, random sums are looked at."""
_SUMS = 8
"""Of them: five with zeros and both signs, a large one, two of a single output."""
_DIRECTIONS = 4
"""A wrong element may hide in the noise of one, or cancel with another one; not in all of them."""
_SPOTS = 16
"""Coordinates looked at by themselves, for what is too small to show in a sum."""
_HUGE = 100_000
"""Coordinates from which on each evaluation takes its time, and fewer of them are spots."""
_TRACED = 8
"""Wrong sums of a direction that are traced until one leads to an element at no tie."""
_SURE = 3.0
"""Bars that a sum must be off by for an element to be looked for, tolerance or not."""
_SPOT_ROWS = 3
"""Sums that are looked at along a single coordinate: one would do, but for what cancels in it."""


def directions(checked: Checked, allowed: Tolerance, rng: np.random.Generator) -> list[Element]:
    """Verdicts on sums of elements, and on single ones where a sum was wrong."""
    outputs = checked.center.size
    cotangents = np.eye(outputs) if outputs <= _ROWS else _sums(outputs, rng)
    search = Search.along_rows(checked, allowed, cotangents)
    found: list[Element] = []
    for direction in search.directions(rng, _DIRECTIONS):
        found += _along(search, direction)
        if any(e.verdict is Verdict.FAIL for e in found):
            return found
    fewer = search if outputs <= _ROWS else search.of(slice(_SPOT_ROWS))
    point = flat([checked.inputs[i] for i in checked.active])
    count = min(_SPOTS if point.size < _HUGE else _SPOTS // 4, point.size)
    for at in _spots(point, search.rows, rng, count):
        found += Spot(fewer, at).elements()
    if any(e.verdict is Verdict.INCONCLUSIVE for e in found):
        # How large a part they are is seen from more elements.
        for at in rng.choice(point.size, min(2 * count, point.size), replace=False).tolist():
            found += Spot(fewer, at).elements()
    return found


def _along(search: Search, direction: Any) -> list[Element]:
    """Verdicts on each row's slope along a direction; one in doubt is traced to an element."""
    elements = search.line(direction, search.cotangents).judged(
        search.rows @ direction, search.allowed
    )
    kinks = [k for k, e in enumerate(elements) if kinky(e)]
    doubtful = [k for k, e in enumerate(elements) if k not in kinks and e.verdict in DOUBTFUL]
    wrong = [k for k in doubtful if elements[k].verdict is Verdict.FAIL]
    found = [search.placed(e, k) for k, e in enumerate(elements) if k not in (*kinks, *doubtful)]
    for n, k in enumerate(wrong):
        told = traced(search, direction, k, elements[k]) if n < _TRACED else None
        if told is not None and told.verdict is not Verdict.KINK:
            return [*found, told, *(search.placed(elements[i], i) for i in doubtful if i != k)]
        found += [] if told is None else [told]
        doubtful.remove(k)
        kinks.append(k)
    found += [search.placed(elements[k], k) for k in doubtful]
    if kinks:
        found += beside(search.of(kinks), direction, [elements[k] for k in kinks])
    return found + _slight(search, direction, elements)


def _slight(search: Search, direction: Any, elements: list[Element]) -> list[Element]:
    """An element that is wrong, in a sum so large that it hides within the tolerance of that."""
    sums = [
        (abs(e.numeric - e.analytic) / e.bar, k)
        for k, e in enumerate(elements)
        if e.verdict is Verdict.PASS and 0 < e.bar < np.inf
    ]
    ratio, k = max(sums, default=(0.0, 0))
    if ratio <= _SURE:
        return []
    told = traced(search, direction, k, elements[k])
    return [told] if told.verdict is Verdict.FAIL else []


def _sums(outputs: int, rng: np.random.Generator) -> Any:
    """Cotangents with zeros, with both signs, large ones, and two that are 1 at one place."""
    signs = rng.choice([-1.0, 0.0, 1.0], (_SUMS - 3, outputs))
    large = rng.choice([-1.0, 1.0], (1, outputs)) * 1e3
    single = np.zeros((2, outputs))
    single[[0, 1], rng.choice(outputs, 2, replace=False)] = 1.0
    return np.concatenate([signs, large, single])


def _spots(point: Any, rows: Any, rng: np.random.Generator, count: int) -> Sequence[int]:
    """Coordinates to look at one by one: at random, and those with the extreme gradients."""
    some = rng.choice(point.size, count, replace=False)
    size = np.abs(rows).max(axis=0)
    return np.unique([*some, size.argmax(), size.argmin(), np.abs(point).argmin()]).tolist()  # type: ignore[no-any-return]
