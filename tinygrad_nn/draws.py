"""Sample inputs of operations from a random generator (the `Draw` of benchmarks and checks)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from tinygrad_nn.core.samples import REAL, Domain

__all__ = ["RandomDraw"]

_T = TypeVar("_T")


class RandomDraw:
    """A `Draw` on a NumPy generator.

    Args:
        rng: Generator, or seed of one.
    """

    def __init__(self, rng: np.random.Generator | int) -> None:
        self._rng = np.random.default_rng(rng)

    def integer(self, low: int, high: int) -> int:
        """Integer between `low` and `high`, both included."""
        return int(self._rng.integers(low, high + 1))

    def choice(self, options: Sequence[_T]) -> _T:
        """One of `options`."""
        return options[self.integer(0, len(options) - 1)]

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> tuple[int, ...]:
        """Shape with sides up to four."""
        dims = self.integer(min_dims, max_dims)
        return tuple(self.integer(min_side, 4) for _ in range(dims))

    def shapes(self, count: int) -> list[tuple[int, ...]]:
        """Shapes that broadcast with one another."""
        full = self.shape()
        found = []
        for _ in range(count):
            kept = full[self.integer(0, len(full)) :]
            found.append(tuple(1 if self.integer(0, 3) == 0 else side for side in kept))
        return found

    def array(self, shape: tuple[int, ...], domain: Domain = REAL) -> Any:
        """float64 array with elements of `domain`, at some distance from its edges."""
        low, high = domain.low, domain.high
        margin = 0.05 * (high - low)
        x = self._rng.uniform(low + margin, high - margin, shape)
        for point in domain.avoid:
            near = np.abs(x - point) < margin
            x = np.where(
                near, np.where(point + 2 * margin < high, point + 2 * margin, point - 2 * margin), x
            )
        if domain.distinct:
            size = count = int(np.prod(shape))
            while True:
                steps = np.linspace(low + margin, high - margin, count + 2)[1:-1]
                close = [np.abs(steps - point) < margin for point in domain.avoid]
                steps = steps[~np.any(close, axis=0)] if close else steps
                if steps.size >= size:
                    break
                count += 1
            x = self._rng.permutation(steps)[:size].reshape(shape)
        return np.asarray(x)

    def mask(self, shape: tuple[int, ...]) -> Any:
        """Boolean array."""
        return self._rng.integers(0, 2, shape).astype(bool)

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Any:
        """Integer array with elements between `low` and `high`, both included."""
        return self._rng.integers(low, high + 1, shape)
