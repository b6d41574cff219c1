"""Attention as one node: each row of queries takes a weighted mean of the values.

y = P v with P = softmax(scale · q kᵀ + mask). P is not kept, but computed anew in the backward
pass: one product more, and an array of (L, S) less for each head. With the gradient g, and δ the
sums of the rows of g y: dS = P (g vᵀ − δ), dq = scale · dS k, dk = scale · dSᵀ q, dv = Pᵀ g.
A. Vaswani and others, "Attention is all you need" (2017), section 3.2.
"""

from __future__ import annotations

from math import inf, prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import DTypeError, ShapeError
from tinygrad_nn.ops.join import stack
from tinygrad_nn.ops.normalization import _dot_over
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.ops.softmax import softmax

__all__: list[str] = []


# ── Its weights, made of other operations ───────────────────────────────────────────────


def _drawn_scores(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=2)),), {}


@op(kind=Kind.CONSTANT, samples=_drawn_scores)
def causal(x: Any, /) -> Any:
    """Mask of the last two axes of `x`: True where row i may see column j, j ≤ i. No gradient."""
    return namespace(x).causal_mask(*x.shape[-2:])


@op(kind=Kind.CONSTANT, samples=_drawn_scores)
def blind(x: Any, /) -> Any:
    """True for each row of scores that are all -inf, as a column. No gradient."""
    functions = namespace(x)
    return functions.all(x == -inf, axis=-1, keepdims=True)


def masked_scores(q: Any, k: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    """scale · q kᵀ, -inf where masked. A bool mask is True where a row may see the key."""
    scores = scale * (q @ k.mT)
    if mask.dtype.kind == "b":
        scores = where(mask, scores, -inf)
    else:
        scores = scores + mask
    return where(causal(scores), scores, -inf) if is_causal else scores


def weights(q: Any, k: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    """softmax(scale · q kᵀ + mask); zeros in a row that may see nothing."""
    scores = masked_scores(q, k, mask, is_causal, scale)
    empty = blind(scores)
    return where(empty, 0.0, softmax(where(empty, 0.0, scores)))


# ── Queries, keys and values apart ──────────────────────────────────────────────────────


def _masks(draw: Draw, lead: tuple[int, ...], rows: int, columns: int) -> Any:
    every = draw.mask(()) | True
    drawn = [(rows, columns), (1, columns), (*lead, 1, columns), (*lead, rows, columns)]
    shape = draw.choice(drawn)
    return draw.choice([every, draw.mask(shape), draw.array(shape)])


def _attended(draw: Draw) -> Sample:
    lead = draw.shape(max_dims=2)
    rows, columns, inside, outside = (draw.integer(0, 3) for _ in range(4))
    few = draw.choice([lead, lead[1:], (), tuple(1 for _ in lead)])
    q, k = draw.array((*lead, rows, inside)), draw.array((*few, columns, inside))
    v = draw.array((*few, columns, outside))
    mask = _masks(draw, lead, rows, columns)
    return (q, k, v, mask), {"is_causal": draw.choice([False, True]), "scale": 0.5}


def _attention_pull(
    g: Any,
    y: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    needs: tuple[bool, ...],
    is_causal: bool,
    scale: float,
) -> tuple[Any, ...]:
    delta = _dot_over(g, y, axes=(g.ndim - 1,))
    to_mask = None
    if needs[3]:
        to_mask = weights(q, k, mask, is_causal, scale) * (g @ v.mT - delta)
    if not any(needs[:3]):
        return None, None, None, to_mask
    flat = attention_slope(g, delta, q, k, v, mask, is_causal=is_causal, scale=scale)
    return (*_cut(flat, g, (q, k, v)), to_mask)


def _cut(flat: Any, g: Any, qkv: tuple[Any, ...]) -> list[Any]:
    """Parts of a flat array, one for each of `qkv`, with the leading axes of `g`."""
    parts, start = [], 0
    for x in qkv:
        shape = (*g.shape[:-2], *x.shape[-2:])
        parts.append(reshape(flat[start : start + prod(shape)], shape))
        start += prod(shape)
    return parts


@op(pullback=_attention_pull, samples=_attended)
def attention(q: Any, k: Any, v: Any, mask: Any, /, is_causal: bool, scale: float) -> Any:
    """softmax(scale · q kᵀ + mask) v: `(…, L, E), (…, S, E), (…, S, Ev), … -> (…, L, Ev)`.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        mask: Bools, True where a query may see a key, or floats that are added to the scores;
            broadcast to (…, L, S). True alone masks nothing.
        is_causal: Query i sees the keys up to i only, of those that the mask lets it see.
        scale: Factor of the scores.

    A query that may see nothing gets zeros, as PyTorch's.

    Raises:
        ShapeError: The shapes do not fit.
        DTypeError: The mask has neither bools nor floats.
    """
    _check(q, k, v, mask)
    return namespace(q).attention(q, k, v, mask, is_causal, scale)


def _check(q: Any, k: Any, v: Any, mask: Any) -> None:
    got = f"attention: got queries {q.shape}, keys {k.shape} and values {v.shape}, expected "
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ShapeError(got + "two axes at least: (…, length, features)")
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            got + f"keys with as many features as the queries: (…, {k.shape[-2]}, {q.shape[-1]})"
        )
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(got + f"one value for each key: (…, {k.shape[-2]}, {v.shape[-1]})")
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            f"attention: got a mask of {mask.dtype}, expected bools (True: may be seen) or floats "
            "that are added to the scores; convert it with mask != 0"
        )
    fits = mask.ndim < 1 or mask.shape[-1] in (1, k.shape[-2])
    if not fits or (mask.ndim > 1 and mask.shape[-2] not in (1, q.shape[-2])):
        raise ShapeError(
            f"attention: got a mask {mask.shape} for {q.shape[-2]} queries and {k.shape[-2]} "
            f"keys, expected (…, {q.shape[-2]}, {k.shape[-2]}), or 1 where all have the same"
        )


# ── The gradient, as an operation that has gradients itself ─────────────────────────────


def _second(
    abc: Any, g: Any, delta: Any, qkv: Any, mask: Any, is_causal: bool, scale: float
) -> tuple[Any, ...]:
    """Gradients of <a, dq> + <b, dk> + <c, dv> for g, δ, q, k, v and the mask."""
    (a, b, c), (q, k, v) = abc, qkv
    p = weights(q, k, mask, is_causal, scale)
    moved = p * (scale * (a @ k.mT + q @ b.mT))
    slope = g @ v.mT - delta
    ds = p * slope
    # Of p: what the softmax makes of the gradient that arrives there.
    to_p = moved * slope + p * (g @ c.mT)
    to_scores = to_p - p * total(to_p, -1, True)
    return (
        moved @ v + p @ c,
        -total(moved, -1, True),
        scale * (to_scores @ k + ds @ b),
        scale * (to_scores.mT @ q + ds.mT @ a),
        moved.mT @ g,
        to_scores,
    )


def _sloped(draw: Draw) -> Sample:
    (q, k, v, mask), static = _attended(draw)
    y = attention(q, k, v, mask, **static)
    return (draw.array(y.shape), draw.array((*y.shape[:-1], 1)), q, k, v, mask), static


def _slope_pull(
    h: Any,
    y: Any,
    g: Any,
    delta: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    needs: Any,
    is_causal: bool,
    scale: float,
) -> tuple[Any, ...]:
    found = _second(_cut(h, g, (q, k, v)), g, delta, (q, k, v), mask, is_causal, scale)
    return found if needs[5] else (*found[:5], None)


@op(pullback=_slope_pull, samples=_sloped)
def attention_slope(
    g: Any, delta: Any, q: Any, k: Any, v: Any, mask: Any, /, is_causal: bool, scale: float
) -> Any:
    """Gradients of the queries, keys and values one behind the other, in one flat array.

    Each in the shape that it has with the leading axes of `g`; `delta` is δ, a column.
    """
    functions = namespace(q)
    found = functions.attention_slope(g, delta, q, k, v, mask, is_causal, scale)
    return functions.concat([x.reshape(-1) for x in found])


# ── Queries, keys and values in one array ───────────────────────────────────────────────


def _stacked(draw: Draw) -> Sample:
    lead = draw.shape(max_dims=2)
    rows, inside = draw.integer(0, 3), draw.integer(0, 3)
    mask = _masks(draw, lead, rows, rows)
    static = {"is_causal": draw.choice([False, True]), "scale": 0.5}
    return (draw.array((3, *lead, rows, inside)), mask), static


def _self_pull(
    g: Any, y: Any, qkv: Any, mask: Any, needs: Any, is_causal: bool, scale: float
) -> tuple[Any, ...]:
    delta = _dot_over(g, y, axes=(g.ndim - 1,))
    to_mask = None
    if needs[1]:
        p = weights(qkv[0], qkv[1], mask, is_causal, scale)
        to_mask = p * (g @ qkv[2].mT - delta)
    if not needs[0]:
        return None, to_mask
    return self_attention_slope(g, delta, qkv, mask, is_causal=is_causal, scale=scale), to_mask


@op(pullback=_self_pull, samples=_stacked)
def self_attention(qkv: Any, mask: Any, /, is_causal: bool, scale: float) -> Any:
    """`attention(*qkv, mask)` of `(3, …, L, E)`, whose gradient is one array of that shape.

    A projection to queries, keys and values at once needs no cutting and no joining so.

    Raises:
        ShapeError: The shapes do not fit.
        DTypeError: The mask has neither bools nor floats.
    """
    q, k, v = qkv
    _check(q, k, v, mask)
    y = namespace(q).attention(q, k, v, mask, is_causal, scale)
    if y.ndim + 1 != qkv.ndim or y.shape[:-2] != q.shape[:-2]:
        raise ShapeError(
            f"self_attention: got a mask {mask.shape} for queries {q.shape}, expected one that "
            "broadcasts to their scores"
        )
    return y


def _self_sloped(draw: Draw) -> Sample:
    (qkv, mask), static = _stacked(draw)
    shape = qkv.shape[1:]
    return (draw.array(shape), draw.array((*shape[:-1], 1)), qkv, mask), static


def _self_slope_pull(
    h: Any,
    y: Any,
    g: Any,
    delta: Any,
    qkv: Any,
    mask: Any,
    needs: Any,
    is_causal: bool,
    scale: float,
) -> tuple[Any, ...]:
    parts = [h[i] for i in range(3)]
    qkv = [qkv[i] for i in range(3)]
    to_g, to_delta, *to_qkv, to_mask = _second(parts, g, delta, qkv, mask, is_causal, scale)
    return to_g, to_delta, stack(to_qkv), to_mask if needs[3] else None


@op(pullback=_self_slope_pull, samples=_self_sloped)
def self_attention_slope(
    g: Any, delta: Any, qkv: Any, mask: Any, /, is_causal: bool, scale: float
) -> Any:
    """Gradient of queries, keys and values in one array; `delta` is δ, a column."""
    return namespace(qkv).self_attention_slope(g, delta, qkv, mask, is_causal, scale)
