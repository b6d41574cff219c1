"""Distances and angles between vectors, as layers."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.nn.functional.distance import cosine_similarity, pairwise_distance
from tinygrad_nn.nn.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """Cosine of the angle between vectors: x₁·x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)).

    Args:
        dim: Axis of the vectors.
        eps: ε.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.CosineSimilarity()(tg.tensor([[3.0, 0.0]]), tg.tensor([[2.0, 0.0]])).tolist()
        [1.0]
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        """Cosines."""
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """p-norm of x₁ − x₂ + ε along the last axis: `(N, D), (N, D) -> (N,)`.

    Args:
        p: Order of the norm.
        eps: ε, which keeps the slope of equal vectors from being undefined.
        keepdim: Keep the last axis, with length 1.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.PairwiseDistance(1, eps=0)(tg.tensor([[3.0, 0.0]]), tg.tensor([[2.0, 4.0]])).tolist()
        [5.0]
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        """Distances."""
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
