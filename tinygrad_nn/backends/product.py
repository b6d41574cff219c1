"""Products of arrays for NumPy: clear messages, and float16 added up in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.errors import ShapeError

__all__ = ["contract", "matmul", "uncontract"]

_HALF = np.dtype(np.float16)
_matmul = np.matmul
LARGE = 4096
"""Elements from which it pays to search for matrix products in a contraction of two."""


def matmul(a: Any, b: Any) -> Any:
    """`a @ b`. NumPy adds float16 up in float16, and slowly."""
    try:
        if a.dtype is _HALF and b.dtype is _HALF:
            return _matmul(a.astype(np.float32), b.astype(np.float32)).astype(_HALF)
        return _matmul(a, b)
    except (AttributeError, ValueError) as error:
        raise _mismatch(np.shape(a), np.shape(b)) from error


def _mismatch(a: tuple[int, ...], b: tuple[int, ...]) -> ShapeError:
    if not a or not b:
        return ShapeError(
            f"matmul: got shapes {a} @ {b}, expected at least one axis each; use * for numbers"
        )
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        return ShapeError(
            f"matmul: inner sizes differ, {a} @ {b}: {a[-1]} and {inner}; expected "
            "(..., n, k) @ (..., k, m), transpose one with .mT"
        )
    return ShapeError(
        f"matmul: batch axes do not broadcast, {a} @ {b}; expected equal sizes or 1 before the "
        "last two axes"
    )


def contract(*operands: Any, subscripts: str) -> Any:
    """`einsum`; three operands or two large ones go through matrix products where they can."""
    dtype = np.result_type(*operands)
    if dtype == _HALF:
        operands = tuple(np.asarray(x, dtype=np.float32) for x in operands)
    search = len(operands) > 2 or (
        len(operands) == 2 and np.size(operands[0]) + np.size(operands[1]) > LARGE
    )
    return np.einsum(subscripts, *operands, optimize=search).astype(dtype, copy=False)


def uncontract(x: Any, subscripts: str, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` where labels that repeat agree: `subscripts` is "iij->ij"."""
    out = np.zeros(shape, x.dtype)
    np.einsum(subscripts, out)[...] = x
    return out
