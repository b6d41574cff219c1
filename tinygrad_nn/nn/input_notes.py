"""What an error of `forward` is told besides: inputs that are no tensors, as scripts pass them."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import TinygradError

__all__ = ["add_note"]


def add_note(module: Any, error: Exception, inputs: Any) -> None:
    """Add to `error` what to write, if an input of `module` explains it; once for all modules."""
    for place, x in enumerate(inputs):
        note = _note(type(module).__name__, error, x, place)
        if note and not any(note.split(": ", 1)[1] in old for old in _notes(error)):
            error.add_note(note)


def _notes(error: Exception) -> list[str]:
    return getattr(error, "__notes__", [])


def _note(name: str, error: Exception, x: Any, place: int) -> str | None:
    kind = type(x)
    if kind.__module__.partition(".")[0] == "torch":
        return (
            f"{name}: the input is a tensor of PyTorch; convert it: x.numpy(), of one with a "
            "gradient x.detach().numpy()"
        )
    # A state that is a tuple comes second.
    if kind is tuple and not place and "'tuple'" in str(error) and any(map(_is_node, x)):
        return (
            f"{name}: the input is a tuple of {len(x)}, as layers such as LSTM and LIF return it, "
            "(outputs, state); write outputs, state = layer(x) and pass the outputs, in a "
            "Sequential by a Module of your own between the two"
        )
    if hasattr(x, "__array_interface__") and not _is_told(error):
        return (
            f"{name}: the input is a NumPy array, which has NumPy's methods; DataLoader gives "
            "arrays for arrays: write x = tg.tensor(x), or give the DataLoader tensors"
        )
    return None


def _is_told(error: Exception) -> bool:
    """Whether an error has another reason than an array, or says itself what is missing."""
    if isinstance(error, AttributeError):
        return not hasattr(error.obj, "__array_interface__")
    return isinstance(error, TinygradError)


def _is_node(x: Any) -> bool:
    return isinstance(x, Node)
