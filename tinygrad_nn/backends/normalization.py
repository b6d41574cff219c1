"""Means and sums of squares along axes, and what layers that normalise compute with them.

Times are for float32 (2048, 128), a megabyte, on one Zen 4 core: the sum of each row 73 µs by
`add.reduce` and 17 as a product with ones; of squares 37 µs by `einsum` and 23 by `vecdot`.
Rows this short make broadcasting dear: the product with a row or a column takes 70 µs, with an
array 35, and a matrix product that fills an array from a column and a row 25.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

__all__ = [
    "centre",
    "dot_over",
    "inverse_rms",
    "moments",
    "row_slopes",
    "standardize",
    "standardize_slope",
    "sum_over",
]

_HALF = np.dtype(np.float16)
# As Any, since NumPy's stubs do not know that all arguments may be positional, which is quicker.
_add: Any = np.add.reduce
# Longer ones are added in pairs by `add.reduce`, with a smaller error; its overhead is small there.
_PRODUCT_MAX = 1024
# Numbers worked on at a time where rows are normalised.
_BLOCK = 65536
# So many rows, or more, BLAS works on at a time in a product with a vector.
_GROUP = 64

Axes = tuple[int, ...]


def sum_over(x: Any, axes: Axes) -> Any:
    """Sum over `axes`, which keep length one."""
    if x.dtype is _HALF:
        return sum_over(x.astype(np.float32), axes).astype(_HALF)
    order = _order_in_memory(x)
    if order:
        placed = tuple(i for i, a in enumerate(order) if a in axes)
        return sum_over(x.transpose(order), placed).transpose(np.argsort(order))
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    if x.size and x.flags.c_contiguous and x.dtype.kind == "f":
        last, first = _ends(axes, x.ndim)
        if last + first == len(axes):
            return _by_products(x, last, first).reshape(shape)
    return _add(x, axes, None, None, True) if axes else x.copy()


def _order_in_memory(*arrays: Any) -> Axes | None:
    """Axes in the order in which all arrays are contiguous; None if they are, or none makes them.

    What a convolution makes has the batch innermost.
    """
    first = arrays[0]
    if first.flags.c_contiguous:
        return None
    order = tuple(sorted(range(first.ndim), key=lambda i: -first.strides[i]))
    contiguous = all(a.ndim == first.ndim and a.transpose(order).flags.c_contiguous for a in arrays)
    return order if contiguous and order != tuple(range(first.ndim)) else None


def _ends(axes: Axes, ndim: int) -> tuple[int, int]:
    """How many of `axes` are the last ones of an array, and how many of the others the first."""
    last = 0
    while last < ndim and ndim - 1 - last in axes:
        last += 1
    first = 0
    while first < ndim - last and first in axes:
        first += 1
    return last, first


def _by_products(x: Any, last: int, first: int) -> Any:
    """Flat sums over the last and the first axes of a contiguous array."""
    if last:
        count = prod(x.shape[x.ndim - last :])
        rest = x.shape[: x.ndim - last]
        rows = x.reshape(-1, count)
        if count == 1:
            x = rows.reshape(rest)
        elif count <= _PRODUCT_MAX:
            x = (rows @ np.ones(count, x.dtype)).reshape(rest)
        else:
            x = np.add.reduce(rows, 1).reshape(rest)
    if first:
        count = prod(x.shape[:first])
        columns = x.reshape(count, -1)
        x = np.ones(count, x.dtype) @ columns if count <= _PRODUCT_MAX else _halved(columns)
    return x


def _halved(columns: Any) -> Any:
    """Sum of many rows, in blocks, so that rounding does not grow with their number."""
    return _mixed(np.ones(len(columns), columns.dtype), columns)


def _mixed(shares: Any, columns: Any) -> Any:
    """`shares @ columns`, in blocks of rows if there are many."""
    blocks = len(columns) // _PRODUCT_MAX
    if blocks < 2:
        return shares @ columns
    cut = blocks * _PRODUCT_MAX
    whole = columns[:cut].reshape(blocks, _PRODUCT_MAX, columns.shape[1])
    sums = np.matmul(shares[:cut].reshape(blocks, 1, _PRODUCT_MAX), whole)
    return np.add.reduce(sums, 0)[0] + shares[cut:] @ columns[cut:]


def dot_over(a: Any, b: Any, axes: Axes) -> Any:
    """Sum of a · b over `axes`, which keep length one; b broadcasts to a."""
    if a.dtype is _HALF:
        return dot_over(a.astype(np.float32), b, axes).astype(np.result_type(a, b))
    order = _order_in_memory(a, b)
    if order:
        placed = tuple(i for i, axis in enumerate(order) if axis in axes)
        sums = dot_over(a.transpose(order), b.transpose(order), placed)
        return sums.transpose(np.argsort(order))
    last, _ = _ends(axes, a.ndim)
    if (
        last == 0
        or a.ndim != b.ndim
        or a.shape[a.ndim - last :] != b.shape[a.ndim - last :]
        or not (a.flags.c_contiguous and b.flags.c_contiguous and a.size)
        or prod(a.shape[a.ndim - last :]) == 1
    ):
        return sum_over(a * b, axes)
    rest = a.ndim - last
    rows = [z.reshape(*z.shape[:rest], -1) for z in (a, b)]
    sums = np.vecdot(*rows)
    left = tuple(i for i in axes if i < rest)
    return sum_over(sums.reshape(*sums.shape, *[1] * last), left)


def centre(x: Any, axes: Axes) -> Any:
    """x minus its mean over `axes`."""
    if x.dtype is _HALF:
        return centre(x.astype(np.float32), axes).astype(_HALF)
    return x - sum_over(x, axes) / _count(x, axes)


def inverse_rms(x: Any, axes: Axes, eps: float) -> Any:
    """1 / √(mean of x² over `axes` + eps); the axes keep length one."""
    if x.dtype is _HALF:
        return inverse_rms(x.astype(np.float32), axes, eps).astype(_HALF)
    y = dot_over(x, x, axes) / _count(x, axes)
    y += eps
    with np.errstate(divide="ignore"):
        return np.reciprocal(np.sqrt(y))


def moments(x: Any, axes: Axes) -> Any:
    """Mean and variance over `axes`, which keep length one, stacked in front."""
    wide = x.astype(np.float32) if x.dtype is _HALF else x
    mean = sum_over(wide, axes) / _count(x, axes)
    centred = wide - mean
    both = np.stack([mean, dot_over(centred, centred, axes) / _count(x, axes)])
    return both.astype(_HALF) if wide is not x else both


def standardize(
    x: Any, affine: tuple[Any, ...], axes: Axes, eps: float, centred: bool, out: Any = None
) -> Any:
    """x by its root mean square over `axes`, after its mean is taken off if `centred`.

    Then times `affine[0]`, plus `affine[1]`. An array `out` for the result has its dtype.
    """
    if x.dtype is _HALF:
        wide = [a.astype(np.float32) if a.dtype is _HALF else a for a in affine]
        y = standardize(x.astype(np.float32), tuple(wide), axes, eps, centred)
        return y.astype(np.result_type(x, *affine)) if out is None else _put(y, out)
    if _are_rows(x, affine, axes, centred):
        return _standardized_rows(x, affine, prod(x.shape[axes[0] :]), eps, out)
    own = out if out is not None and out.dtype == x.dtype else None
    y = np.subtract(x, sum_over(x, axes) / _count(x, axes), out=own) if centred else x
    scale = inverse_rms(y, axes, eps)
    if affine and _constant_over(affine[0], axes, x.ndim):
        scale = scale * affine[0]
        affine = (None, *affine[1:])
    elif affine and axes == _last(x, axes) and affine[0].shape == x.shape[axes[0] :]:
        scale = _outer(scale.reshape(-1), affine[0].reshape(-1)).reshape(x.shape)
        affine = (None, *affine[1:])
    # Only the array that was made here may be written.
    same = scale.dtype == y.dtype
    y = np.multiply(y, scale, out=(y if centred else own) if same else None)
    for z, function in zip(affine, (np.multiply, np.add), strict=False):
        if z is not None:
            y = function(y, z, y) if z.dtype == y.dtype else function(y, z)
    return y if out is None or y is out else _put(y, out)


def _are_rows(x: Any, affine: tuple[Any, ...], axes: Axes, centred: bool) -> bool:
    """Whether rows of memory are asked for, with weight and bias for each number in them."""
    if not centred or not x.size or x.dtype.kind != "f" or not x.flags.c_contiguous:
        return False
    sides = x.shape[x.ndim - len(axes) :]
    if axes != _last(x, axes) or not 1 < prod(sides) <= _PRODUCT_MAX:
        return False
    return len(affine) == 2 and all(z.shape == sides and z.dtype == x.dtype for z in affine)


def _standardized_rows(x: Any, affine: tuple[Any, ...], count: int, eps: float, out: Any) -> Any:
    """`standardize` of some rows at a time, whose steps stay in the cache: two thirds of the time.

    Threads may be given parts of the rows that begin at multiples of `_GROUP`: the bits are those
    of the whole.
    """
    result = np.empty(x.shape, x.dtype) if out is None or out.dtype != x.dtype else out
    rows, made, dtype = x.reshape(-1, count), result.reshape(-1, count), x.dtype
    step = min(max(_BLOCK // count // _GROUP, 1) * _GROUP, len(rows))
    ones, space = np.ones(count, dtype), np.empty((step, count), dtype)
    left, level_row, weight_row = np.zeros((step, 2), dtype), *np.zeros((2, 2, count), dtype)
    level_row[0], weight_row[0] = 1.0, affine[0].reshape(-1)
    bias = np.empty((step, count), dtype)
    bias[...] = affine[1].reshape(-1)
    for start in range(0, len(rows), step):
        part, y = rows[start : start + step], made[start : start + step]
        two, product = left[: len(y)], space[: len(y)]
        column = two[:, 0]
        np.divide(part @ ones, count, column)
        np.subtract(part, np.matmul(two, level_row, product), y)
        r = np.vecdot(y, y) / count
        r += eps
        with np.errstate(divide="ignore"):
            np.reciprocal(np.sqrt(r), column)
        y *= np.matmul(two, weight_row, product)
        y += bias[: len(y)]
    return result if out is None or result is out else _put(result, out)


def _last(x: Any, axes: Axes) -> Axes:
    """As many axes as there are in `axes`, the last ones."""
    return tuple(range(x.ndim - len(axes), x.ndim))


def _put(y: Any, out: Any) -> Any:
    out[...] = y
    return out


def _constant_over(weight: Any, axes: Axes, ndim: int) -> bool:
    lead = ndim - weight.ndim
    return all(a < lead or weight.shape[a - lead] == 1 for a in axes)


def _outer(column: Any, row: Any, out: Any = None) -> Any:
    """column[i] · row[j]. With two terms, the second 0: for one NumPy is ten times slower."""
    left, right = np.zeros((len(column), 2), column.dtype), np.zeros((2, len(row)), row.dtype)
    left[:, 0], right[0] = column, row
    return np.matmul(left, right, out)


def row_slopes(
    g: Any, x: Any, affine: tuple[Any, ...], count: int, eps: float, centred: bool
) -> Any:
    """Gradients of x, and of the weight and the bias if there is one, as one flat array.

    Of rows of `count` numbers, which are normalised each. Some rows at a time, in memory that is
    used again: 0.49 ms for (2048, 128) where whole arrays took 0.60.
    """
    weight = affine[0].reshape(-1) if affine else None
    dtype = np.result_type(g, x, *affine)
    flat = np.zeros(x.size + 2 * count * len(affine), dtype)
    # An empty array has rows, too, and empty rows are not found by -1.
    shape = (x.size // count if count else 0, count)
    slope, rows, x = flat[: x.size].reshape(shape), g.reshape(shape), x.reshape(shape)
    sums = flat[x.size :].reshape(2 * len(affine), count)
    step = min(max(_BLOCK // (count or 1), 1), shape[0])
    space = np.empty((2, step, count), dtype)
    ones = np.ones(max(count, step), dtype)
    share = 1 / (count or 1)
    row = ones[:count] if weight is None else weight.astype(dtype, copy=False)
    means = row * share
    # As in `_outer`, whose arrays would be made 4 times for each block: a fifth of all.
    left, level_row, own_row = np.zeros((step, 2), dtype), *np.zeros((2, 2, count), dtype)
    level_row[0], own_row[0] = 1.0, row
    for start in range(0, shape[0], step or 1):
        here = slice(start, start + step)
        k, c, out = rows[here], x[here], slope[here]
        product, other = space[:, : len(out)]
        two = left[: len(out)]
        column = two[:, 0]
        if centred:
            np.multiply(c @ ones[:count], share, column)
            c = np.subtract(c, np.matmul(two, level_row, product), other)
        r = np.vecdot(c, c) * share
        r += eps
        with np.errstate(divide="ignore"):
            np.divide(1.0, np.sqrt(r, r), r)
        np.multiply(k, c, product)
        along, level = product @ means, k @ means
        if weight is not None:
            sums[0] += r @ product
            sums[1] += ones[: len(out)] @ k
        # r (k − mean(k) − h mean(k h)) with h = r c.
        column[...] = r
        np.multiply(np.matmul(two, own_row, out), k, out)
        np.multiply(along * r * r, r, column)
        np.multiply(np.matmul(two, level_row, product), c, product)
        out -= product
        if centred:
            np.multiply(level, r, column)
            out -= np.matmul(two, level_row, product)
    return flat


def standardize_slope(g: Any, y: Any, scale: Any, along: Any, *level: Any) -> Any:
    """scale · (g − level − y · along)."""
    out = y * along
    for part in level:
        out += part
    np.subtract(g, out, out)
    out *= scale
    return out


def _count(x: Any, axes: Axes) -> int:
    """Elements behind each mean; 1 for none, whose sum is 0."""
    return prod([x.shape[a] for a in axes]) or 1
