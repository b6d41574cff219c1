"""Converters of layers that are one operation here: affine maps, norms, attention, resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.onnx.elementwise import Terms, given
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call, Operand
from tinygrad_nn.onnx.reductions import reduced
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.shapes import argument
from tinygrad_nn.onnx.sizes import plain
from tinygrad_nn.ops.resample import resample

__all__: list[str] = []


@converter("linear")
def _linear(g: Graph, call: Call) -> str:
    names = given(g, call)
    if call.args[0].ndim == 2 and call.dtype.kind == "f":
        return g.node("Gemm", *names, transB=1)
    y = g.node("MatMul", names[0], g.transpose(names[1], [1, 0]))
    return g.node("Add", y, names[2]) if len(names) > 2 else y


@converter("sum_rows")
def _sum_rows(g: Graph, call: Call) -> str:
    axes = list(range(call.args[0].ndim - 1))
    return reduced(g, "ReduceSum", g.name(call.args[0], call.dtype), axes, keep=False)


# ── Norms ───────────────────────────────────────────────────────────────────────────────


@converter("standardize")
def _standardize(g: Graph, call: Call) -> str:
    x, *affine = call.args
    axes, eps = list(call.params["axes"]), call.params["eps"]
    names = given(g, call)
    start = x.ndim - len(axes)
    at_end = axes == list(range(start, x.ndim)) and call.params["centred"]
    if at_end and affine and affine[0].shape == x.shape[start:]:
        return g.node("LayerNormalization", *names, axis=start, epsilon=float(eps))
    t = Terms(g, call)
    centred = names[0]
    if call.params["centred"]:
        centred = t("Sub", names[0], reduced(g, "ReduceMean", names[0], axes))
    variance = reduced(g, "ReduceMean", t("Mul", centred, centred), axes)
    y = t("Div", centred, t("Sqrt", t("Add", variance, eps)))
    if affine:
        y = t("Mul", y, names[1])
    return t("Add", y, names[2]) if len(affine) > 1 else y


@converter("_centre")
def _centre(g: Graph, call: Call) -> str:
    x = g.name(call.args[0], call.dtype)
    return g.node("Sub", x, reduced(g, "ReduceMean", x, list(call.params["axes"])))


@converter("_inverse_rms")
def _inverse_rms(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    mean = reduced(g, "ReduceMean", t("Mul", t.args[0], t.args[0]), list(call.params["axes"]))
    return t("Reciprocal", t("Sqrt", t("Add", mean, call.params["eps"])))


@converter("moments")
def _moments(g: Graph, call: Call) -> str:
    t, axes = Terms(g, call), list(call.params["axes"])
    mean = reduced(g, "ReduceMean", t.args[0], axes)
    away = t("Sub", t.args[0], mean)
    variance = reduced(g, "ReduceMean", t("Mul", away, away), axes)
    return g.node("Concat", g.unsqueeze(mean, [0]), g.unsqueeze(variance, [0]), axis=0)


# ── Attention ───────────────────────────────────────────────────────────────────────────


@converter("attention")
def _attention(g: Graph, call: Call) -> str:
    q, k, v = (g.name(a, call.dtype) for a in call.args[:3])
    rows, columns = call.args[0].shape[-2], call.args[1].shape[-2]
    return _attend(g, call, (q, k, v), (rows, columns), call.args[1].ndim)


@converter("self_attention")
def _self_attention(g: Graph, call: Call) -> str:
    qkv = g.name(call.args[0], call.dtype)
    q, k, v = (g.node("Gather", qkv, g.constant(i, np.int64), axis=0) for i in range(3))
    length = call.args[0].shape[-2]
    return _attend(g, call, (q, k, v), (length, length), call.args[0].ndim - 1)


def _attend(
    g: Graph, call: Call, qkv: tuple[str, str, str], sides: tuple[Any, Any], ndim: int
) -> str:
    t = Terms(g, call)
    q, k, v = qkv
    turned = g.transpose(k, [*range(ndim - 2), ndim - 1, ndim - 2])
    scores = t("MatMul", t("Mul", q, call.params["scale"]), turned)
    mask = call.args[-1]
    nothing = mask.kind in ("constant", "fill") and mask.dtype == np.bool_ and mask.value.all()
    if not nothing:
        if mask.dtype == np.bool_:
            scores = t("Where", g.name(mask), scores, -np.inf)
        else:
            scores = t("Add", scores, g.name(mask, call.dtype))
    if call.params["is_causal"]:
        scores = t("Where", _causal(g, *sides), scores, -np.inf)
    if nothing:
        return t("MatMul", t("Softmax", scores, axis=-1), v)
    blind = t("Equal", reduced(g, "ReduceMax", scores, [-1]), -np.inf)
    table = t("Softmax", t("Where", blind, 0, scores), axis=-1)
    return t("MatMul", t("Where", blind, 0, table), v)


def _causal(g: Graph, rows: Any, columns: Any) -> str:
    """True where row i may see column j, j ≤ i."""
    one = g.constant(1, np.int64)
    ends = (g.name(Operand("scalar", n), np.int64) for n in (rows, columns))
    i, j = (g.node("Range", g.constant(0, np.int64), end, one) for end in ends)
    return g.node("LessOrEqual", j, g.unsqueeze(i, [1]))


@converter("causal")
def _causal_of(g: Graph, call: Call) -> str:
    return _causal(g, *call.args[0].shape[-2:])


@converter("blind")
def _blind(g: Graph, call: Call) -> str:
    x = call.args[0]
    top = reduced(g, "ReduceMax", g.name(x), [x.ndim - 1])
    return g.node("Equal", top, g.constant(-np.inf, x.dtype))


# ── Resizing ────────────────────────────────────────────────────────────────────────────


@converter("resample")
def _resample(g: Graph, call: Call) -> str:
    """By the table: a Gather where each output reads one input, else a product."""
    line, x = plain(call.params["line"]), call.args[0]
    axis = call.params["axis"] % x.ndim
    matrix = resample(np.eye(line[1]), axis=0, line=line)
    if (np.count_nonzero(matrix, axis=1) == 1).all() and set(np.unique(matrix)) <= {0.0, 1.0}:
        places = g.constant(matrix.argmax(1), np.int64)
        return g.node("Gather", argument(g, call), places, axis=axis)
    order = [*(i for i in range(x.ndim) if i != axis), axis]
    moved = g.transpose(g.name(x, call.dtype), order)
    y = g.node("MatMul", moved, g.constant(matrix.T, call.dtype))
    return g.transpose(y, sorted(range(x.ndim), key=order.__getitem__))
