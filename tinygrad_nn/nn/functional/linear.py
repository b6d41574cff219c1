"""Affine maps and tables of classes as functions."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.functional.losses import class_indices
from tinygrad_nn.ops.neural import linear as _linear
from tinygrad_nn.ops.neural import one_hot as _one_hot
from tinygrad_nn.tensor import Tensor

__all__ = ["linear", "one_hot"]


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b: `(..., in), (out, in), (out,) -> (..., out)`.

    Raises:
        ShapeError: The shapes do not fit.
    """
    return _linear(input, weight) if bias is None else _linear(input, weight, bias)


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
