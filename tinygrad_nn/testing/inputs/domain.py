"""One domain, and what its values are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tinygrad_nn.errors import ShapeError

__all__ = ["Domain", "RandomSource", "Source"]


class Source(Protocol):
    """What values are drawn from. The first of a grid and the lowest integer are the simplest."""

    def numbers(self, grid: Sequence[float], count: int) -> list[float]:
        """Some of `grid`, with repetition."""

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """Integers from `low` to `high`, both included, with repetition."""

    def order(self, count: int) -> list[int]:
        """A permutation of 0 to `count` - 1."""


class RandomSource:
    """A `Source` on a NumPy generator or a seed.

    Example:
        >>> from tinygrad_nn.testing.inputs.domains import SIMPLEX, RandomSource
        >>> SIMPLEX.holds(SIMPLEX.draw(RandomSource(0), (2, 3)))
        True
    """

    def __init__(self, rng: np.random.Generator | int) -> None:
        self._rng = np.random.default_rng(rng)

    def numbers(self, grid: Sequence[float], count: int) -> list[float]:
        """Some of `grid`, with repetition."""
        return self._rng.choice(np.array(grid), count).tolist()  # type: ignore[no-any-return]

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """Integers from `low` to `high`, both included, with repetition."""
        return self._rng.integers(low, high, count, endpoint=True).tolist()  # type: ignore[no-any-return]

    def order(self, count: int) -> list[int]:
        """A permutation of 0 to `count` - 1."""
        return self._rng.permutation(count).tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Domain:
    """Values that an argument may have.

    Attributes:
        name: In words.
        make: Draws values of a shape; called by `draw`.
        recognise: Whether values lie in it, elementwise or as a whole; called by `holds`.
        axes: Fewest axes that an array of it has.
        square: Its last two axes are equally long.
        full: Its last axis (both, of a matrix) is not empty.
        whole: Its values are integers.
        extremes: Grid of values at the ends of the domain, drawn now and then on request.
    """

    name: str
    make: Callable[[Source, tuple[int, ...]], Any]
    recognise: Callable[[Any], Any]
    axes: int = 0
    square: bool = False
    full: bool = False
    whole: bool = False
    extremes: tuple[float, ...] = ()

    def draw(self, source: Source, shape: tuple[int, ...], extremes: bool = False) -> Any:
        """An array of this shape.

        Args:
            source: Of randomness.
            shape: Of the array.
            extremes: About one element in eight is one of `extremes`.

        Raises:
            ShapeError: No array of this shape lies in the domain.
        """
        if not self.fits(shape):
            raise ShapeError(f"{self.name}: got shape {list(shape)}, expected {self.wanted}")
        found = np.asarray(self.make(source, shape), np.int64 if self.whole else np.float64)
        if extremes and self.extremes and found.size:
            ends = np.array(source.numbers(self.extremes, found.size)).reshape(shape)
            chosen = np.array(source.integers(0, 7, found.size)).reshape(shape) == 7
            found = np.where(chosen, ends, found)
        return found

    def holds(self, values: Any) -> bool:
        """Whether an array lies in the domain."""
        values = np.asarray(values)
        kinds = "iu" if self.whole else "f"
        if values.dtype.kind not in kinds or not self.fits(values.shape):
            return False
        with np.errstate(all="ignore"):
            return bool(np.isfinite(values).all() and np.all(self.recognise(values)))

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of the domain may have this shape."""
        if len(shape) < self.axes or (self.square and shape[-1] != shape[-2]):
            return False
        return not self.full or all(shape[len(shape) - self.axes :])

    @property
    def wanted(self) -> str:
        """Shapes that fit, in words."""
        parts = [f"at least {self.axes} axes" if self.axes else "any shape"]
        if self.square:
            parts.append("the last two equally long")
        if self.full:
            parts.append("the last not empty" if self.axes == 1 else "the last two not empty")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<Domain: {self.name}>"
