"""Layers that resize images and reorder channels."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.functional.sizes import per_axis
from tinygrad_nn.nn.functional.vision import (
    channel_shuffle,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
)
from tinygrad_nn.nn.module import Module

__all__ = [
    "ChannelShuffle",
    "PixelShuffle",
    "PixelUnshuffle",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]


# ── Resizing ────────────────────────────────────────────────────────────────────────────


class Upsample(Module):
    """Images `(N, C, L)`, `(N, C, H, W)` or `(N, C, D, H, W)` resized; see `interpolate`.

    Args:
        size: Length of the resized axes, one integer or one for each.
        scale_factor: Instead of it, by what they grow.
        mode: "nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic" or "trilinear".
        align_corners: Whether the centres of the corner elements stay where they are.
        recompute_scale_factor: Let the whole sizes say the scale.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.Upsample(scale_factor=2)(tg.tensor([[[1.0, 2.0]]])).tolist()
        [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor: Any = None
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        elif scale_factor:
            self.scale_factor = float(scale_factor)
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        """Resized images."""
        return interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """Size and mode."""
        size = f"size={self.size!r}"
        if self.scale_factor is not None:
            size = f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images `(N, C, H, W)` resized by their nearest elements.

    Args:
        size: Height and width out, one integer or two.
        scale_factor: Instead of it, by what they grow.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.UpsamplingNearest2d(scale_factor=2)
        UpsamplingNearest2d(scale_factor=2.0, mode='nearest')
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images `(N, C, H, W)` resized bilinearly, the centres of the corners staying in place.

    Args:
        size: Height and width out, one integer or two.
        scale_factor: Instead of it, by what they grow.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.UpsamplingBilinear2d(size=(4, 6))
        UpsamplingBilinear2d(size=(4, 6), mode='bilinear')
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


# ── Channels ────────────────────────────────────────────────────────────────────────────


class PixelShuffle(Module):
    """Channels as pixels: `(..., C r², H, W) -> (..., C, H r, W r)`, r the factor.

    Args:
        upscale_factor: r.

    Raises:
        OptionError: It is no positive integer.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.PixelShuffle(2)(tg.zeros((1, 8, 3, 3))).shape
        (1, 2, 6, 6)

    Source:
        Shi et al. 2016, Real-time single image and video super-resolution.
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        (self.upscale_factor,) = per_axis("PixelShuffle", "upscale_factor", upscale_factor, 1, 1)

    def forward(self, input: Any) -> Any:
        """The larger image."""
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels as channels: `(..., C, H r, W r) -> (..., C r², H, W)`; undoes `PixelShuffle`.

    Args:
        downscale_factor: r.

    Raises:
        OptionError: It is no positive integer.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.PixelUnshuffle(2)(tg.zeros((1, 2, 6, 6))).shape
        (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        (self.downscale_factor,) = per_axis(
            "PixelUnshuffle", "downscale_factor", downscale_factor, 1, 1
        )

    def forward(self, input: Any) -> Any:
        """The smaller image."""
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels of `groups` groups in turn: `(N, C, ...) -> (N, C, ...)`.

    Args:
        groups: How many; they divide C.

    Raises:
        OptionError: It is no positive integer.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.ChannelShuffle(2)(tg.tensor([[[0.0], [1.0], [2.0], [3.0]]])).tolist()
        [[[0.0], [2.0], [1.0], [3.0]]]

    Source:
        Zhang et al. 2018, ShuffleNet.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        (self.groups,) = per_axis("ChannelShuffle", "groups", groups, 1, 1)

    def forward(self, input: Any) -> Any:
        """The channels in their new order."""
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Groups."""
        return f"groups={self.groups}"
