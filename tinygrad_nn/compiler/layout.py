"""How variables lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.compiler.program import Var

__all__ = ["alike", "c_order", "dense", "example"]


def dense(var: Var) -> bool:
    """Whether its elements fill a block of memory, in whatever order of the axes."""
    if var.dtype is None or not all(var.shape):
        return False
    expected = var.dtype.itemsize
    steps = zip(var.strides, var.shape, strict=True)
    for stride, side in sorted((stride, side) for stride, side in steps if side > 1):
        if stride != expected:
            return False
        expected *= side
    return True


def c_order(x: Any) -> bool:
    """Whether it is an array whose last axis is the innermost one, without gaps."""
    if not isinstance(x, Var) or x.dtype is None or not all(x.shape):
        return False
    expected = x.dtype.itemsize
    for stride, side in zip(reversed(x.strides), reversed(x.shape), strict=True):
        if side > 1 and stride != expected:
            return False
        expected *= side
    return True


def alike(a: Var, b: Var) -> bool:
    """Whether both have the same form in memory."""
    return a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides


def example(var: Var) -> Any:
    """An array laid out like `var`."""
    steps = [(side - 1) * stride for side, stride in zip(var.shape, var.strides, strict=True)]
    filled = all(var.shape)
    before = -sum(x for x in steps if x < 0) if filled else 0
    extent = sum(map(abs, steps)) + var.dtype.itemsize if filled else var.dtype.itemsize
    return np.ndarray(var.shape, var.dtype, np.zeros(extent, np.uint8), before, var.strides)
