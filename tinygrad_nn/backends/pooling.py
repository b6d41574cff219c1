"""Windows that slide over the last axes: maxima, sums, and what spreads them back, for NumPy.

One pass over strided views for each place in the window, never a view of all windows: of a
(64, 6, 28, 28) float32 array the maxima of 2x2 windows take 0.25 ms, those over
`sliding_window_view` 20 ms. Nothing is padded: each pass leaves out the windows whose element
lies outside. Views and `empty_like` keep the order of the axes in memory, whichever it is.

`windows` has for each of the last axes the tuple (size, stride, padding, dilation, count).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

__all__ = [
    "argmax_at",
    "max_pool",
    "pool_index",
    "pool_pick",
    "pool_place",
    "pool_spread",
    "pool_sum",
    "pool_winner",
]

Window = tuple[int, int, int, int, int]
Key = tuple[Any, ...]
_ALL = slice(None)
_HALF = np.dtype(np.float16)
_BITS = {np.dtype(f): np.dtype(i) for f, i in (("f2", "i2"), ("f4", "i4"), ("f8", "i8"))}
# Up to here adding slices is quicker than a reduction whose inner loop is as short.
_SHORT = 8


@lru_cache(maxsize=4096)
def _steps(n: int, window: Window) -> tuple[tuple[int, slice, slice], ...]:
    """For each place in the window: its number, the windows where it lies inside, and where."""
    size, stride, padding, dilation, count = window
    found = []
    for k in range(size):
        first = k * dilation - padding
        low = max(0, -(first // stride))
        high = min(count, (n - 1 - first) // stride + 1)
        if low < high:
            inside = _ALL if (low, high) == (0, count) else slice(low, high)
            begin, end = first + low * stride, first + (high - 1) * stride + 1
            found.append((k, inside, slice(begin, end, stride)))
    return tuple(found)


@lru_cache(maxsize=1024)
def _places(sides: tuple[int, ...], windows: tuple[Window, ...]) -> list[tuple[int, Key, Key]]:
    """The same for windows over several axes, in row-major order."""
    found = []
    for steps in product(*map(_steps, sides, windows)):
        number = 0
        for (k, _, _), window in zip(steps, windows, strict=True):
            number = number * window[0] + k
        found.append((number, (..., *[s[1] for s in steps]), (..., *[s[2] for s in steps])))
    return found


def _whole(key: Key) -> bool:
    return all(s is _ALL or s is ... for s in key)


@lru_cache(maxsize=1024)
def _tiles(sides: tuple[int, ...], windows: tuple[Window, ...]) -> bool:
    """Whether every element lies in exactly one window."""
    return all(
        (size, padding, dilation, count * size) == (stride, 0, 1, n)
        for n, (size, stride, padding, dilation, count) in zip(sides, windows, strict=True)
    )


def _shape(x: Any, windows: tuple[Window, ...]) -> tuple[int, ...]:
    return (*x.shape[: x.ndim - len(windows)], *[w[-1] for w in windows])


def _axes(x: Any, windows: tuple[Window, ...]) -> Iterator[tuple[int, Window]]:
    return zip(range(x.ndim - len(windows), x.ndim), windows, strict=True)


# ── Maxima ──────────────────────────────────────────────────────────────────────────────


def max_pool(x: Any, windows: tuple[Window, ...]) -> Any:
    """Largest element of each window, NaN where there is one: along one axis after the other."""
    # The first of the axes first: its passes run over whole rows.
    for axis, window in _axes(x, windows):
        x = _max_along(x, axis, window)
    return x


def _max_along(x: Any, axis: int, window: Window) -> Any:
    lead = (_ALL,) * axis
    steps = _steps(x.shape[axis], window)
    views = [(inside, x[(*lead, at)]) for _, inside, at in steps]
    whole = [view for inside, view in views if inside is _ALL]
    if len(whole) > 1:
        y = np.maximum(whole[0], whole[1])
        whole = whole[2:]
    else:
        y = np.empty_like(x, shape=(*x.shape[:axis], window[-1], *x.shape[axis + 1 :]))
        y[...] = _lowest(x.dtype)
    for view in whole:
        np.maximum(y, view, out=y)
    for inside, view in views:
        if inside is not _ALL:
            part = y[(*lead, inside)]
            np.maximum(part, view, out=part)
    return y


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def pool_winner(x: Any, y: Any, windows: tuple[Window, ...]) -> Any:
    """For each window the place in it, in row-major order, of its first maximum `y`.

    Counts the places before it: one comparison for each, the rest on single bytes.
    """
    places = _places(x.shape[x.ndim - len(windows) :], windows)
    total = prod(w[0] for w in windows)
    winner: Any = np.zeros_like(y, np.uint8 if total < 256 else np.int64)
    free = np.ones_like(y, bool)
    if len(places) == total and all(_whole(inside) for _, inside, _ in places):
        # The last place is what remains.
        for _, _, at in places[:-1]:
            free &= x[at] != y
            winner += free
        if y.dtype.kind == "f" and (nan := np.isnan(y)).any():
            _take_nan(winner, nan, x, places)
        return winner
    lower = 0
    for number, inside, at in places:
        # Places that lie outside of every window are passed over.
        winner += free * np.asarray(number - lower, winner.dtype)
        part = free[inside]
        part &= x[at] != y[inside]
        lower = number
    if free.any():
        _take_nan(winner, free, x, places)
    return winner


def _take_nan(winner: Any, free: Any, x: Any, places: list[tuple[int, Key, Key]]) -> None:
    """Windows with NaN have no element equal to their maximum: the last NaN is it."""
    for number, inside, at in places:
        winner[inside][(x[at] != x[at]) & free[inside]] = number


def pool_place(g: Any, winner: Any, windows: tuple[Window, ...], sides: tuple[int, ...]) -> Any:
    """Zeros with `g` added where each window's winner stands."""
    shape = (*g.shape[: g.ndim - len(sides)], *sides)
    tiles = _tiles(sides, windows)
    make: Any = np.empty_like if tiles else np.zeros_like
    # Memory in the order of the winners', which is that of the input of the forward pass.
    out = make(winner, dtype=g.dtype, shape=shape)
    bits = _BITS.get(g.dtype)
    for number, inside, at in _places(sides, windows):
        hit = winner[inside] == number
        if bits is None:
            part = np.where(hit, g[inside], 0)
        elif tiles:
            np.multiply(g.view(bits), hit, out=out[at].view(bits))
            continue
        else:
            part = (g[inside].view(bits) * hit).view(g.dtype)
        if tiles:
            out[at] = part
        else:
            out[at] += part
    return out


def pool_pick(x: Any, winner: Any, windows: tuple[Window, ...]) -> Any:
    """The elements of `x` where the windows' winners stand: the transpose of `pool_place`."""
    y = np.zeros_like(winner, dtype=x.dtype)
    for number, inside, at in _places(x.shape[x.ndim - len(windows) :], windows):
        np.copyto(y[inside], x[at], where=winner[inside] == number)
    return y


def pool_index(winner: Any, windows: tuple[Window, ...], sides: tuple[int, ...]) -> Any:
    """Position of each window's winner among all elements of the pooled axes, row-major."""
    flat = np.zeros(winner.shape, np.int64)
    rest, step = winner.astype(np.int64), 1
    for d in reversed(range(len(sides))):
        size, stride, padding, dilation, count = windows[d]
        start = (np.arange(count) * stride - padding).reshape(-1, *[1] * (len(sides) - 1 - d))
        flat += (start + rest % size * dilation) * step
        rest //= size
        step *= sides[d]
    return flat


def argmax_at(x: Any, places: tuple[Any, ...]) -> Any:
    """Flat position, in the last axes, of the first maximum of each window of elements.

    `places` has for each of the last axes the positions (..., windows, size) that windows read
    along it; a window of several axes reads their product.
    """
    dims = len(places)
    lead, sides = x.shape[: x.ndim - dims], x.shape[x.ndim - dims :]
    flat: Any = 0
    for d, at in enumerate(places):
        ones = [1] * (2 * dims)
        ones[d], ones[dims + d] = at.shape[-2:]
        flat = flat * sides[d] + at.reshape(*at.shape[:-2], *ones)
    found = flat.shape[flat.ndim - 2 * dims :]
    flat = flat.reshape(*flat.shape[: flat.ndim - 2 * dims], prod(found[:dims]), prod(found[dims:]))
    flat = np.broadcast_to(flat, (*lead, *flat.shape[-2:]))
    line = x.reshape(*lead, 1, prod(sides))
    best = np.take_along_axis(line, flat, -1).argmax(-1)[..., None]
    return np.take_along_axis(flat, best, -1).reshape(*lead, *found[:dims])


# ── Sums ────────────────────────────────────────────────────────────────────────────────


def pool_sum(x: Any, windows: tuple[Window, ...]) -> Any:
    """Sum of each window, along one axis after the other; float16 in float32."""
    y = x.astype(np.float32) if x.dtype is _HALF else x
    for axis, window in _axes(x, windows):
        y = _sum_along(y, axis, window)
    return y.astype(_HALF) if x.dtype is _HALF else y


def _sum_along(x: Any, axis: int, window: Window) -> Any:
    lead, n, count = (_ALL,) * axis, x.shape[axis], window[-1]
    if window[0] > _SHORT and _tiles((n,), (window,)):
        return np.add.reduce(x.reshape(*x.shape[:axis], count, -1, *x.shape[axis + 1 :]), axis + 1)
    steps = _steps(n, window)
    y = np.empty_like(x, shape=(*x.shape[:axis], count, *x.shape[axis + 1 :]))
    if len(steps) > 1 and steps[0][1] is _ALL and steps[1][1] is _ALL:
        np.add(x[(*lead, steps[0][2])], x[(*lead, steps[1][2])], out=y)
        steps = steps[2:]
    else:
        y[...] = 0
    for _, inside, at in steps:
        y[(*lead, inside)] += x[(*lead, at)]
    return y


def pool_spread(g: Any, windows: tuple[Window, ...], sides: tuple[int, ...]) -> Any:
    """Each element of `g` added to all elements of its window: the transpose of `pool_sum`."""
    y = g.astype(np.float32) if g.dtype is _HALF else g
    axes = list(_axes(g, windows))
    # The last first, so that the larger passes run over whole rows.
    for (axis, window), n in reversed(list(zip(axes, sides, strict=True))):
        y = _spread_along(y, axis, window, n)
    return y.astype(_HALF) if g.dtype is _HALF else y


def _spread_along(g: Any, axis: int, window: Window, n: int) -> Any:
    lead, shape = (_ALL,) * axis, (*g.shape[:axis], n, *g.shape[axis + 1 :])
    tiles = _tiles((n,), (window,))
    y = (np.empty_like if tiles else np.zeros_like)(g, shape=shape)
    for _, inside, at in _steps(n, window):
        if tiles:
            y[(*lead, at)] = g
        else:
            y[(*lead, at)] += g[(*lead, inside)]
    return y
