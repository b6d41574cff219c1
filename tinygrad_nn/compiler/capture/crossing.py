"""What crosses the edge of a step: its arguments on the way in, its results on the way out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.compiler.capture.capture import Capture
from tinygrad_nn.compiler.places import Argument, Returned
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import SEVERED, Op
from tinygrad_nn.errors import CaptureError
from tinygrad_nn.tensor import Tensor

Wrapping = tuple[type[Node], Op | None]
"""What a result is put into: the class of the node, and its operation."""

__all__ = ["Wrapping", "argument", "first", "returned", "unshared"]


def argument(capture: Capture, x: Any, i: int) -> Any:
    """What the function is given for an argument."""
    if isinstance(x, Node):
        if x.op is SEVERED:  # of another call: its graph stayed there
            severed, x = x, type(x).wrap(x.synced())
            x.epoch = severed.epoch  # it was there before the step began
        if x.is_leaf:
            capture.leaves.given(x, Argument(i))
            return x
        raise CaptureError(
            f"jit: argument {i} is the result of {x.op.name} and requires a gradient, "
            "expected a constant or a leaf: the history of a captured step begins at its "
            "arguments; compute it inside, or pass x.detach()"
        )
    if isinstance(x, (np.ndarray, np.generic)):
        if isinstance(x, np.ndarray):
            capture.given.append(x)
        return Tensor.wrap(capture.read_from(Argument(i), np.asarray(x)))
    if type(x) is float:
        return capture.numbers.number(x, lambda call: float(call.leaves[i]), ("argument", i))
    return x


def unshared(capture: Capture, x: Any) -> Any:
    """A result; a copy if it is a constant made in the step, which the program goes on using."""
    if isinstance(x, Node) and x.op is None and not capture.leaves.outside(x):
        inner: Any = capture.payload(x)
        if inner.var in capture.constants and isinstance(inner.value, np.ndarray):
            copy = capture.apply("copy", np.ndarray.copy, (inner,), {})
            return type(x).wrap(copy)
    return x


def returned(capture: Capture, x: Any, i: int, wrapped: dict[int, Wrapping]) -> Any:
    """Let a result leave the program; gives what is the same at each replay."""
    if isinstance(x, Node):
        inner = capture.payload(x)
        if capture.leaves.is_own(x):
            return x  # a parameter is itself
    else:
        inner = x
    if not isinstance(inner, Traced):
        return x
    capture.write_to(Returned(i), inner)
    if isinstance(x, Node):
        wrapped[i] = type(x), None if x.op is None else SEVERED
    return None


def first(x: Any) -> Any:
    """A result of the first call, without what stands for its payload."""
    if isinstance(x, Node):
        inner: Any = x._data
        if not isinstance(inner, Traced):
            return x
        return type(x).wrap(inner.value, None if x.op is None else SEVERED)
    value: Any = x
    return value.value if isinstance(x, Traced) else x
