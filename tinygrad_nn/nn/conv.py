"""Convolutional layers."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any, ClassVar, Unpack

from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.conv import conv1d, conv2d, conv3d, same_padding
from tinygrad_nn.nn.functional.sizes import Sizes, per_axis, whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.align import arrays
from tinygrad_nn.ops.repeat import pad
from tinygrad_nn.tensor import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
_CONV = {1: conv1d, 2: conv2d, 3: conv3d}


class Convolution(Module):
    """What all convolutional layers share: options, parameters, text."""

    _dims: ClassVar[int]
    transposed: ClassVar[bool]
    bias: Parameter | None

    def _set_up(
        self,
        channels: tuple[int, int],
        sizes: dict[str, Any],
        groups: int,
        bias: bool,
        padding_mode: str,
        factory: Factory,
    ) -> None:
        name = type(self).__name__
        self.in_channels = whole(name, "in_channels", channels[0])
        self.out_channels = whole(name, "out_channels", channels[1])
        self.groups = whole(name, "groups", groups, 1)
        for label, count in zip(("in_channels", "out_channels"), channels, strict=True):
            if count % groups:
                raise OptionError(
                    f"{name}: got {label}={count} with groups={groups}, expected a multiple of "
                    "the groups"
                )
        self.kernel_size = self._sizes("kernel_size", sizes["kernel_size"], 1)
        self.stride = self._sizes("stride", sizes["stride"], 1)
        self.dilation = self._sizes("dilation", sizes["dilation"], 1)
        self.output_padding = self._sizes("output_padding", sizes["output_padding"])
        padding = sizes["padding"]
        self.padding: tuple[int, ...] | str
        if isinstance(padding, str) and not self.transposed:
            self.padding = padding
            if padding not in ("same", "valid") or (padding == "same" and max(self.stride) > 1):
                raise OptionError(
                    f"{name}: got padding={padding!r} with stride={self.stride}, expected "
                    "'valid', 'same' with a stride of 1, or numbers"
                )
        else:
            self.padding = self._sizes("padding", padding)
        if padding_mode not in _MODES or (self.transposed and padding_mode != "zeros"):
            modes = "'zeros'" if self.transposed else ", ".join(map(repr, _MODES))
            raise OptionError(f"{name}: got padding_mode={padding_mode!r}, expected {modes}")
        self.padding_mode = padding_mode
        first, second = channels if self.transposed else channels[::-1]
        self._start((first, second // groups, *self.kernel_size), bias, factory)

    def _sizes(self, label: str, given: Any, least: int = 0) -> tuple[int, ...]:
        return per_axis(type(self).__name__, label, given, self._dims, least)

    def _start(self, shape: tuple[int, ...], bias: bool, factory: Factory) -> None:
        first = Start(type(self).__name__, factory)
        inputs = prod(shape[1:])
        bound = 1 / sqrt(inputs) if inputs else 0.0
        self.weight = first.uniform(shape, bound)
        self.bias = first.uniform((self.out_channels,), bound) if bias else None

    def extra_repr(self) -> str:
        """Channels and options, as PyTorch writes them."""
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        zeros, ones = (0,) * self._dims, (1,) * self._dims
        for label, usual in (
            ("padding", zeros), ("dilation", ones), ("output_padding", zeros), ("groups", 1),
        ):  # fmt: skip
            if getattr(self, label) != usual:
                text += f", {label}={getattr(self, label)}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Forward(Convolution):
    """`Conv1d`, `Conv2d` and `Conv3d`."""

    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        sizes = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "output_padding": 0,
        }
        self._set_up((in_channels, out_channels), sizes, groups, bias, padding_mode, factory)

    def forward(self, input: Any) -> Any:
        """The convolution of a batch, or of one sample."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = self._padded(input), 0
        return _CONV[self._dims](
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _padded(self, x: Any) -> Any:
        if self.padding == "same":
            pads = same_padding(self.kernel_size, self.dilation)
        else:
            pads = tuple((n, n) for n in self._sizes("padding", self._numbers()))
        _, x = arrays("pad", self.weight, x)
        widths = ((0, 0),) * (x.ndim - self._dims) + pads
        return pad(x, widths, mode=_MODES[self.padding_mode])

    def _numbers(self) -> Any:
        return 0 if self.padding == "valid" else self.padding


class Conv1d(_Forward):
    """Convolution of sequences, `(N, C, L) -> (N, O, L')`, or `(C, L) -> (O, L')`.

    y[n, o, p] = bias[o] + Σ weight[o, c, k] x[n, c, p · stride + k · dilation − padding]: strictly
    a cross-correlation, as everywhere in deep learning. Weights and biases start uniform in
    ±1/√(C/groups · K), as in PyTorch.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: K, taps of a kernel along each side.
        stride: Step from one place to the next.
        padding: How much is put around both sides; "same" keeps the size, "valid" is none.
        dilation: Distance of taps.
        groups: How many blocks of channels are kept apart; C for a depthwise convolution.
        bias: Whether to add one.
        padding_mode: What is put around: "zeros", or the input "reflect"ed at its ends,
            "replicate"d from its ends, or "circular", from its other end.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (O, C/groups, K).
        bias: Parameter (O,), or None.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> layer = nn.Conv1d(2, 4, 3, padding="same", rng=0)
        >>> layer(np.ones((5, 2, 10), np.float32)).shape
        (5, 4, 10)

    Source:
        LeCun et al., "Backpropagation Applied to Handwritten Zip Code Recognition", 1989.
    """

    _dims = 1


class Conv2d(_Forward):
    """Convolution of images, `(N, C, H, W) -> (N, O, H', W')`, or of one, without N.

    H' = (H + 2 padding − dilation (K − 1) − 1) // stride + 1, and W' likewise. Arguments are those
    of `Conv1d`, where a number stands for both sides and a pair for (H, W).

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: Taps (KH, KW) of a kernel.
        stride: Step from one place to the next.
        padding: How much is put around; or "same" or "valid".
        dilation: Distance of taps.
        groups: How many blocks of channels are kept apart.
        bias: Whether to add one.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (O, C/groups, KH, KW).
        bias: Parameter (O,), or None.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> layer = nn.Conv2d(1, 6, 5, padding=2, rng=0)
        >>> layer
        Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
        >>> layer(np.ones((64, 1, 28, 28), np.float32)).shape
        (64, 6, 28, 28)

    Source:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.
    """

    _dims = 2


class Conv3d(_Forward):
    """Convolution of volumes, `(N, C, D, H, W) -> (N, O, D', H', W')`, or of one, without N.

    Arguments are those of `Conv1d`, where a number stands for all sides and a triple for
    (D, H, W).

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: Taps (KD, KH, KW) of a kernel.
        stride: Step from one place to the next.
        padding: How much is put around; or "same" or "valid".
        dilation: Distance of taps.
        groups: How many blocks of channels are kept apart.
        bias: Whether to add one.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (O, C/groups, KD, KH, KW).
        bias: Parameter (O,), or None.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn
        >>> nn.Conv3d(2, 3, (1, 3, 3), rng=0)(np.ones((4, 2, 5, 6, 7), np.float32)).shape
        (4, 3, 5, 4, 5)
    """

    _dims = 3
