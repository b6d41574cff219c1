"""Converters of sums, means, extremes, running sums, orders and products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.elementwise import Terms, given
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.shapes import argument, many, reversed_along
from tinygrad_nn.onnx.sizes import Size, plain

__all__ = ["reduced"]

_KINDS = {"sum": "ReduceSum", "_sum_over": "ReduceSum", "prod": "ReduceProd", "mean": "ReduceMean",
          "max": "ReduceMax", "min": "ReduceMin"}  # fmt: skip


def reduced(g: Graph, kind: str, name: str, axes: list[int], keep: bool = True) -> str:
    """A reduction over `axes`; over none it is the identity."""
    if not axes:
        return g.node("Identity", name)
    return g.node(kind, name, g.ints(axes), keepdims=int(keep))


def _axes(call: Call) -> list[int]:
    key = "axes" if "axes" in call.params else "axis"
    return many(call.params[key], call.args[0].ndim)


def _keeps(call: Call) -> bool:
    return bool(call.params.get("keepdims", "axes" in call.params))


@converter(*_KINDS)
def _reduce(g: Graph, call: Call) -> str:
    x = g.name(call.args[0], call.dtype)
    return reduced(g, _KINDS[call.op.key], x, _axes(call), _keeps(call))


@converter("any", "all", "count_nonzero")
def _count(g: Graph, call: Call) -> str:
    kind = {"any": "ReduceMax", "all": "ReduceMin"}.get(call.op.key, "ReduceSum")
    x = g.cast(g.name(call.args[0], np.bool_), np.bool_, np.int64)
    return g.cast(reduced(g, kind, x, _axes(call), _keeps(call)), np.int64, call.dtype)


def _number(call: Call, axes: list[int]) -> int:
    sides = [call.args[0].shape[a] for a in axes]
    return math.prod(plain(tuple(sides)))


@converter("var", "std")
def _spread(g: Graph, call: Call) -> str:
    axes, p = _axes(call), call.params
    t = Terms(g, call)
    centred = t("Sub", t.args[0], reduced(g, "ReduceMean", t.args[0], axes))
    square = t("Mul", centred, centred)
    less = p["ddof"] if p["correction"] is None else p["correction"]
    if less:
        free = max(_number(call, axes) - less, 0)
        y = t("Div", reduced(g, "ReduceSum", square, axes, _keeps(call)), free)
    else:
        y = reduced(g, "ReduceMean", square, axes, _keeps(call))
    return t("Sqrt", y) if call.op.key == "std" else y


@converter("vector_norm")
def _vector_norm(g: Graph, call: Call) -> str:
    order, axes, keep = call.params["ord"], _axes(call), _keeps(call)
    t = Terms(g, call)
    size = t("Abs", t.args[0])
    if order in (math.inf, -math.inf):
        return reduced(g, "ReduceMax" if order > 0 else "ReduceMin", size, axes, keep)
    if order in (2, None):
        return t("Sqrt", reduced(g, "ReduceSum", t("Mul", size, size), axes, keep))
    if order == 0:
        there = t("Where", t("Equal", size, 0), 0, 1)
        return reduced(g, "ReduceSum", there, axes, keep)
    if order == 1:
        return reduced(g, "ReduceSum", size, axes, keep)
    return t("Pow", reduced(g, "ReduceSum", t("Pow", size, order), axes, keep), 1 / order)


@converter("argmax", "argmin")
def _extreme_place(g: Graph, call: Call) -> str:
    x, axis, keep = argument(g, call), call.params["axis"], _keeps(call)
    x = g.cast(x, call.args[0].dtype, np.uint8) if call.args[0].dtype == np.bool_ else x
    kind = "ArgMax" if call.op.key == "argmax" else "ArgMin"
    if axis is None:
        found = g.node(kind, g.node("Reshape", x, g.ints([-1])), axis=0, keepdims=0)
        return g.reshape(found, call.shape)
    return g.node(kind, x, axis=axis % call.args[0].ndim, keepdims=int(keep))


@converter("softmax", "log_softmax")
def _softmax(g: Graph, call: Call) -> str:
    axes = many(call.params["axis"], call.args[0].ndim)
    x = g.name(call.args[0], call.dtype)
    kind = "Softmax" if call.op.key == "softmax" else "LogSoftmax"
    if len(axes) == 1:
        return g.node(kind, x, axis=axes[0])
    t = Terms(g, call)
    shifted = t("Sub", x, reduced(g, "ReduceMax", x, axes))
    powers = t("Exp", shifted)
    total = reduced(g, "ReduceSum", powers, axes)
    return t("Div", powers, total) if kind == "Softmax" else t("Sub", shifted, t("Log", total))


@converter("logsumexp")
def _logsumexp(g: Graph, call: Call) -> str:
    # Not ReduceLogSumExp: whether it overflows is left to who runs it.
    axes = _axes(call)
    t = Terms(g, call)
    top = reduced(g, "ReduceMax", t.args[0], axes)
    top = t("Where", t("IsInf", top, detect_positive=0), 0, top)
    total = reduced(g, "ReduceSum", t("Exp", t("Sub", t.args[0], top)), axes, _keeps(call))
    if not _keeps(call):
        top = g.node("Squeeze", top, g.ints(axes)) if axes else top
    return t("Add", t("Log", total), top)


@converter("_dot_over")
def _dot_over(g: Graph, call: Call) -> str:
    return reduced(g, "ReduceSum", g.node("Mul", *given(g, call)), list(call.params["axes"]))


@converter("cumsum")
def _cumsum(g: Graph, call: Call) -> str:
    x, axis = g.name(call.args[0], call.dtype), call.params["axis"]
    if axis is None:
        x, axis = g.node("Reshape", x, g.ints([-1])), 0
    return g.node("CumSum", x, g.constant(axis, np.int64))


@converter("logcumsumexp")
def _logcumsumexp(g: Graph, call: Call) -> str:
    t, axis = Terms(g, call), call.params["axis"] % call.args[0].ndim
    top = reduced(g, "ReduceMax", t.args[0], [axis])
    total = g.node("CumSum", t("Exp", t("Sub", t.args[0], top)), g.constant(axis, np.int64))
    return t("Add", t("Log", total), top)


@converter("sort", "argsort")
def _sorted(g: Graph, call: Call) -> str:
    x, axis = argument(g, call), call.params["axis"]
    shape = call.args[0].shape
    if axis is None:
        x, axis, shape = g.node("Reshape", x, g.ints([-1])), 0, call.shape
    axis %= len(shape)
    down = int(bool(call.params["descending"]))
    values, places = g.several(
        "TopK", x, g.ints([shape[axis]]), outputs=2, axis=axis, largest=down, sorted=1
    )
    return values if call.op.key == "sort" else places


@converter("searchsorted", "digitize")
def _searchsorted(g: Graph, call: Call) -> str:
    edges, values = call.args if call.op.key == "searchsorted" else call.args[::-1]
    bins = edges.value
    if len(bins) > 1 and bins[0] > bins[-1]:
        raise ExportError(f"{call.op.name} with bins that fall; turn them round")
    right = call.params.get("side") == "right" or call.params.get("right") is False
    dtype = np.result_type(edges.dtype, values.dtype)
    v = g.unsqueeze(g.name(values, dtype), [values.ndim])
    below = g.node("LessOrEqual" if right else "Less", g.name(edges, dtype), v)
    counts = g.node("ReduceSum", g.cast(below, np.bool_, np.int64), g.ints([-1]), keepdims=0)
    return g.cast(counts, np.int64, call.dtype)


@converter("matmul")
def _matmul(g: Graph, call: Call) -> str:
    return g.node("MatMul", *given(g, call))


@converter("contract")
def _contract(g: Graph, call: Call) -> str:
    terms = call.params["subscripts"].split("->")[0].split(",")
    sides: dict[str, Any] = {}
    for term, x in zip(terms, call.args, strict=True):
        sides.update({c: n for c, n in zip(term, x.shape, strict=True) if n != 1 or c not in sides})
    names = given(g, call)
    for i, (term, x) in enumerate(zip(terms, call.args, strict=True)):
        wanted = tuple(sides[c] for c in term)
        if wanted != x.shape:  # ONNX broadcasts no labels
            names[i] = g.expand(names[i], wanted)
    return g.node("Einsum", *names, equation=call.params["subscripts"])


@converter("det")
def _det(g: Graph, call: Call) -> str:
    return g.node("Det", argument(g, call))


@converter("_convolve")
def _convolve(g: Graph, call: Call) -> str:
    a, v = given(g, call)
    width = call.args[1].shape[0]
    if isinstance(width, Size):
        width.refuse()
    kernel = reversed_along(g, v, [0])
    lifted: Any = [g.unsqueeze(x, [0, 1]) for x in (a, kernel)]
    full = g.node("Conv", *lifted, pads=[width - 1, width - 1])
    return g.node("Squeeze", full, g.ints([0, 1]))
