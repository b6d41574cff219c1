"""`summary`: what each module of a model gives out, learns, computes and keeps for `backward`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import Any

from tinygrad_nn.core.node import WATCH, Node, enable_grad, mode_bit
from tinygrad_nn.core.watch import watching
from tinygrad_nn.creation import zeros
from tinygrad_nn.errors import OperandError
from tinygrad_nn.nn.costs import multiply_adds
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Tensor, tensor

__all__ = ["Summary", "SummaryRow", "summary"]


@dataclass
class SummaryRow:
    """One module. Every number is its own, without the modules below it: they add up.

    Attributes:
        name: Dotted name; "" for the model.
        label: Its name within the module that it is in.
        kind: Class.
        depth: How many modules it is inside of.
        calls: How often it was called.
        output: Shape of its output (of the first call), nested as the output is; None if it
            was not called.
        parameters: Numbers in its parameters; of what is shared, only where it comes first.
        trainable: Those of them that require a gradient.
        multiply_adds: Products added to sums, on the way forward.
        saved_bytes: Memory that the graph keeps for the backward pass, without parameters
            and inputs.
    """

    name: str
    label: str
    kind: str
    depth: int
    calls: int = 0
    output: Any = None
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    saved_bytes: int = 0


@dataclass
class Summary:
    """Table of a model; printed, it is text.

    Attributes:
        rows: The modules, in order of their names in the model.
        buffer_bytes: Memory of all buffers.
        parameter_bytes: Memory of all parameters.
        uncounted: Operations whose multiply-adds could not be counted.
    """

    rows: list[SummaryRow] = field(default_factory=list)
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    uncounted: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Numbers in all parameters."""
        return sum(row.parameters for row in self.rows)

    @property
    def trainable(self) -> int:
        """Those of them that require a gradient."""
        return sum(row.trainable for row in self.rows)

    @property
    def frozen(self) -> int:
        """Those of them that do not."""
        return self.parameters - self.trainable

    @property
    def multiply_adds(self) -> int:
        """Products added to sums in one pass forward."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def saved_bytes(self) -> int:
        """Memory that the graph keeps for the backward pass."""
        return sum(row.saved_bytes for row in self.rows)

    def __str__(self) -> str:
        table: list[tuple[str, ...]] = [
            ("module", "output", "parameters", "multiply-adds", "saved")
        ]
        for row in self.rows:
            label = f"{row.label}: {row.kind}" if row.label else row.kind
            if row.calls > 1:
                label += f" ({row.calls} calls)"
            numbers = (row.parameters, row.multiply_adds, row.saved_bytes)
            table.append(("  " * row.depth + label, _shape_text(row.output), *_cells(*numbers)))
        sums = (self.parameters, self.multiply_adds, self.saved_bytes)
        table.append(("total", "", *_cells(*sums, least=True)))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in table
        ]
        rule = "-" * max(map(len, lines))
        notes = [
            f"trainable {self.trainable:,}, frozen {self.frozen:,}; parameters take "
            f"{_bytes(self.parameter_bytes)}, buffers {_bytes(self.buffer_bytes)}"
        ]
        if self.uncounted:
            notes.append(f"multiply-adds of {', '.join(self.uncounted)} are not counted")
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *notes])


def summary(model: Module, *inputs: Any, **options: Any) -> Summary:
    """Call `model(*inputs, **options)` once, and tell what each module did.

    The model stays as it is: attributes, buffers (running means) and random generators are
    put back. The mode is the one that the model is in.

    Args:
        model: The model.
        inputs: Its inputs: arrays or tensors; a tuple of ints is a shape, filled with zeros.
        options: Keyword arguments of its `forward`.

    Raises:
        OperandError: `model` is no module.

    Example:
        >>> from tinygrad_nn import nn
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> print(nn.summary(model, (8, 4)))
        module       output  parameters  multiply-adds  saved
        -----------------------------------------------------
        Sequential   (8, 1)
          0: Linear  (8, 3)          15             96   96 B
          1: ReLU    (8, 3)                              96 B
          2: Linear  (8, 1)           4             24   32 B
        -----------------------------------------------------
        total                        19            120  224 B
        trainable 19, frozen 0; parameters take 76 B, buffers 0 B
    """
    if not isinstance(model, Module):
        raise OperandError(f"summary: got {type(model).__name__}, expected a Module")
    if not inputs and not options:
        raise OperandError(
            "summary: got no inputs, expected those of a call, or their shapes: nn.summary(model, "
            "(1, 784)); model.summary() tells the layers and parameters without a call"
        )
    pass_ = _Pass(model)
    given = [_input(x) for x in inputs]
    with _unchanged(model), pass_.hooked(), enable_grad(), mode_bit(WATCH), watching(pass_.watch):
        output = model(*given, **options)
        pass_.weigh(output, [*given, *options.values()])
    found = list(pass_.rows.values())
    return Summary(
        found,
        sum(_size_of(p) for p in model.parameters()),
        sum(_size_of(b) for b in model.buffers()),
        tuple(sorted(pass_.uncounted)),
    )


class _Pass:
    """One call of a model, watched."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.rows: dict[int, SummaryRow] = {}
        self.inside: list[int] = [id(model)]
        self.makers: dict[int, tuple[int, int]] = {}
        self.uncounted: set[str] = set()
        self.clock = count()
        counted: set[int] = set()
        hidden: tuple[str, ...] = ()
        depths = {"": 0}
        for name, module in model.named_modules():
            if name.startswith(hidden) and hidden:
                continue
            if module.one_row:
                hidden = (*hidden, f"{name}." if name else "")
            whole = [p for _, p in module.named_parameters(recurse=module.one_row)]
            new = [p for p in whole if id(p) not in counted]
            counted.update(map(id, new))
            # A module in a list of another is "layers.0" there: one deeper, not two.
            above = name
            while above not in depths:
                above = above.rpartition(".")[0]
            depths[name] = depths[above] + (name != "")
            label = name[len(above) :].lstrip(".")
            row = SummaryRow(name, label, type(module).__name__, depths[name])
            row.parameters = sum(_count(p) for p in new)
            row.trainable = sum(_count(p) for p in new if p.requires_grad)
            self.rows[id(module)] = row

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Look at each call of each module of the table."""
        modules = [m for m in self.model.modules() if id(m) in self.rows]
        handles = []
        try:
            for m in modules:
                handles.append(m.register_forward_pre_hook(self._enter, prepend=True))
                handles.append(m.register_forward_hook(self._leave, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: Module, inputs: Any) -> None:
        self.inside.append(id(module))

    def _leave(self, module: Module, inputs: Any, output: Any) -> None:
        self.inside.pop()
        row = self.rows[id(module)]
        row.calls += 1
        if row.calls == 1:
            row.output = _shapes(output)

    def watch(self, op: Any, result: Any, args: tuple[Any, ...], params: Any) -> None:
        """Count an operation for the module that is being called."""
        # What an id belonged to before is gone: a node that is still there keeps its own.
        self.makers[id(result)] = (next(self.clock), self.inside[-1])
        shapes = [tuple(getattr(x, "shape", ())) for x in args]
        found = multiply_adds(op, shapes, tuple(getattr(result, "shape", ())), result.params)
        if found is None:
            self.uncounted.add(op.name)
        else:
            self.rows[self.inside[-1]].multiply_adds += found

    def weigh(self, output: Any, given: list[Any]) -> None:
        """Memory of every array that the graph of `output` keeps, each once."""
        free = [*self.model.parameters(), *self.model.buffers()]
        seen = {id(_base(x._data)) for x in (*free, *_nodes(given))}
        unknown = (0, id(self.model))
        # In order of making: a view counts where its memory was made.
        for node in sorted(_graph(output), key=lambda n: self.makers.get(id(n), unknown)[0]):
            row = self.rows[self.makers.get(id(node), unknown)[1]]
            constants = [p for p in node.inputs if not isinstance(p, Node)]
            for payload in (node._data, *constants, *(node.params or {}).values()):
                base = _base(payload)
                if id(base) not in seen and hasattr(base, "nbytes"):
                    seen.add(id(base))
                    row.saved_bytes += base.nbytes


def _graph(output: Any) -> list[Any]:
    """Every node that the graph of `output` keeps."""
    found: dict[int, Any] = {}
    stack = list(_nodes(output))
    while stack:
        node = stack.pop()
        if id(node) not in found and node.op is not None:
            found[id(node)] = node
            stack += [p for p in node.inputs if isinstance(p, Node)]
    return list(found.values())


@contextmanager
def _unchanged(model: Module) -> Iterator[None]:
    """Put attributes, buffers and generators back after the body."""
    attributes = [(vars(module), dict(vars(module))) for module in model.modules()]
    buffers = [(b, b.synced().copy()) for b in model.buffers() if b.is_leaf]
    states = [(rng, rng.bit_generator.state) for _, rng in model.generators()]
    try:
        yield
    finally:
        for now, before in attributes:
            now.clear()
            now.update(before)
        for buffer, numbers in buffers:
            if buffer.synced().tobytes() != numbers.tobytes():
                buffer.data = numbers
        for rng, state in states:
            rng.bit_generator.state = state


def _input(x: Any) -> Any:
    if isinstance(x, tuple) and x and all(isinstance(side, int) for side in x):
        return zeros(x)
    if isinstance(x, Node) or not hasattr(x, "dtype"):
        return x
    return tensor(x)


def _nodes(value: Any) -> Iterator[Any]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _nodes(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _nodes(part)


def _shapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shapes(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shapes(part) for part in value]
    return tuple(value.shape) if hasattr(value, "shape") else ()


def _shape_text(shape: Any) -> str:
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{key}: {_shape_text(part)}" for key, part in shape.items()) + "}"
    if isinstance(shape, list):
        return "[" + ", ".join(map(_shape_text, shape)) + "]"
    return "" if shape is None else str(shape)


def _base(payload: Any) -> Any:
    """The array whose memory a view shows."""
    while hasattr(payload, "nbytes") and getattr(payload, "base", None) is not None:
        if not hasattr(payload.base, "nbytes"):
            break
        payload = payload.base
    return payload


def _count(parameter: Any) -> int:
    return prod(parameter.shape) if isinstance(parameter, Tensor) else 1


def _size_of(parameter: Any) -> int:
    return int(parameter._data.nbytes) if isinstance(parameter, Tensor) else 8


def _cells(parameters: int, products: int, saved: int, least: bool = False) -> tuple[str, ...]:
    return (
        f"{parameters:,}" if parameters or least else "",
        f"{products:,}" if products or least else "",
        _bytes(saved) if saved or least else "",
    )


def _bytes(count: int) -> str:
    """Text of a number of bytes, to three digits."""
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{count} B" if unit == "B" else f"{size:.3g} {unit}"
