"""Layers, activations and losses as functions, with PyTorch's names, order and `dim=`."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.activation import axis_of_classes
from tinygrad_nn.nn.likelihood import cross_entropy, nll_loss
from tinygrad_nn.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    class_indices,
    hinge_embedding_loss,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    multi_margin_loss,
    smooth_l1_loss,
)
from tinygrad_nn.ops.activation import elu, gelu, leaky_relu, mish, silu, softplus, step
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh
from tinygrad_nn.ops.neural import linear as _linear
from tinygrad_nn.ops.neural import one_hot as _one_hot
from tinygrad_nn.ops.softmax import log_softmax as _log_softmax
from tinygrad_nn.ops.softmax import softmax as _softmax
from tinygrad_nn.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "elu",
    "gelu",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "step",
    "tanh",
]


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b: `(..., in), (out, in), (out,) -> (..., out)`.

    Raises:
        ShapeError: The shapes do not fit.
    """
    return _linear(input, weight) if bias is None else _linear(input, weight, bias)


def softmax(input: Any, dim: int | None = None) -> Any:
    """eˣ over its sum along `dim`.

    Raises:
        OptionError: `dim` is missing.
    """
    return _softmax(input, axis_of_classes("softmax", dim))


def log_softmax(input: Any, dim: int | None = None) -> Any:
    """ln softmax(x) along `dim`.

    Raises:
        OptionError: `dim` is missing.
    """
    return _log_softmax(input, axis_of_classes("log_softmax", dim))


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Table (..., classes) of integers, 1 for the class in `tensor`; -1 counts the classes.

    Raises:
        DTypeError: The classes are not integers.
        OptionError: A class is outside [0, num_classes).
    """
    index = class_indices("one_hot", tensor)
    if num_classes < 0:
        num_classes = int(index.max()) + 1 if index.size else 0
    return Tensor.wrap(_one_hot(index, num_classes).astype("int64"))
