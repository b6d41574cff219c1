"""`Linear`: a layer of neurons as one matrix."""

from __future__ import annotations

from math import sqrt
from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.payload import default_float
from tinygrad_nn.tensor import Parameter

__all__ = ["Linear"]


class Linear(Module):
    """Affine map x Wᵀ + b, `(..., in_features) -> (..., out_features)`.

    Weights and biases start uniform in ±1/√in_features, as in PyTorch.

    Args:
        in_features: Numbers in a sample.
        out_features: Numbers out: the neurons of the layer.
        bias: Whether to add b.
        rng: Seed or generator of the first weights.
        dtype: Of the parameters; float32 unless `default_dtype` says otherwise.

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
        *,
        rng: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = features("Linear", "in_features", in_features)
        self.out_features = features("Linear", "out_features", out_features)
        draws = generator(rng)
        bound = 1 / sqrt(in_features) if in_features else 0.0
        dtype = default_float() if dtype is None else dtype
        # Drawn in double precision, so that every dtype starts from the same numbers.
        weight = draws.uniform(-bound, bound, (out_features, in_features))
        self.weight = Parameter(weight, dtype=dtype)
        self.bias = (
            Parameter(draws.uniform(-bound, bound, (out_features,)), dtype=dtype) if bias else None
        )

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


def features(layer: str, name: str, count: Any) -> int:
    """`count` as a number of features.

    Raises:
        OptionError: It is no integer of at least 0.
    """
    if isinstance(count, bool) or not hasattr(count, "__index__") or count < 0:
        raise OptionError(f"{layer}: got {name}={count!r}, expected an integer of at least 0")
    return int(count)
