"""What becomes an array, and of which dtype: the creation policy, in one place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.capturing import Traced, capturing
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import DTypeError, OperandError, ShapeError

__all__ = [
    "default_dtype",
    "default_float",
    "is_masked",
    "payload_of",
    "plain",
    "refuse_outputs",
    "same_bits",
    "weak_array",
]

_MAX_AXES = 64

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


def default_float() -> Any:
    """dtype that Python floats become: float32, or that of `default_dtype`."""
    return np.dtype(_DEFAULT.get())


def payload_of(data: Any, dtype: Any) -> Any:
    """New array from what a user may give.

    Python numbers and lists get the default dtype (bools stay bool), what comes from NumPy
    keeps its own; `dtype` overrules both.
    """
    if dtype is not None:
        dtype = np.dtype(dtype).newbyteorder("=")
        if dtype.kind not in "fiub":
            raise DTypeError(f"tensor: got dtype {dtype}, expected one of real numbers")
    if isinstance(data, Node) and data.fit is None:
        raise OperandError("tensor: got a Value, expected an array or number; use value.data")
    capture = capturing()
    if capture is not None and isinstance(data, (Node, Traced, np.ndarray)):
        return capture.copied(data, _payload_of, dtype)
    return _payload_of(data, dtype)


def _payload_of(data: Any, dtype: Any) -> Any:
    """The same, outside of a captured step."""
    if isinstance(data, Node):
        return np.array(data.synced(), dtype=dtype)
    array = _array("tensor", data)
    if dtype is not None:
        return array.astype(dtype)
    if array.dtype.kind == "b" or _has_dtype(data):
        return array
    return array.astype(default_float())


def refuse_outputs(name: str, data: Any) -> None:
    """Refuse a tuple of tensors where one is expected: as a list it would pass for a batch.

    Raises:
        OperandError: It is one.
    """
    if isinstance(data, tuple) and any(isinstance(x, Node) and hasattr(x, "dtype") for x in data):
        raise OperandError(
            f"{name}: got a tuple of {len(data)} with tensors, expected one tensor; layers such as "
            "LSTM and LIF return (outputs, state): write outputs, state = layer(x) and pass the "
            "outputs, in a Sequential by a Module of your own between the two; several tensors "
            "become one by tinygrad_nn.stack(tuple)"
        )


def weak_array(name: str, data: Any, dtype: Any = None) -> Any:
    """Array of a list that stands beside an array of `dtype`, which Python's numbers take.

    Beside an array of integers, or none, integers stay what they are.
    """
    array = _array(name, data)
    if array.dtype.kind == "b" or _has_dtype(data):
        return array
    if dtype is not None and dtype.kind == "f":
        return array.astype(dtype)
    return array if array.dtype.kind in "iu" else array.astype(default_float())


def is_masked(array: Any) -> bool:
    """Whether it is a masked array of NumPy's."""
    # There are none before numpy.ma is loaded; to name it here would load it, for some 10 ms.
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(array, masked.MaskedArray)


def plain(name: str, array: Any) -> Any:
    """Array of NumPy's own class around the same numbers.

    Raises:
        OperandError: It is masked, and what lies behind the mask would count.
    """
    if is_masked(array):
        raise OperandError(
            f"{name}: got a masked array, whose mask would be lost; expected all numbers: "
            "array.filled(0.0), or tinygrad_nn.where(mask, 0.0, x)"
        )
    return np.asarray(array)


def _array(name: str, data: Any) -> Any:
    """New array of real numbers, in this machine's byte order."""
    if isinstance(data, (list, tuple)) and _tracked(data):
        raise OperandError(
            f"{name}: got a list with tensors that require gradients, which an array of their "
            "numbers would lose; use tinygrad_nn.stack(list), or x.detach() where none is needed"
        )
    if is_masked(data):
        plain(name, data)
    if hasattr(data, "__array__") and not isinstance(data, (np.ndarray, np.generic)):
        data = _foreign(name, data)
    try:
        array = np.array(data)
    except ValueError as error:
        raise ShapeError(f"{name}: {error}; expected rows of equal length") from error
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"{name}: got {describe(data)} of dtype {array.dtype}, expected real numbers"
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _foreign(name: str, data: Any) -> Any:
    """Array of NumPy of one of another library."""
    try:
        return np.asarray(data)
    except Exception as error:
        # A tensor of PyTorch in a graph, on another device or of bfloat16 raises here.
        raise OperandError(
            f"{name}: got {describe(data)}, which cannot become an array of NumPy ({error}); of "
            "PyTorch pass tensor.detach().cpu().float().numpy()"
        ) from error


def _tracked(data: Any, depth: int = 0) -> bool:
    """Whether a tensor of a graph is somewhere in nested lists."""
    kinds = set(map(type, data))
    if any(issubclass(kind, Node) for kind in kinds):
        return any(isinstance(x, Node) and x.op is not None and hasattr(x, "dtype") for x in data)
    if depth > _MAX_AXES or not any(issubclass(kind, (list, tuple)) for kind in kinds):
        return False
    return any(_tracked(x, depth + 1) for x in data if isinstance(x, (list, tuple)))


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
