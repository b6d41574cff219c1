"""Power means over windows in a grid, with PyTorch's signatures."""

from __future__ import annotations

from math import inf, prod
from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn.functional.operands import operand
from tinygrad_nn.nn.functional.pool import maxima, mean
from tinygrad_nn.nn.functional.sizes import per_axis
from tinygrad_nn.ops.elementwise import abs as absolute
from tinygrad_nn.ops.select import where

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]


def _power(
    name: str, dims: int, input: Any, p: Any, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Any:
    x = operand(name, input)
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p:
        raise OptionError(f"{name}: got norm_type={p!r}, expected a number, not 0")
    if p == inf:
        return maxima(name, dims, absolute(x), kernel_size, stride, 0, 1, ceil_mode, False)
    if p == -inf:
        return -maxima(name, dims, -absolute(x), kernel_size, stride, 0, 1, ceil_mode, False)
    means = mean(name, dims, x**p, kernel_size, stride, 0, ceil_mode, True)
    # Of a last window that is cut off PyTorch counts what is missing as well.
    total = means * prod(per_axis(name, "kernel_size", kernel_size, dims))
    return where(total != 0, where(total != 0, total, 1.0) ** (1 / p), 0.0)


def lp_pool1d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """(Σ xᵖ)^(1/p) over each window of `(N, C, L)`, or without N; p is `norm_type`.

    p = 1 is the sum, p = inf the largest size. The gradient of a sum of 0 is 0.

    Raises:
        OptionError: p is 0, or a size no integer or out of range.
        ShapeError: The rank is wrong, or there is no window.
    """
    return _power("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """(Σ xᵖ)^(1/p) over each window of `(N, C, H, W)`, or without N; see `lp_pool1d`."""
    return _power("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """(Σ xᵖ)^(1/p) over each window of `(N, C, D, H, W)`, or without N; see `lp_pool1d`."""
    return _power("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)
