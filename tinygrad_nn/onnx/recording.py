"""One run of a model: which operations it called, with what, in order.

What an operation is given is traced back to where it comes from: an input, an earlier result, or a
parameter or buffer. Arrays that have left the graph (`x.data`, what a layer checks and passes on)
are recognised by their memory. All else is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.core.caller import user_line
from tinygrad_nn.core.node import WATCH, Node, mode_bit, no_grad
from tinygrad_nn.core.op import Op
from tinygrad_nn.core.watch import watching

__all__ = ["Recorded", "Ref", "Run", "record"]


@dataclass(frozen=True)
class Ref:
    """Where an argument comes from.

    Attributes:
        kind: "input", "call", "state", "constant" or "scalar".
        key: Number of the input, call or constant; name in the state; or the number itself.
        shape: None, or that of the array, where it is a reshaped view of what `key` says.
    """

    kind: str
    key: Any
    shape: tuple[int, ...] | None = None


@dataclass
class Recorded:
    """A call of an operation.

    Attributes:
        op: The operation.
        array: Its result.
        refs: Its data arguments.
        params: Its static arguments.
        line: Function that gives the user's line.
    """

    op: Op
    array: Any
    refs: tuple[Ref, ...]
    params: dict[str, Any]
    line: Callable[[], str]


class Run:
    """What one run did.

    Args:
        inputs: The model's inputs, in order.
        state: Parameters and buffers: name, and the tensor or array.
    """

    def __init__(self, inputs: Sequence[Any], state: dict[str, Any]) -> None:
        self.calls: list[Recorded] = []
        self.constants: list[Any] = []
        self.outputs: list[Ref] = []
        self._nodes: dict[int, tuple[Node, Any, Ref]] = {}
        self._memory: dict[int, list[tuple[Any, Ref]]] = {}
        for i, node in enumerate(inputs):
            self._know(node, Ref("input", i))
        for name, entry in state.items():
            if isinstance(entry, Node):
                if id(entry) not in self._nodes:  # what is shared has its first name
                    self._know(entry, Ref("state", name))
            elif isinstance(entry, np.ndarray):
                self._remember(entry, Ref("state", name))

    def watch(self, op: Op, node: Node, args: tuple[Any, ...], params: Any) -> None:
        """Note a call."""
        refs = tuple(self.ref(x) for x in args)
        call = Recorded(op, node._data, refs, dict(params or {}), user_line(3))
        self._know(node, Ref("call", len(self.calls)))
        self.calls.append(call)

    def ref(self, x: Any) -> Ref:
        """Where `x` comes from."""
        if isinstance(x, Node):
            found = self._nodes.get(id(x))
            if found is not None and found[1] is x._data:
                return found[2]
            ref = self._of_array(x._data)
            self._nodes[id(x)] = (x, x._data, ref)
            return ref
        if isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
            return Ref("scalar", x)
        return self._of_array(x)

    def _of_array(self, x: Any) -> Ref:
        if not isinstance(x, np.ndarray):
            return self._constant(np.asarray(x))
        for known, ref in self._memory.get(x.__array_interface__["data"][0], ()):
            if known.dtype != x.dtype or known.size != x.size or not x.size:
                continue
            if known.shape == x.shape and known.strides == x.strides:
                return ref
            if known.flags.c_contiguous and x.flags.c_contiguous:
                return Ref(ref.kind, ref.key, x.shape)
        return self._constant(x)

    def _constant(self, x: Any) -> Ref:
        ref = Ref("constant", len(self.constants))
        self.constants.append(x)
        if x.ndim:
            self._remember(x, ref)
        return ref

    def _know(self, node: Node, ref: Ref) -> None:
        self._nodes[id(node)] = (node, node._data, ref)
        self._remember(node._data, ref)

    def _remember(self, array: Any, ref: Ref) -> None:
        self._memory.setdefault(array.__array_interface__["data"][0], []).append((array, ref))


def record(
    function: Callable[[], Sequence[Any]], inputs: Sequence[Any], state: dict[str, Any]
) -> Run:
    """Run `function`, which returns the outputs, and note what it does."""
    run = Run(inputs, state)
    with no_grad(), mode_bit(WATCH), watching(run.watch):
        outputs = function()
    run.outputs = [run.ref(x) for x in outputs]
    return run
