"""Round numbers to mark on the axes of a chart."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LARGEST", "ticks", "whole_ticks"]

LARGEST: Final = 1e300
"""Numbers beyond it stand at the edge of a chart."""
_FINEST: Final = 1e-9
"""Share of a number that two must differ by for an axis between them."""


def ticks(low: float, high: float, log: bool) -> tuple[float, float, list[float]]:
    """Ends of an axis and marks between, at round numbers."""
    # What is nearer to the ends of the floats stands at the edge: it has no round numbers around.
    low, high = min(max(low, -LARGEST), LARGEST), min(max(high, -LARGEST), LARGEST)
    if log:
        low, high = max(low, 1 / LARGEST), max(high, 1 / LARGEST)
        a, b = math.floor(math.log10(low)), math.ceil(math.log10(high))
        b = max(b, a + 1)
        every = max(1, -(-(b - a) // 6))
        marks = [10.0**k for k in range(a, b + 1, every)]
        if b - a <= 2:
            marks = [
                m * 10.0**k for k in range(a, b + 1) for m in (1, 2, 5) if m * 10.0**k <= 10.0**b
            ]
        return 10.0**a, 10.0**b, marks
    size = max(abs(low), abs(high))
    if high - low <= max(size * _FINEST, 1 / LARGEST):
        half = size / 2 if size > 2 / LARGEST else 0.5
        low, high = low - half, high + half
    if low > 0 and low < 0.6 * high:
        low = 0.0
    size = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(size))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= size * 0.999)
    start, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = [float(f"{k * step:.12g}") for k in range(start, end + 1)]
    return marks[0], marks[-1], marks


def whole_ticks(low: float, high: float) -> list[int]:
    """Whole numbers to mark along an axis, some six of them; the first is the lowest."""
    a, b = round(low), round(high)
    size = max((b - a) / 6, 1)
    power = 10 ** math.floor(math.log10(size))
    step = int(next(m * power for m in (1, 2, 5, 10) if m * power >= size))
    inner = [x for x in range(-(-a // step) * step, b + 1, step) if x - a >= step / 2 or x == a]
    return [a, *(x for x in inner if x != a)]
