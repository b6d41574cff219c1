"""Rational approximations of functions, evaluated on NumPy arrays in blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

__all__ = ["DOUBLE", "SINGLE", "blocked", "horner", "rational"]

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)
# Elements computed at a time, so that the passes over them stay in the cache: three times quicker.
_BLOCK = 4096


def blocked(*native: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of short float vectors one of arrays of any shape and real dtype.

    Args:
        native: dtypes that the function computes in; any other is computed in float64.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def kernel(x: Any, *static: Any, **named: Any) -> Any:
            x = np.asarray(x)
            dtype = x.dtype if x.dtype.kind == "f" else DOUBLE
            flat = x.astype(dtype if dtype in native else DOUBLE, copy=False).reshape(-1)
            out = np.empty_like(flat)
            with np.errstate(all="ignore"):
                for start in range(0, flat.size, _BLOCK):
                    block = slice(start, start + _BLOCK)
                    out[block] = function(flat[block], *static, **named)
                return out.reshape(x.shape).astype(dtype, copy=False)[()]

        return kernel

    return decorate


def horner(coefficients: tuple[float, ...], t: Any) -> Any:
    """Polynomial in `t`, lowest power first."""
    total = t * coefficients[-1]
    total += coefficients[-2]
    for c in coefficients[-3::-1]:
        total *= t
        total += c
    return total


def rational(fit: tuple[tuple[float, ...], tuple[float, ...]], t: Any) -> Any:
    """Quotient of two polynomials in `t`."""
    total = horner(fit[0], t)
    total /= horner(fit[1], t)
    return total
