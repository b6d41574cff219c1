"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import OperandError, ShapeError
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.tensor import Tensor, tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Any]) -> Tensor:
    """Numbers of all parameters in one vector, in order; gradients reach the parameters.

    Raises:
        OperandError: There are none, or one is no tensor.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
        (8,)
    """
    found = _tensors("parameters_to_vector", parameters)
    if not found:
        raise OperandError("parameters_to_vector: got no parameters, expected at least one")
    return concat([reshape(p, (-1,) if p.size else (0,)) for p in found])  # type: ignore[no-any-return]


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Write the numbers of a vector into parameters: the inverse of `parameters_to_vector`.

    The dtype of the parameters stays.

    Raises:
        ShapeError: The vector has more or fewer numbers; no parameter is written then.
    """
    found = _tensors("vector_to_parameters", parameters)
    numbers = vec.synced() if isinstance(vec, Tensor) else tensor(vec)._data
    count = sum(prod(p.shape) for p in found)
    if numbers.shape != (count,):
        raise ShapeError(
            f"vector_to_parameters: got shape {numbers.shape}, expected ({count},), the number of "
            "all parameters"
        )
    start = 0
    for p in found:
        end = start + prod(p.shape)
        p.data = numbers[start:end].reshape(p.shape).astype(p.dtype)
        start = end


def _tensors(name: str, parameters: Any) -> list[Tensor]:
    listed = parameters if isinstance(parameters, Iterable) else [parameters]
    if isinstance(parameters, Node) or hasattr(parameters, "named_parameters"):
        raise OperandError(
            f"{name}: got {type(parameters).__name__}, expected parameters: model.parameters()"
        )
    found = list(listed)
    for p in found:
        if not isinstance(p, Tensor):
            raise OperandError(f"{name}: got {type(p).__name__}, expected tensors")
    return found
