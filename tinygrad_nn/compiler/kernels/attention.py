"""Attention of queries, keys and values in one array, without a mask but the causal one."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.compiler.kernels.building import Ranged, floats, source, steps, written
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = ["accepts_self_attention", "accepts_self_attention_slope", "self_attention",
           "self_attention_slope"]  # fmt: skip

_BLOCK = 32
"""Rows of scores at a time, where each row sees the keys up to its own."""
_ROWS = 128


def _axes(var: Var, kept: int) -> tuple[list[int], list[int]]:
    """Sides and steps with two leading axes behind the first `kept`; missing ones have length 1."""
    missing = 4 + kept - len(var.shape)
    sides, walk = list(var.shape), list(steps(var))
    sides[kept:kept] = [1] * missing
    walk[kept:kept] = [0] * missing
    return sides, walk


def _by_rows(var: Var) -> bool:
    """Whether BLAS can take its last two axes as a matrix."""
    walk = steps(var)
    return walk[-1] == 1 and walk[-2] >= var.shape[-1] and var.shape[-1] > 1


def _unmasked(mask: Any) -> bool:
    return isinstance(mask, Var) and not mask.shape and str(mask.dtype) == "bool"


def accepts_self_attention(i: Instruction) -> bool:
    """`(3, …, L, E)` with at most two axes between."""
    qkv, mask = i.args
    return (
        bool(floats(qkv, i.out)) and _unmasked(mask) and 3 <= len(qkv.shape) <= 5
        and qkv.shape[-2] > 1 and _by_rows(qkv) and _by_rows(i.out)
    )  # fmt: skip


def accepts_self_attention_slope(i: Instruction) -> bool:
    """The gradient of the result, the sums of its rows with the result, and then the same."""
    g, delta, qkv, mask = i.args
    return (
        bool(floats(g, delta, qkv, i.out)) and _unmasked(mask) and 3 <= len(qkv.shape) <= 5
        and g.shape == qkv.shape[1:] and delta.shape == (*g.shape[:-1], 1)
        and qkv.shape[-2] > 1 and _by_rows(qkv) and _by_rows(g) and _by_rows(i.out)
    )  # fmt: skip


def self_attention(i: Instruction) -> Instruction:
    """The heads are the rows that can be shared."""
    qkv, mask = i.args
    causal = int(i.params["is_causal"])
    (_, outer, heads, length, wide), (first, *walk) = _axes(qkv, 1)
    out = _axes(i.out, 0)[1][:3]
    block = min(length, _BLOCK if causal else _ROWS)
    space = (block * (length + 1) + wide * length) * qkv.dtype.itemsize
    numbers: list[Any] = [heads, length, length, wide, wide, block, causal, first, 2 * first]
    numbers += [*walk[:3] * 3, *out, float(i.params["scale"])]
    call = Ranged(source("attention", floats(qkv)).forward, outer * heads, space, numbers)
    return written(i, call, (qkv, qkv, qkv, mask))


def self_attention_slope(i: Instruction) -> Instruction:
    """Scores are made anew: they are not kept."""
    g, delta, qkv, mask = i.args
    causal = int(i.params["is_causal"])
    (_, outer, heads, length, wide), walk = _axes(qkv, 1)
    block = min(length, _BLOCK if causal else _ROWS)
    space = (block * (2 * length + 1) + 2 * wide * length) * qkv.dtype.itemsize
    numbers: list[Any] = [heads, length, wide, block, causal]
    numbers += [*_axes(g, 0)[1][:3], *_axes(delta, 0)[1][:3]]
    numbers += [*walk[:4], *_axes(i.out, 1)[1][:4], 0, float(i.params["scale"])]
    call = Ranged(source("attention", floats(qkv)).backward, outer * heads, space, numbers)
    return written(i, call, (g, delta, qkv, mask))
