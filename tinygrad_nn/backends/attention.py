"""Attention for NumPy arrays, a few heads at a time, so that their scores stay in the cache.

The scores are made twice, once in each direction, and never kept: memory grows with the length
of the sequences and not with its square (T. Dao and others, "FlashAttention", 2022). Rows are
divided by their sums where the arrays are thin: before or behind a product, not in the scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod, sqrt
from typing import Any

import numpy as np

__all__ = ["attention", "attention_slope", "causal_mask", "self_attention_slope"]

_HALF = np.dtype(np.float16)
_BOOL = np.dtype(bool)
# Scores worked on at a time, so that two such arrays of float32 stay in a cache of 1 MB.
_SCORES = 2**17
# Rows worked on at a time; with a causal mask each block leaves out the keys that come later.
_FEWEST_ROWS, _MOST_ROWS = 32, 128
# Scores of at most this size need no maximum taken out before the exponential.
_MODEST = 30.0


def causal_mask(rows: int, columns: int) -> Any:
    """True where row i may see column j: j ≤ i."""
    return np.tri(rows, columns, dtype=bool)


def attention(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float) -> Any:
    """softmax(scale · q kᵀ + mask) v; zeros where a row may see nothing."""
    if q.dtype is _HALF:
        q, k, v, mask = _widened(q, k, v, mask)
        return attention(q, k, v, mask, causal, scale).astype(_HALF)
    lead, mask = _lead(q, k, v, mask)
    shape = (*lead, q.shape[-2], v.shape[-1])
    # In the layout of q: heads that are a view of (N, L, E) give a view of (N, L, E).
    out = np.empty_like(q, np.result_type(q, k, v), subok=False, shape=shape)
    if out.strides[-1] != out.itemsize:
        out = np.empty(shape, out.dtype)
    for Q, K, V, M, O in _parts(lead, causal, q, k, v, mask, out):  # noqa: E741
        for rows, powers, share in _blocks(Q * scale, K, M, causal):
            part = powers @ V[..., : powers.shape[-1], :]
            np.multiply(part, share, out=O[..., rows, :])
    return out


def attention_slope(
    g: Any, delta: Any, q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float
) -> tuple[Any, Any, Any]:
    """Gradients of q, k and v, with `delta` the sums of the rows of g · y."""
    if q.dtype is _HALF:
        g, delta, q, k, v, mask = _widened(g, delta, q, k, v, mask)
        dq, dk, dv = attention_slope(g, delta, q, k, v, mask, causal, scale)
        return dq.astype(_HALF), dk.astype(_HALF), dv.astype(_HALF)
    lead, mask = _lead(q, k, v, mask)
    dtype = np.result_type(g, q, k, v)
    dq, dk, dv = (np.empty((*lead, *x.shape[-2:]), dtype) for x in (q, k, v))
    _slope_into((dq, dk, dv), g, delta, (q, k, v), lead, mask, causal, scale)
    return dq, dk, dv


def self_attention_slope(
    g: Any, delta: Any, qkv: Any, mask: Any, causal: bool, scale: float
) -> Any:
    """Gradient of q, k and v in one array, in its layout."""
    if qkv.dtype is _HALF:
        g, delta, qkv, mask = _widened(g, delta, qkv, mask)
        return self_attention_slope(g, delta, qkv, mask, causal, scale).astype(_HALF)
    q, k, v = qkv
    lead, mask = _lead(q, k, v, mask)
    found = np.empty_like(qkv, subok=False)
    _slope_into(found, g, delta, qkv, lead, mask, causal, scale)
    return found


def _slope_into(
    found: Any,
    g: Any,
    delta: Any,
    qkv: Any,
    lead: tuple[int, ...],
    mask: Any,
    causal: bool,
    scale: float,
) -> None:
    """Write the gradients of q, k and v into the three arrays of `found`."""
    q, k, v = qkv
    for Q, K, V, M, G, D, *into in _parts(lead, causal, q, k, v, mask, g, delta, *found):
        dQ, dK, dV = into
        first = True
        scaled = Q * scale
        length, keys, wide = Q.shape[-2], V.shape[-2], V.shape[-1]
        space = np.empty((*Q.shape[:-2], min(_rows(K, causal), length), keys), Q.dtype)
        # With a one below each value and -δ beside each gradient, their product is g vᵀ - δ.
        below = np.ones((*Q.shape[:-2], wide + 1, keys), Q.dtype)
        below[..., :wide, :] = V.mT
        beside = np.empty((*Q.shape[:-2], min(_rows(K, causal), length), wide + 1), Q.dtype)
        for rows, powers, share in _blocks(scaled, K, M, causal):
            seen = slice(0, powers.shape[-1])
            both = beside[..., : rows.stop - rows.start, :]
            mine = np.multiply(G[..., rows, :], share, out=both[..., :wide])
            np.multiply(D[..., rows, :], -share, out=both[..., wide:])
            to_v = powers.mT @ mine
            out = space[..., : rows.stop - rows.start, seen]
            slope = np.matmul(both, below[..., seen], out=out)
            slope *= powers
            to_k = slope.mT @ scaled[..., rows, :]
            dQ[..., rows, :] = slope @ K[..., seen, :]
            if first:
                dK[..., seen, :], dV[..., seen, :] = to_k, to_v
                dK[..., seen.stop :, :] = dV[..., seen.stop :, :] = 0.0
                first = False
            else:
                dK[..., seen, :] += to_k
                dV[..., seen, :] += to_v
        if first:
            dK[...] = dV[...] = 0.0
        dQ *= scale


def _widened(*arrays: Any) -> list[Any]:
    """float16 in float32."""
    return [x.astype(np.float32) if x.dtype is _HALF else x for x in arrays]


def _lead(q: Any, k: Any, v: Any, mask: Any) -> tuple[tuple[int, ...], Any]:
    """Axes before the last two, and the mask with the scores' last two; None for no mask."""
    if not mask.ndim and mask.dtype is _BOOL and mask:
        mask = None
    else:
        sides = (*mask.shape[:-2], q.shape[-2], k.shape[-2])
        mask = np.broadcast_to(mask, sides)
    given = [x.shape[:-2] for x in (q, k, v, mask) if x is not None]
    return np.broadcast_shapes(*given), mask


def _parts(
    lead: tuple[int, ...], causal: bool, q: Any, k: Any, *others: Any
) -> Iterator[list[Any]]:
    """The arrays for some heads at a time; an array may be None."""
    views = [
        x if x is None or x.shape[:-2] == lead else np.broadcast_to(x, (*lead, *x.shape[-2:]))
        for x in (q, k, *others)
    ]
    if not lead:
        yield views
        return
    count = max(1, _SCORES // max(1, min(q.shape[-2], _rows(k, causal)) * k.shape[-2]))
    columns, rows = min(max(lead[-1], 1), count), max(1, count // max(lead[-1], 1))
    outer = lead[-2] if len(lead) > 1 else 1
    for index in np.ndindex(lead[:-2]):
        for i in range(0, outer, rows):
            for j in range(0, lead[-1], columns):
                here: Any = (*index, slice(i, i + rows), slice(j, j + columns))
                if len(lead) == 1:
                    here = here[1:]
                yield [None if x is None else x[here] for x in views]


def _blocks(q: Any, k: Any, mask: Any, causal: bool) -> Iterator[tuple[slice, Any, Any]]:
    """For blocks of rows: which, the powers of their scores, and one over the sums of these.

    The memory of the powers is used again for the next block.
    """
    # A product with a transposed array of so few columns takes nearly twice as long as with a copy.
    across = np.ascontiguousarray(k.mT)
    length, keys = q.shape[-2], k.shape[-2]
    ones = np.ones((keys, 1), q.dtype)
    space = np.empty((*q.shape[:-2], min(_rows(k, causal), length), keys), q.dtype)
    modest = (mask is None or mask.dtype is _BOOL) and _bound(q, k) <= _MODEST
    step = _rows(k, causal)
    for start in reversed(range(0, length, step)):
        stop = min(start + step, length)
        seen = min(stop, keys) if causal else keys
        out = space[..., : stop - start, :seen]
        scores = np.matmul(q[..., start:stop, :], across[..., :seen], out=out)
        masks = [] if mask is None else [(scores, mask[..., start:stop, :seen])]
        if causal and seen > start:
            masks.append((scores[..., start:], causal_mask(stop - start, seen - start)))
        if modest:
            np.exp(scores, out=scores)
            for part, allowed in masks:
                # A product with bools takes twice as long as one with floats.
                np.multiply(part, allowed.astype(part.dtype), out=part)
        else:
            _masked_powers(scores, masks)
        sums = scores @ ones[:seen]
        with np.errstate(divide="ignore"):
            share = np.reciprocal(sums)
        share[sums == 0] = 0.0
        yield slice(start, stop), scores, share


def _rows(k: Any, causal: bool) -> int:
    """Rows of a block: few where that leaves out keys, but enough for quick products."""
    keys = int(k.shape[-2])
    return min(max(keys // 4 if causal else keys, _FEWEST_ROWS), _MOST_ROWS)


def _bound(q: Any, k: Any) -> float:
    """No score is larger: the product of the largest lengths of vectors."""
    if not q.size or not k.size:
        return 0.0
    squares = [float(np.vecdot(x, x).max()) for x in (q, k)]
    return sqrt(prod(squares))


def _masked_powers(scores: Any, masks: list[tuple[Any, Any]]) -> None:
    """Write exp(score − largest of the row) into `scores`; 0 where masked."""
    for part, mask in masks:
        if mask.dtype is _BOOL:
            np.copyto(part, -inf, where=~mask)
        else:
            np.add(part, mask, out=part)
    largest = scores.max(-1, keepdims=True, initial=-inf)
    largest[largest == -inf] = 0.0
    scores -= largest
    np.exp(scores, out=scores)
