"""How an operation describes its valid inputs: plain data, and a `Draw` to draw them with.

The suite that covers every operation implements `Draw` with Hypothesis, so that failing
inputs shrink; the benchmarks implement it with a random generator. An operation's record
therefore needs no knowledge of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

__all__ = ["NONZERO", "POSITIVE", "REAL", "UNIT", "Domain", "Draw", "Sample"]

_T = TypeVar("_T")

Sample = tuple[tuple[Any, ...], dict[str, Any]]
"""Data arguments and static arguments of one call."""


class Domain(NamedTuple):
    """Where one argument of an operation is defined and differentiable.

    Attributes:
        low: Lower end of the open interval.
        high: Upper end of the open interval.
        avoid: Points where the derivative jumps or does not exist.
        distinct: No two elements may be equal (sorting, maxima, medians).
    """

    low: float = -3.0
    high: float = 3.0
    avoid: tuple[float, ...] = ()
    distinct: bool = False


REAL = Domain()
POSITIVE = Domain(low=0.0)
NONZERO = Domain(avoid=(0.0,))
UNIT = Domain(low=-1.0, high=1.0)


class Draw(Protocol):
    """Source of sample inputs."""

    def integer(self, low: int, high: int) -> int:
        """Integer between `low` and `high`, both included."""

    def choice(self, options: Sequence[_T]) -> _T:
        """One of `options`."""

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> tuple[int, ...]:
        """Shape with sides up to four."""

    def shapes(self, count: int) -> list[tuple[int, ...]]:
        """Shapes that broadcast with one another."""

    def array(self, shape: tuple[int, ...], domain: Domain = REAL) -> Any:
        """float64 array with elements of `domain`."""

    def mask(self, shape: tuple[int, ...]) -> Any:
        """Boolean array."""

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Any:
        """Integer array with elements between `low` and `high`, both included."""


def elementwise(draw: Draw, domains: Sequence[Domain]) -> Sample:
    """One broadcastable array for each domain."""
    shapes = draw.shapes(len(domains))
    return tuple(draw.array(s, d) for s, d in zip(shapes, domains, strict=True)), {}
