"""Large Jacobians: random directions, spot checks, and the way from a wrong sum to its element.

A direction sums over all coordinates at once, so that one wrong element shows as a small part of
a large slope; the error bar of a smooth function (1e-9 of it and less) is small enough to see it.
Which element it is follows by halving: the half whose own slope is wrong is halved again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_nn.testing.dense import coordinate_line, rows_of, settled
from tinygrad_nn.testing.judge import Tolerance
from tinygrad_nn.testing.lines import Line
from tinygrad_nn.testing.problem import Checked
from tinygrad_nn.testing.verdicts import Element, Verdict

__all__ = ["directions"]

_ROWS = 64
"""Outputs up to which each has a row of its own; of more, random sums are looked at."""
_SUMS = 8
_DIRECTIONS = 4
_SPOTS = 16
_BAD = (Verdict.FAIL, Verdict.INCONCLUSIVE)


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

    def line(self, direction: Any, cotangents: Any) -> Line:
        """The line along a direction, its values summed up by these cotangents."""
        checked = self.checked
        parts = _parts(checked, direction)

        def move(t: float) -> Any:
            moved = list(checked.inputs)
            for i, part in zip(checked.active, parts, strict=True):
                moved[i] = (checked.inputs[i] + t * part).astype(checked.inputs[i].dtype)
            return cotangents @ checked.values(moved)

        return Line(move, cotangents @ checked.center, 1.0, checked.unit)


def directions(checked: Checked, allowed: Tolerance, rng: np.random.Generator) -> list[Element]:
    """Verdicts on sums of elements, and on single ones where a sum was wrong."""
    outputs = checked.center.size
    cotangents = np.eye(outputs) if outputs <= _ROWS else _sums(outputs, rng)
    rows = np.array([_flat(r) for r in rows_of(checked, cotangents)])
    flat = _flat([checked.inputs[i] for i in checked.active])
    search = _Search(checked, allowed, cotangents, rows, _sizes(flat))
    found: list[Element] = []
    for n in range(_DIRECTIONS):
        signs = rng.choice([-1.0, 1.0], flat.size)
        # The last one moves all coordinates alike: relative steps hardly move the small ones.
        direction = signs * (search.sizes if n < _DIRECTIONS - 1 else 1.0)
        found += _along(search, direction)
        if any(e.verdict is Verdict.FAIL for e in found):
            return found
    for at in _spots(flat, rows, rng):
        found += _spot(search, int(at))
    return found


def _along(search: _Search, direction: Any) -> list[Element]:
    """Verdicts on each row's slope along a direction; those in doubt are traced to elements."""
    line = search.line(direction, search.cotangents)
    elements = line.judged(search.rows @ direction, search.allowed)
    found = []
    for k, element in enumerate(elements):
        if element.verdict in _BAD:
            found.append(_traced(search, direction, k, element))
        else:
            found.append(_placed(search, element, k))
    return found


def _traced(search: _Search, direction: Any, k: int, element: Element) -> Element:
    """The element that makes a row's slope wrong, if halving the direction leads to one."""
    cotangent, row = search.cotangents[k], search.rows[k]
    chosen = np.flatnonzero(direction)
    while chosen.size > 1:
        halves = np.array_split(chosen, 2)
        wrong = next((h for h in halves if _wrong(search, direction, h, cotangent, row)), None)
        if wrong is None:
            return _placed(search, element, k)
        chosen = wrong
    return _of_output(search, int(chosen[0]), k)


def _wrong(search: _Search, direction: Any, chosen: Any, cotangent: Any, row: Any) -> bool:
    """Whether the slope along a part of a direction is wrong too."""
    part = np.zeros_like(direction)
    part[chosen] = direction[chosen]
    line = search.line(part, cotangent[None])
    return line.judge(0, float(row @ part), search.allowed).verdict is Verdict.FAIL


def _of_output(search: _Search, at: int, k: int) -> Element:
    """The verdict on one coordinate for the output that is wrong among those of a row."""
    checked, cotangent = search.checked, search.cotangents[k]
    n, i, index = _place(checked, at)
    line = coordinate_line(checked, i, index)
    chosen = np.flatnonzero(cotangent)
    while chosen.size > 1:
        for half in np.array_split(chosen, 2):
            part = np.zeros_like(cotangent)
            part[half] = cotangent[half]
            if _row_at(search, line, part, n, index).verdict is Verdict.FAIL:
                chosen = half
                break
        else:
            break
    part = np.zeros_like(cotangent)
    part[chosen] = 1.0 if chosen.size == 1 else cotangent[chosen]
    element = _row_at(search, line, part, n, index)
    output, output_index = checked.place(int(chosen[0]))
    return replace(element, input=i, index=index, output=output, output_index=output_index)


def _row_at(search: _Search, line: Line, cotangent: Any, n: int, index: tuple[int, ...]) -> Element:
    """The verdict on one coordinate of the gradient of a cotangent."""
    checked = search.checked
    claim = float(checked.gradients(cotangent)[n][index])
    summed = Line(
        lambda t: (cotangent @ line.at(t))[None],
        (cotangent @ checked.center)[None],
        line.size,
        checked.unit,
    )
    element = summed.judge(0, claim, search.allowed)
    if element.verdict in _BAD:
        return settled(checked, summed, element, cotangent, (n, index), 0, search.allowed)
    return element


def _spot(search: _Search, at: int) -> list[Element]:
    """Verdicts on one coordinate for each row."""
    checked = search.checked
    n, i, index = _place(checked, at)
    inner = coordinate_line(checked, i, index)
    line = Line(
        lambda t: search.cotangents @ inner.at(t),
        search.cotangents @ checked.center,
        inner.size,
        checked.unit,
    )
    found = []
    for k, element in enumerate(line.judged(search.rows[:, at], search.allowed)):
        if element.verdict in _BAD:
            element = settled(  # noqa: PLW2901
                checked, line, element, search.cotangents[k], (n, index), k, search.allowed
            )
        found.append(_placed(search, replace(element, input=i, index=index), k))
    return found


def _placed(search: _Search, element: Element, k: int) -> Element:
    """The element with the output that its row is of, if it is of one."""
    chosen = np.flatnonzero(search.cotangents[k])
    if chosen.size != 1:
        return element
    output, index = search.checked.place(int(chosen[0]))
    return replace(element, output=output, output_index=index)


def _sums(outputs: int, rng: np.random.Generator) -> Any:
    """Cotangents with zeros, with both signs, large ones, and two that are 1 at one place."""
    signs = rng.choice([-1.0, 0.0, 1.0], (_SUMS - 3, outputs))
    large = rng.choice([-1.0, 1.0], (1, outputs)) * 1e3
    single = np.zeros((2, outputs))
    single[[0, 1], rng.choice(outputs, 2, replace=False)] = 1.0
    return np.concatenate([signs, large, single])


def _spots(flat: Any, rows: Any, rng: np.random.Generator) -> Sequence[int]:
    """Coordinates to look at one by one: at random, and those with the extreme gradients."""
    some = rng.choice(flat.size, min(_SPOTS, flat.size), replace=False)
    size = np.abs(rows).max(axis=0)
    return np.unique([*some, size.argmax(), size.argmin(), np.abs(flat).argmin()]).tolist()  # type: ignore[no-any-return]


def _sizes(flat: Any) -> Any:
    """Power of 2 near each number; for 0 that of the largest, or 1."""
    largest = np.abs(flat).max(initial=0.0) or 1.0
    return 2.0 ** np.round(np.log2(np.where(flat == 0, largest, np.abs(flat))))


def _flat(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(x, np.float64).ravel() for x in arrays])


def _parts(checked: Checked, direction: Any) -> list[Any]:
    """A flat direction as one array for each active input."""
    sizes = [checked.inputs[i].size for i in checked.active]
    cuts = np.cumsum(sizes)[:-1]
    return [
        part.reshape(checked.inputs[i].shape)
        for i, part in zip(checked.active, np.split(direction, cuts), strict=True)
    ]


def _place(checked: Checked, at: int) -> tuple[int, int, tuple[int, ...]]:
    """Which active input, which input, and index of a coordinate of all of them end to end."""
    for n, i in enumerate(checked.active):
        x = checked.inputs[i]
        if at < x.size:
            return n, i, tuple(int(k) for k in np.unravel_index(at, x.shape))
        at -= x.size
    raise IndexError(at)
