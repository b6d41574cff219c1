"""`Linear`: a layer of neurons as one matrix."""

from __future__ import annotations

from math import sqrt
from typing import Any, Unpack

from tinygrad_nn.nn.factory import Factory, Start, whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.tensor import Parameter

__all__ = ["Linear"]


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
