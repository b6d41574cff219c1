"""Writing a parameter: the one place where optimisers touch the engine."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.node import CLOCK, Node

__all__ = ["gradient", "payload", "write"]


def payload(parameter: Node) -> Any:
    """Numbers of `parameter`, after taking over what the user wrote into its `data`."""
    return parameter._data if parameter.extra is None else parameter.synced()


def gradient(parameter: Node) -> Any:
    """Numbers of the parameter's gradient, or None."""
    g = parameter._grad
    return g._data if isinstance(g, Node) else g


def write(parameter: Node, new: Any) -> None:
    """Replace the numbers of `parameter` by `new`, an array that nothing else holds.

    Graphs made before keep the old array, and their backward pass is refused: the parameter
    now carries a later moment than they do.
    """
    parameter._data = new
    parameter.epoch = CLOCK.tick()
    extra = parameter.extra
    if extra is not None and extra.shared is not None:
        extra.shared[...] = new
