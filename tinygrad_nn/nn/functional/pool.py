"""Pooling over windows in a grid: maxima, means and power means, with PyTorch's signatures."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import check_rank, flag, is_whole, per_axis, sides
from tinygrad_nn.ops.pooling import Window, max_pool, pool_index, pool_sum, pool_winner

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]


def windows_of(
    name: str,
    x: Any,
    dims: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[Window, ...]:
    """The windows along the last axes.

    Raises:
        OptionError: A size is no integer or out of range.
        ShapeError: The rank is wrong, or a window is larger than what it slides over.
    """
    check_rank(name, x, dims)
    flag(name, "ceil_mode", ceil_mode)
    given = check_sizes(name, dims, kernel_size, stride, padding, dilation)
    found = []
    for n, size, step, pad, gap in zip(sides(x, dims), *given, strict=True):
        room = n + 2 * pad - gap * (size - 1) - 1
        count = (-(-room // step) if ceil_mode else room // step) + 1
        # A window that would begin in the padding at the end is left out.
        if ceil_mode and (count - 1) * step >= n + pad:
            count -= 1
        if count < 1 or not n:
            raise ShapeError(
                f"{name}: got shape {tuple(x.shape)}, along whose axis of {n} there would be "
                f"{max(count, 0)} windows: ({n} + 2·{pad} − {gap}·({size} − 1) − 1) / {step} + 1; "
                "expected at least one: a smaller kernel, more padding, or a larger input"
            )
        found.append(Window(size, step, pad, gap, count))
    return tuple(found)


def check_sizes(
    name: str, dims: int, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride, padding and dilation along each axis.

    Raises:
        OptionError: One is no integer or out of range.
    """
    kernel = per_axis(name, "kernel_size", kernel_size, dims, 1)
    missing = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    steps = kernel if missing else per_axis(name, "stride", stride, dims, 1)
    pads = per_axis(name, "padding", padding, dims)
    gaps = per_axis(name, "dilation", dilation, dims, 1)
    for size, pad in zip(kernel, pads, strict=True):
        if pad > size // 2:
            raise OptionError(
                f"{name}: got padding={padding!r} for kernel_size={kernel_size!r}, expected at "
                f"most half of the kernel, {size // 2}; functional.pad makes wider margins"
            )
    return kernel, steps, pads, gaps


# ── Maxima ──────────────────────────────────────────────────────────────────────────────


def maxima(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    """Max pooling of any number of axes."""
    x = operand(name, input)
    if x.dtype.kind not in "fiu":
        raise DTypeError(f"{name}: got {x.dtype}, expected numbers; convert: x.astype('float32')")
    windows = windows_of(name, x, dims, kernel_size, stride, padding, dilation, ceil_mode)
    flag(name, "return_indices", return_indices)
    y = max_pool(x, windows=windows)
    if not return_indices:
        return y
    return y, pool_index(pool_winner(x, y, windows=windows), windows=windows, sides=sides(x, dims))


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window, `(N, C, L) -> (N, C, L_out)`, or without N.

    L_out = ⌊(L + 2 padding − dilation (kernel_size − 1) − 1) / stride⌋ + 1, with `ceil_mode` ⌈ ⌉.
    The gradient goes to the first maximum of a window.

    Args:
        input: Array; what lies outside of it is never the maximum.
        kernel_size: Elements in a window.
        stride: From one window to the next; the kernel size if None.
        padding: How far windows may begin before the array and end behind it.
        dilation: From one element of a window to the next.
        ceil_mode: Keep a last window that lies in the array only partly.
        return_indices: Return the maxima's positions along the axis as well.

    Raises:
        OptionError: A size is no integer, out of range, or the padding over half of the kernel.
        ShapeError: The rank is wrong, or there is no window.
    """
    return maxima(
        "max_pool1d",
        1,
        input,
        kernel_size,
        stride,
        padding,
        dilation,
        ceil_mode,
        return_indices,
    )


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window, `(N, C, H, W) -> (N, C, H_out, W_out)`, or without N.

    See `max_pool1d`; sizes are one integer or one for each axis. The positions returned are
    those in the flattened image: row · W + column.
    """
    return maxima(
        "max_pool2d",
        2,
        input,
        kernel_size,
        stride,
        padding,
        dilation,
        ceil_mode,
        return_indices,
    )


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window of `(N, C, D, H, W)`, or without N; see `max_pool2d`."""
    return maxima(
        "max_pool3d",
        3,
        input,
        kernel_size,
        stride,
        padding,
        dilation,
        ceil_mode,
        return_indices,
    )


def max_pool1d_with_indices(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` and the maxima's positions, whatever `return_indices` says."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` and the maxima's positions, whatever `return_indices` says."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool3d` and the maxima's positions, whatever `return_indices` says."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


# ── Means ───────────────────────────────────────────────────────────────────────────────


def mean(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any = None,
) -> Any:
    """Mean pooling of any number of axes."""
    x = operand(name, input)
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: got {x.dtype}, expected floats; convert: x.astype('float32')")
    windows = windows_of(name, x, dims, kernel_size, stride, padding, 1, ceil_mode)
    flag(name, "count_include_pad", count_include_pad)
    if divisor_override is not None:
        if not is_whole(divisor_override) or not divisor_override:
            raise OptionError(
                f"{name}: got divisor_override={divisor_override!r}, expected an integer, not 0"
            )
        return pool_sum(x, windows=windows) * (1 / divisor_override)
    counts = [
        _elements(n, w, count_include_pad) for n, w in zip(sides(x, dims), windows, strict=True)
    ]
    if all(set(along) == {w.size} for along, w in zip(counts, windows, strict=True)):
        return pool_sum(x, windows=windows) * (1 / prod(w.size for w in windows))
    payload = raw(x)
    share: Any = 1
    for along in counts:
        share = share / namespace(payload).asarray(along, dtype=payload.dtype)
        share = share[..., None]
    return pool_sum(x, windows=windows) * share[..., 0]


def _elements(n: int, window: Window, padded: bool) -> list[int]:
    """For each window along an axis the number of elements that its mean counts."""
    size, stride, padding, _, count = window
    found = []
    for i in range(count):
        low = i * stride - padding
        high = min(low + size, n + padding)
        found.append(high - low if padded else min(high, n) - max(low, 0))
    return found


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Mean of each window, `(N, C, L) -> (N, C, L_out)`, or without N.

    L_out as for `max_pool1d`.

    Args:
        input: Array of floats.
        kernel_size: Elements in a window.
        stride: From one window to the next; the kernel size if None.
        padding: Zeros before and behind the array.
        ceil_mode: Keep a last window that lies in the array only partly.
        count_include_pad: Whether the zeros count as elements.

    Raises:
        DTypeError: The elements are no floats.
        OptionError: A size is no integer, out of range, or the padding over half of the kernel.
        ShapeError: The rank is wrong, or there is no window.
    """
    return mean("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """Mean of each window of `(N, C, H, W)`, or without N; see `avg_pool1d`.

    With `divisor_override` the sum over that number.
    """
    return mean(
        "avg_pool2d",
        2,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """Mean of each window of `(N, C, D, H, W)`, or without N; see `avg_pool2d`."""
    return mean(
        "avg_pool3d",
        3,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )
