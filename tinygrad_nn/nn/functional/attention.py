"""Attention as functions, with PyTorch's names, argument order and shapes."""

from __future__ import annotations

from math import sqrt
from typing import Any

from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.nn.functional import heads as parts
from tinygrad_nn.nn.functional.dropout import dropout
from tinygrad_nn.nn.functional.heads import EVERY
from tinygrad_nn.nn.functional.operands import floats, probability
from tinygrad_nn.ops.attention import attention, masked_scores, self_attention, weights
from tinygrad_nn.ops.reduce import mean
from tinygrad_nn.ops.shape import expand_dims, reshape, squeeze
from tinygrad_nn.ops.softmax import softmax

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    rng: Any = None,
) -> Any:
    """softmax(scale · q kᵀ + mask) v: each query's mean of the values, weighted by its scores.

    `(…, L, E), (…, S, E), (…, S, Ev) -> (…, L, Ev)`; leading axes broadcast. Without dropout the
    scores are never kept: memory does not grow with L · S. A query that may see nothing gets
    zeros.

    Args:
        query: Queries.
        key: Keys.
        value: Values.
        attn_mask: Bools, True where a query MAY see a key (in `MultiheadAttention` True hides
            it), or floats that are added to the scores; broadcasts to (…, L, S).
        dropout_p: Probability of leaving out a weight, whatever the mode of any module.
        is_causal: Query i sees the keys up to i only, besides `attn_mask`.
        scale: Factor of the scores; 1/√E if None.
        enable_gqa: Keys and values have fewer heads (axis -3), each for several of the queries'.
        rng: Seed or generator of the dropout.

    Raises:
        ShapeError: The shapes do not fit.
        DTypeError: The dtypes differ, or the mask has integers.
        OptionError: `dropout_p` is outside [0, 1].

    Source:
        Vaswani et al. 2017, "Attention is all you need", section 3.2.1.
    """
    name = "scaled_dot_product_attention"
    p = probability(name, dropout_p)
    q, k, v = floats(name, query), floats(name, key), floats(name, value)
    parts.same_dtypes(name, {"query": q, "key": k, "value": v})
    mask = EVERY if attn_mask is None else parts.as_mask(name, "attn_mask", attn_mask, q.dtype)
    if scale is None:
        scale = 1 / sqrt(q.shape[-1]) if q.ndim and q.shape[-1] else 1.0
    if enable_gqa:
        y = _attended(*parts.grouped(name, q, k, v, mask), is_causal, scale, p, rng)
        return reshape(y, (*y.shape[:-4], y.shape[-4] * y.shape[-3], *y.shape[-2:]))
    many, few = (x.shape[-3] if x.ndim > 2 else 1 for x in (q, k))
    if few > 1 and many > few and not many % few:
        raise ShapeError(
            f"{name}: got query {q.shape} and key {k.shape}, expected one number of heads at axis "
            f"-3, not {many} and {few}; enable_gqa=True shares keys between heads"
        )
    return _attended(q, k, v, mask, is_causal, scale, p, rng)


def _attended(
    q: Any, k: Any, v: Any, mask: Any, is_causal: bool, scale: float, p: float, rng: Any
) -> Any:
    if not p:
        return attention(q, k, v, mask, is_causal=bool(is_causal), scale=scale)
    return dropout(weights(q, k, mask, is_causal, scale), p, rng=rng) @ v


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
    *,
    batch_first: bool = False,
    rng: Any = None,
) -> tuple[Any, Any]:
    """Attention in several heads, with all weights as arguments; see `nn.MultiheadAttention`.

    `(L, N, E), (S, N, E), (S, N, E) -> (L, N, E)` and the weights `(N, L, S)`, or None.

    Args:
        query: Queries (L, N, E), or (L, E) of one sample.
        key: Keys (S, N, E).
        value: Values (S, N, E).
        embed_dim_to_check: E.
        num_heads: Number of heads, a divisor of E.
        in_proj_weight: Weight (3 E, E) of queries, keys and values at once.
        in_proj_bias: Bias (3 E,), or None.
        bias_k: One key more (1, 1, E) for each sequence, or None.
        bias_v: Its value.
        add_zero_attn: Whether each sequence has a key and a value of zeros more.
        dropout_p: Probability of leaving out a weight in training.
        out_proj_weight: Weight (E, E) behind the heads.
        out_proj_bias: Bias (E,), or None.
        training: Whether to leave out weights.
        key_padding_mask: (N, S), True where a key is padding, or floats to add.
        need_weights: Whether to return the weights, which then have to be kept.
        attn_mask: (L, S) or (N · heads, L, S), True where a query may NOT see a key, or floats.
        use_separate_proj_weight: Use the next three weights.
        q_proj_weight: Weight (E, E) of the queries.
        k_proj_weight: Weight (E, features of key) of the keys.
        v_proj_weight: Weight (E, features of value) of the values.
        static_k: Keys (N · heads, S, E / heads) in place of projected ones.
        static_v: Values, likewise.
        average_attn_weights: Return the mean of the heads' weights, or (N, heads, L, S).
        is_causal: Promise that `attn_mask` is the causal one, which then is not read.
        batch_first: Whether arrays are (N, L, E).
        rng: Seed or generator of the dropout.

    Raises:
        ShapeError: The shapes do not fit.
        DTypeError: The dtypes differ, or a mask has integers.
        OptionError: E is no multiple of `num_heads`, or the options contradict each other.
    """
    name = "multi_head_attention_forward"
    p = probability(name, dropout_p) if training else 0.0
    parts.check_heads(name, embed_dim_to_check, num_heads)
    query, key, value = _same_objects(lambda x: floats(name, x), query, key, value)
    packed = not use_separate_proj_weight
    projections = (in_proj_weight,) if packed else (q_proj_weight, k_proj_weight, v_proj_weight)
    if any(weight is None for weight in projections):
        raise OperandError(
            f"{name}: got None for a weight, expected q_proj_weight, k_proj_weight and "
            "v_proj_weight with use_separate_proj_weight, and in_proj_weight without"
        )
    given = {"query": query, "key": key, "value": value, "the weights": projections[0]}
    parts.same_dtypes(name, given)
    batched = parts.check_sequences(
        name, query, key, value, embed_dim_to_check, packed, batch_first
    )
    axis = 0 if batch_first else 1
    if not batched:
        query, key, value = _same_objects(lambda x: expand_dims(x, axis), query, key, value)
    sizes = (query.shape[axis], num_heads, query.shape[1 - axis], key.shape[1 - axis])
    if is_causal and attn_mask is None:
        raise OptionError(
            f"{name}: got is_causal=True without attn_mask, expected the mask too: "
            "Transformer.generate_square_subsequent_mask(L)"
        )
    causal = is_causal and key_padding_mask is None and not need_weights
    masks = (None if causal else attn_mask, key_padding_mask)
    mask = _one_mask(name, masks, query.dtype, sizes, batched, batch_first)
    inputs = (query, key, value)
    if packed:
        qkv = parts.packed(inputs, in_proj_weight, in_proj_bias, num_heads, batch_first)
    else:
        qkv = parts.separate(inputs, projections, in_proj_bias, num_heads, batch_first)
    extra = (bias_k, bias_v, static_k, static_v)
    if add_zero_attn or any(x is not None for x in extra):
        qkv, mask = parts.with_extra(name, qkv, mask, extra, add_zero_attn)
    y, table = _in_heads(qkv, mask, causal, p, need_weights, rng)
    y = parts.affine(parts.joined(y, batch_first), out_proj_weight, out_proj_bias)
    if table is not None and average_attn_weights:
        table = mean(table, 1)
    if batched:
        return y, table
    return squeeze(y, axis), None if table is None else squeeze(table, 0)


def _one_mask(
    name: str,
    masks: tuple[Any, Any],
    dtype: Any,
    sizes: tuple[int, int, int, int],
    batched: bool,
    batch_first: bool,
) -> Any:
    """`attn_mask` and `key_padding_mask` as one mask of the scores."""
    attn_mask, key_padding_mask = masks
    hint = _swapped(sizes, attn_mask, key_padding_mask, batched, batch_first)
    mask = EVERY
    if attn_mask is not None:
        mask = parts.as_mask(name, "attn_mask", attn_mask, dtype)
        mask = parts.score_mask(name, mask, sizes, hint)
    if key_padding_mask is not None:
        keys = parts.as_mask(name, "key_padding_mask", key_padding_mask, dtype)
        keys = parts.key_mask(name, keys, sizes[0], sizes[3], batched, hint)
        mask = parts.both(mask, keys, dtype)
    return mask


def _in_heads(
    qkv: Any, mask: Any, causal: bool, p: float, need_weights: bool, rng: Any
) -> tuple[Any, Any]:
    """Result of each head, and the weights if they are needed."""
    apart = isinstance(qkv, tuple)
    scale = 1 / sqrt(qkv[0].shape[-1])
    if not (apart or p or need_weights):
        return self_attention(qkv, mask, is_causal=causal, scale=scale), None
    q, k, v = qkv if apart else (qkv[0], qkv[1], qkv[2])
    if not need_weights:
        return _attended(q, k, v, mask, causal, scale, p, rng), None
    # Not `weights`: whoever looks at them shall see that a row saw nothing, as NaN.
    table = softmax(masked_scores(q, k, mask, causal, scale))
    if p:
        table = dropout(table, p, rng=rng)
    return table @ v, table


def _same_objects(function: Any, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """`function` of each, once where they are the same object: then they are projected at once."""
    q = function(query)
    k = q if key is query else function(key)
    return q, k, k if value is key else function(value)


def _swapped(
    sizes: tuple[int, int, int, int], mask: Any, padding: Any, batched: bool, batch_first: bool
) -> str:
    """What to try where a mask fits the inputs with the axes of batch and sequence exchanged."""
    samples, _, rows, keys = sizes
    shapes = [getattr(x, "shape", None) for x in (mask, padding)]
    if batched and rows == keys and samples != rows:
        if shapes[0] == (samples, samples) or shapes[1] == (rows, samples):
            layout = "(N, L, E)" if batch_first else "(L, N, E)"
            return f"; inputs are read as {layout}: is batch_first={not batch_first} meant?"
    return ""
