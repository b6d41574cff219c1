"""How variables lie in memory."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.compile.program import Var

__all__ = ["alike", "c_order", "dense"]


def dense(var: Var) -> bool:
    """Whether its elements fill a block of memory, in whatever order of the axes."""
    if var.dtype is None or not all(var.shape):
        return False
    expected = var.dtype.itemsize
    for stride, side in sorted((s, n) for s, n in zip(var.strides, var.shape, strict=True) if n > 1):
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
