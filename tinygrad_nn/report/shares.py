"""What a model gives to each class: as shares of 1, or to be made so."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_shares", "sigmoid", "softmax"]

Array = NDArray[Any]


def are_shares(y: Array) -> bool:
    """Whether each row adds up to 1 and nothing is negative. Shape (n, classes)."""
    return bool(y.min() >= 0 and np.allclose(y.sum(axis=1), 1, atol=1e-3))


def softmax(y: Array) -> Array:
    """Shares of each row, (n, classes)."""
    with np.errstate(all="ignore"):
        powers = np.exp(y - y.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def sigmoid(y: Array) -> Array:
    """Share of the second of two classes."""
    shares: Array = 0.5 * (1 + np.tanh(0.5 * y))
    return shares
