"""Layers that put the maxima of pooling back where they stood."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.functional.pool import check_sizes
from tinygrad_nn.nn.functional.unpool import max_unpool1d, max_unpool2d, max_unpool3d
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.pool import several

__all__ = ["MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]


class _MaxUnpool(Module):
    _dims = 0

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        check_sizes(type(self).__name__, self._dims, kernel_size, stride, padding)
        self.kernel_size = several(kernel_size, self._dims)
        self.stride = several(kernel_size if stride is None else stride, self._dims)
        self.padding = several(padding, self._dims)

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """Zeros with `input` at `indices`."""
        unpool = (max_unpool1d, max_unpool2d, max_unpool3d)[self._dims - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima back where they stood, zeros elsewhere: undoes `MaxPool1d` but for what was lost.

    `(N, C, L) -> (N, C, (L − 1) stride + kernel_size − 2 padding)`, or without N. Where several
    sizes pool to the same, `forward(input, indices, output_size)` says which it was.

    Args:
        kernel_size: Of the pooling.
        stride: Of the pooling.
        padding: Of the pooling.

    Raises:
        OptionError: A size is no integer, or out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> top, places = nn.MaxPool1d(2, return_indices=True)(tg.tensor([[[1.0, 4.0, 3.0, 2.0]]]))
        >>> nn.MaxUnpool1d(2)(top, places).tolist()
        [[[0.0, 4.0, 3.0, 0.0]]]
    """

    _dims = 1


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima of `(N, C, H, W)` back where they stood; see `MaxUnpool1d`.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.MaxUnpool2d(2)
        MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    """

    _dims = 2


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima of `(N, C, D, H, W)` back where they stood; see `MaxUnpool1d`.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.MaxUnpool3d(2)
        MaxUnpool3d(kernel_size=(2, 2, 2), stride=(2, 2, 2), padding=(0, 0, 0))
    """

    _dims = 3
