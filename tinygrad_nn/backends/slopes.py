"""Gradient rules for NumPy where fewer calls, or fewer fresh arrays, give the same bits.

An operation names one of them as `quick=`. It is used by sweeps of first order alone; its text
is the rule's, with each temporary array written over by the next.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_nn.backends.axes import broadcast_to, expand_dims
from tinygrad_nn.backends.reduction import sum as total

__all__ = [
    "linear_slope",
    "log_softmax_slope",
    "nll_slope",
    "sigmoid_slope",
    "sum_slope",
    "tanh_slope",
]

_ndarray: Any = np.ndarray
_multiply: Any = np.multiply
_subtract: Any = np.subtract
# An array is quicker to subtract from than Python's 1, which NumPy converts first: 0.3 µs.
_ONE = {np.dtype(t): np.ones((), t) for t in (np.float16, np.float32, np.float64)}
_MANY_ROWS = 16


def tanh_slope(g: Any, y: Any, x: Any) -> Any:
    """g · (1 - y²). 0.8 µs for eight numbers, where three operators take 1.3."""
    z = y * y
    one = _ONE.get(y.dtype) if y.shape else None
    if one is None:
        return g * (1 - z)
    _subtract(one, z, z)
    return _multiply(g, z, z)


def sigmoid_slope(g: Any, y: Any, x: Any) -> Any:
    """g · (y - y²)."""
    z = y * y
    if not y.shape:
        return g * (y - z)
    _subtract(y, z, z)
    return _multiply(g, z, z)


def sum_slope(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g` repeated over the axes that were summed over: 0.4 µs for all axes, before 1.2."""
    sides = x.shape
    if not sides:
        return g
    if axis is None:
        if not g.shape:
            return _ndarray(sides, g.dtype, g, 0, (0,) * len(sides))
        return broadcast_to(g, sides)
    return broadcast_to(g if keepdims else expand_dims(g, axis), sides)


def log_softmax_slope(g: Any, y: Any, x: Any, axis: Any) -> Any:
    """g - e^y Σ g."""
    z = np.exp(y)
    if not y.shape:
        return g - z * total(g, axis, True)
    _multiply(z, total(g, axis, True), z)
    return _subtract(g, z, z)


def nll_slope(g: Any, y: Any, logp: Any, index: Any, reduction: str) -> Any:
    """Zeros, but for the share of -g at the class of each row."""
    share = g / -index.size if reduction == "mean" else -g
    sides = logp.shape
    table = np.zeros((index.size, sides[-1]), share.dtype)
    table[np.arange(index.size), index if index.ndim == 1 else index.reshape(-1)] = share.reshape(
        -1
    )
    return table if len(sides) == 2 else table.reshape(sides)


def linear_slope(g: Any, y: Any, x: Any, weight: Any, *bias: Any, needs: Any) -> Any:
    """g W, gᵀ x and the sum of the rows of g. A small `dot` takes 0.8 µs, `@` 1.8."""
    sides = x.shape
    if g.ndim != 2:
        count = prod(g.shape[:-1])
        g, x = g.reshape(count, g.shape[-1]), x.reshape(count, sides[-1])
    to_x = g.dot(weight).reshape(sides) if needs[0] else None
    to_weight = g.T.dot(x) if needs[1] else None
    if not bias:
        return to_x, to_weight
    return to_x, to_weight, _sum_rows(g) if needs[2] else None


def _sum_rows(g: Any) -> Any:
    if len(g) < _MANY_ROWS or g.dtype.itemsize == 2:
        return total(g, 0)
    return np.ones(len(g), g.dtype).dot(g)
