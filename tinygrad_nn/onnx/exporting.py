"""`export`: runs the model, translates what it did, and gives the ONNX model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_nn.onnx.activations
import tinygrad_nn.onnx.elementwise
import tinygrad_nn.onnx.indexing
import tinygrad_nn.onnx.layers
import tinygrad_nn.onnx.recurrence
import tinygrad_nn.onnx.reductions
import tinygrad_nn.onnx.shapes
import tinygrad_nn.onnx.windows  # noqa: F401  (these register their converters)
from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import OPS
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import ExportError, OptionError, TinygradError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.onnx.examples import Examples
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.missing import RANDOM, WITHOUT
from tinygrad_nn.onnx.modelproto import NEWEST, OLDEST, onnx_package, proto
from tinygrad_nn.onnx.program import Call, Operand, Program
from tinygrad_nn.onnx.recording import Run, record
from tinygrad_nn.onnx.registry import CONVERTERS

__all__ = ["export"]


def export(
    model: Module,
    example_inputs: Any,
    path: str | PathLike[str] | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    opset: int = 20,
    metadata: Mapping[str, str] | None = None,
) -> Any:
    """Return `model` as an ONNX model, which computes the same in ONNX Runtime and elsewhere.

    The model is run on examples, in evaluation mode, and each operation that it calls becomes a
    node. So an `if` or a loop of Python is fixed to what it did with the examples; write what is
    to depend on numbers with `where`. The model is left as it was: its mode, weights and buffers.

    It is run a few times, with inputs whose open axes have other sizes, and what the runs have in
    common is translated: so the ONNX model works for every size, and numbers that are computed
    outside of this library (`x.numpy()`) are noticed. Weights have their names of the state dict.

    Args:
        model: Module; a function is one in `nn.Sequential`'s sense if a Module calls it.
        example_inputs: A tensor or array, or a tuple of what `forward` takes: tensors, nested in
            tuples, lists and dicts; anything else is passed on as it is. A dict has the keyword
            arguments.
        path: File to write, at once or not at all; None writes none.
        input_names: For the tensors of the examples, in order; "input", or "input_0", …
        output_names: For the tensors that are returned, in order; "output", or "output_0", …
        dynamic_axes: For each input's name its axes whose sizes are open, and their names:
            `{"input": {0: "batch", 1: "length"}}`. Axes of one name are equally long. None opens
            axis 0 of the first input, the batch, and those of the others that are as long; {} opens
            none.
        opset: Version of ONNX's operators, 18 to 23.
        metadata: Texts that the file keeps.

    Returns:
        `onnx.ModelProto`.

    Raises:
        ExportError: ONNX cannot express something that the model does: the operation and the line
            are named, and what to write instead; or the package onnx is not installed.
        OptionError: An argument is out of range, or names do not fit.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> from tinygrad_nn.onnx import export
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        >>> export(model, tg.zeros((2, 4)), "model.onnx")  # doctest: +SKIP
    """
    if not OLDEST <= opset <= NEWEST:
        raise OptionError(f"export: got opset={opset}, expected {OLDEST} to {NEWEST}")
    if not isinstance(model, Module):
        raise OptionError(
            f"export: got {type(model).__name__}, expected a Module; put a function into the "
            "forward of one"
        )
    onnx_package()
    examples = Examples(example_inputs, input_names, dynamic_axes)
    state = model.state_dict(keep_vars=True)
    state |= {k: v for k, v in model.named_buffers() if k not in state}
    state = {k: v for k, v in state.items() if isinstance(v, (Node, np.ndarray))}
    before = {k: _array(v) for k, v in state.items()}
    with _evaluated(model):
        runs, inputs = _runs(model, examples, state)
        for name, array in before.items():
            if _array(state[name]) is not array:
                state[name].data = array
                raise ExportError(
                    f"export: {name} was written while the model ran in evaluation mode, which an "
                    "ONNX model cannot do (max_norm of an embedding shortens its rows); do it "
                    "before, and export a model without it"
                )
        program = Program(runs, inputs, before, examples.symbols)
    if not program.outputs:
        raise ExportError("export: the model returned no tensor")
    graph = Graph(program, examples.names, opset)
    _reserve(graph, output_names, len(program.outputs))
    _translate(graph)
    outputs = _outputs(graph, output_names)
    graph.prune([name for name, _ in outputs])
    result = proto(graph, outputs, type(model).__name__, metadata or {})
    if path is not None:
        write_atomic(Path(fspath(path)), result.SerializeToString())
    return result


def _array(entry: Any) -> Any:
    return entry._data if isinstance(entry, Node) else entry


@contextmanager
def _evaluated(model: Module) -> Iterator[None]:
    """All modules in evaluation mode, and back in their own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _runs(
    model: Module, examples: Examples, state: dict[str, Any]
) -> tuple[list[Run], list[list[Any]]]:
    runs: list[Run] = []
    inputs: list[list[Any]] = []
    for number, versions in enumerate(examples.runs()):
        for tensors in versions:
            args, options = examples.arguments(tensors)
            try:
                run = record(lambda: _leaves(model(*args, **options)), tensors, state)  # noqa: B023
            except (TinygradError, ValueError, TypeError, IndexError) as error:
                if number == 0 and examples.are_given(tensors):
                    raise
                failure: Exception | None = error
                continue
            failure = None
            runs.append(run)
            inputs.append([t._data for t in tensors])
            break
        if failure is not None:
            shapes = ", ".join(str(tuple(t.shape)) for t in versions[0])
            raise ExportError(
                f"export: the model does not run with inputs {shapes}, to which the open axes "
                f"{examples.described()} lead ({failure}); say which axes are open, "
                "dynamic_axes={name: {axis: name}}, or {} for none"
            ) from failure
    return runs, inputs


def _leaves(result: Any) -> list[Any]:
    return [x for x in flatten(result)[0] if isinstance(x, (Node, np.ndarray))]


def _translate(graph: Graph) -> None:
    for call in graph.program.calls:
        key = call.op.key
        convert = None if _named_alike(call) else CONVERTERS.get(key)
        if convert is None:
            if _is_fixed(call):
                call.name = graph.constant(call.value)
                continue
            raise _untranslatable(call)
        try:
            call.name = convert(graph, call)
        except ExportError as error:
            text = str(error)
            if text.startswith("export: "):
                raise
            raise ExportError(
                f"export: {call.op.name} at {call.line()} has {text}"
                if text.startswith("a number that changes")
                else f"export: {call.op.name} at {call.line()}: ONNX cannot express {text}"
            ) from error


def _is_fixed(call: Call) -> bool:
    """Whether no input has a part in it: it may be computed now."""
    kinds = [a.source if a.kind == "view" else a for a in call.args]
    fixed = ("state", "constant", "scalar")
    return all(
        a.kind in fixed or (a.call is not None and (a.call.parts.get("fixed") or _is_fixed(a.call)))
        for a in kinds
    ) and bool(call.parts.setdefault("fixed", call.op.key not in WITHOUT or _not_random(call)))


def _not_random(call: Call) -> bool:
    return WITHOUT[call.op.key] != RANDOM


def _named_alike(call: Call) -> bool:
    """Whether it is an operation of the user that has the name of one of this package."""
    return OPS.get(call.op.key, call.op) is not call.op


def _untranslatable(call: Call) -> ExportError:
    key = call.op.key
    why = "it has no converter" if _named_alike(call) else WITHOUT.get(key, "it has no converter")
    if _named_alike(call):
        step = "give its function another name, which no operation of tinygrad_nn has"
    elif why == RANDOM:
        step = (
            "turn it off where the model is evaluated: if self.training, or pass numbers as input"
        )
    elif key in WITHOUT:
        step = "write it with other operations, or compute it outside of the model"
    else:
        step = f"register one: @tinygrad_nn.onnx.converter({key!r})"
    return ExportError(
        f"export: {call.op.name} at {call.line()} cannot be expressed in ONNX ({why}); {step}"
    )


def _reserve(graph: Graph, names: Sequence[str] | None, count: int) -> None:
    """Keep the outputs' names for them."""
    if names is not None and len(names) != count:
        raise OptionError(
            f"export: got output_names={list(names)}, expected {count}: one for each tensor that "
            "the model returns"
        )
    wanted = list(names or [])
    twice = {*wanted} & {*graph.input_names}
    if twice or len({*wanted}) < len(wanted):
        raise OptionError(
            f"export: got output_names={wanted} and input_names={list(graph.input_names)}, "
            "expected each name once"
        )
    graph.reserve(wanted)


def _outputs(graph: Graph, names: Sequence[str] | None) -> list[tuple[str, Operand]]:
    """The outputs under their names."""
    found = []
    for i, operand in enumerate(graph.program.outputs):
        alone = len(graph.program.outputs) == 1
        name = names[i] if names else graph.fresh("output" if alone else f"output_{i}")
        graph.rename(graph.name(operand), name)
        found.append((name, operand))
    return found
