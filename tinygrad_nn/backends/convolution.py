"""Convolutions for NumPy: windows copied side by side, then matrix products.

Logical shapes are PyTorch's, (N, C, *sides). In memory the batch is innermost and the first of
the sides outermost, (H, C, W, N), so that copying a window moves long runs, and ufuncs keep that
order from one layer to the next.

In this order only the taps along W have to be copied: the rows of the matrix of one line of
results, (KH, C, KW), are a run of memory, which the next line shares but for its first and last
part. The matrix is thus KH times smaller than the usual one ("im2col"), and is a sixth of the
time of a convolution where that was half. The sides after the first are all treated as W here
is; groups stand before H. Where lines cannot share (dilation along H, lines too short for a good
matrix product, one dimension), an H of one line is put in front, and every tap is copied.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "convolve_kernel",
    "convolve_transposed",
    "convolve_windows",
    "fold_windows",
    "unfold_windows",
]

Sides = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

_EVERY = (slice(None),) * 3
_PAIR = (slice(None),) * 2

SHORT = 64
"""Columns of a matrix product below which lines are put together into one product."""


class _Frame(NamedTuple):
    """A convolution with a first side whose lines may share memory.

    Attributes:
        sides, outs, kernel, stride, dilation: Along each side of the frame; `dilation[0]` is 1.
        before: Padding in front of each side; what is behind follows from the sizes.
        groups: Of channels.
        led: Whether a first side of one line was put in front.
    """

    sides: Sides
    outs: Sides
    kernel: Sides
    stride: Sides
    dilation: Sides
    before: Sides
    groups: int
    led: bool


@lru_cache(maxsize=256)
def _frame(
    sides: Sides,
    outs: Sides,
    kernel: Sides,
    batch: int,
    *,
    stride: Sides,
    padding: Pads,
    dilation: Sides,
    groups: int,
) -> _Frame:
    before = tuple(a for a, _ in padding)
    short = prod(outs[1:]) * batch < SHORT
    if len(sides) == 1 or short or (dilation[0] > 1 and kernel[0] > 1):
        sides, outs, kernel = (1, *sides), (1, *outs), (1, *kernel)
        stride, dilation, before = (1, *stride), (1, *dilation), (0, *before)
        return _Frame(sides, outs, kernel, stride, dilation, before, groups, led=True)
    return _Frame(sides, outs, kernel, stride, (1, *dilation[1:]), before, groups, led=False)


def _widened(*arrays: Any) -> tuple[Any, list[Any]]:
    """Dtype of the result, and the arrays in the dtype to compute in."""
    dtype = np.result_type(*arrays)
    wide = np.dtype(np.float32) if dtype == np.float16 else dtype
    return dtype, [a if a.dtype == wide else a.astype(wide) for a in arrays]


def _steps(frame: _Frame, axis: int, tap: int) -> tuple[slice, slice, int, int]:
    """Where a tap finds the side: results and inputs it joins, and the range of those results."""
    stride, side, out = frame.stride[axis], frame.sides[axis], frame.outs[axis]
    offset = tap * frame.dilation[axis] - frame.before[axis]
    low = min(max(0, -(offset // stride)), out)
    high = max(low, min(out, (side - 1 - offset) // stride + 1))
    first = low * stride + offset
    return slice(low, high), slice(first, first + (high - low) * stride, stride), low, high


@lru_cache(maxsize=256)
def _taps(frame: _Frame, first: int) -> list[tuple[Sides, list[Any]]]:
    """Taps along the sides from `first` on, with `_steps` along each."""
    axes = range(first, len(frame.kernel))
    every = [[_steps(frame, a, k) for k in range(frame.kernel[a])] for a in axes]
    taps = product(*(range(frame.kernel[a]) for a in axes))
    return [(tap, [steps[k] for steps, k in zip(every, tap, strict=True)]) for tap in taps]


def _lines(x: Any, frame: _Frame) -> Any:
    """View (G, F, C/G, *rest, N) of (N, C, *sides)."""
    batch, channels, groups = len(x), x.shape[1], frame.groups
    if frame.led:
        x = x[:, :, None]
    x = x.reshape(batch, groups, channels // groups, *x.shape[2:])
    return x.transpose(1, 3, 2, *range(4, x.ndim), 0)


def _empty(frame: _Frame, channels: int, sides: Sides, batch: int, dtype: Any) -> tuple[Any, Any]:
    """Memory for a result (N, C, *sides), and its view (G, F, C/G, *rest, N)."""
    x = np.empty((sides[0], channels, *sides[1:], batch), dtype)
    result = x.transpose(x.ndim - 1, 1, 0, *range(2, x.ndim - 1))
    grouped = x.reshape(sides[0], frame.groups, channels // frame.groups, *x.shape[2:])
    return result[:, :, 0] if frame.led else result, grouped.swapaxes(0, 1)


def _columns(x: Any, frame: _Frame) -> Any:
    """The lines with padding and taps: (G, F, C/G, *kernel[1:], *outs[1:], N), contiguous."""
    lines = _lines(x, frame)
    groups, side, channels, batch = (lines.shape[i] for i in (0, 1, 2, -1))
    kernel, outs, before = frame.kernel, frame.outs, frame.before
    count = (outs[0] - 1) * frame.stride[0] + kernel[0]
    # Lines of the columns that are lines of the input; around them is padding.
    low, high = max(0, before[0]), max(0, min(count, side + before[0]))
    low = min(low, high)
    lines = lines[:, low - before[0] : high - before[0]]
    shape = (groups, count, channels, *kernel[1:], *outs[1:], batch)
    if lines.shape == (groups, count, channels, *outs[1:], batch) and lines.flags.c_contiguous:
        # A stride with padding behind may keep a side's length too.
        if prod(kernel[1:]) == 1 and not any(before[1:]) and prod(frame.stride[1:]) == 1:
            return lines.reshape(shape)
    columns: Any = np.empty(shape, x.dtype)
    columns[:, :low] = 0
    columns[:, high:] = 0
    inside = columns[:, low:high]
    for tap, steps in _taps(frame, 1):
        target = inside[(*_EVERY, *tap)]
        for axis, (_, _, start, stop) in enumerate(steps):
            around = (slice(None),) * (3 + axis)
            if start:
                target[(*around, slice(0, start))] = 0
            if stop < outs[1 + axis]:
                target[(*around, slice(stop, None))] = 0
        target[(*_EVERY, *(s[0] for s in steps))] = lines[(*_EVERY, *(s[1] for s in steps))]
    return columns


def _slabs(columns: Any, count: int, step: int, taps: int, rows: int) -> Any:
    """Matrices (taps · rows, columns) that begin at every `step`-th of the lines."""
    groups, lines = columns.shape[:2]
    length = columns.size // max(1, groups * lines * rows)
    row = length * columns.itemsize
    # The constructor, since `as_strided` takes 8 µs to its 0.4.
    return np.ndarray(
        (groups, count, taps * rows, length),
        columns.dtype,
        columns,
        strides=(lines * rows * row, step * rows * row, row, columns.itemsize),
    )


def _flat_weight(weight: Any, frame: _Frame) -> Any:
    """(O, C/G, *kernel) as matrices (G, 1, O/G, KF · C/G · KR)."""
    out, channels = weight.shape[:2]
    weight = weight.reshape(frame.groups, 1, out // frame.groups, channels, *frame.kernel)
    rows = prod(frame.kernel) * channels
    return np.moveaxis(weight, 4, 3).reshape(*weight.shape[:3], rows)


def convolve_windows(
    x: Any,
    weight: Any,
    bias: Any,
    *,
    outs: Sides,
    stride: Sides,
    padding: Pads,
    dilation: Sides,
    groups: int,
) -> Any:
    """y[n, o, p] = Σ_c,k weight[o, c, k] x[n, c, p stride + k dilation - padding] + bias[o]."""
    given = (x, weight) if bias is None else (x, weight, bias)
    dtype, (x, weight, *more) = _widened(*given)
    batch, (out, channels, *kernel) = len(x), weight.shape
    frame = _frame(
        x.shape[2:], outs, tuple(kernel), batch,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    rows = channels * prod(frame.kernel[1:])
    slabs = _slabs(_columns(x, frame), frame.outs[0], frame.stride[0], frame.kernel[0], rows)
    y, lines = _empty(frame, out, frame.outs, batch, x.dtype)
    lines = lines.reshape(*lines.shape[:3], slabs.shape[-1])
    np.matmul(_flat_weight(weight, frame), slabs, out=lines)
    if more:
        lines += more[0].reshape(groups, 1, out // groups, 1)
    return y.astype(dtype, copy=False)


def convolve_kernel(
    x: Any,
    g: Any,
    *,
    kernel: Sides,
    stride: Sides,
    padding: Pads,
    dilation: Sides,
    groups: int,
) -> Any:
    """w[o, c, k] = Σ_n,p g[n, o, p] x[n, c, p stride + k dilation - padding]."""
    dtype, (x, g) = _widened(x, g)
    out, channels = g.shape[1], x.shape[1] // groups
    frame = _frame(
        x.shape[2:], g.shape[2:], kernel, len(x),
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    rows = channels * prod(frame.kernel[1:])
    slabs = _slabs(_columns(x, frame), frame.outs[0], frame.stride[0], frame.kernel[0], rows)
    lines = np.ascontiguousarray(_lines(g, frame))
    lines = lines.reshape(*lines.shape[:3], slabs.shape[-1])
    # This way round it takes half the time of `lines @ slabs.mT`.
    w = np.add.reduce(np.matmul(slabs, lines.swapaxes(2, 3)), 1).swapaxes(1, 2)
    w = w.reshape(out, frame.kernel[0], channels, *frame.kernel[1:])
    w = np.moveaxis(w, 1, 2).reshape(out, channels, *kernel)
    return np.ascontiguousarray(w.astype(dtype, copy=False))


def convolve_transposed(
    g: Any,
    weight: Any,
    *,
    sides: Sides,
    stride: Sides,
    padding: Pads,
    dilation: Sides,
    groups: int,
) -> Any:
    """x[n, c, i] = Σ_o,p,k weight[o, c, k] g[n, o, p] where i = p stride + k dilation - padding."""
    dtype, (g, weight) = _widened(g, weight)
    batch, channels = len(g), weight.shape[1] * groups
    frame = _frame(
        sides, g.shape[2:], weight.shape[2:], batch,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    columns = (_shared_products if frame.stride[0] == 1 else _products)(g, weight, frame)
    x, lines = _empty(frame, channels, frame.sides, batch, columns.dtype)
    lines[...] = 0
    # Columns of shared products have been summed up over the taps along the first side.
    first = frame.stride[0] == 1
    for tap, steps in _taps(frame, int(first)):
        into = [s[1] for s in steps]
        source = [s[0] for s in steps]
        if first:
            lines[(*_EVERY, *into)] += columns[(*_EVERY, *tap, *source)]
        else:
            around = (slice(None), source[0], tap[0], slice(None))
            lines[(slice(None), into[0], slice(None), *into[1:])] += columns[
                (*around, *tap[1:], *source[1:])
            ]
    return x.astype(dtype, copy=False)


def _products(g: Any, weight: Any, frame: _Frame) -> Any:
    """What each line of `g` adds to every tap: (G, F, KF, C/G, *kernel[1:], *outs[1:], N)."""
    lines = np.ascontiguousarray(_lines(g, frame))
    flat = lines.reshape(*lines.shape[:3], prod(lines.shape[3:]))
    columns = np.matmul(_flat_weight(weight, frame).swapaxes(2, 3), flat)
    kernel = frame.kernel
    return columns.reshape(
        *lines.shape[:2], kernel[0], weight.shape[1], *kernel[1:], *lines.shape[3:]
    )


def _shared_products(g: Any, weight: Any, frame: _Frame) -> Any:
    """What each line of the input gets: (G, F, C/G, *kernel[1:], *outs[1:], N).

    The lines of `g` around it share memory, as those of the input do in `convolve_windows`: the
    sum over the taps along the first side is part of the matrix product.
    """
    lines = _lines(g, frame)
    groups, out = frame.groups, lines.shape[2]
    channels, taps = weight.shape[1], frame.kernel[0]
    count = frame.sides[0] + taps - 1
    start = taps - 1 - frame.before[0]
    low, high = max(0, start), max(0, min(count, start + lines.shape[1]))
    low = min(low, high)
    lines = lines[:, low - start : high - start]
    if (low, high) != (0, count) or not lines.flags.c_contiguous:
        padded = np.empty((groups, count, *lines.shape[2:]), g.dtype)
        padded[:, :low] = 0
        padded[:, high:] = 0
        padded[:, low:high] = lines
        lines = padded
    slabs = _slabs(lines, frame.sides[0], 1, taps, out)
    flat = weight.reshape(groups, 1, out, channels, *frame.kernel)[:, :, :, :, ::-1]
    flat = flat.transpose(0, 1, 3, *range(5, flat.ndim), 4, 2)
    flat = flat.reshape(groups, 1, channels * prod(frame.kernel[1:]), taps * out)
    columns = np.matmul(flat, slabs)
    return columns.reshape(*columns.shape[:2], channels, *frame.kernel[1:], *lines.shape[3:])


def unfold_windows(
    x: Any, *, kernel: Sides, outs: Sides, stride: Sides, padding: Pads, dilation: Sides
) -> Any:
    """Windows side by side: (N, C, *sides) -> (N, C · taps, places)."""
    before = tuple(a for a, _ in padding)
    frame = _Frame(x.shape[2:], outs, kernel, stride, dilation, before, 1, False)
    y = np.zeros((*x.shape[:2], *kernel, *outs), x.dtype)
    for tap, steps in _taps(frame, 0):
        y[(*_PAIR, *tap, *(s[0] for s in steps))] = x[(*_PAIR, *(s[1] for s in steps))]
    return y.reshape(len(x), x.shape[1] * prod(kernel), prod(outs))


def fold_windows(
    y: Any,
    *,
    sides: Sides,
    kernel: Sides,
    outs: Sides,
    stride: Sides,
    padding: Pads,
    dilation: Sides,
) -> Any:
    """Windows put back where they came from, overlaps added up."""
    before = tuple(a for a, _ in padding)
    frame = _Frame(sides, outs, kernel, stride, dilation, before, 1, False)
    batch, channels = len(y), y.shape[1] // prod(kernel)
    y = y.reshape(batch, channels, *kernel, *outs)
    half = y.dtype == np.float16
    x = np.zeros((batch, channels, *sides), np.float32 if half else y.dtype)
    for tap, steps in _taps(frame, 0):
        x[(*_PAIR, *(s[1] for s in steps))] += y[(*_PAIR, *tap, *(s[0] for s in steps))]
    return x.astype(y.dtype, copy=False)
