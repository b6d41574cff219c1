"""Numbers as strict JSON holds them, which knows neither NaN nor the infinities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["WORDS", "strict"]

WORDS: Mapping[str, float] = MappingProxyType(
    {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
)
"""The numbers that stand as words, in every file and page of this package."""


def strict(x: float) -> float | str:
    """`x`, or the word for it.

    Example:
        >>> strict(2.5), strict(float("-inf"))
        (2.5, '-Infinity')
    """
    if x - x == 0:
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
