"""Attention for NumPy arrays, a few heads at a time, so that their scores stay in the cache.

The scores are made twice, once in each direction, and never kept: memory grows with the length
of the sequences and not with its square (T. Dao and others, "FlashAttention", 2022). Rows are
divided by their sums where the arrays are thin: before or behind a product, not in the scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod
from typing import Any

import numpy as np

__all__ = ["attention", "attention_slope", "causal_mask", "self_attention_slope"]

_HALF = np.dtype(np.float16)
_BOOL = np.dtype(bool)
# Scores worked on at a time: with what is beside them, float32 stays in a cache of 1 MB. With
# the half or the double, either direction took 5 to 19 % longer.
_SCORES, _SLOPES = 2**17, 2**16
# Rows worked on at a time; with a causal mask each block leaves out the keys that come later.
_FEWEST_ROWS, _MOST_ROWS = 32, 128
# Sums of powers for which no maximum had to be taken out before the exponential: nothing was
# lost above, and what was lost below does not count. A look at the sums takes 2 % of a pass,
# where bounds from the lengths of queries and keys took 5 to 9.
_LEAST, _MOST = 1e-13, 1e13


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
    for Q, K, V, M, O in _parts(_SCORES, lead, causal, q, k, v, mask, out):  # noqa: E741
        for rows, powers, share in _blocks(Q, K, M, causal, scale):
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
    for Q, K, V, M, G, D, *into in _parts(_SLOPES, lead, causal, q, k, v, mask, g, delta, *found):
        dQ, dK, dV = into
        front, dtype, few = Q.shape[:-2], dQ.dtype, min(_rows(K, causal), Q.shape[-2])
        keys, wide = V.shape[-2:]
        # With a row of ones below the values and -δ beside each gradient, their product is
        # g vᵀ - δ; here by the scale, which dq and dk want both.
        below = np.empty((*front, wide + 1, keys), dtype)
        below[..., :wide, :], below[..., wide, :] = V.mT, 1.0
        below *= scale
        beside = np.empty((*front, few, wide + 1), dtype)
        space = np.empty(prod(front) * few * keys, dtype)
        # Sums over the blocks: in order, since dk and dv may be columns of a wider array.
        to_k, to_v = np.empty((*front, *K.shape[-2:]), dtype), np.empty((*front, keys, wide), dtype)
        first = True
        for rows, powers, share in _blocks(Q, K, M, causal, scale):
            seen = slice(0, powers.shape[-1])
            both = beside[..., : rows.stop - rows.start, :]
            mine = np.multiply(G[..., rows, :], share, out=both[..., :wide])
            np.multiply(D[..., rows, :], -share, out=both[..., wide:])
            slope = space[: powers.size].reshape(powers.shape)
            np.matmul(both, below[..., seen], out=slope)
            slope *= powers
            np.matmul(slope, K[..., seen, :], out=dQ[..., rows, :])
            if first:
                np.matmul(slope.mT, Q[..., rows, :], out=to_k[..., seen, :])
                np.matmul(powers.mT, mine, out=to_v[..., seen, :])
                to_k[..., seen.stop :, :] = to_v[..., seen.stop :, :] = 0.0
                first = False
            else:
                to_k[..., seen, :] += slope.mT @ Q[..., rows, :]
                to_v[..., seen, :] += powers.mT @ mine
        if first:
            to_k[...] = to_v[...] = 0.0
        dK[...], dV[...] = to_k, to_v


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
    scores: int, lead: tuple[int, ...], causal: bool, q: Any, k: Any, *others: Any
) -> Iterator[list[Any]]:
    """The arrays for so many heads at a time that a block has `scores`; an array may be None."""
    views = [
        x if x is None or x.shape[:-2] == lead else np.broadcast_to(x, (*lead, *x.shape[-2:]))
        for x in (q, k, *others)
    ]
    if not lead:
        yield views
        return
    count = max(1, scores // max(1, min(q.shape[-2], _rows(k, causal)) * k.shape[-2]))
    columns, rows = min(max(lead[-1], 1), count), max(1, count // max(lead[-1], 1))
    outer = lead[-2] if len(lead) > 1 else 1
    for index in np.ndindex(lead[:-2]):
        for i in range(0, outer, rows):
            for j in range(0, lead[-1], columns):
                here: Any = (*index, slice(i, i + rows), slice(j, j + columns))
                if len(lead) == 1:
                    here = here[1:]
                yield [None if x is None else x[here] for x in views]


def _blocks(
    q: Any, k: Any, mask: Any, causal: bool, scale: float
) -> Iterator[tuple[slice, Any, Any]]:
    """For blocks of rows: which, the powers of their scores, and one over the sums of these.

    The memory of the powers is used again for the next block.
    """
    front, length, keys = q.shape[:-2], q.shape[-2], k.shape[-2]
    step, dtype = _rows(k, causal), np.result_type(q, k)
    # A product with a transposed array of so few columns takes nearly twice as long as with a copy.
    across = np.array(k.mT, dtype, order="C")
    across *= scale
    ones, triangle = np.ones((keys, 1), dtype), causal_mask(step, step)
    space = np.empty(prod(front) * min(step, length) * keys, dtype)
    for start in reversed(range(0, length, step)):
        stop = min(start + step, length)
        seen = min(stop, keys) if causal else keys
        shape = (*front, stop - start, seen)
        scores = space[: prod(shape)].reshape(shape)
        masks = [] if mask is None else [(scores, mask[..., start:stop, :seen])]
        if causal and seen > start:
            masks.append((scores[..., start:], triangle[: stop - start, : seen - start]))
        rows, columns = q[..., start:stop, :], across[..., :seen]
        np.matmul(rows, columns, out=scores)
        sums = _plain_powers(scores, masks, ones[:seen])
        if sums.size and not (sums.min() > _LEAST and sums.max() < _MOST):
            np.matmul(rows, columns, out=scores)
            _masked_powers(scores, masks)
            sums = scores @ ones[:seen]
            empty = sums == 0
            sums[empty] = 1.0
            share = np.reciprocal(sums)
            share[empty] = 0.0
        else:
            share = np.reciprocal(sums)
        yield slice(start, stop), scores, share


def _rows(k: Any, causal: bool) -> int:
    """Rows of a block: few where that leaves out keys, but enough for quick products."""
    keys = int(k.shape[-2])
    return min(max(keys // 4 if causal else keys, _FEWEST_ROWS), _MOST_ROWS)


def _plain_powers(scores: Any, masks: list[tuple[Any, Any]], ones: Any) -> Any:
    """Write exp(score) into `scores`, 0 where masked; gives the sums of the rows.

    They tell whether none was too large or too small for it.
    """
    with np.errstate(all="ignore"):
        for part, mask in masks:
            if mask.dtype is not _BOOL:
                np.add(part, mask, out=part)
        np.exp(scores, out=scores)
        for part, mask in masks:
            if mask.dtype is _BOOL:
                # A product with bools takes twice as long as one with floats.
                np.multiply(part, mask.astype(part.dtype), out=part)
        return scores @ ones


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
