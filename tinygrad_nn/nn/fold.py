"""Windows of images as columns, as layers."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.functional.conv import fold, unfold
from tinygrad_nn.nn.functional.sizes import Sizes
from tinygrad_nn.nn.module import Module

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Windows of images as columns: `(N, C, H, W) -> (N, C · KH · KW, places)`.

    Args:
        kernel_size: Taps (KH, KW) of a window, or a number for both.
        dilation: Distance of taps.
        padding: Zeros around the image.
        stride: Step from one place to the next.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> nn.Unfold(3)(np.ones((2, 4, 8, 8))).shape
        (2, 36, 36)
    """

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Any) -> Any:
        """The windows."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Fold(Module):
    """Columns of `Unfold` added up to images: `(N, C · KH · KW, places) -> (N, C, H, W)`.

    Args:
        output_size: Sides (H, W) of the images, or a number for both.
        kernel_size: Taps (KH, KW) of a window.
        dilation: Distance of taps.
        padding: Zeros around the image, which are dropped.
        stride: Step from one place to the next.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> nn.Fold((8, 8), 3)(np.ones((2, 36, 36))).shape
        (2, 4, 8, 8)
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Any) -> Any:
        """The images."""
        return fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
