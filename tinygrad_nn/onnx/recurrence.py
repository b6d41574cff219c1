"""Converters of recurrent layers, which are operators of ONNX too.

Here the products with the inputs are one `linear` before the operation; ONNX's operators take the
inputs and the weight themselves, so the converter looks behind that `linear`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.elementwise import Terms
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call, Operand
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.sizes import Size, Varying

__all__: list[str] = []


class _Inputs(NamedTuple):
    """What ONNX's operators are given: `(T, N, in)`, weights and biases of all gates."""

    x: str
    weight: str
    bias: str


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


def _inputs(g: Graph, call: Call, order: Sequence[int], hidden: int) -> _Inputs:
    """Inputs, weight and bias behind the first argument."""
    rows, batch = call.args[0], call.args[1].shape[0]
    count = len(order) * hidden
    made = rows.call
    if made is not None and made.op.key == "linear" and made.args[1].kind == "state":
        source, weight = made.args[0], g.name(made.args[1], call.dtype)
        bias = g.name(made.args[2], call.dtype) if len(made.args) > 2 else None
    else:
        source, weight, bias = rows, g.constant(np.eye(count), call.dtype), None
    bias = g.constant(np.zeros(count), call.dtype) if bias is None else bias
    return _Inputs(
        _steps(g, source, batch, call.dtype),
        _gates(g, weight, order, hidden),
        _gates(g, bias, order, hidden, extra=0),
    )


def _steps(g: Graph, rows: Operand, batch: Any, dtype: Any) -> str:
    """`(rows, width)` as `(T, N, width)`: what it was reshaped from, if it was."""
    made = rows.call
    if made is not None and made.op.key == "reshape":
        before = made.args[0]
        if before.ndim == 3 and before.shape[1] == batch:
            return g.name(before, dtype)
    return g.node("Reshape", g.name(rows, dtype), g.ints([-1, batch, rows.shape[-1]]))


def _run(
    g: Graph, call: Call, kind: str, order: Sequence[int], inner: str | None, states: Sequence[Any],
    outputs: int, **attributes: Any,
) -> tuple[str, ...]:  # fmt: skip
    """The node; `inner` is the bias of the products with the state."""
    _checked(call.params["sizes"])
    hidden = call.args[1].shape[-1]
    given = _inputs(g, call, order, hidden)
    position = 3 if kind == "LSTM" else 2
    recurrent = _gates(g, g.name(call.args[position], call.dtype), order, hidden)
    zeros = g.constant(np.zeros(len(order) * hidden), call.dtype)
    other = zeros if inner is None else _gates(g, inner, order, hidden, extra=0)
    bias = g.unsqueeze(g.node("Concat", given.bias, other, axis=0), [0])
    first = [g.unsqueeze(g.name(s, call.dtype), [0]) for s in states]
    return g.several(
        kind, given.x, given.weight, recurrent, bias, "", *first, outputs=outputs,
        hidden_size=hidden, direction="reverse" if call.params["reverse"] else "forward",
        **attributes,
    )  # fmt: skip


def _flat(g: Graph, y: str, rows: Any, hidden: int) -> str:
    """`(T, directions, N, hidden)` as rows."""
    return g.reshape(y, [rows, hidden])


@converter("rnn")
def _rnn(g: Graph, call: Call) -> str:
    kind = {"tanh": "Tanh", "relu": "Relu"}[call.params["nonlinearity"]]
    found = _run(g, call, "RNN", [0], None, call.args[1:2], 1, activations=[kind])
    return _flat(g, found[0], call.shape[0], call.shape[1])


@converter("gru")
def _gru(g: Graph, call: Call) -> str:
    # Here reset, update, new; there update, reset, new.
    inner = g.name(call.args[3], call.dtype)
    found = _run(g, call, "GRU", [1, 0, 2], inner, call.args[1:2], 1, linear_before_reset=1)
    return _flat(g, found[0], call.shape[0], call.shape[1])


@converter("_lstm")
def _lstm(g: Graph, call: Call) -> str:
    if len(call.args) > 4:
        return _unrolled(g, call)
    # Here input, forget, new, output; there input, output, forget, new.
    found = _run(g, call, "LSTM", [0, 3, 1, 2], None, call.args[1:3], 3)
    hidden = call.args[1].shape[-1]
    call.parts["outputs"] = _flat(g, found[0], call.shape[0], hidden)
    call.parts["last cells"] = g.node("Squeeze", found[2], g.ints([0]))
    return ""  # the cells of the other steps are not among its outputs


def _unrolled(g: Graph, call: Call) -> str:
    """Step by step, for outputs that are projected: ONNX's LSTM has none of these."""
    _checked(call.params["sizes"])
    sizes = call.params["sizes"]
    if isinstance(sizes, Varying):
        raise ExportError("an LSTM with proj_size whose length is not fixed; fix that axis")
    t = Terms(g, call)
    rows, h, c, weight, shrink = t.args
    batch, wide, count = call.args[1].shape[0], call.args[2].shape[1], len(sizes)
    steps = g.reshape(rows, [count, batch, 4 * wide])
    turned, down = g.transpose(weight, [1, 0]), g.transpose(shrink, [1, 0])
    outputs: dict[int, str] = {}
    order = range(count)[::-1] if call.params["reverse"] else range(count)
    for step in order:
        now = g.node("Gather", steps, g.constant(step, np.int64), axis=0)
        parts = g.several(
            "Split", t("Add", now, t("MatMul", h, turned)), g.ints([wide] * 4), outputs=4, axis=1
        )
        kept = t("Mul", t("Sigmoid", parts[1]), c)
        c = t("Add", kept, t("Mul", t("Sigmoid", parts[0]), t("Tanh", parts[2])))
        h = t("MatMul", t("Mul", t("Sigmoid", parts[3]), t("Tanh", c)), down)
        outputs[step] = g.node("Concat", h, c, axis=1)
    return g.node("Concat", *(outputs[i] for i in range(count)), axis=0)
