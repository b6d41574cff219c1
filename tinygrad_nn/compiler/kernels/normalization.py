"""Layers that normalise each row: layer norm and its kin."""

from __future__ import annotations

from math import prod

from tinygrad_nn.compiler.kernels.building import Ranged, floats, source, written
from tinygrad_nn.compiler.layout import c_order
from tinygrad_nn.compiler.program import Instruction

__all__ = ["accepts_row_slopes", "accepts_standardize", "row_slopes", "standardize"]


def _in_rows(i: Instruction, x: int, affine: int) -> bool:
    """Whether the last axes are normalised, and weights have just them."""
    axes, rows = i.params["axes"], i.args[x]
    if not floats(*i.args) or not all(c_order(v) for v in (*i.args, i.out)) or not axes:
        return False
    last = axes == tuple(range(len(rows.shape) - len(axes), len(rows.shape)))
    return last and all(w.shape == rows.shape[axes[0] :] for w in i.args[affine:])


def accepts_standardize(i: Instruction) -> bool:
    """x, and perhaps a weight and a bias."""
    return _in_rows(i, 0, 1)


def accepts_row_slopes(i: Instruction) -> bool:
    """The gradient, x, and perhaps a weight."""
    return _in_rows(i, 1, 2)


def standardize(i: Instruction) -> Instruction:
    """A row at a time, while it is in the fastest cache."""
    x, *affine = i.args
    count = prod(x.shape[i.params["axes"][0] :])
    weight, bias = ([*affine, x, x])[:2]
    flags = len(affine) > 0, len(affine) > 1, i.params["centred"]
    numbers = [count, *map(int, flags), float(i.params["eps"])]
    function = source("normalization", floats(x)).standardize
    call = Ranged(function, prod(x.shape) // count, 0, numbers)
    return written(i, call, (x, weight, bias))


def row_slopes(i: Instruction) -> Instruction:
    """All rows add to the same sums: not to be shared by threads."""
    g, x, *affine = i.args
    count = prod(x.shape[i.params["axes"][0] :])
    numbers = [prod(x.shape) // count, count, len(affine), int(i.params["centred"])]
    function = source("normalization", floats(x)).row_slopes
    space = 2 * count * x.dtype.itemsize
    call = Ranged(function, 1, space, [*numbers, float(i.params["eps"])])
    return written(i, call, (g, x, (*affine, x)[0]))
