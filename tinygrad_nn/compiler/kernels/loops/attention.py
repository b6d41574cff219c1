"""Attention of one head after the other, in blocks of rows: see `backends.attention`.

Keys that a row may not see are left out of the exponential, and of the products where whole
blocks of rows do not see them.
"""

from __future__ import annotations

from math import inf
from typing import Any

from numba import float32 as real

from tinygrad_nn.compiler.kernels.memory import address, apart, compiled, entry, larger
from tinygrad_nn.compiler.numba.mathematics import exp_f4 as exp
from tinygrad_nn.compiler.numba.runtime import add, gemm, gemm_add, loads, offset, stores

_at: Any = address["f4"]
_byte: Any = address["u1"]
_multiply: Any = gemm["s", 64]
_add: Any = gemm_add["s", 64]
_load: Any = loads[-1]
_store: Any = stores[-1]
_load0, _load1, _load2, _load3 = loads[:4]
_store0, _store1, _store2 = stores[:3]
_PLAIN, _TURNED = 111, 112


@compiled
def _lowered(
    rows: Any, first: Any, keys: Any, seen: Any, causal: Any, scores: Any
) -> None:  # fmt: skip
    """Score − largest of the row; -inf where a row may not look."""
    apart()
    for r in range(rows):
        row = offset(scores, r * seen)
        for j in range(min(first + r + 1, keys) if causal else keys, seen):
            _store0(row, j, real(-inf))
        top = real(-inf)
        for j in range(seen):
            top = larger(top, _load0(row, j))
        top = top if top != real(-inf) else real(0)
        for j in range(seen):
            _store0(row, j, _load0(row, j) - top)


@compiled
def _exponential(count: Any, x: Any) -> None:
    """Over all rows as one: they are short, and a loop's odd end is slow."""
    apart()
    for j in range(count):
        _store0(x, j, exp(_load0(x, j)))


@compiled
def _shares(rows: Any, seen: Any, powers: Any, shares: Any) -> None:
    """One over the sum of each row."""
    apart()
    for r in range(rows):
        total = real(0)
        for j in range(seen):
            total = add(total, _load0(powers, r * seen + j))
        _store1(shares, r, real(1) / total if total != real(0) else real(0))


@compiled
def _powers(
    rows: Any, first: Any, keys: Any, seen: Any, causal: Any, scores: Any, shares: Any
) -> None:  # fmt: skip
    """exp(score − largest of the row), 0 where a row may not look; one over each row's sum."""
    _lowered(rows, first, keys, seen, causal, scores)
    _exponential(rows * seen, scores)
    _shares(rows, seen, scores, shares)


@compiled
def _across(rows: Any, columns: Any, source: Any, step: Any, factor: Any, target: Any) -> None:
    """Rows as columns, times `factor`: products with rows take up to twice as long."""
    apart()
    for i in range(rows):
        for j in range(columns):
            _store1(target, j * rows + i, _load0(source, i * step + j) * factor)


@compiled
def _shared(rows: Any, columns: Any, shares: Any, out: Any, step: Any) -> None:
    apart()
    for r in range(rows):
        share = _load1(shares, r)
        for j in range(columns):
            _store0(out, r * step + j, _load0(out, r * step + j) * share)


@compiled
def _slopes(
    rows: Any, seen: Any, scores: Any, slopes: Any, shares: Any, delta: Any, delta_step: Any,
    scale: Any,
) -> None:  # fmt: skip
    """Scores become shares p, and `slopes` p (slope − delta) scale."""
    apart()
    for r in range(rows):
        share, d = _load2(shares, r), _load3(delta, r * delta_step)
        mine, other = offset(scores, r * seen), offset(slopes, r * seen)
        for j in range(seen):
            p = _load0(mine, j) * share
            _store0(mine, j, p)
            _store1(other, j, p * (_load1(other, j) - d) * scale)


@entry(29, 1)
def forward(
    begin: Any, end: Any, space: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, heads: Any,
    length: Any, keys: Any, wide: Any, tall: Any, block: Any, causal: Any, from_k: Any,
    from_v: Any, q0: Any, q1: Any, q2: Any, k0: Any, k1: Any, k2: Any, v0: Any, v1: Any, v2: Any,
    o0: Any, o1: Any, o2: Any, scale: Any,
) -> None:  # fmt: skip
    """softmax(scale · q kᵀ) v for some heads."""
    scores, shares = _at(space, 0), _at(space, block * keys)
    across = _at(space, block * (keys + 1))
    clear = _load(_byte(mask, 0), 0) != 0
    below, limit = causal and clear, keys if clear else 0
    for h in range(begin, end):
        i, j = h // heads, h % heads
        queries, found = _at(q, i * q0 + j * q1), _at(out, i * o0 + j * o1)
        values = _at(v, from_v + i * v0 + j * v1)
        _across(keys, wide, _at(k, from_k + i * k0 + j * k1), k2, real(scale), across)
        for start in range(0, length, block):
            rows = min(block, length - start)
            seen = min(start + rows, keys) if causal else keys
            mine, there = offset(queries, start * q2), offset(found, start * o2)
            _multiply(_PLAIN, _PLAIN, rows, seen, wide, mine, q2, across, keys, scores, seen)
            _powers(rows, start, limit, seen, below, scores, shares)
            _multiply(_PLAIN, _PLAIN, rows, tall, seen, scores, seen, values, v2, there, o2)
            _shared(rows, tall, shares, there, o2)


@entry(28, 1)
def backward(
    begin: Any, end: Any, space: Any, g: Any, delta: Any, qkv: Any, mask: Any, out: Any,
    heads: Any, length: Any, wide: Any, block: Any, causal: Any, g0: Any, g1: Any, g2: Any,
    d0: Any, d1: Any, d2: Any, x0: Any, x1: Any, x2: Any, x3: Any, o0: Any, o1: Any, o2: Any,
    o3: Any, spare: Any, scale: Any,
) -> None:  # fmt: skip
    """Gradients of queries, keys and values in one array, for some heads."""
    scores, slopes = _at(space, 0), _at(space, block * length)
    shares = _at(space, 2 * block * length)
    to_keys = _at(space, block * (2 * length + 1))
    to_values = offset(to_keys, wide * length)
    clear = _load(_byte(mask, 0), 0) != 0
    below, limit = causal and clear, length if clear else 0
    blocks = (length + block - 1) // block
    for h in range(begin, end):
        i, j = h // heads, h % heads
        at, into = i * x1 + j * x2, i * o1 + j * o2
        q, k, v = _at(qkv, at), _at(qkv, at + x0), _at(qkv, at + 2 * x0)
        dq, dk, dv = _at(out, into), _at(out, into + o0), _at(out, into + 2 * o0)
        _across(length, wide, k, x3, real(scale), to_keys)
        _across(length, wide, v, x3, real(1), to_values)
        # The last block first: where it sees all keys, it writes what the others add to.
        for b in range(blocks):
            start = (blocks - 1 - b) * block
            rows = min(block, length - start)
            seen = start + rows if causal else length
            queries, given = offset(q, start * x3), _at(g, i * g0 + j * g1 + start * g2)
            _multiply(_PLAIN, _PLAIN, rows, seen, wide, queries, x3, to_keys, length, scores, seen)
            _powers(rows, start, limit, seen, below, scores, shares)
            _multiply(_PLAIN, _PLAIN, rows, seen, wide, given, g2, to_values, length, slopes, seen)
            _slopes(
                rows, seen, scores, slopes, shares,
                _at(delta, i * d0 + j * d1 + start * d2), d2, real(scale),
            )  # fmt: skip
            mine = offset(dq, start * o3)
            _multiply(_PLAIN, _PLAIN, rows, wide, seen, slopes, seen, k, x3, mine, o3)
            if b == 0:
                _multiply(_TURNED, _PLAIN, seen, wide, rows, slopes, seen, queries, x3, dk, o3)
                _multiply(_TURNED, _PLAIN, seen, wide, rows, scores, seen, given, g2, dv, o3)
            else:
                _add(_TURNED, _PLAIN, seen, wide, rows, slopes, seen, queries, x3, dk, o3)
                _add(_TURNED, _PLAIN, seen, wide, rows, scores, seen, given, g2, dv, o3)
