"""Sources of sample inputs: Hypothesis, which shrinks; a seed; and a fixed walk over shapes."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from tinygrad_nn.core.op import Op
from tinygrad_nn.core.samples import REAL, Domain, Sample
from tinygrad_nn.testing.mutation.samples import Patterned

T = TypeVar("T")
Shape = tuple[int, ...]

SIDE_MAX = 4
# No element is closer to an end of its domain or to a point to avoid; finite differences step a
# small part of that to either side.
MARGIN = 0.05
SEEDS = 2**16
BOUND = 3.0  # stands for an infinite end


class ArrayDraw:
    """The part of `Draw` that the sources share: arrays, made from one drawn integer each.

    Elements come from a generator and not one by one from Hypothesis: fifty times faster, and a
    failure still shrinks to the smallest shape and the first seed. One array in four is rounded to
    halves, so that zeros, integers and repeated elements occur wherever the domain allows them.
    """

    def __init__(self) -> None:
        self.made = 0

    def integer(self, low: int, high: int) -> int:
        raise NotImplementedError

    def choice(self, options: Sequence[T]) -> T:
        return list(options)[self.integer(0, len(options) - 1)]

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> Shape:
        count = self.integer(min_dims, max_dims)
        sides = [self.integer(max(1, min_side), SIDE_MAX) for _ in range(count)]
        if count and not min_side and self.integer(0, 7) == 7:
            sides[self.integer(0, count - 1)] = 0
        return tuple(sides)

    def shapes(self, count: int) -> list[Shape]:
        full = self.shape()
        return [self._broadcastable(full) for _ in range(count)]

    def _broadcastable(self, full: Shape) -> Shape:
        """`full` with leading axes dropped and some sides one; at its simplest, `full`."""
        kept = full[self.integer(0, len(full)) :]
        ones = self.integer(0, 2 ** len(kept) - 1)
        return tuple(1 if ones >> i & 1 else side for i, side in enumerate(kept))

    def array(self, shape: Shape, domain: Domain = REAL) -> Any:
        seed = self._seed()
        rng = self._rng(seed)
        low, high = _inner(domain)
        if domain.distinct:
            return _spread(rng, shape, low, high, domain.avoid)
        values = rng.uniform(low, high, shape)
        if seed % 4 == 3:
            halves = np.round(2 * values) / 2
            values = np.where((halves > low) & (halves < high), halves, values)
        return _away(rng, values, domain.avoid)

    def mask(self, shape: Shape) -> Any:
        return np.asarray(self._rng(self._seed()).random(shape) < 0.5)

    def integers(self, shape: Shape, low: int, high: int) -> Any:
        return np.asarray(self._rng(self._seed()).integers(low, high, shape, endpoint=True))

    def _seed(self) -> int:
        return self.integer(0, SEEDS - 1)

    def _rng(self, seed: int) -> np.random.Generator:
        # Counted, since in the simplest example every seed is 0, but two arrays must differ.
        self.made += 1
        return np.random.default_rng((seed, self.made))


class HypothesisDraw(ArrayDraw):
    """`Draw` on top of Hypothesis's own `draw`."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        super().__init__()
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


class SeededDraw(ArrayDraw):
    """`Draw` on a seed: the same sample on every run."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self._chance.integers(low, high, endpoint=True))


# What an argument may look like beside another of shape (2, 3).
FORMS: tuple[Shape, ...] = ((2, 3), (3,), (2, 1), (1, 3), (1,), ())
EMPTY_FORMS: tuple[Shape, ...] = ((2, 0), (0,), (1,), ())


class PatternDraw(Patterned, SeededDraw):
    """`Draw` without chance in the shapes: those that it was given, in turn."""

    def __init__(self, shapes: Sequence[Shape], seed: int = 0) -> None:
        super().__init__(seed)
        self.patterns = list(shapes)


@cache
def patterns(count: int) -> tuple[tuple[Shape, ...], ...]:
    """Every way in which two shapes broadcast with one another; more arguments repeat them."""
    repeat = min(count, 2)
    return (*product(FORMS, repeat=repeat), *product(EMPTY_FORMS, repeat=repeat))


@st.composite
def samples(draw: Any, record: Op) -> Sample:
    """Arguments of one call of `record`, by its own description."""
    return record.sample(HypothesisDraw(draw))


def _inner(domain: Domain) -> tuple[float, float]:
    low = domain.low if np.isfinite(domain.low) else min(-BOUND, domain.high - 2 * BOUND)
    high = domain.high if np.isfinite(domain.high) else max(BOUND, domain.low + 2 * BOUND)
    margin = min(MARGIN, (high - low) / 8)
    return low + margin, high - margin


def _away(rng: np.random.Generator, values: Any, avoid: Sequence[float]) -> Any:
    """`values` with each one that is too near to a point in `avoid` moved off it."""
    for point in avoid:
        side = np.where(values < point, -1.0, 1.0)
        moved = point + side * MARGIN * rng.uniform(1.0, 2.0, np.shape(values))
        values = np.where(np.abs(values - point) < MARGIN, moved, values)
    return np.asarray(values)


def _spread(
    rng: np.random.Generator, shape: Shape, low: float, high: float, avoid: Sequence[float]
) -> Any:
    """Elements with gaps between all of them: one in each of as many cells."""
    size = int(np.prod(shape))
    cells = size
    while True:
        width = (high - low) / max(cells, 1)
        middles = low + width * (np.arange(cells) + 0.5)
        free = [m for m in middles if all(abs(m - p) > MARGIN + width / 4 for p in avoid)]
        if len(free) >= size:
            break
        cells += 1
    chosen = rng.permutation(np.array(free))[:size]
    return (chosen + rng.uniform(-width / 4, width / 4, size)).reshape(shape)
