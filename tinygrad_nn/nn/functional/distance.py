"""Vectors: distances and angles between them, and made unit."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import epsilon, operand
from tinygrad_nn.ops.extrema import maximum
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.reduce import vector_norm

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Cosine of the angle between vectors along `dim`: x₁·x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)).

    The shapes broadcast, without `dim` in the result.

    Raises:
        OptionError: `eps` is negative or no number.
    """
    epsilon("cosine_similarity", eps)
    lengths = maximum(vector_norm(x1, axis=dim), eps) * maximum(vector_norm(x2, axis=dim), eps)
    return total(x1 * x2, dim) / lengths


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """p-norm of x₁ − x₂ + ε along the last axis: `(N, D), (N, D) -> (N,)`.

    PyTorch's ε keeps the slope of equal vectors from being undefined.
    """
    return vector_norm(x1 - x2 + eps, axis=-1, ord=p, keepdims=keepdim)


def pdist(input: Any, p: float = 2.0) -> Any:
    """p-norms of the differences of all pairs of rows: `(N, D) -> (N (N − 1) / 2,)`.

    In the order of the upper triangle: (0, 1), (0, 2), …, (1, 2), …

    Raises:
        ShapeError: The input has not two axes.
    """
    if input.ndim != 2:
        raise ShapeError(f"pdist: got {tuple(input.shape)}, expected (N, D): one vector each row")
    count = input.shape[0]
    first = [i for i in range(count) for _ in range(i + 1, count)]
    second = [j for i in range(count) for j in range(i + 1, count)]
    return vector_norm(input[first] - input[second], axis=-1, ord=p)


def normalize(
    input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Any:
    """x / max(‖x‖ₚ, ε): vectors along `dim` of length 1.

    Args:
        input: Array; its shape is kept.
        p: Order of the norm.
        dim: Axis of the vectors, or several.
        eps: ε; a vector of zeros stays one.
        out: Not taken: arrays are not written to.

    Raises:
        OptionError: `out` is given.
    """
    if out is not None:
        raise OptionError("normalize: got out=, expected None; assign the result")
    x = operand("normalize", input)
    return x / maximum(vector_norm(x, axis=dim, keepdims=True, ord=p), eps)
