"""Maxima put back where they stood, with PyTorch's signatures."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import wrong
from tinygrad_nn.errors import DTypeError, OptionError, PositionError, ShapeError
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.pool import check_sizes
from tinygrad_nn.nn.functional.sizes import check_rank, per_axis, sides
from tinygrad_nn.ops.gather import put_along_axis
from tinygrad_nn.ops.shape import reshape

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _unpool(
    name: str,
    dims: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Any:
    x, index = operand(name, input), raw(indices)
    check_rank(name, x, dims)
    if index.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: got indices of {index.dtype}, expected the integers that max pooling "
            "returns with return_indices=True"
        )
    if tuple(index.shape) != tuple(x.shape):
        raise ShapeError(
            f"{name}: got an input of shape {tuple(x.shape)} and indices of shape "
            f"{tuple(index.shape)}, expected the same shape"
        )
    outputs = _sizes(name, x, dims, kernel_size, stride, padding, output_size)
    count = prod(outputs)
    if index.size and wrong((index.min() < 0) | (index.max() >= count)):
        outside = index.min() if index.min() < 0 else index.max()
        raise PositionError(
            f"{name}: got the index {outside} for an output of {outputs}, expected 0 to "
            f"{count - 1}; say output_size=, the shape of the pooling layer's input"
        )
    lead = tuple(x.shape[: x.ndim - dims])
    inputs = prod(sides(x, dims))
    base = namespace(index).zeros((*lead, count), x.dtype)
    flat = put_along_axis(base, index.reshape(*lead, inputs), reshape(x, (*lead, inputs)), -1)
    return reshape(flat, (*lead, *outputs))


def _sizes(
    name: str, x: Any, dims: int, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> tuple[int, ...]:
    """The size asked for, or the least that max pooling could have come from."""
    kernel, steps, pads, _ = check_sizes(name, dims, kernel_size, stride, padding)
    usual = tuple(
        (n - 1) * step + size - 2 * pad
        for n, size, step, pad in zip(sides(x, dims), kernel, steps, pads, strict=True)
    )
    if output_size is None:
        if any(m < 0 for m in usual):
            raise ShapeError(
                f"{name}: got shape {tuple(x.shape)}, of which the output would be {usual}: "
                "(n − 1)·stride + kernel − 2·padding along each axis"
            )
        return usual
    wanted = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,)
    found = per_axis(name, "output_size", wanted[2:] if len(wanted) == dims + 2 else wanted, dims)
    for m, n, step in zip(found, usual, steps, strict=True):
        if not n - step < m < n + step:
            raise OptionError(
                f"{name}: got output_size={output_size!r}, expected between {n - step} and "
                f"{n + step}, both excluded, where it is {m}: ({n} is (n − 1)·stride + kernel − "
                "2·padding)"
            )
    return found


def max_unpool1d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Zeros with the maxima where they stood: undoes `max_pool1d` but for what was lost.

    `(N, C, L) -> (N, C, (L − 1) stride + kernel_size − 2 padding)`, or without N. Of several
    maxima for one position (windows that overlap) the last stays, and it alone gets a gradient.

    Args:
        input: The maxima.
        indices: Their positions, from `max_pool1d` with `return_indices=True`.
        kernel_size: Of the pooling.
        stride: Of the pooling.
        padding: Of the pooling.
        output_size: Where several sizes pool to the same, which it was: its last axes, or all.

    Raises:
        DTypeError: The indices are no integers.
        OptionError: A size is out of range.
        PositionError: An index lies outside of the output.
        ShapeError: The rank is wrong, or the shapes differ.
    """
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Zeros with the maxima where they stood in `(N, C, H, W)`; see `max_unpool1d`."""
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Zeros with the maxima where they stood in `(N, C, D, H, W)`; see `max_unpool1d`."""
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)
