"""The table of converters: one operation, one function that writes ONNX nodes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.errors import RegistrationError
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call

__all__ = ["CONVERTERS", "Converter", "common_dtype", "converter"]

Converter = Callable[[Graph, Call], str]

CONVERTERS: dict[str, Converter] = {}
"""By the key of the operation in the registry of operations."""


def converter(*keys: str) -> Callable[[Converter], Converter]:
    """Register `convert(graph, call) -> name of the result` for the operations of these keys.

    For an operation of one's own the key is the name of its function.

    Args:
        keys: Of operations.

    Raises:
        RegistrationError: An operation has a converter already.
    """

    def register(convert: Converter) -> Converter:
        for key in keys:
            if key in CONVERTERS:
                raise RegistrationError(
                    f"converter: got {key!r}, which has one already; expected another operation"
                )
            CONVERTERS[key] = convert
        return convert

    return register


def common_dtype(call: Call) -> Any:
    """Dtype in which NumPy computes with the arguments; plain numbers adapt."""
    known = [a.dtype if a.dtype is not None else _weak(a.value) for a in call.args]
    return np.result_type(*known)


def _weak(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float)) else 0
