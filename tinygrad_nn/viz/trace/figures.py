"""A number or array in a few figures, and as a picture small enough to look at."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_nn.viz.trace.model import Picture, Summary

__all__ = ["KEPT_ELEMENTS", "SIDE", "figure", "number"]

KEPT_ELEMENTS = 256
"""Arrays up to this many elements are kept in full, larger ones as a picture."""

SIDE = 32
"""Cells of a picture in each direction, at most."""

# Beyond these a square is no longer a normal number.
_SMALL, _LARGE = 1e-150, 1e150
_FULL, _ODD = 127, -128


def figure(payload: Any, *, picture: bool = True) -> Summary:
    """Figures of a payload: a Python number, or an array of numbers.

    Args:
        payload: The number or array; it is read and not kept.
        picture: Whether a large array gets a picture.
    """
    if type(payload) is float:
        return number(payload)
    array = np.asarray(payload)
    low, high, nans, infs = _range(array)
    flat, scale = _scaled(array, nans + infs, max(abs(low), abs(high)))
    known = isinstance(payload, (bool, int, float)) and not isinstance(payload, np.generic)
    few = array.size <= KEPT_ELEMENTS
    with np.errstate(all="ignore"):
        return Summary(
            shape=tuple(map(int, array.shape)),
            dtype=type(payload).__name__ if known else str(array.dtype),
            size=array.size,
            elements=tuple(array.ravel().tolist()) if few else None,
            mean=float(flat.mean()) * scale,
            deviation=float(flat.std()) * scale,
            low=low,
            high=high,
            norm=float(np.sqrt((flat * flat).sum())) * scale,
            nans=nans,
            infs=infs,
            zeros=array.size - int(np.count_nonzero(array)),
            picture=_picture(array, scale) if picture and not few else None,
        )


def number(x: float) -> Summary:
    """Figures of one Python float, of which a graph may have very many."""
    if x - x == 0.0:
        return Summary((), "float", 1, (x,), x, 0.0, x, x, abs(x), 0, 0, int(x == 0.0))
    nan = int(math.isnan(x))
    return Summary((), "float", 1, (x,), 0.0, 0.0, 0.0, 0.0, 0.0, nan, 1 - nan)


def _range(array: Any) -> tuple[float, float, int, int]:
    """Lowest and highest finite element, number of NaNs and of infinities."""
    if not array.size:
        return 0.0, 0.0, 0, 0
    low, high = float(array.min()), float(array.max())
    if low - low == 0.0 == high - high:
        return low, high, 0, 0
    good = np.isfinite(array)
    nans = int(np.isnan(array).sum())
    infs = array.size - int(good.sum()) - nans
    finite = array[good]
    if not finite.size:
        return 0.0, 0.0, nans, infs
    return float(finite.min()), float(finite.max()), nans, infs


def _scaled(array: Any, odd: int, size: float) -> tuple[Any, float]:
    """The finite elements as float64, and what to multiply by.

    Where squares would overflow or vanish they are divided by the largest one first.
    """
    flat = array.ravel()
    if odd:
        flat = flat[np.isfinite(flat)]
    flat = flat.astype(np.float64) if flat.size else np.zeros(1)
    if size and not _SMALL < size < _LARGE:
        return flat / size, size
    return flat, 1.0


# ── Pictures ────────────────────────────────────────────────────────────────────────────


def _picture(array: Any, scale: float) -> Picture:
    """Means of at most 32 by 32 blocks of equal size, to within one row and column.

    Of more than two axes the leading ones are stacked; a single row is folded.
    """
    rows, columns = array.size // array.shape[-1], array.shape[-1]
    with np.errstate(all="ignore"):
        plain = array.astype(np.float64) / scale
        if rows == 1 or columns == 1:
            high, wide = min(SIDE, array.size // SIDE), SIDE
            means = _means(plain.reshape(1, -1), 1, high * wide).reshape(high, wide)
        else:
            means = _means(plain.reshape(rows, columns), min(SIDE, rows), min(SIDE, columns))
        good = np.isfinite(means)
        limit = float(np.abs(means[good]).max(initial=0.0))
        cells = np.full(means.shape, _ODD, np.int8)
        cells[good] = np.rint(means[good] / limit * _FULL) if limit else 0
    high, wide = means.shape
    return Picture(int(high), int(wide), limit * scale, cells.tobytes())


def _means(plain: Any, high: int, wide: int) -> Any:
    """Mean of each block; not finite where an element of the block is not."""
    rows, columns = plain.shape
    tops = np.arange(high) * rows // high
    lefts = np.arange(wide) * columns // wide
    sums = np.add.reduceat(np.add.reduceat(plain, tops, axis=0), lefts, axis=1)
    return sums / np.outer(np.diff(tops, append=rows), np.diff(lefts, append=columns))
