"""Long short-term memory, forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from tinygrad_nn.compiler.kernels.building import Ranged, floats, source, steps, written
from tinygrad_nn.compiler.layout import c_order
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = ["accepts_lstm", "accepts_lstm_slope", "lstm", "lstm_slope"]

_COLUMNS = 256
"""Columns of the products that give the gradients of the weights: they stay in the cache."""


def _fits(inputs: tuple[Any, ...]) -> bool:
    """Whether all arrays have one dtype, and there is no projection."""
    return bool(floats(*inputs)) and all(len(v.shape) == 1 for v in inputs[5:])


def accepts_lstm(i: Instruction) -> bool:
    """x, first state, cells, two weights and perhaps a bias."""
    return _fits(i.args) and c_order(i.out)


def accepts_lstm_slope(i: Instruction) -> bool:
    """The gradient and the result of `_lstm`, and then the same."""
    g, y, *inputs = i.args
    if not floats(*i.args) or not _fits(tuple(inputs)) or not c_order(y):
        return False
    return bool(g.strides[1:] == y.strides[1:])


def of_last_output(i: Instruction, makers: Mapping[Var, Instruction]) -> Instruction:
    """The same with the gradient of one step's outputs, where all others are known to be zeros.

    As where only the last output counts: a twentieth of a step is to write and read those zeros.
    """
    whole = makers.get(i.args[0])
    turned = makers.get(whole.args[0]) if _is(whole, "unslice") else None
    outputs = makers.get(turned.args[0]) if _is(turned, "matrix_transpose") else None
    if whole is None or not _is(outputs, "unslice"):
        return i
    (count, batch, _), wide = i.args[2].shape, i.args[4].shape[1]
    key, step = whole.params["key"], outputs.params["key"]
    if key != (slice(None), slice(None, wide)) or type(step) is not int:
        return i
    g = outputs.args[0]
    if outputs.params["shape"] != (count, batch, wide) or not floats(g, i.args[1]):
        return i
    return replace(i, args=(g, *i.args[1:]), params={**i.params, "only": step % count})


def _is(i: Instruction | None, name: str) -> TypeGuard[Instruction]:
    return i is not None and i.name == name


def _numbers(inputs: tuple[Any, ...]) -> tuple[int, int, int, int, int]:
    x, _, cells, _, _, *bias = inputs
    return (*x.shape, cells.shape[1], len(bias))


def _steps(*arrays: Var) -> list[int]:
    return [step for v in arrays for step in steps(v)]


def lstm(i: Instruction) -> Instruction:
    """0.85 of the time of NumPy, of which most are products (32 sequences, 128 cells)."""
    count, batch, inputs, wide, biased = _numbers(i.args)
    x, first, cells, inner, outer, *bias = i.args
    length = inputs + 1 + wide
    space = (4 * wide * length + (length + wide) * batch) * x.dtype.itemsize
    bias = bias or [first]  # some address, which is not read
    numbers = [count, batch, inputs, wide, biased, int(i.params["reverse"])]
    numbers += [*_steps(x, first, cells, inner, outer), steps(bias[0])[0]]
    function = source("recurrence", floats(x)).forward
    return written(i, Ranged(function, 1, space, numbers), (*i.args[:5], *bias))


def lstm_slope(i: Instruction) -> Instruction:
    """0.68 of the time of NumPy; products are most of it."""
    g, y, *given = i.args
    x, first, cells, inner, outer, *_ = given
    count, batch, inputs, wide, biased = _numbers(tuple(given))
    some = max(1, _COLUMNS // batch)
    length, columns, rows = inputs + 1 + wide, some * batch, 4 * wide
    size = rows * columns + length * columns + rows * (length + wide) + 6 * wide * batch
    to_x = int(i.params["to_x"])
    size += to_x * inputs * (rows + columns)
    numbers = [count, batch, inputs, wide, biased, int(i.params["reverse"]), to_x, some]
    only = i.params.get("only")
    numbers += [*_steps(x, first, cells, inner, outer), *steps(g)[:2]]
    numbers += [0, 0] if only is None else [1, only]
    function = source("recurrence", floats(x)).backward
    call = Ranged(function, 1, size * x.dtype.itemsize, numbers)
    return written(i, call, (g, y, x, first, cells, inner, outer))
