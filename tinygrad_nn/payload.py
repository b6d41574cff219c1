"""What becomes an array, and of which dtype: the creation policy, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import DTypeError, OperandError, ShapeError

__all__ = ["default_dtype", "payload_of", "same_bits"]

_DEFAULT: ContextVar[str] = ContextVar("tinygrad_nn_dtype", default="float32")


@contextmanager
def default_dtype(dtype: Any) -> Iterator[None]:
    """Context in which Python numbers and lists become tensors of `dtype`.

    Example:
        >>> import tinygrad_nn as tg
        >>> with tg.default_dtype("float64"):
        ...     tg.tensor([1.0, 2.0]).dtype
        dtype('float64')
    """
    chosen = np.dtype(dtype)
    if chosen.kind != "f":
        raise DTypeError(f"default_dtype: got {chosen}, expected float16, float32 or float64")
    token = _DEFAULT.set(chosen.name)
    try:
        yield
    finally:
        _DEFAULT.reset(token)


def payload_of(data: Any, dtype: Any) -> Any:
    """New array from what a user may give.

    Python numbers and lists get the default dtype (bools stay bool), what comes from NumPy
    keeps its own; `dtype` overrules both.
    """
    if isinstance(data, Node) and not isinstance(data._data, float):
        return np.array(data.synced(), dtype=dtype)
    if isinstance(data, Node):
        raise OperandError("tensor: got a Value, expected an array or number; use value.data")
    try:
        array = np.array(data)
    except ValueError as error:
        raise ShapeError(f"tensor: {error}; expected rows of equal length") from error
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"tensor: got {describe(data)} of dtype {array.dtype}, expected real numbers"
        )
    if dtype is not None:
        return array.astype(dtype)
    if array.dtype.kind == "b" or _has_dtype(data):
        return array
    return array.astype(_DEFAULT.get())


def _has_dtype(data: Any) -> bool:
    """Whether the numbers come from NumPy, and not from Python."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same bytes in the same form; NaN equals itself here."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(a.tobytes() == b.tobytes())
