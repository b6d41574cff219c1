"""Affine maps and tables of classes as functions."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn.functional.operands import class_indices, floats
from tinygrad_nn.ops.neural import linear as _linear
from tinygrad_nn.ops.neural import one_hot as _one_hot
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.tensor import Tensor

__all__ = ["bilinear", "linear", "one_hot"]


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b: `(..., in), (out, in), (out,) -> (..., out)`.

    Raises:
        ShapeError: The shapes do not fit.
    """
    return _linear(input, weight) if bias is None else _linear(input, weight, bias)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """x₁ᵀ W_k x₂ + b_k for each output k: `(..., a), (..., b), (out, a, b), (out,) -> (..., out)`.

    Raises:
        ShapeError: The shapes do not fit.
    """
    first, second = floats("bilinear", input1), floats("bilinear", input2)
    weight = floats("bilinear", weight, "a weight")
    outputs = len(weight) if weight.ndim == 3 else 0
    fits = first.ndim and weight.ndim == 3 and first.shape[:-1] == second.shape[:-1]
    if not fits or (first.shape[-1], second.shape[-1]) != weight.shape[1:]:
        raise ShapeError(
            f"bilinear: got inputs {first.shape} and {second.shape} and a weight {weight.shape}, "
            "expected (..., a), (..., b) and (out, a, b)"
        )
    products = first[..., None] * second[..., None, :]
    flat = reshape(products, (*first.shape[:-1], prod(weight.shape[1:])))
    return linear(flat, reshape(weight, (outputs, prod(weight.shape[1:]))), bias)


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
