"""What several runs of a model have in common: the program that is translated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np

from tinygrad_nn.core.op import Op
from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.recording import Recorded, Ref, Run
from tinygrad_nn.onnx.sizes import Size, Symbols, merged

__all__ = ["Call", "Operand", "Program"]


@dataclass(eq=False)
class Operand:
    """An argument of an operation, or an output of the model.

    Attributes:
        kind: "input", "call", "state", "constant", "scalar", "fill" (one number everywhere),
            "count" (0, 1, 2 … each so many times) or "view" (another operand reshaped).
        value: Array of the first run, or number.
        shape: Sizes; a `Size` where they differ.
        source: Number or name of what it is; the operand that a view is of; how often "count"
            repeats.
        call: The call whose result it is, or None.
    """

    kind: str
    value: Any
    shape: tuple[Any, ...] = ()
    source: Any = None
    call: Call | None = None

    @property
    def dtype(self) -> Any:
        """NumPy's dtype; of a Python number None."""
        return None if self.kind == "scalar" else self.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(eq=False)
class Call:
    """An operation of the program.

    Attributes:
        op: The operation.
        args: Data arguments.
        params: Static arguments, with a `Size` for each number that depends on the inputs' sizes.
        shape: Of the result.
        value: Result in the first run.
        line: Function that gives the user's line.
        parts: What converters of later calls read of this one.
    """

    op: Op
    args: list[Operand]
    params: dict[str, Any]
    shape: tuple[Any, ...]
    value: Any
    line: Callable[[], str]
    name: str = ""
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> Any:
        """Of the result."""
        return self.value.dtype


class Program:
    """The calls that all runs made.

    Args:
        runs: At least one; all are the same program for other sizes and numbers.
        inputs: For each run the inputs' arrays.
        state: Arrays of parameters and buffers by name.
        symbols: The open sizes.

    Raises:
        ExportError: The runs did different things.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        inputs: Sequence[Sequence[Any]],
        state: dict[str, Any],
        symbols: Symbols,
    ) -> None:
        self.runs, self.symbols, self.state = runs, symbols, state
        self.inputs = [
            Operand("input", column[0], self._shape([x.shape for x in column]), i)
            for i, column in enumerate(zip(*inputs, strict=True))
        ]
        self._arrays = [list(column) for column in zip(*inputs, strict=True)]
        self.calls: list[Call] = []
        self._same_calls()
        for row in zip(*(run.calls for run in runs), strict=True):
            self.calls.append(self._call(row))
        self.outputs = [
            self._operand(refs, len(self.calls), "an output")
            for refs in zip(*(run.outputs for run in runs), strict=True)
        ]

    def _shape(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Any, ...]:
        found = merged(shapes, self.symbols)
        if not isinstance(found, tuple):
            raise ExportError("export: got results whose number of axes depends on their size")
        return found

    def _same_calls(self) -> None:
        first = self.runs[0].calls
        for run in self.runs[1:]:
            if len(run.outputs) != len(self.runs[0].outputs):
                raise self._differs("returns another number of tensors", "")
            for a, b in zip(first, run.calls, strict=False):
                if a.op is not b.op or len(a.refs) != len(b.refs):
                    raise self._differs(f"{a.op.name} in one run, {b.op.name} in another", a.line())
            if len(first) != len(run.calls):
                raise self._differs(f"{len(first)} operations in one run, {len(run.calls)}", "")

    def _differs(self, what: str, line: str) -> ExportError:
        return ExportError(
            f"export: the model does other things with inputs of other sizes or numbers ({what}"
            f"{' at ' + line if line else ''}), but ONNX has one list of operations; write what "
            "depends on numbers with where, and fix the sizes it depends on: dynamic_axes={}"
        )

    def _call(self, row: Sequence[Recorded]) -> Call:
        first, place = row[0], len(self.calls)
        where = f"an argument of {first.op.name} at {first.line()}"
        return Call(
            first.op,
            [
                self._operand(refs, place, where)
                for refs in zip(*(call.refs for call in row), strict=True)
            ],
            {k: merged([call.params[k] for call in row], self.symbols) for k in first.params},
            self._shape([call.array.shape for call in row]),
            first.array,
            first.line,
        )

    def _operand(self, refs: Sequence[Ref], place: int, where: str) -> Operand:
        first = refs[0]
        if any((r.kind, r.shape is None) != (first.kind, first.shape is None) for r in refs):
            raise self._differs(f"{where} comes from elsewhere", "")
        if first.kind == "constant":
            arrays = [run.constants[r.key] for run, r in zip(self.runs, refs, strict=True)]
            found = self._constant(arrays, place, where)
            if first.shape is None:
                return found
        elif any(r.key != first.key and r.kind != "scalar" for r in refs):
            raise self._differs(f"{where} comes from elsewhere", "")
        else:
            found = self._known(refs, where)
        if first.shape is None:
            return found
        shape = self._shape([r.shape for r in refs if r.shape is not None])
        return Operand("view", found.value.reshape(first.shape), shape, found)

    def _known(self, refs: Sequence[Ref], where: str) -> Operand:
        kind = refs[0].kind
        key: Any = refs[0].key
        if kind == "input":
            known: Operand = self.inputs[key]
            return known
        if kind == "call":
            call = self.calls[key]
            return Operand("call", call.value, call.shape, key, call)
        if kind == "state":
            array = self.state[key]
            return Operand("state", array, array.shape, key)
        if all(r.key == key for r in refs) or all(isnan(r.key) for r in refs):
            return Operand("scalar", key)
        size = merged([r.key for r in refs], self.symbols)
        if isinstance(size, Size):
            return Operand("scalar", size)
        raise self._baked(where)

    def _constant(self, arrays: Sequence[Any], place: int, where: str) -> Operand:
        first = arrays[0]
        if all(np.array_equal(first, x, equal_nan=first.dtype.kind == "f") for x in arrays[1:]):
            return Operand("constant", first, first.shape)
        shape = self._shape([x.shape for x in arrays])
        one = first.reshape(-1)[:1]
        if one.size and all((x == one[0]).all() for x in arrays):
            return Operand("fill", first, shape, one[0])
        found = self._elsewhere(arrays, place)
        if found is not None:
            return Operand("view", first, shape, found)
        if first.dtype.kind in "iu" and first.size:
            flat = first.reshape(-1)
            each = int(np.argmax(flat != flat[0])) or len(flat)
            if all((x.reshape(-1) == np.arange(x.size) // each).all() for x in arrays):
                return Operand("count", first, shape, each)
        raise self._baked(where)

    def _elsewhere(self, arrays: Sequence[Any], place: int) -> Operand | None:
        """An earlier value with the same numbers in every run: `x.detach()`, `x.numpy()`."""
        for i, operand in enumerate(self.inputs):
            if _equal(self._arrays[i], arrays):
                return operand
        for j in range(place - 1, -1, -1):
            if _equal([run.calls[j].array for run in self.runs], arrays):
                call = self.calls[j]
                return Operand("call", call.value, call.shape, j, call)
        return None

    def _baked(self, where: str) -> ExportError:
        return ExportError(
            f"export: {where} was computed from the inputs outside of this library's operations "
            "(x.data, x.numpy(), float(x), indexing a NumPy array), so it would be fixed to the "
            "example's, or is drawn at random (dropout that is on); compute it with tinygrad_nn's "
            "functions on tensors, or pass it as an input"
        )


def _equal(known: Sequence[Any], arrays: Sequence[Any]) -> bool:
    return all(
        a.size == b.size and np.array_equal(a.reshape(-1), b.reshape(-1))
        for a, b in zip(known, arrays, strict=True)
    )
