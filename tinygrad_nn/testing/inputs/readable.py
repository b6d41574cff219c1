"""Numbers that can be read: short grids of them, simplest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["NUMBERS", "inside", "margin", "simplest_first"]

_MARGIN = 0.05
"""Distance of a value from the end of an open interval, in parts of its length (at most)."""


def simplicity(x: float) -> tuple[int, bool, float, bool]:
    """Key by which numbers are sorted, simplest first: digits, whether rounded, size, sign."""
    return len(f"{abs(x):g}"), x * 8 % 1 != 0, abs(x), x < 0


def simplest_first(values: Any) -> tuple[float, ...]:
    """The numbers without repetition, the simplest first."""
    return tuple(sorted({float(v) for v in values}, key=simplicity))


# A few are no fractions of 2, so that arithmetic rounds; none but 0 is another's double negative.
NUMBERS = simplest_first([*(k / 4 for k in range(-12, 13)), 0.3, -0.7, 1.1, -1.9, 2.3, 0.6])


def margin(low: float, high: float) -> float:
    """Distance that numbers keep from the ends of an open interval."""
    return min(_MARGIN, (high - low) / 8)


def inside(low: float, high: float, avoid: Sequence[float]) -> tuple[float, ...]:
    """Readable numbers well inside of an open interval, none near a point to avoid."""
    lowest, highest = max(low, min(-8.0, high - 8)), min(high, max(8.0, low + 8))
    near = margin(lowest, highest)
    quarters = np.arange(np.ceil(lowest * 4), np.floor(highest * 4) + 1) / 4
    parts = lowest + (highest - lowest) * np.arange(1, 16) / 16

    def kept(values: Any) -> list[float]:
        inner = [float(v) for v in values if lowest + near <= v <= highest - near]
        return [v for v in inner if all(abs(v - p) > near for p in avoid)]

    readable = kept([*quarters, *NUMBERS])
    return simplest_first(readable if len(readable) > 4 else [*readable, *kept(parts)])
