"""Static arguments of an operation as short texts, an index as Python writes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.viz.trace.steps import Fact, payload_of
from tinygrad_nn.viz.wording import times

__all__ = ["static_texts"]

_LONGEST = 200
_USUAL = {"size": 0, "stride": 1, "padding": 0, "dilation": 1}
_FOLLOWS = ("number",)
"""What the sizes of operands say already."""
_MOST = 8
"""Elements of an array or a sequence that are written down."""


def static_texts(fact: Fact) -> tuple[tuple[str, str], ...]:
    """Name and value of each static argument that is not what it is by default."""
    known = fact.op.defaults or {}
    return tuple(
        (key, _index(held) if key == "key" else _text(held)[:_LONGEST])
        for name, value in (fact.params or {}).items()
        if name not in known or not _same(value, known[name])
        for key, held in _by_axis(name, value)
    )


def _by_axis(name: str, value: Any) -> list[tuple[str, Any]]:
    """Of what is told for each axis of an image one number where the axes are alike: `size=2`."""
    if isinstance(value, tuple) and value and all(hasattr(v, "_fields") for v in value):
        told = [(key, tuple(getattr(v, key) for v in value)) for key in value[0]._fields]
        # By default a window begins where the one before it ends.
        return [pair for key, held in told if key not in _FOLLOWS
                for pair in _by_axis(key, held) or [(key, 1)][: key == "stride"]]  # fmt: skip
    if name in _USUAL and (leaves := _leaves(value)) and len(set(leaves)) == 1:
        return [] if leaves[0] == _USUAL[name] else [(name, leaves[0])]
    return [(name, value)]


def _leaves(value: Any) -> list[Any]:
    return [x for v in value for x in _leaves(v)] if isinstance(value, tuple) else [value]


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and repr(value) == repr(default))


def _index(key: Any) -> str:
    """`[:, 1:]`, `[..., None]`; an array that is an input of its own is told by a word."""
    parts = key if isinstance(key, tuple) else (key,)
    return f"[{', '.join(map(_place, parts)) or '()'}]"[:_LONGEST]


def _place(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else _text(end) for end in (part.start, part.stop)]
        return ":".join(ends if part.step is None else [*ends, _text(part.step)])
    if part is Ellipsis:
        return "..."
    return part if isinstance(part, str) else _text(part)


def _text(value: Any) -> str:
    """A long array is told by its shape, a function by its name."""
    if isinstance(value, Node):
        value = payload_of(value)
    if isinstance(value, np.ndarray) and value.size > _MOST:
        return f"array {times(value.shape)}"
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, slice):
        return _place(value)
    if isinstance(value, (tuple, list)):
        return _sequence(value)
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return repr(value)


def _sequence(value: tuple[Any, ...] | list[Any]) -> str:
    shown = ", ".join(map(_text, value[:_MOST]))
    if len(value) > _MOST:
        shown += f", … of {len(value):,}"
    elif isinstance(value, tuple) and len(value) == 1:
        shown += ","
    return f"({shown})" if isinstance(value, tuple) else f"[{shown}]"
