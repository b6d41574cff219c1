"""Reductions and running reductions for NumPy: quick for small arrays, wide for float16.

A float16 sum loses its last bits after 2048 terms, so what adds up many float16 numbers
does so in float32 and rounds once. `ufunc.reduce` costs 0.9 µs where `np.sum` costs 2.5.
"""

from __future__ import annotations

from math import inf
from math import prod as product
from typing import Any

import numpy as np

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logcumsumexp",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "softmax",
    "std",
    "sum",
    "var",
    "vector_norm",
]

_HALF = np.dtype(np.float16)
_FULL = np.dtype(np.float64)
# As Any, since NumPy's stubs do not know that all arguments may be positional, which is quicker.
_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce

Axes = int | tuple[int, ...] | None


def sum(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Sum over `axis`."""
    if x.dtype is _HALF:
        return _add(x, axis, np.float32, None, keepdims).astype(_HALF)
    return _add(x, axis, None, None, keepdims) if keepdims else _add(x, axis)


def prod(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Product over `axis`."""
    if x.dtype is _HALF:
        return _multiply(x, axis, np.float32, None, keepdims).astype(_HALF)
    return _multiply(x, axis, None, None, keepdims)


def max(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Largest element over `axis`; NaN where there is one."""
    return _maximum(x, axis, None, None, keepdims)


def min(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Smallest element over `axis`; NaN where there is one."""
    return _minimum(x, axis, None, None, keepdims)


def mean(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Sum over the number of elements; of integers in float64. `np.mean` costs 4 µs, this 1.5."""
    if x.dtype.kind != "f":
        x = x.astype(_FULL)
    if x.dtype is _HALF:
        return (_add(x, axis, np.float32, None, keepdims) / _count(x, axis)).astype(_HALF)
    return _add(x, axis, None, None, keepdims) / _count(x, axis)


def var(x: Any, axis: Axes = None, keepdims: bool = False, free: float = 1) -> Any:
    """Sum of the squared distances from the mean, over the degrees of freedom."""
    wide = _widened(x)
    centred = wide - _add(wide, axis, None, None, True) / _count(x, axis)
    total = _add(centred * centred, axis, None, None, keepdims)
    return _narrowed(total / free, x)


def std(x: Any, axis: Axes = None, keepdims: bool = False, free: float = 1) -> Any:
    """Root of the variance."""
    return _narrowed(np.sqrt(var(_widened(x), axis, keepdims, free)), x)


def logsumexp(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """ln Σ exp x, the largest element taken out first, so that nothing overflows."""
    wide = _widened(x)
    top = _maximum(wide, axis, None, None, True, -inf)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        y = np.log(_add(np.exp(wide - top), axis, None, None, True)) + top
    return _narrowed(y if keepdims else y.squeeze(_all(axis, x.ndim)), x)


def softmax(x: Any, axis: Axes = -1) -> Any:
    """exp x / Σ exp x, the largest element taken out first."""
    wide = _widened(x)
    powers = np.exp(wide - _maximum(wide, axis, None, None, True, -inf))
    return _narrowed(powers / _add(powers, axis, None, None, True), x)


def log_softmax(x: Any, axis: Axes = -1) -> Any:
    """x - ln Σ exp x, the largest element taken out first."""
    if not x.size:
        return x.copy()  # the logarithm of a sum of nothing would warn
    wide = _widened(x)
    # An initial value for empty lines would cost 1.5 µs.
    lowered = wide - _maximum(wide, axis, None, None, True)
    shift = np.log(_add(np.exp(lowered), axis, None, None, True))
    if x.ndim:
        return _narrowed(np.subtract(lowered, shift, lowered), x)
    return _narrowed(lowered - shift, x)


def vector_norm(x: Any, axis: Axes = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """(Σ |x|^ord)^(1/ord), or its limits for ord = ±inf and 0."""
    wide = _widened(x)
    if ord in (2, None):
        return _narrowed(np.sqrt(_add(wide * wide, axis, None, None, keepdims)), x)
    if isinstance(ord, str):
        raise TypeError("expected a number for ord; tinygrad_nn.linalg.norm has those of matrices")
    size = np.absolute(wide)
    if ord == inf:
        y = _maximum(size, axis, None, None, keepdims)
    elif ord == -inf:
        y = _minimum(size, axis, None, None, keepdims)
    elif ord == 0:
        y = _add(size != 0, axis, size.dtype, None, keepdims)
    elif ord == 1:
        y = _add(size, axis, None, None, keepdims)
    else:
        with np.errstate(divide="ignore"):
            y = _add(size**ord, axis, None, None, keepdims) ** (1 / ord)
    return _narrowed(y, x)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Sums of the first 1, 2, ... elements along `axis`."""
    if x.dtype is _HALF:
        return x.cumsum(axis, np.float32).astype(_HALF)
    return x.cumsum(axis)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Products of the first 1, 2, ... elements along `axis`."""
    if x.dtype is _HALF:
        return x.cumprod(axis, np.float32).astype(_HALF)
    return x.cumprod(axis)


def cummax(x: Any, axis: int) -> Any:
    """Largest of the first 1, 2, ... elements along `axis`."""
    return np.maximum.accumulate(x, axis)


def cummin(x: Any, axis: int) -> Any:
    """Smallest of the first 1, 2, ... elements along `axis`."""
    return np.minimum.accumulate(x, axis)


def logcumsumexp(x: Any, axis: int) -> Any:
    """ln of the sums of exp over the first 1, 2, ... elements along `axis`."""
    return _narrowed(np.logaddexp.accumulate(_widened(x), axis), x)


def _count(x: Any, axis: Axes) -> int:
    """Number of elements that are reduced to one."""
    if axis is None:
        return x.size  # type: ignore[no-any-return]
    if type(axis) is tuple:
        return product([x.shape[a] for a in axis])
    return x.shape[axis]  # type: ignore[no-any-return]


def _all(axis: Axes, ndim: int) -> Any:
    return tuple(range(ndim)) if axis is None else axis


def _widened(x: Any) -> Any:
    """`x` in the precision to add up in."""
    if x.dtype.kind == "f":
        return x.astype(np.float32) if x.dtype is _HALF else x
    return x.astype(_FULL)


def _narrowed(y: Any, x: Any) -> Any:
    """Result in the dtype that NumPy gives for `x`."""
    return y.astype(_HALF) if x.dtype is _HALF else y
