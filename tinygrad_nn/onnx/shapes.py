"""Converters of operations that move numbers, and make arrays of one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.sizes import Size, plain

__all__: list[str] = []


def many(axis: Any, ndim: int) -> list[int]:
    """One, several or all axes (None), counted from the front."""
    if axis is None:
        return list(range(ndim))
    return [a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))]


def argument(g: Graph, call: Call, i: int = 0) -> str:
    """Name of an argument in its own dtype; a number in that of the result."""
    x = call.args[i]
    return g.name(x, call.dtype if x.kind == "scalar" else None)


@converter("reshape", "broadcast_to", "expand_dims", "squeeze")
def _reshape(g: Graph, call: Call) -> str:
    x = argument(g, call)
    if call.op.key == "broadcast_to":
        return g.expand(x, call.shape)
    if call.op.key == "reshape":
        return g.reshape(x, call.shape)
    axis = call.params["axis"]
    if call.op.key == "expand_dims":
        return g.unsqueeze(x, many(axis, len(call.shape)))
    if axis is None:
        axis = tuple(i for i, n in enumerate(call.args[0].shape) if n == 1)
    axes = many(axis, call.args[0].ndim)
    return g.node("Squeeze", x, g.ints(axes)) if axes else g.node("Identity", x)


@converter("permute_dims", "matrix_transpose")
def _transpose(g: Graph, call: Call) -> str:
    ndim = call.args[0].ndim
    axes = call.params.get("axes")
    if call.op.key == "matrix_transpose":
        axes = (*range(ndim - 2), ndim - 1, ndim - 2)
    order = list(range(ndim))[::-1] if axes is None else many(axes, ndim)
    return g.transpose(argument(g, call), order)


@converter("zeros_like", "ones_like", "empty_like", "full_like")
def _filled(g: Graph, call: Call) -> str:
    number = call.params.get("fill_value", int(call.op.key == "ones_like"))
    return g.expand(g.like(number, call), call.shape)


@converter("_concat")
def _concat(g: Graph, call: Call) -> str:
    axis = call.params["axis"]
    names = [g.name(a, call.dtype) for a in call.args]
    if axis is None:
        names, axis = [g.node("Reshape", n, g.ints([-1])) for n in names], 0
    return g.node("Concat", *names, axis=axis % len(call.shape))


@converter("_stack")
def _stack(g: Graph, call: Call) -> str:
    axis = call.params["axis"] % len(call.shape)
    names = [g.unsqueeze(g.name(a, call.dtype), [axis]) for a in call.args]
    return g.node("Concat", *names, axis=axis)


def reversed_along(g: Graph, name: str, axes: list[int]) -> str:
    """`name` with the order along `axes` turned round."""
    if not axes:
        return g.node("Identity", name)
    count = len(axes)
    return g.slice(name, [-1] * count, [-(2**62)] * count, axes, [-1] * count)


@converter("flip")
def _flip(g: Graph, call: Call) -> str:
    return reversed_along(g, argument(g, call), many(call.params["axis"], call.args[0].ndim))


@converter("roll")
def _roll(g: Graph, call: Call) -> str:
    x, axis, shift = argument(g, call), call.params["axis"], plain(call.params["shift"])
    flat = axis is None
    shape = call.args[0].shape
    if flat:
        x, axis, shape = g.node("Reshape", x, g.ints([-1])), 0, (call.args[0].value.size,)
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    for a, s in zip(axes, shifts, strict=True):
        side = shape[a]
        if isinstance(side, Size):
            side.refuse()
        cut = -s % side if side else 0
        if cut:
            ahead, behind = g.slice(x, [cut], [side], [a]), g.slice(x, [0], [cut], [a])
            x = g.node("Concat", ahead, behind, axis=a % len(shape))
    return g.reshape(x, call.shape) if flat else g.node("Identity", x)


@converter("_pad")
def _pad(g: Graph, call: Call) -> str:
    widths = call.params["pad_width"]
    if not widths:
        return g.node("Identity", argument(g, call))
    sides = [w[0] for w in widths] + [w[1] for w in widths]
    return g.node("Pad", argument(g, call), g.ints(sides), g.like(call.params["constant_values"],
                  call), mode="constant")  # fmt: skip


@converter("tril", "triu")
def _triangle(g: Graph, call: Call) -> str:
    x = argument(g, call)
    of_vector = call.args[0].ndim == 1
    if of_vector:
        x = g.expand(x, call.shape)
    is_bool = call.dtype == np.bool_
    x = g.cast(x, call.dtype, np.uint8) if is_bool else x
    k = g.constant(call.params["k"], np.int64)
    y = g.node("Trilu", x, k, upper=int(call.op.key == "triu"))
    return g.cast(y, np.uint8, np.bool_) if is_bool else y


@converter("diagonal")
def _diagonal(g: Graph, call: Call) -> str:
    x = call.args[0]
    a, b = (call.params[k] % x.ndim for k in ("axis1", "axis2"))
    offset = call.params["offset"]
    count = plain(call.shape)[-1]
    rest = [i for i in range(x.ndim) if i not in (a, b)]
    moved = g.transpose(argument(g, call), [a, b, *rest])
    places = np.arange(count)[:, None] + [max(-offset, 0), max(offset, 0)]
    found = g.node("GatherND", moved, g.constant(places, np.int64))
    return g.transpose(found, [*range(1, len(rest) + 1), 0])


@converter("embed_diagonal")
def _embed_diagonal(g: Graph, call: Call) -> str:
    shape = plain(call.shape)
    a, b = (call.params[k] % len(shape) for k in ("axis1", "axis2"))
    count, offset = call.args[0].shape[-1], call.params["offset"]
    rest = [i for i in range(len(shape)) if i not in (a, b)]
    order = [a, b, *rest]
    places = np.arange(count)[:, None] + [max(-offset, 0), max(offset, 0)]
    x = g.transpose(argument(g, call), [len(rest), *range(len(rest))])
    zeros = g.constant(np.zeros([shape[i] for i in order], call.dtype))
    found = g.node("ScatterND", zeros, g.constant(places, np.int64), x)
    return g.transpose(found, sorted(range(len(shape)), key=order.__getitem__))
