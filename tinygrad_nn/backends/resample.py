"""Weighted sums of elements along one axis: resizing, uneven means, margins of copies, for NumPy.

What output i reads is a table: positions (taps, outputs) and weights of the same shape, or None
where every weight is 1. The transpose of a table is a table too, so that gradients need no
scattered additions. `line` is a tuple that says which table; see `_TABLES`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

__all__ = ["resample", "resample_back"]

_HALF = np.dtype(np.float16)
Line = tuple[Any, ...]


class _Table(NamedTuple):
    at: Any
    weight: Any
    bare: Any  # outputs that read nothing, or None
    idle: Any = None  # for each tap the outputs where its weight is 0, or None


def resample(x: Any, axis: int, line: Line) -> Any:
    """Σ weight · x[position] along `axis`."""
    return _summed(x, axis, _table(line))


def resample_back(g: Any, axis: int, line: Line) -> Any:
    """The transpose of `resample`."""
    return _summed(g, axis, _transposed(line))


def _summed(x: Any, axis: int, table: _Table) -> Any:
    axis %= x.ndim
    at, weight, bare, idle = table
    wide = x.astype(np.float32) if x.dtype is _HALF and len(at) > 1 else x
    y: Any = None
    for t in range(len(at)):
        part = wide.take(at[t], axis)
        if weight is not None:
            if idle is not None and len(idle[t]):
                part[(slice(None),) * axis + (idle[t],)] = 0  # 0 times infinity would be NaN
            part *= weight[t].astype(wide.dtype).reshape(-1, *[1] * (x.ndim - 1 - axis))
        if y is None:
            y = part
        else:
            y += part
    if bare is not None:
        y[(slice(None),) * axis + (bare,)] = 0
    return y.astype(x.dtype, copy=False)


@lru_cache(maxsize=512)
def _table(line: Line) -> _Table:
    at, weight = _TABLES[line[0]](*line[1:])
    if weight is not None and (weight == 1).all():
        weight = None
    return _Table(at, weight, None, _idle(weight))


def _idle(weight: Any) -> Any:
    if weight is None or weight.all():
        return None
    return [np.flatnonzero(row == 0) for row in weight]


@lru_cache(maxsize=512)
def _transposed(line: Line) -> _Table:
    """The table of the gradient: for each input the outputs that read it."""
    at, weight, _, _ = _table(line)
    n = line[1]
    taps, outputs = at.shape
    reads = at.reshape(-1)
    from_ = np.tile(np.arange(outputs), taps)
    weights = np.ones(reads.size) if weight is None else weight.reshape(-1)
    real = weights != 0
    reads, from_, weights = reads[real], from_[real], weights[real]
    order = np.argsort(reads, kind="stable")
    reads, from_, weights = reads[order], from_[order], weights[order]
    counts = np.bincount(reads, minlength=n)
    row = np.arange(reads.size) - (np.cumsum(counts) - counts)[reads]
    most = max(int(counts.max(initial=0)), 1)
    table, factor = np.zeros((most, n), np.intp), np.zeros((most, n))
    table[row, reads], factor[row, reads] = from_, weights
    bare = counts == 0
    plain = (counts <= 1).all() and (weights == 1).all()
    if plain:
        return _Table(table, None, bare if bare.any() else None)
    return _Table(table, factor, None, _idle(factor))


# ── Tables: the number of inputs, the number of outputs, then what the kind needs ───────


def _nearest(n: int, m: int, step: float | None) -> tuple[Any, Any]:
    i = np.arange(m)
    if n == m or m == 2 * n:
        return (i * n // m)[None], None
    # In float32 as in PyTorch, since rounding decides which of two neighbours it is.
    scale = np.float32(n) / np.float32(m) if step is None else np.float32(step)
    return np.minimum(np.floor(i.astype(np.float32) * scale).astype(np.intp), n - 1)[None], None


def _nearest_exact(n: int, m: int, step: float | None) -> tuple[Any, Any]:
    scale = np.float32(n) / np.float32(m) if step is None else np.float32(step)
    place = ((np.arange(m) + 0.5) * np.float64(scale)).astype(np.float32)
    return np.minimum(np.floor(place).astype(np.intp), n - 1)[None], None


def _scale(n: int, m: int, align: bool, step: float | None) -> float:
    if align:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return n / m if step is None else step


def _linear(n: int, m: int, align: bool, step: float | None) -> tuple[Any, Any]:
    scale, i = _scale(n, m, align, step), np.arange(m)
    place = scale * i if align else np.maximum(scale * (i + 0.5) - 0.5, 0)
    low = np.minimum(place.astype(np.intp), n - 1)
    share = np.clip(place - low, 0, 1)
    return np.stack([low, np.minimum(low + 1, n - 1)]), np.stack([1 - share, share])


def _cubic(n: int, m: int, align: bool, step: float | None) -> tuple[Any, Any]:
    scale, i = _scale(n, m, align, step), np.arange(m)
    place = scale * i if align else scale * (i + 0.5) - 0.5
    low = np.floor(place)
    t = np.clip(place - low, 0, 1)
    offsets = np.arange(-1, 3)[:, None]
    at = np.clip(low.astype(np.intp) + offsets, 0, n - 1)
    return at, _keys(t - offsets, -0.75)


def _keys(x: Any, a: float) -> Any:
    """Keys's kernel (1981): (a+2)|x|³ − (a+3)x² + 1 up to 1, a(|x|³ − 5x² + 8|x| − 4) up to 2."""
    x = np.absolute(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


_KERNELS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "linear": (1, lambda x: np.maximum(1 - np.absolute(x), 0)),
    "cubic": (2, lambda x: _keys(x, -0.5)),
    "lanczos": (3, lambda x: np.where(np.absolute(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)),
}


def _antialiased(n: int, m: int, kernel: str, align: bool, step: float | None) -> tuple[Any, Any]:
    """The kernel is stretched over what one output stands for, and its weights sum up to 1."""
    scale = _scale(n, m, align, step)
    radius, function = _KERNELS[kernel]
    stretch = max(scale, 1.0)
    centre = scale * (np.arange(m) + 0.5)
    low = np.maximum((centre - radius * stretch + 0.5).astype(np.intp), 0)
    high = np.minimum((centre + radius * stretch + 0.5).astype(np.intp), n)
    at = low + np.arange(max(int((high - low).max()), 1))[:, None]
    weight = np.where(at < high, function((at - centre + 0.5) / stretch), 0)
    total = weight.sum(0)
    return np.clip(at, 0, n - 1), weight / np.where(total == 0, 1, total)


def _area(n: int, m: int) -> tuple[Any, Any]:
    """Mean of what lies at least partly in the part of the axis that an output stands for."""
    low, high = np.arange(m) * n // m, -(-(np.arange(m) + 1) * n // m)
    at = low + np.arange(max(int((high - low).max(initial=1)), 1))[:, None]
    return np.minimum(at, high - 1), np.where(at < high, 1 / (high - low), 0)


def _margin(n: int, m: int, before: int, mode: str) -> tuple[Any, Any]:
    """Copies beside the axis; `before` < 0 cuts."""
    i = np.arange(-before, m - before)
    if mode == "circular":
        return (i % n)[None], None
    if mode == "reflect":
        i = np.absolute(i)
        return np.where(i < n, i, 2 * (n - 1) - i)[None], None
    return np.clip(i, 0, n - 1)[None], None


_TABLES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "nearest": _nearest,
    "nearest-exact": _nearest_exact,
    "linear": _linear,
    "cubic": _cubic,
    "antialiased": _antialiased,
    "area": _area,
    "margin": _margin,
}
