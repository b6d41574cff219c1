"""Converters of recurrent layers, which are operators of ONNX too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.elementwise import Terms
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call, Operand
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.sizes import Size, Varying

__all__: list[str] = []


def _checked(sizes: Any) -> None:
    """Refuse packed sequences of different lengths."""
    runs = sizes.values if isinstance(sizes, Varying) else [
        tuple(s.values[0] if isinstance(s, Size) else s for s in sizes)]  # fmt: skip
    if any(len(set(run)) > 1 for run in runs):
        raise ExportError(
            "packed sequences of different lengths; pass a padded batch, and mask its results"
        )


def _gates(g: Graph, name: str, order: Sequence[int], hidden: int, extra: int = 1) -> str:
    """The blocks of rows of a weight or bias in ONNX's order, with an axis for directions."""
    if list(order) != list(range(len(order))):
        parts = g.several("Split", name, g.ints([hidden] * len(order)), outputs=len(order), axis=0)
        name = g.node("Concat", *(parts[i] for i in order), axis=0)
    return g.unsqueeze(name, [0]) if extra else name


def _steps(g: Graph, rows: Operand, batch: Any, dtype: Any) -> str:
    """`(rows, width)` as `(T, N, width)`: what it was reshaped from, if it was."""
    made = rows.call
    if made is not None and made.op.key == "reshape":
        before = made.args[0]
        if before.ndim == 3 and before.shape[1] == batch:
            return g.name(before, dtype)
    return g.node("Reshape", g.name(rows, dtype), g.ints([-1, batch, rows.shape[-1]]))


def _run(
    g: Graph, call: Call, kind: str, order: Sequence[int], operands: Sequence[Operand],
    biases: Sequence[Operand], states: Sequence[Operand], outputs: int, **attributes: Any,
) -> tuple[str, ...]:  # fmt: skip
    """The node.

    Args:
        g: Where it is written.
        call: What is converted.
        kind: ONNX's operator.
        order: Of the gates there, by their numbers here.
        operands: Inputs, their weight, and the weight of the states.
        biases: None, or that of the inputs, and perhaps that of the states.
        states: At the start.
        outputs: Number of outputs.
        attributes: Further ones.
    """
    hidden, batch = states[0].shape[-1], states[0].shape[0]
    if operands[0].ndim == 2:
        _checked(call.params["sizes"])
        x = _steps(g, operands[0], batch, call.dtype)
    else:
        x = g.name(operands[0], call.dtype)
    weights = [_gates(g, g.name(w, call.dtype), order, hidden) for w in operands[1:]]
    zeros = g.constant(np.zeros(len(order) * hidden), call.dtype)
    both = [_gates(g, g.name(b, call.dtype), order, hidden, extra=0) for b in biases]
    both += [zeros] * (2 - len(both))
    bias = g.unsqueeze(g.node("Concat", *both, axis=0), [0]) if biases else ""
    first = [g.unsqueeze(g.name(s, call.dtype), [0]) for s in states]
    return g.several(
        kind, x, *weights, bias, "", *first, outputs=outputs, hidden_size=hidden,
        direction="reverse" if call.params["reverse"] else "forward", **attributes,
    )  # fmt: skip


def _flat(g: Graph, y: str, rows: Any, hidden: int) -> str:
    """`(T, directions, N, hidden)` as rows."""
    return g.reshape(y, [rows, hidden])


@converter("rnn")
def _rnn(g: Graph, call: Call) -> str:
    kind = {"tanh": "Tanh", "relu": "Relu"}[call.params["nonlinearity"]]
    x, first, inner, outer, *bias = call.args
    found = _run(g, call, "RNN", [0], (x, inner, outer), bias, [first], 1, activations=[kind])
    return _flat(g, found[0], call.shape[0], call.shape[1])


@converter("gru")
def _gru(g: Graph, call: Call) -> str:
    # Here reset, update, new; there update, reset, new.
    x, first, inner, outer, *biases = call.args
    order, weights = [1, 0, 2], (x, inner, outer)
    found = _run(g, call, "GRU", order, weights, biases, [first], 1, linear_before_reset=1)
    return _flat(g, found[0], call.shape[0], call.shape[1])


@converter("_lstm")
def _lstm(g: Graph, call: Call) -> str:
    """Its outputs and last cells, which `indexing` finds; those of other steps ONNX has not."""
    x, first, cells, inner, outer, *rest = call.args
    bias = [r for r in rest if r.ndim == 1]
    if len(rest) > len(bias):
        return _unrolled(g, call, bias, rest[-1])
    # Here input, forget, new, output; there input, output, forget, new.
    states = [first, cells]
    found = _run(g, call, "LSTM", [0, 3, 1, 2], (x, inner, outer), bias, states, 3)
    outputs = g.node("Squeeze", found[0], g.ints([1]))
    call.parts["outputs"] = g.transpose(outputs, [0, 2, 1])
    call.parts["last cells"] = g.transpose(g.node("Squeeze", found[2], g.ints([0])), [1, 0])
    return ""


def _unrolled(g: Graph, call: Call, bias: Sequence[Operand], shrink: Operand) -> str:
    """Step by step, for outputs that are projected: ONNX's LSTM has none of these."""
    count = call.args[0].shape[0]
    if not isinstance(count, int):
        raise ExportError("an LSTM with proj_size whose length is not fixed; fix that axis")
    t = Terms(g, call)
    steps, h, c, inner, outer = t.args[:5]
    wide = call.args[2].shape[1]
    sums = t("MatMul", steps, g.transpose(inner, [1, 0]))
    for b in bias:
        sums = t("Add", sums, g.name(b, call.dtype))
    turned, down = g.transpose(outer, [1, 0]), g.transpose(g.name(shrink, call.dtype), [1, 0])
    outputs: dict[int, str] = {}
    order = range(count)[::-1] if call.params["reverse"] else range(count)
    for step in order:
        now = g.node("Gather", sums, g.constant(step, np.int64), axis=0)
        parts = g.several(
            "Split", t("Add", now, t("MatMul", h, turned)), g.ints([wide] * 4), outputs=4, axis=1
        )
        kept = t("Mul", t("Sigmoid", parts[1]), c)
        c = t("Add", kept, t("Mul", t("Sigmoid", parts[0]), t("Tanh", parts[2])))
        h = t("MatMul", t("Mul", t("Sigmoid", parts[3]), t("Tanh", c)), down)
        outputs[step] = g.unsqueeze(g.transpose(h, [1, 0]), [0])
    call.parts["outputs"] = g.node("Concat", *(outputs[i] for i in range(count)), axis=0)
    call.parts["last cells"] = g.transpose(c, [1, 0])
    return ""
