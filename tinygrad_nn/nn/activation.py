"""Activation functions by name, and as modules."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.ops.elementwise import relu, sigmoid, tanh

ACTIVATIONS: dict[str, tuple[str, Callable[[Any], Any] | None]] = {
    "linear": ("Linear", None),
    "identity": ("Linear", None),
    "relu": ("ReLU", relu),
    "sigmoid": ("Sigmoid", sigmoid),
    "tanh": ("Tanh", tanh),
}
def named_activation(chosen: Any) -> Any:
    if callable(chosen):
        return getattr(chosen, "__name__", type(chosen).__name__), chosen
    return ACTIVATIONS[chosen]
