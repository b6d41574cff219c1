"""GELU by the hyperbolic tangent."""

from __future__ import annotations

from math import prod

from tinygrad_nn.compiler.kernels.building import Ranged, floats, source, written
from tinygrad_nn.compiler.layout import alike, dense
from tinygrad_nn.compiler.program import Instruction

__all__ = ["accepts_gelu", "gelu"]


def accepts_gelu(i: Instruction) -> bool:
    """All arrays in the same order in memory, so that they are walked through as one axis."""
    same = all(alike(v, i.out) for v in i.inputs)
    tanh = i.params.get("approximate") == "tanh" and len(i.args) == len(i.inputs)
    return tanh and bool(floats(*i.args)) and same and dense(i.out) and bool(i.out.shape)


def gelu(i: Instruction) -> Instruction:
    """`gelu` and `gelu_slope`."""
    assert i.op is not None
    function = getattr(source("activation", floats(i.out)), i.op.key)
    pairs = [(0, n) for n in range(len(i.args))]
    return written(i, Ranged(function, prod(i.out.shape), 0, ()), i.args, pairs)
