"""Transposed convolutional layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn.conv import Convolution
from tinygrad_nn.nn.factory import Factory
from tinygrad_nn.nn.functional.conv import conv_transpose1d, conv_transpose2d, conv_transpose3d
from tinygrad_nn.nn.functional.sizes import Sizes

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_TRANSPOSED = {1: conv_transpose1d, 2: conv_transpose2d, 3: conv_transpose3d}


class _Transposed(Convolution):
    """`ConvTranspose1d`, `ConvTranspose2d` and `ConvTranspose3d`."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        sizes = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "output_padding": output_padding,
        }
        self._set_up((in_channels, out_channels), sizes, groups, bias, padding_mode, factory)

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Any:
        """The transposed convolution of a batch, or of one sample.

        Args:
            input: Batch or sample.
            output_size: Sides of the result, in place of `output_padding`: a stride above 1
                leaves several possible.

        Raises:
            ShapeError: No `output_padding` gives such sides.
        """
        extra, padding = self.output_padding, self._sizes("padding", self.padding)
        if output_size is not None:
            extra = self._extra(tuple(input.shape), tuple(map(int, output_size)))
        return _TRANSPOSED[self._dims](
            input, self.weight, self.bias, self.stride, padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip

    def _extra(self, shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
        """Output padding that leads to the sides `wanted`."""
        sides = wanted[-self._dims :]
        least = tuple(
            (n - 1) * s - 2 * a + d * (k - 1) + 1
            for n, s, a, d, k in zip(
                shape[-self._dims :],
                self.stride,
                self._sizes("padding", self.padding),
                self.dilation,
                self.kernel_size,
                strict=True,
            )
        )
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if len(wanted) not in (self._dims, len(shape)) or not all(
            a <= n <= b for a, n, b in zip(least, sides, most, strict=True)
        ):
            raise ShapeError(
                f"{type(self).__name__}: got output_size={wanted} for an input {shape}, expected "
                f"{self._dims} sides from {least} to {most}"
            )
        return tuple(n - a for n, a in zip(sides, least, strict=True))


class ConvTranspose1d(_Transposed):
    """Transpose of `Conv1d` (no inverse): `(N, C, L) -> (N, O, L')`, or without N.

    Each number of the input puts a kernel, multiplied by it, into the result; overlaps add up.
    L' = (L − 1) stride − 2 padding + dilation (K − 1) + output_padding + 1: the length from which a
    `Conv1d` of the same options comes to L. Weights and biases start uniform in
    ±1/√(O/groups · K), as in PyTorch.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: K, taps of a kernel along each side.
        stride: Distance of the kernels.
        padding: How much is cut off on both sides.
        output_padding: By how much less behind; smaller than stride or dilation.
        groups: How many blocks of channels are kept apart.
        bias: Whether to add one.
        dilation: Distance of taps.
        padding_mode: "zeros".
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (C, O/groups, K).
        bias: Parameter (O,), or None.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> layer = nn.ConvTranspose1d(2, 4, 3, stride=2, rng=0)
        >>> x = np.ones((5, 2, 10), np.float32)
        >>> layer(x).shape, layer(x, output_size=[22]).shape
        ((5, 4, 21), (5, 4, 22))

    Source:
        Zeiler et al., "Deconvolutional Networks", 2010.
    """

    _dims = 1


class ConvTranspose2d(_Transposed):
    """Transpose of `Conv2d`: `(N, C, H, W) -> (N, O, H', W')`, or of one image, without N.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: Taps (KH, KW) of a kernel.
        stride: Distance of the kernels.
        padding: How much is cut off around.
        output_padding: By how much less behind; smaller than stride or dilation.
        groups: How many blocks of channels are kept apart.
        bias: Whether to add one.
        dilation: Distance of taps.
        padding_mode: "zeros".
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (C, O/groups, KH, KW).
        bias: Parameter (O,), or None.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> nn.ConvTranspose2d(8, 3, 2, stride=2, rng=0)(np.ones((1, 8, 7, 7), np.float32)).shape
        (1, 3, 14, 14)
    """

    _dims = 2


class ConvTranspose3d(_Transposed):
    """Transpose of `Conv3d`: `(N, C, D, H, W) -> (N, O, D', H', W')`, or of one, without N.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: Taps (KD, KH, KW) of a kernel.
        stride: Distance of the kernels.
        padding: How much is cut off around.
        output_padding: By how much less behind; smaller than stride or dilation.
        groups: How many blocks of channels are kept apart.
        bias: Whether to add one.
        dilation: Distance of taps.
        padding_mode: "zeros".
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (C, O/groups, KD, KH, KW).
        bias: Parameter (O,), or None.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> nn.ConvTranspose3d(2, 1, 2, stride=2, rng=0)(np.ones((2, 3, 3, 3))).shape
        (1, 6, 6, 6)
    """

    _dims = 3
