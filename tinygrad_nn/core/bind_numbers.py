"""What is called for operators of `Value`: an operation's caller, with a way past its questions.

The usual case is that all operands are results or leaves that require a gradient, and that
operations record and do nothing else. Everything else, and every error, goes to the caller of
`bind.py`. A sum of two Values takes half the time so, a neuron of 16 inputs 0.6 of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from tinygrad_nn.core.node import CLOCK, MODE, RECORD

if TYPE_CHECKING:
    from tinygrad_nn.core.node import Node

__all__ = ["of_many", "of_two"]

_new = object.__new__


def of_two(general: Any, cls: type[Node]) -> Callable[[Any, Any], Any]:
    """The operation of two numbers for a first operand of class `cls`."""
    op, mode = general.op, MODE.get
    kernel = op.kernels[float][0]

    @wraps(general)
    def call(a: Any, b: Any, /) -> Any:
        if a.op is None or mode() != RECORD:
            return general(a, b)
        if type(b) is cls and b.op is not None:
            y = b._data
        elif type(b) is float:
            y = b
        else:
            return general(a, b)
        try:
            out = kernel(a._data, y)
        except Exception:
            return general(a, b)  # which says more
        if type(out) is not float:
            return general(a, b)
        node: Any = _new(cls)
        node._data, node.op, node.a, node.b = out, op, a, b
        node.epoch = CLOCK.now
        node._grad = node.params = node.extra = None
        return node

    return call


def of_many(general: Any, cls: type[Node]) -> Callable[..., Any]:
    """The operation of any number of numbers, without static arguments."""
    op, mode = general.op, MODE.get
    kernel = op.kernels[float][0]

    @wraps(general)
    def call(*data: Any) -> Any:
        values = [x._data for x in data if type(x) is cls and x.op is not None]
        if len(values) != len(data) or mode() != RECORD:
            return general(*data)
        try:
            out = kernel(*values)
        except Exception:
            return general(*data)  # which says more
        if type(out) is not float:
            return general(*data)
        node: Any = _new(cls)
        node._data, node.op, node.a = out, op, data
        node.epoch = CLOCK.now
        node._grad = node.b = node.params = node.extra = None
        return node

    return call
