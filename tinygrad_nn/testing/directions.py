"""Large Jacobians: random directions, spot checks, and the way from a wrong sum to its element.

A direction sums over all coordinates at once, so that one wrong element shows as a small part of
a large slope; the error bar of a smooth function (1e-9 of it and less) is small enough to see it.
Which element it is follows by halving: the half that is more off is halved again.

Where many elements are at kinks (a rectifier at zeros, ties of maxima), each claim may be right and
their sum lie beyond the one-sided slopes of the sum. Kinks are then taken out of the way: first
coordinates that are 0 or equal to others, where kinks mostly are; then outputs that have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.dense import coordinate_line, of_row, rows_of, settled, wholes_of
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import coordinate, flat, sizes
from tinygrad_nn.testing.problem.nearby import moved_by
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.ties import add_up, at_ties
from tinygrad_nn.testing.together import fits_together
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
_PROBED = 4
"""Outputs of a sum that are looked at one by one, those that bend most first."""
_SURE = 3.0
"""Bars that a sum must be off by for an element to be looked for, tolerance or not."""
_SPOT_ROWS = 3
"""Sums that are looked at along a single coordinate: one would do, but for what cancels in it."""
_NEAR = (2.0**-14, 2.0**-18)
"""Steps at which outputs are asked for kinks."""
_LOOKED_AT = "so many kinks that their sum says nothing: only single elements were looked at"
_TIED = "no derivative: slopes along parts of a direction do not add up"
_ROUNDINGS = 64.0
"""Rounding units of f by which second differences may be off."""
_ROUGH = (2.0**-6, 2.0**-8)
"""Steps by which a wrong element is looked for; what is found is judged by a sweep."""


@dataclass
class _Search:
    """What a check by directions works on.

    Attributes:
        checked: The problem.
        allowed: Tolerance.
        cotangents: One for each row that is looked at, over all outputs end to end.
        rows: Their gradients, each flat over all active inputs.
        sizes: What each coordinate is moved by for a step of 1: its own size, as a power of 2.
    """

    checked: Checked
    allowed: Tolerance
    cotangents: Any
    rows: Any
    sizes: Any

    def of(self, rows: Any) -> _Search:
        """The same for some rows."""
        return replace(self, cotangents=self.cotangents[rows], rows=self.rows[rows])

    def line(self, direction: Any, cotangents: Any) -> Line:
        """The line along a direction, its values summed up by these cotangents; None: as is."""
        checked = self.checked

        def move(t: float) -> Any:
            values = checked.values(moved_by(checked, t * direction))
            if cotangents is None:
                return values
            with np.errstate(all="ignore"):  # far from here they may be infinite
                return cotangents @ values

        if cotangents is None:
            return Line(move, checked.center, 1.0, checked.unit)
        wholes = np.abs(cotangents) @ wholes_of(checked)
        return Line(move, cotangents @ checked.center, 1.0, checked.unit, wholes=wholes)


def directions(checked: Checked, allowed: Tolerance, rng: np.random.Generator) -> list[Element]:
    """Verdicts on sums of elements, and on single ones where a sum was wrong."""
    outputs = checked.center.size
    cotangents = np.eye(outputs) if outputs <= _ROWS else _sums(outputs, rng)
    rows = np.array([flat(r) for r in rows_of(checked, cotangents)])
    point = flat([checked.inputs[i] for i in checked.active])
    search = _Search(checked, allowed, cotangents, rows, sizes(point))
    found: list[Element] = []
    for n in range(_DIRECTIONS):
        signs = rng.choice([-1.0, 1.0], point.size)
        # The last one moves all coordinates alike: relative steps hardly move the small ones.
        direction = signs * (search.sizes if n < _DIRECTIONS - 1 else 1.0)
        found += _along(search, direction)
        if any(e.verdict is Verdict.FAIL for e in found):
            return found
    fewer = search if outputs <= _ROWS else search.of(slice(_SPOT_ROWS))
    count = _SPOTS if point.size < _HUGE else _SPOTS // 4
    for at in _spots(point, rows, rng, count):
        found += _spot(fewer, int(at))
    if any(e.verdict is Verdict.INCONCLUSIVE for e in found):
        # How large a part they are is seen from more elements.
        for at in rng.choice(point.size, min(2 * count, point.size), replace=False):
            found += _spot(fewer, int(at))
    return found


def _along(search: _Search, direction: Any) -> list[Element]:
    """Verdicts on each row's slope along a direction; one in doubt is traced to an element."""
    elements = search.line(direction, search.cotangents).judged(
        search.rows @ direction, search.allowed
    )
    kinky = [k for k, e in enumerate(elements) if _kinky(e)]
    doubtful = [k for k, e in enumerate(elements) if k not in kinky and e.verdict in DOUBTFUL]
    wrong = [k for k in doubtful if elements[k].verdict is Verdict.FAIL]
    found = [_placed(search, e, k) for k, e in enumerate(elements) if k not in (*kinky, *doubtful)]
    if wrong:
        told = _traced(search, direction, wrong[0], elements[wrong[0]])
        found.append(told)
        if told.verdict is Verdict.KINK:
            kinky += wrong
            doubtful = [k for k in doubtful if k not in wrong]
        else:
            doubtful.remove(wrong[0])
            doubtful.sort(key=lambda k: -elements[k].verdict.severity)
    found += [_placed(search, elements[k], k) for k in doubtful]
    if any(e.verdict in DOUBTFUL for e in found):
        return found
    if kinky:
        found += _beside(search.of(kinky), direction, [elements[k] for k in kinky])
    return found + _slight(search, direction, elements)


def _slight(search: _Search, direction: Any, elements: list[Element]) -> list[Element]:
    """An element that is wrong, in a sum so large that it hides within the tolerance of that."""
    sums = [
        (abs(e.numeric - e.analytic) / e.bar, k)
        for k, e in enumerate(elements)
        if e.verdict is Verdict.PASS and 0 < e.bar < np.inf
    ]
    ratio, k = max(sums, default=(0.0, 0))
    if ratio <= _SURE:
        return []
    traced = _traced(search, direction, k, elements[k])
    return [traced] if traced.verdict is Verdict.FAIL else []


def _kinky(element: Element) -> bool:
    return element.verdict is Verdict.KINK or element.left is not None


def _beside(search: _Search, direction: Any, before: list[Element]) -> list[Element]:
    """Verdicts on rows that have kinks along a direction: what is wrong besides, or just kinks."""
    rest = before
    for part, masked in _without_kinks(search, direction):
        line = masked.line(part, masked.cotangents)
        rest = line.judged(masked.rows @ part, masked.allowed)
        wrong = [k for k, e in enumerate(rest) if e.verdict is Verdict.FAIL and not _kinky(e)]
        if wrong:
            traced = _traced(masked, part, wrong[0], rest[wrong[0]])
            if traced.verdict is Verdict.FAIL:
                return [traced]
        if not any(_kinky(e) for e in rest):
            break
    return [
        _placed(search, _told(e, r), k) for k, (e, r) in enumerate(zip(before, rest, strict=True))
    ]


def _told(before: Element, rest: Element) -> Element:
    """A kink, if the claim lies within its slopes or all but the kinks is right."""
    if before.verdict is Verdict.KINK:
        return before
    if rest.verdict is Verdict.PASS:
        why = "some elements are at kinks, the others are right"
        return replace(before, verdict=Verdict.KINK, why=why)
    return replace(before, verdict=Verdict.KINK, why=_LOOKED_AT)


def _without_kinks(search: _Search, direction: Any) -> Iterator[tuple[Any, _Search]]:
    """Directions and sums that leave out coordinates, then outputs, that may be at kinks."""
    checked = search.checked
    point = flat([checked.inputs[i] for i in checked.active])
    _, place, count = np.unique(np.abs(point), return_inverse=True, return_counts=True)
    alone = (count[place] == 1) & (point != 0)
    if alone.any() and not alone.all():
        direction = np.where(alone, direction, 0.0)
        yield direction, search
    smooth = _smooth_outputs(checked, search.line(direction, None))
    if smooth.any() and not smooth.all():
        cotangents = search.cotangents * smooth
        rows = np.array([flat(r) for r in rows_of(checked, cotangents)])
        yield direction, replace(search, cotangents=cotangents, rows=rows)


def _smooth_outputs(checked: Checked, line: Line) -> Any:
    """Outputs whose second differences shrink faster than the step, as they do not at kinks."""
    bends = []
    with np.errstate(all="ignore"):
        for t in _NEAR:
            bend = np.abs(line.at(t) - 2 * checked.center + line.at(-t))
            noise = _ROUNDINGS * checked.unit * (np.abs(line.at(t)) + np.abs(checked.center))
            bends.append(np.where(bend > noise, bend / t, 0.0))
    return bends[1] <= bends[0] / 2


def _traced(search: _Search, direction: Any, k: int, element: Element) -> Element:
    """The element that makes a row's slope wrong, if halving the direction leads to one."""
    cotangent, row = search.cotangents[k], search.rows[k]
    chosen = np.flatnonzero(direction)
    wild = chosen[~np.isfinite(row[chosen])]
    if wild.size:
        chosen = wild[:1]  # no sum with it could lead there
    off = _off(search, direction, chosen, cotangent, row) if chosen.size > 1 else 0.0
    while chosen.size > 1:
        left, right = np.array_split(chosen, 2)
        of_left = _off(search, direction, left, cotangent, row)
        # Slopes along parts add up, and so does what they are off by.
        chosen, off = (
            (left, of_left) if abs(of_left) >= abs(off - of_left) else (right, off - of_left)
        )
    single = _of_output(search, int(chosen[0]), k)
    if _is_told(single):
        return single
    if element.verdict is Verdict.FAIL and not add_up(
        search.checked, direction, cotangent, abs(element.analytic - element.numeric)
    ):
        element = replace(element, verdict=Verdict.KINK, why=_TIED)
    return _placed(search, element, k)


def _is_told(single: Element) -> bool:
    """Whether an element explains what its sum is off by."""
    tied = single.verdict is Verdict.KINK and single.left is None
    return single.verdict is Verdict.FAIL or tied


def _off(search: _Search, direction: Any, chosen: Any, cotangent: Any, row: Any) -> float:
    """By how much the slope along a part of a direction is off, roughly."""
    part = np.zeros_like(direction)
    part[chosen] = direction[chosen]
    line = search.line(part, cotangent[None])
    coarse, fine = ((line.at(t) - line.at(-t))[0] / (2 * t) for t in _ROUGH)
    return float((16 * fine - coarse) / 15 - row @ part)


def _of_output(search: _Search, at: int, k: int) -> Element:
    """The verdict on one coordinate for the output that is wrong among those of a row."""
    checked, cotangent = search.checked, search.cotangents[k]
    n, i, index = coordinate(checked, at)
    line = coordinate_line(checked, i, index)
    chosen = np.flatnonzero(cotangent)
    while chosen.size > 1:
        halves = np.array_split(chosen, 2)
        rows = [_row_at(search, line, _part(cotangent, half), n, index) for half in halves]
        # What is off by nan is off by more than any number.
        off = [np.nan_to_num(abs(row.analytic - row.numeric), nan=np.inf) for row in rows]
        if not any(off):
            break
        chosen = halves[int(off[1] > off[0])]
    part = _part(np.ones_like(cotangent) if chosen.size == 1 else cotangent, chosen)
    element = _row_at(search, line, part, n, index)
    output, output_index = checked.place(int(chosen[0]))
    found = replace(element, input=i, index=index, output=output, output_index=output_index)
    if chosen.size > 1 or found.verdict is not Verdict.FAIL:
        return found
    told = at_ties(checked, [found], search.allowed)[0]
    return fits_together(checked, told, search.allowed) if told is not found else found


def _part(cotangent: Any, chosen: Any) -> Any:
    """A cotangent of these outputs alone."""
    part = np.zeros_like(cotangent)
    part[chosen] = cotangent[chosen]
    return part


def _row_at(search: _Search, line: Line, cotangent: Any, n: int, index: tuple[int, ...]) -> Element:
    """The verdict on one coordinate of the gradient of a cotangent."""
    checked = search.checked
    claim = float(checked.gradients(cotangent)[n][index])
    summed = Line(
        lambda t: (cotangent @ line.at(t))[None],
        (cotangent @ checked.center)[None],
        line.size,
        checked.unit,
        wholes=(np.abs(cotangent) @ wholes_of(checked))[None],
    )
    element = summed.judge(0, claim, search.allowed)
    if element.verdict in DOUBTFUL:
        return settled(checked, summed, element, cotangent, (n, index), 0, search.allowed)
    return element


def _spot(search: _Search, at: int) -> list[Element]:
    """Verdicts on one coordinate for each row."""
    checked = search.checked
    n, i, index = coordinate(checked, at)
    inner = coordinate_line(checked, i, index)
    line = Line(
        lambda t: search.cotangents @ inner.at(t),
        search.cotangents @ checked.center,
        inner.size,
        checked.unit,
        wholes=np.abs(search.cotangents) @ wholes_of(checked),
    )
    found: list[Element] = []
    for k, element in enumerate(line.judged(search.rows[:, at], search.allowed)):
        if element.verdict in DOUBTFUL:
            element = settled(  # noqa: PLW2901
                checked, line, element, search.cotangents[k], (n, index), k, search.allowed
            )
        element = replace(element, input=i, index=index)  # noqa: PLW2901
        if element.verdict is Verdict.FAIL:
            element = _wrong_spot(search, inner, at, k, element)  # noqa: PLW2901
        elif element.verdict is Verdict.KINK and not any(_kinky(e) for e in found):
            element = _fitting(search, inner, at, k, element)  # noqa: PLW2901
        found.append(_placed(search, element, k))
    return found


def _wrong_spot(search: _Search, line: Line, at: int, k: int, element: Element) -> Element:
    """The verdict again on one coordinate of a row, by the output that is wrong."""
    if _kinky(element):
        return _one_by_one(search, line, at, k, element)
    single = _of_output(search, at, k)
    if _is_told(single):
        return single
    smooth = _smooth_outputs(search.checked, line)[search.cotangents[k] != 0]
    return element if smooth.all() else _one_by_one(search, line, at, k, element)


def _one_by_one(search: _Search, line: Line, at: int, k: int, element: Element) -> Element:
    """The verdict on a sum of outputs with kinks, by those that bend most."""
    if np.count_nonzero(search.cotangents[k]) == 1:
        return element
    for output in _most_bent(search, line, k)[:_PROBED]:
        found = _at_output(search, line, at, output)
        if found.verdict is Verdict.FAIL:
            return found
    return replace(element, verdict=Verdict.KINK, why=_LOOKED_AT)


def _fitting(search: _Search, line: Line, at: int, k: int, element: Element) -> Element:
    """The verdict again on a row that is kinked, with gradients of equal coordinates beside it."""
    found = _at_output(search, line, at, _most_bent(search, line, k)[0])
    if found.verdict is Verdict.KINK:
        found = fits_together(search.checked, found, search.allowed)
    return found if found.verdict is Verdict.FAIL else element


def _most_bent(search: _Search, line: Line, k: int) -> list[int]:
    """Outputs of a row, those first that bend most along a line."""
    cotangent, t = search.cotangents[k], _NEAR[0]
    bends = np.abs(line.at(t) - 2 * search.checked.center + line.at(-t))
    order = np.argsort(np.where(cotangent == 0, np.inf, -bends), kind="stable")
    return order[: np.count_nonzero(cotangent)].tolist()  # type: ignore[no-any-return]


def _at_output(search: _Search, line: Line, at: int, output: int) -> Element:
    """The verdict on one coordinate and one output."""
    n, i, index = coordinate(search.checked, at)
    unit = np.zeros(search.checked.center.size)
    unit[output] = 1.0
    found = _row_at(search, line, unit, n, index)
    place, where = search.checked.place(output)
    return replace(found, input=i, index=index, output=place, output_index=where)


def _placed(search: _Search, element: Element, k: int) -> Element:
    return of_row(search.checked, search.cotangents[k], element)


def _sums(outputs: int, rng: np.random.Generator) -> Any:
    """Cotangents with zeros, with both signs, large ones, and two that are 1 at one place."""
    signs = rng.choice([-1.0, 0.0, 1.0], (_SUMS - 3, outputs))
    large = rng.choice([-1.0, 1.0], (1, outputs)) * 1e3
    single = np.zeros((2, outputs))
    single[[0, 1], rng.choice(outputs, 2, replace=False)] = 1.0
    return np.concatenate([signs, large, single])


def _spots(point: Any, rows: Any, rng: np.random.Generator, count: int) -> Sequence[int]:
    """Coordinates to look at one by one: at random, and those with the extreme gradients."""
    some = rng.choice(point.size, min(count, point.size), replace=False)
    size = np.abs(rows).max(axis=0)
    return np.unique([*some, size.argmax(), size.argmin(), np.abs(point).argmin()]).tolist()  # type: ignore[no-any-return]
