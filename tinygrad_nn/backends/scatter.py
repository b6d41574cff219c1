"""Adding into indexed positions of zeros: the transpose of indexing, for NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["add_at", "last_writers"]


def add_at(g: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `g` added at `key`; positions that repeat add up.

    Without integer arrays no position can repeat, and assignment does. Otherwise the key
    becomes flat positions: `np.add.at` has a fast loop for one flat index array (of 512 rows
    of 64 float32: 65 µs, against 285 for rows, 85 for `bincount`, 157 for sorted sums).
    """
    dtype = np.result_type(g)
    if not repeats(key):
        out = np.zeros(shape, dtype)
        out[key] = g
        return out
    wide = np.dtype(np.float32) if dtype == np.float16 else dtype
    out = np.zeros(shape, wide)
    position = _positions(key, shape)
    values = np.broadcast_to(g, position.shape)
    np.add.at(out.reshape(-1), position.reshape(-1), values.reshape(-1).astype(wide, copy=False))
    return out.astype(dtype, copy=False)


def last_writers(key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Which of the elements assigned to `key` are still there when all have been written."""
    writer = np.zeros(shape, np.intp)
    number = np.arange(writer[key].size).reshape(writer[key].shape)
    writer[key] = number
    return writer[key] == number


def repeats(key: tuple[Any, ...]) -> bool:
    """Whether a position could occur twice: only where an array of integers selects."""
    return any(isinstance(k, np.ndarray) and k.ndim and k.dtype.kind != "b" for k in key)


def _positions(key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Position in row-major order of each element that `key` selects."""
    if all(isinstance(k, np.ndarray) and k.dtype.kind != "b" for k in key):
        # Only the leading axes are indexed: no array of all positions is needed.
        lead: Any = 0
        for k, side in zip(key, shape, strict=False):
            lead = lead * side + np.where(k < 0, k + side, k)
        rest = shape[len(key) :]
        size = int(np.prod(rest))
        return lead[(..., *[None] * len(rest))] * size + np.arange(size).reshape(rest)
    return np.arange(int(np.prod(shape))).reshape(shape)[key]
