"""Layers of neurons: `Linear`, one matrix; `Bilinear`, a matrix for each neuron."""

from __future__ import annotations

from math import sqrt
from typing import Any, Unpack

from tinygrad_nn.nn import functional
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.tensor import Parameter

__all__ = ["Bilinear", "Linear"]


class Linear(Module):
    """Affine map x Wᵀ + b, `(..., in_features) -> (..., out_features)`.

    Weights and biases start uniform in ±1/√in_features, as in PyTorch.

    Args:
        in_features: Numbers in a sample.
        out_features: Numbers out: the neurons of the layer.
        bias: Whether to add b.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (out_features, in_features); row i belongs to neuron i.
        bias: Parameter (out_features,), or None.

    Raises:
        OptionError: A number of features is no integer of at least 0.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.Linear(784, 16, rng=0)
        Linear(in_features=784, out_features=16, bias=True)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.in_features = whole("Linear", "in_features", in_features)
        self.out_features = whole("Linear", "out_features", out_features)
        first = Start("Linear", factory)
        bound = 1 / sqrt(in_features) if in_features else 0.0
        self.weight = first.uniform((out_features, in_features), bound)
        self.bias = first.uniform((out_features,), bound) if bias else None

    def forward(self, x: Any) -> Any:
        """x Wᵀ + b."""
        bias = self.bias
        return linear(x, self.weight) if bias is None else linear(x, self.weight, bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """x₁ᵀ W_k x₂ + b_k for each output k: `(..., a), (..., b) -> (..., out_features)`.

    Weights and biases start uniform in ±1/√a, as in PyTorch.

    Args:
        in1_features: a, at least 1.
        in2_features: b.
        out_features: Numbers out.
        bias: Whether to add b.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (out_features, in1_features, in2_features).
        bias: Parameter (out_features,), or None.

    Raises:
        OptionError: A number of features is no such integer.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.Bilinear(3, 4, 5)(tg.ones((2, 3)), tg.ones((2, 4))).shape
        (2, 5)
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.in1_features = whole("Bilinear", "in1_features", in1_features, least=1)
        self.in2_features = whole("Bilinear", "in2_features", in2_features)
        self.out_features = whole("Bilinear", "out_features", out_features)
        first = Start("Bilinear", factory)
        bound = 1 / sqrt(in1_features)
        self.weight = first.uniform((out_features, in1_features, in2_features), bound)
        self.bias = first.uniform((out_features,), bound) if bias else None

    def forward(self, x1: Any, x2: Any) -> Any:
        """x₁ᵀ W x₂ + b."""
        return functional.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
