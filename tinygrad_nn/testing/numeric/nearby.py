"""Noise of a function at a point, from values so close by that it is straight there.

A sweep has but one value on each scale. A function that rounds inside moves in grains, much larger
than its last digit (c exp(z) in those of z), and all steps within one grain agree on a slope that
is none. Values at even distances show the grains: their third differences are nothing but noise.

Source: J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

__all__ = ["PLACES", "distances", "noise_of"]

PLACES = np.arange(-7, 8)
"""Of the values, in distances."""
_OF_DOUBLE, _OF_SINGLE = (29, 5693, 370727), (3, 37)
"""Distances, in twice the spacing of numbers: odd, so that they are no whole number of grains."""
_DOUBLE = 40
_ORDERS = (3, 4, 5, 6)
"""Of differences: those of noise are all alike, those of a bent function shrink."""
_ALIKE = 5.0
_GRAINY = 0.1
"""Part of a function's move from place to place that its noise may be: grains that are wider than
the places are apart look like anything else."""
_MORE = 2.0
"""As a few differences may be small by chance."""
_SMALL, _LARGE = 2.0**-25, 2.0**-5
"""Sizes of numbers which may be rounded as parts of 1 inside, while 1 moves only a little."""


def distances(size: float, bits: int) -> list[float]:
    """Even distances at which values are wanted.

    Args:
        size: Absolute value of the number that is moved; 0 counts as 1.
        bits: Of precision of its dtype: 52 for float64, 23 for float32.
    """
    parts = _OF_DOUBLE if bits > _DOUBLE else _OF_SINGLE
    size = size or 1.0
    granule = 2.0 ** max(np.floor(np.log2(size)) + 1 - bits, -1070)
    found = [granule * n for n in parts]
    if _SMALL < size < _LARGE and bits > _DOUBLE:
        found.append(2.0 ** (1 - bits) * parts[0])
    return found


def noise_of(tables: Sequence[Any]) -> Any:
    """Noise of each output: the largest that any distance shows.

    Args:
        tables: For each distance the outputs at `PLACES`, a row for each.
    """
    return np.max([_noise_at(table) for table in tables], axis=0)


def _noise_at(table: Any) -> Any:
    middle = len(table) // 2
    # Each side by itself, and the less noisy of both: what is noise is so on either, a kink or a
    # pole lies on one.
    sides = (table[: middle + 1], table[middle:])
    return np.min([_noise_of_side(side) for side in sides], axis=0)


def _noise_of_side(side: Any) -> Any:
    with np.errstate(all="ignore"):
        # All in all: waves that are sampled too rarely look like noise and lead nowhere.
        move = np.abs(side[-1] - side[0]) / (len(side) - 1)
        each = np.array([_middle(side, n) / _of_noise(n) for n in _ORDERS])
        least = each.min(axis=0)
        # What changes from place to place by as much as it moves is no grain of what is straight.
        noisy = each.max(axis=0) <= np.minimum(_ALIKE * least, _GRAINY * move)
    return np.where(noisy, _MORE * least, 0.0)


def _middle(side: Any, order: int) -> Any:
    """Size of differences of this order: the one in the middle; nan if some are."""
    return np.median(np.abs(np.diff(side, order, axis=0)), axis=0)


def _of_noise(order: int) -> float:
    """Size of differences of noise of size 1: of the third sqrt(1 + 9 + 9 + 1)."""
    return float(np.sqrt(comb(2 * order, order)))
