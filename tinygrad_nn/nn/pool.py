"""Pooling layers over windows in a grid: maxima, means and power means."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.functional import pool as functional
from tinygrad_nn.nn.functional.power_pool import lp_pool1d, lp_pool2d, lp_pool3d
from tinygrad_nn.nn.functional.sizes import flag
from tinygrad_nn.nn.module import Module

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


def several(size: Any, dims: int) -> tuple[Any, ...]:
    """One size for each axis, as PyTorch keeps it: as it is where there are several."""
    return tuple(size) if isinstance(size, (tuple, list)) else (size,) * dims


# ── Maxima ──────────────────────────────────────────────────────────────────────────────


class _MaxPool(Module):
    _dims = 0

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        functional.check_sizes(
            type(self).__name__, self._dims, kernel_size, stride, padding, dilation
        )
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices = flag(type(self).__name__, "return_indices", return_indices)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)

    def forward(self, input: Any) -> Any:
        """Maxima; with `return_indices` also their positions."""
        pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[self._dims - 1]
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Largest element of each window: `(N, C, L) -> (N, C, L_out)`, or without N.

    L_out = ⌊(L + 2 padding − dilation (kernel_size − 1) − 1) / stride⌋ + 1. The gradient goes to
    the first maximum of a window.

    Args:
        kernel_size: Elements in a window.
        stride: From one window to the next; the kernel size if None.
        padding: How far windows may begin before the array and end behind it: at most half of
            the kernel.
        dilation: From one element of a window to the next.
        return_indices: Return the maxima's positions as well, for `MaxUnpool1d`.
        ceil_mode: ⌈ ⌉ in place of ⌊ ⌋: keep a last window that lies in the array only partly.

    Raises:
        OptionError: A size is no integer, or out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.MaxPool1d(2)(tg.tensor([[[1.0, 4.0, 3.0, 2.0]]]))
        tensor([[[4., 3.]]])
    """

    _dims = 1


class MaxPool2d(_MaxPool):
    """Largest element of each window: `(N, C, H, W) -> (N, C, H_out, W_out)`, or without N.

    Sizes are one integer or one for each axis; see `MaxPool1d` for the arguments. Positions are
    those in the flattened image.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.MaxPool2d(2)
        MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """

    _dims = 2


class MaxPool3d(_MaxPool):
    """Largest element of each window of `(N, C, D, H, W)`, or without N; see `MaxPool1d`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.MaxPool3d(2)(tg.zeros((1, 4, 4, 6))).shape
        (1, 2, 2, 3)
    """

    _dims = 3


# ── Means ───────────────────────────────────────────────────────────────────────────────


class AvgPool1d(Module):
    """Mean of each window: `(N, C, L) -> (N, C, L_out)`, or without N.

    L_out = ⌊(L + 2 padding − kernel_size) / stride⌋ + 1.

    Args:
        kernel_size: Elements in a window.
        stride: From one window to the next; the kernel size if None.
        padding: Zeros before and behind the array: at most half of the kernel.
        ceil_mode: ⌈ ⌉ in place of ⌊ ⌋: keep a last window that lies in the array only partly.
        count_include_pad: Whether the zeros count as elements.

    Raises:
        OptionError: A size is no integer, or out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.AvgPool1d(2)(tg.tensor([[[1.0, 4.0, 3.0, 2.0]]])).tolist()
        [[[2.5, 2.5]]]
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        functional.check_sizes("AvgPool1d", 1, kernel_size, stride, padding)
        self.kernel_size = several(kernel_size, 1)
        self.stride = several(kernel_size if stride is None else stride, 1)
        self.padding = several(padding, 1)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(type(self).__name__, "count_include_pad", count_include_pad)

    def forward(self, input: Any) -> Any:
        """Means."""
        return functional.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        """Sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    _dims = 0

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        functional.check_sizes(type(self).__name__, self._dims, kernel_size, stride, padding)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(type(self).__name__, "count_include_pad", count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        """Means."""
        pool = functional.avg_pool2d if self._dims == 2 else functional.avg_pool3d
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """Mean of each window: `(N, C, H, W) -> (N, C, H_out, W_out)`, or without N.

    Sizes are one integer or one for each axis; see `AvgPool1d` for the arguments.

    Args:
        kernel_size: Height and width of a window.
        stride: From one window to the next; the kernel size if None.
        padding: Zeros around the image.
        ceil_mode: Keep last windows that lie in the image only partly.
        count_include_pad: Whether the zeros count as elements.
        divisor_override: What sums are divided by, in place of the number of elements.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.AvgPool2d(2)
        AvgPool2d(kernel_size=2, stride=2, padding=0)
    """

    _dims = 2


class AvgPool3d(_AvgPool):
    """Mean of each window of `(N, C, D, H, W)`, or without N; see `AvgPool2d`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.AvgPool3d(2)(tg.zeros((1, 4, 4, 6))).shape
        (1, 2, 2, 3)
    """

    _dims = 3


# ── Power means ─────────────────────────────────────────────────────────────────────────


class _LPPool(Module):
    _dims = 0

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        functional.check_sizes(type(self).__name__, self._dims, kernel_size, stride)
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride = stride
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)

    def forward(self, input: Any) -> Any:
        """Power means."""
        pool = (lp_pool1d, lp_pool2d, lp_pool3d)[self._dims - 1]
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """Power and sizes."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window: `(N, C, L) -> (N, C, L_out)`, or without N.

    Args:
        norm_type: p; 1 for the sum, inf for the largest size.
        kernel_size: Elements in a window.
        stride: From one window to the next; the kernel size if None.
        ceil_mode: Keep a last window that lies in the array only partly.

    Raises:
        OptionError: A size is no integer, or out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.LPPool1d(2, 2)(tg.tensor([[[3.0, 4.0, 6.0, 8.0]]]))
        tensor([[[ 5., 10.]]])
    """

    _dims = 1


class LPPool2d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window of `(N, C, H, W)`, or without N; see `LPPool1d`.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.LPPool2d(2, (2, 3))
        LPPool2d(norm_type=2, kernel_size=(2, 3), stride=None, ceil_mode=False)
    """

    _dims = 2


class LPPool3d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window of `(N, C, D, H, W)`, or without N; see `LPPool1d`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.LPPool3d(2, 2)(tg.zeros((1, 4, 4, 6))).shape
        (1, 2, 2, 3)
    """

    _dims = 3
