"""Steps to take along a line: a geometric grid from coarse to fine."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["RATIO", "beyond", "spacing", "steps"]

RATIO = 4.0
"""Of neighbouring steps: 1/4 keeps rounding out of a step and the grid short."""

_FINEST = 52
"""Bits below the size of a number at which its spacing is reached."""
_LEAST = -1060
_OF_ZERO = 60
"""Bits below 1 that a step from 0 may go down to: 0 itself has no spacing."""

_SMALL = 2.0**-10
"""Numbers smaller than this have a scale of their own."""


def steps(size: float, bits: int = _FINEST, beside: float = 0.0) -> Any:
    """Steps for a number of this size: up to a quarter of it, or of 1 if that is more.

    Args:
        size: Absolute value of the number that is stepped from.
        bits: Of precision of its dtype: 52 for float64, 23 for float32.
        beside: Size of the numbers beside it, on whose scale a 0 is moved too.

    Returns:
        Powers of 4, descending. For a small number there are steps on its own scale and steps on
        the scale of 1, since a function may change on either.
    """
    top = _even(max(size, 1.0))
    if size == 0:
        exponents = np.arange(top, top - _OF_ZERO, -2.0)
        if 0 < beside < _SMALL:
            own = _even(beside)
            exponents = np.union1d(exponents, np.arange(own, max(own - bits, _LEAST), -2.0))[::-1]
        return 2.0**exponents
    own = _even(size)
    exponents = np.union1d(
        np.arange(top, max(top - bits, own - bits), -2.0), np.arange(own, own - bits + 1, -2.0)
    )
    # Finer steps than the spacing of numbers at x would be lost or doubled by rounding.
    least = max(_LEAST, np.floor(np.log2(size)) - bits)
    return 2.0 ** exponents[exponents >= least][::-1]


def beyond(grid: Any, levels: int = 20) -> Any:
    """Still coarser steps, for functions whose change drowns in noise at all finer ones."""
    top = np.log2(grid[0])
    return 2.0 ** np.arange(top + 2 * levels, top, -2.0)


def spacing(size: float, bits: int) -> float:
    """Twice the spacing of numbers of this size."""
    return float(2.0 ** max(np.floor(np.log2(size)) + 1 - bits, _LEAST))


def _even(size: float) -> float:
    """Exponent of the largest power of 4 of at most a quarter of `size`."""
    return float(2 * np.floor(np.log2(size) / 2) - 2)
