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

_BLOCK = 2**20
"""Arrays of more elements are read in blocks of so many: their copies could fill the memory."""


def figure(payload: Any, *, picture: bool = True) -> Summary:
    """Figures of a payload: a Python number, or an array of numbers.

    Args:
        payload: The number or array; it is read and not kept.
        picture: Whether a large array gets a picture.
    """
    if type(payload) is float:
        return number(payload)
    array = np.asarray(payload)
    if array.size > _BLOCK:
        return _of_large(array, picture=picture)
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


def _of_large(array: Any, *, picture: bool) -> Summary:
    """The same figures, in three readings, with no copy that is larger than a block."""
    low, high, count, zeros, nans = math.inf, -math.inf, 0, 0, 0
    for block in _blocks(array):
        good = block[np.isfinite(block)]
        count += good.size
        nans += int(np.isnan(block).sum())
        zeros += block.size - int(np.count_nonzero(block))
        if good.size:
            low, high = min(low, float(good.min())), max(high, float(good.max()))
    if not count:
        low = high = 0.0
    size = max(abs(low), abs(high))
    scale = size if size and not _SMALL < size < _LARGE else 1.0
    parts = (block[np.isfinite(block)] / scale for block in _blocks(array))
    sums = [(float(good.sum()), float(np.dot(good, good))) for good in parts]
    mean = math.fsum(s for s, _ in sums) / max(count, 1)
    parts = (block[np.isfinite(block)] / scale - mean for block in _blocks(array))
    spread = math.fsum(float(np.dot(off, off)) for off in parts) / max(count, 1)
    return Summary(
        shape=tuple(map(int, array.shape)),
        dtype=str(array.dtype),
        size=array.size,
        elements=None,
        mean=mean * scale,
        deviation=math.sqrt(spread) * scale,
        low=low,
        high=high,
        norm=math.sqrt(math.fsum(s for _, s in sums)) * scale,
        nans=nans,
        infs=array.size - count - nans,
        zeros=zeros,
        picture=_picture(array, scale) if picture else None,
    )


def _blocks(array: Any) -> Any:
    """The elements as float64, block by block, however they lie in memory."""
    return np.nditer(
        array, ["external_loop", "buffered", "zerosize_ok"], ["readonly"],
        op_dtypes=[np.float64], casting="unsafe", buffersize=_BLOCK,
    )  # fmt: skip


def number(x: float) -> Summary:
    """Figures of one Python float, of which a graph may have very many."""
    if x - x == 0.0:
        return Summary((), "float", 1, (x,), x + 0.0, 0.0, x, x, abs(x), 0, 0, int(x == 0.0))
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
        if rows == 1 or columns == 1:
            high, wide = min(SIDE, array.size // SIDE), SIDE
            means = _means(array.reshape(1, -1), 1, high * wide, scale).reshape(high, wide)
        else:
            plain = array.reshape(rows, columns)
            means = _means(plain, min(SIDE, rows), min(SIDE, columns), scale)
        good = np.isfinite(means)
        limit = float(np.abs(means[good]).max(initial=0.0))
        cells = np.full(means.shape, _ODD, np.int8)
        cells[good] = np.rint(means[good] / limit * _FULL) if limit else 0
    high, wide = means.shape
    return Picture(int(high), int(wide), limit * scale, cells.tobytes())


def _means(array: Any, high: int, wide: int, scale: float) -> Any:
    """Mean of each block; not finite where an element of the block is not."""
    rows, columns = array.shape
    tops = np.arange(high) * rows // high
    lefts = np.arange(wide) * columns // wide
    if array.size > _BLOCK:
        across = [np.split(band, lefts[1:], axis=1) for band in np.split(array, tops[1:])]
        return np.array(
            [
                [np.sum(b if scale == 1 else b / scale, dtype=np.float64) / b.size for b in cells]
                for cells in across
            ]
        )
    plain = array.astype(np.float64) / scale
    sums = np.add.reduceat(np.add.reduceat(plain, tops, axis=0), lefts, axis=1)
    return sums / np.outer(np.diff(tops, append=rows), np.diff(lefts, append=columns))
