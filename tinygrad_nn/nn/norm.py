"""Layers that normalise: over a sample's features, over the batch, or over groups of channels."""

from __future__ import annotations

from typing import Any, Unpack

from tinygrad_nn.nn import functional
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.norm import check_groups, normal_shape
from tinygrad_nn.nn.functional.operands import epsilon
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Parameter

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class LayerNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias, over the last axes of each sample.

    `(..., *normalized_shape) -> (..., *normalized_shape)`. The same in training and evaluation.

    Args:
        normalized_shape: Size of the last axis, or a tuple of the sizes of the last axes.
        eps: Keeps the root from 0.
        elementwise_affine: Whether to multiply and add at all.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter of `normalized_shape`, or None; starts at 1.
        bias: Parameter of `normalized_shape`, or None; starts at 0.

    Raises:
        OptionError: A size or eps is no such number.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.LayerNorm(2)(tg.tensor([[1.0, 3.0], [10.0, 30.0]])).round(3).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    Source:
        Ba, Kiros and Hinton 2016, "Layer normalization".
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.normalized_shape = normal_shape("LayerNorm", normalized_shape)
        epsilon("LayerNorm", eps)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        first = Start("LayerNorm", factory)
        self.weight = first.constant(self.normalized_shape, 1.0) if elementwise_affine else None
        added = elementwise_affine and bias
        self.bias = first.constant(self.normalized_shape, 0.0) if added else None

    def forward(self, x: Any) -> Any:
        """x normalised."""
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine="
            f"{self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / √(mean(x²) + eps) · weight, over the last axes of each sample.

    `(..., *normalized_shape) -> (..., *normalized_shape)`. The same in training and evaluation.

    Args:
        normalized_shape: Size of the last axis, or a tuple of the sizes of the last axes.
        eps: Keeps the root from 0; None for the distance from 1 to the next number of the dtype.
        elementwise_affine: Whether to multiply.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter of `normalized_shape`, or None; starts at 1.

    Raises:
        OptionError: A size or eps is no such number.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.RMSNorm(2)(tg.tensor([[1.0, 7.0]])).detach().round(3)
        tensor([[0.2, 1.4]])

    Source:
        Zhang and Sennrich 2019, "Root mean square layer normalization".
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.normalized_shape = normal_shape("RMSNorm", normalized_shape)
        if eps is not None:
            epsilon("RMSNorm", eps)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        first = Start("RMSNorm", factory)
        self.weight = first.constant(self.normalized_shape, 1.0) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        """x normalised."""
        return functional.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias, for each group of channels of a sample.

    `(N, C, ...) -> (N, C, ...)`. The same in training and evaluation.

    Args:
        num_groups: Number of groups, which divides the channels.
        num_channels: C.
        eps: Keeps the root from 0.
        affine: Whether to multiply and add at all.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_channels,), or None; starts at 1.
        bias: Parameter (num_channels,), or None; starts at 0.

    Raises:
        OptionError: The groups do not divide the channels, or eps is no such number.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.GroupNorm(2, 6)
        GroupNorm(2, 6, eps=1e-05, affine=True, bias=True)

    Source:
        Wu and He 2018, "Group normalization".
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.num_channels = whole("GroupNorm", "num_channels", num_channels)
        check_groups("GroupNorm", num_groups, num_channels)
        epsilon("GroupNorm", eps)
        self.num_groups, self.eps, self.affine = num_groups, eps, affine
        first = Start("GroupNorm", factory)
        self.weight = first.constant((num_channels,), 1.0) if affine else None
        self.bias = first.constant((num_channels,), 0.0) if affine and bias else None

    def forward(self, x: Any) -> Any:
        """x normalised."""
        return functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """x / (k + alpha · mean of x² over `size` neighbouring channels)^beta.

    `(N, C, ...) -> (N, C, ...)`; beyond the first and last channel there are zeros.

    Args:
        size: Channels in the window.
        alpha: Factor of the mean.
        beta: Exponent.
        k: Added, so that the base is not 0.

    Raises:
        OptionError: The window is empty.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.LocalResponseNorm(5)
        LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)

    Source:
        Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional
        neural networks".
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = whole("LocalResponseNorm", "size", size, least=1)
        self.alpha, self.beta, self.k = alpha, beta, k

    def forward(self, x: Any) -> Any:
        """x normalised."""
        return functional.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
