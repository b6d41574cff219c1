"""Activations as functions, with PyTorch's names, order and `dim=`."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.ops.activation import elu, gelu, leaky_relu, mish, silu, softplus, step
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh
from tinygrad_nn.ops.softmax import log_softmax as _log_softmax
from tinygrad_nn.ops.softmax import softmax as _softmax

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "mish",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "step",
    "tanh",
]


def softmax(input: Any, dim: int | None = None) -> Any:
    """eˣ over its sum along `dim`.

    Raises:
        OptionError: `dim` is missing.
    """
    return _softmax(input, axis_of_classes("softmax", dim))


def log_softmax(input: Any, dim: int | None = None) -> Any:
    """ln softmax(x) along `dim`.

    Raises:
        OptionError: `dim` is missing.
    """
    return _log_softmax(input, axis_of_classes("log_softmax", dim))


def axis_of_classes(name: str, dim: int | None) -> int:
    """`dim`, refused where it is missing."""
    if dim is None or isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise OptionError(
            f"{name}: got dim={dim!r}, expected the axis of the classes, such as dim=-1 or dim=1"
        )
    return int(dim)
