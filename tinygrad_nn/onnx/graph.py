"""The ONNX graph while it is being made: nodes, initializers, and names for everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.program import Call, Operand, Program
from tinygrad_nn.onnx.sizes import Size

__all__ = ["Graph", "NodeRecord"]

_INT = np.dtype(np.int64)


@dataclass
class NodeRecord:
    """A node: operator, names of inputs ("" for one left out) and outputs, attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class Graph:
    """Collects nodes; converters of operations write into it.

    Args:
        program: What is translated.
        input_names: Of the inputs.
        opset: Version of ONNX's operators.
    """

    def __init__(self, program: Program, input_names: Sequence[str], opset: int) -> None:
        self.program, self.input_names, self.opset = program, tuple(input_names), opset
        self.nodes: list[NodeRecord] = []
        self.initializers: dict[str, Any] = {}
        self._taken = {*input_names, *program.state}
        self._counts: dict[str, int] = {}
        self._known: dict[Any, str] = {}

    # ── Nodes ───────────────────────────────────────────────────────────────────────────

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet."""
        while True:
            number = self._counts.get(stem, 0)
            self._counts[stem] = number + 1
            name = f"{stem}_{number}" if number else stem
            if name not in self._taken:
                self._taken.add(name)
                return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; name of its output. Attributes of None are left out."""
        return self.several(kind, *inputs, outputs=1, **attributes)[0]

    def several(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> tuple[str, ...]:
        """Add a node; names of its outputs."""
        names = tuple(self.fresh(kind.lower()) for _ in range(outputs))
        given = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(NodeRecord(kind, inputs, names, given))
        return names

    def constant(self, array: Any, dtype: Any = None) -> str:
        """Name of an initializer with these numbers; equal ones are there once."""
        array = np.asarray(array, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self._known[key] = self.fresh("constant")
            self.initializers[name] = array
        return self._known[key]

    def like(self, number: Any, call: Call) -> str:
        """A number in the dtype of the result of `call`."""
        return self.constant(number, call.dtype)

    def cast(self, name: str, had: Any, dtype: Any) -> str:
        """`name` in `dtype`, where it `had` another."""
        had, dtype = np.dtype(had), np.dtype(dtype)
        return name if had == dtype else self.node("Cast", name, to=dtype)

    # ── Values of the program ───────────────────────────────────────────────────────────

    def name(self, operand: Operand, dtype: Any = None) -> str:
        """Name of the value of `operand`, in `dtype` or its own."""
        if operand.kind == "scalar":
            return self._scalar(operand.value, dtype)
        found = self._named(operand)
        return found if dtype is None else self.cast(found, operand.dtype, dtype)

    def _scalar(self, value: Any, dtype: Any) -> str:
        if isinstance(value, Size):
            at = self.node("Squeeze", self.ints([value]), self.ints([0]))
            return self.cast(at, _INT, dtype or _INT)
        return self.constant(value, dtype)

    def _named(self, operand: Operand) -> str:
        found: str
        match operand.kind:
            case "input":
                found = self.input_names[operand.source]
            case "call":
                found = self._result(cast(Call, operand.call))
            case "constant":
                found = self.constant(operand.value)
            case "state":
                found = str(operand.source)
                self.initializers.setdefault(found, operand.value)
            case "fill":
                found = self.expand(self.constant(operand.source, operand.dtype), operand.shape)
            case "count":
                found = self._count(operand)
            case _:
                found = self._view(operand)
        return found

    def _view(self, operand: Operand) -> str:
        key, base = ("view", id(operand)), operand.source
        if key not in self._known:
            name = self.cast(self.name(base), base.dtype, operand.dtype)
            self._known[key] = self.reshape(name, operand.shape)
        return self._known[key]

    def _result(self, call: Call) -> str:
        if not call.name:
            raise ExportError(
                f"export: {call.op.name} at {call.line()} has a result of which ONNX's operator "
                "gives only a part, and another part is used (the cells of an LSTM at every step)"
            )
        return call.name

    def _count(self, operand: Operand) -> str:
        total = self.node("ReduceProd", self.ints(operand.shape), keepdims=0)
        row = self.node("Range", self.constant(0, _INT), total, self.constant(1, _INT))
        if operand.source > 1:
            row = self.node("Div", row, self.constant(operand.source, _INT))
        return self.cast(self.reshape(row, operand.shape), _INT, operand.dtype)

    # ── Sizes ───────────────────────────────────────────────────────────────────────────

    def ints(self, values: Sequence[Any]) -> str:
        """Name of a vector of int64 of integers and sizes that are known when the model runs."""
        if not any(isinstance(v, Size) for v in values):
            return self.constant(list(values), _INT)
        key = ("ints", tuple(values))
        if key not in self._known:
            parts = [
                self._size(v) if isinstance(v, Size) else self.constant([v], _INT) for v in values
            ]
            self._known[key] = parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)
        return self._known[key]

    def _size(self, size: Size) -> str:
        key = ("size", size.values)
        if key not in self._known:
            parts = [self._term(some, factor) for some, factor in sorted(size.terms().items())]
            total = parts[0]
            for part in parts[1:]:
                total = self.node("Add", total, part)
            self._known[key] = total
        return self._known[key]

    def _term(self, symbols: tuple[int, ...], factor: int) -> str:
        parts = [self._symbol(j) for j in symbols]
        if factor != 1 or not parts:
            parts.append(self.constant([factor], _INT))
        found = parts[0]
        for part in parts[1:]:
            found = self.node("Mul", found, part)
        return found

    def _symbol(self, j: int) -> str:
        key = ("symbol", j)
        if key not in self._known:
            which, axis = self.program.symbols.places[j]
            self._known[key] = self.node("Shape", self.input_names[which], start=axis, end=axis + 1)
        return self._known[key]

    def reshape(self, name: str, shape: Sequence[Any]) -> str:
        """`name` in another shape; one size that is not known is left to ONNX."""
        sizes = [i for i, v in enumerate(shape) if isinstance(v, Size)]
        if len(sizes) == 1 and prod(v for v in shape if not isinstance(v, Size)):
            shape = [-1 if i == sizes[0] else v for i, v in enumerate(shape)]
        return self.node("Reshape", name, self.ints(shape), allowzero=1)

    def expand(self, name: str, shape: Sequence[Any]) -> str:
        """`name` broadcast to a shape."""
        return self.node("Expand", name, self.ints(shape))

    def transpose(self, name: str, axes: Sequence[int]) -> str:
        """`name` with its axes in another order."""
        if list(axes) == list(range(len(axes))):
            return name
        return self.node("Transpose", name, perm=list(axes))

    def unsqueeze(self, name: str, axes: Sequence[int]) -> str:
        """`name` with axes of length one."""
        return self.node("Unsqueeze", name, self.ints(axes)) if axes else name

    def slice(self, name: str, starts: Any, ends: Any, axes: Any, steps: Any = None) -> str:
        """A part of `name` along some axes."""
        more = () if steps is None else (self.ints(steps),)
        return self.node("Slice", name, self.ints(starts), self.ints(ends), self.ints(axes), *more)

    # ── Outputs ─────────────────────────────────────────────────────────────────────────

    def reserve(self, names: Sequence[str]) -> None:
        """Keep names for outputs."""
        self._taken.update(names)

    def rename(self, name: str, wanted: str) -> None:
        """Let what is called `name` be an output `wanted`."""
        self.nodes.append(NodeRecord("Identity", (name,), (wanted,), {}))

    # ── What is used ────────────────────────────────────────────────────────────────────

    def prune(self, outputs: Sequence[str]) -> None:
        """Take away what no output needs."""
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]
        self.initializers = {k: v for k, v in self.initializers.items() if k in needed}
