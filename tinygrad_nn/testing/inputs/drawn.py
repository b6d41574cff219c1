"""Values drawn by Hypothesis, so that they shrink to simple ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tinygrad_nn.testing.inputs.domain import RandomSource

__all__ = ["Drawn"]

_EACH = 64
"""Elements up to which each is drawn, and shrinks, by itself; more come from one drawn seed."""
_SEEDS = 2**16 - 1
_LEVEL_PARTS = (5, 2, 1)
"""Part of a grid that is left on each level."""
_LEVELS = st.sampled_from((0, 1, 2, 2, 2, 2))


class _Scale(NamedTuple):
    """A grid in ascending order.

    Hypothesis shrinks a number by steps to its neighbours, and stops where these do not fail. So
    a place on the scale is drawn for each element, and for the whole array a level: on the lowest
    one, each place stands for one of the simplest few numbers.

    Attributes:
        places: Distances from the place of the simplest number.
        levels: For each level the number at each place.
    """

    places: st.SearchStrategy[int]
    levels: tuple[dict[int, float], ...]


@cache
def _scale_of(grid: tuple[float, ...]) -> _Scale:
    ordered = sorted(set(grid))
    zero = ordered.index(grid[0])
    places = {n - zero: x for n, x in enumerate(ordered)}
    simple = [sorted(grid[: max(1, len(grid) // part)]) for part in _LEVEL_PARTS]
    levels = tuple({n: _outward(x, n, few) for n, x in places.items()} for few in simple)
    return _Scale(st.integers(-zero, len(ordered) - 1 - zero), levels)


def _outward(x: float, place: int, simple: Sequence[float]) -> float:
    """The next simple number away from the simplest one, or else the last: 2 for 1.1.

    Where an example must be beyond some number, the simple one is beyond it too.
    """
    if place >= 0:
        return next((v for v in simple if v >= x), simple[-1])
    return next((v for v in reversed(simple) if v <= x), simple[0])


class Drawn:
    """A `Source` on Hypothesis's `draw`."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def numbers(self, grid: Sequence[float], count: int) -> list[float]:
        """Some of `grid`, with repetition."""
        if count > _EACH:
            return self._seeded().numbers(grid, count)
        scale = _scale_of(tuple(grid))
        # The level first, so that simple numbers come before small ones.
        numbers = scale.levels[self._draw(_LEVELS)] if count else {}
        return [numbers[n] for n in self._some(scale.places, count)]

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """Integers from `low` to `high`, both included, with repetition."""
        if count > _EACH:
            return self._seeded().integers(low, high, count)
        return self._some(st.integers(low, high), count)

    def order(self, count: int) -> list[int]:
        """A permutation of 0 to `count` - 1."""
        if count > _EACH:
            return self._seeded().order(count)
        return list(self._draw(st.permutations(range(count))))

    def _some(self, elements: st.SearchStrategy[Any], count: int) -> list[Any]:
        if not count:
            return []
        found: list[Any] = self._draw(st.lists(elements, min_size=count, max_size=count))
        return found

    def _seeded(self) -> RandomSource:
        return RandomSource(self._draw(st.integers(0, _SEEDS)))
