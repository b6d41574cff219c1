"""`name_locals`: names for drawings from the variables that hold the nodes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from tinygrad_nn.core.node import Node

__all__ = ["name_locals"]


def name_locals() -> None:
    """Name the Values and Tensors among the caller's local variables after the variables.

    Those with a name keep it, and of two variables with the same node the first one counts.
    In a list or tuple they are named by their places. Variables that begin with an underscore
    are left out, and so are those of other functions.

    Example:
        >>> import tinygrad_nn as tg
        >>> def loss():
        ...     a, w = tg.Value(2.0), [tg.Value(3.0), tg.Value(4.0)]
        ...     b = a * w[0] + w[1]
        ...     tg.name_locals()
        ...     return b
        >>> [record.name for record in tg.trace(loss()).records]
        ['a', 'w[0]', 'multiply_1', 'w[1]', 'b']
    """
    for name, node in _nodes(sys._getframe(1).f_locals):
        if node.name is None:
            node.name = name


def _nodes(variables: dict[str, Any]) -> Iterator[tuple[str, Node]]:
    for name, held in list(variables.items()):
        if name.startswith("_"):
            continue
        if isinstance(held, Node):
            yield name, held
        elif isinstance(held, (list, tuple)):
            yield from ((f"{name}[{i}]", x) for i, x in enumerate(held) if isinstance(x, Node))
