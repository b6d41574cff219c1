"""Parts of attention in several heads: projections, masks, and the axes they are told apart by."""

from __future__ import annotations

from math import inf
from typing import Any

from tinygrad_nn.creation import full
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.ops.select import logical_and, logical_not, where
from tinygrad_nn.ops.shape import astype, broadcast_to, expand_dims, permute_dims, reshape
from tinygrad_nn.tensor import Tensor, tensor

__all__: list[str] = []

EVERY = tensor(True)
"""The mask that lets every query see every key."""


# ── Masks ───────────────────────────────────────────────────────────────────────────────


def as_mask(name: str, what: str, mask: Any, dtype: Any) -> Any:
    """Tensor of bools, or of floats of `dtype`.

    Raises:
        DTypeError: It has integers.
    """
    mask = mask if isinstance(mask, Tensor) else tensor(mask)
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            f"{name}: got {what} of {mask.dtype}, expected bools, or floats that are added to the "
            "scores; convert it: mask != 0"
        )
    return mask if mask.dtype.kind == "b" or mask.dtype == dtype else astype(mask, dtype)


def both(a: Any, b: Any, dtype: Any) -> Any:
    """One mask for two: bools are True where a query may see a key."""
    if a is EVERY or b is EVERY:
        return b if a is EVERY else a
    if a.dtype.kind == b.dtype.kind == "b":
        return logical_and(a, b)
    return _added(a, dtype) + _added(b, dtype)


def _added(mask: Any, dtype: Any) -> Any:
    if mask.dtype.kind != "b":
        return mask
    return where(mask, full((), 0.0, dtype=dtype), full((), -inf, dtype=dtype))


def score_mask(name: str, mask: Any, sizes: tuple[int, int, int, int], hint: str) -> Any:
    """`attn_mask`, which is True where nothing may be seen, as `(L, S)` or `(N, heads, L, S)`.

    Raises:
        ShapeError: It is neither (L, S) nor (N · heads, L, S).
    """
    samples, heads, rows, keys = sizes
    shape = tuple(mask.shape)
    if shape not in ((rows, keys), (samples * heads, rows, keys)):
        raise ShapeError(
            f"{name}: got attn_mask {shape}, expected {(rows, keys)}: (L, S), or "
            f"{(samples * heads, rows, keys)}: (N · heads, L, S), for {rows} queries, {keys} "
            f"keys, {samples} samples and {heads} heads{hint}"
        )
    mask = logical_not(mask) if mask.dtype.kind == "b" else mask
    return mask if mask.ndim == 2 else reshape(mask, sizes)


def key_mask(name: str, mask: Any, samples: int, keys: int, batched: bool, hint: str) -> Any:
    """`key_padding_mask`, True where a key is padding, as `(N, 1, 1, S)`.

    Raises:
        ShapeError: It is not (N, S), or (S,) of one sample.
    """
    wanted = (samples, keys) if batched else (keys,)
    if tuple(mask.shape) != wanted:
        raise ShapeError(
            f"{name}: got key_padding_mask {tuple(mask.shape)}, expected {wanted}: "
            f"{'(N, S)' if batched else '(S,)'}{hint}"
        )
    mask = logical_not(mask) if mask.dtype.kind == "b" else mask
    return reshape(mask, (samples, 1, 1, keys))


def widened(mask: Any, more: int) -> Any:
    """The mask for `more` keys at the end, which all may see."""
    if mask is EVERY or not more:
        return mask
    free: Any = mask.dtype.kind == "b"
    rest = full((*mask.shape[:-1], more), free or 0.0, dtype=mask.dtype)
    return concat([mask, rest], -1)


# ── Projections ─────────────────────────────────────────────────────────────────────────


def in_heads(x: Any, parts: int, heads: int, batch_first: bool) -> Any:
    """`(L, N, parts · heads · D)` as a view `(parts, N, heads, L, D)`."""
    a, b, width = x.shape
    x = reshape(x, (a, b, parts, heads, width // (parts * heads)))
    return permute_dims(x, (2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4))


def joined(y: Any, batch_first: bool) -> Any:
    """`(N, heads, L, D)` as `(L, N, heads · D)`: undoes `in_heads`."""
    y = permute_dims(y, (0, 2, 1, 3) if batch_first else (2, 0, 1, 3))
    return reshape(y, (*y.shape[:2], y.shape[2] * y.shape[3]))


def packed(inputs: Any, weight: Any, bias: Any, heads: int, batch_first: bool) -> Any:
    """Queries, keys and values by one weight (3 E, E): in one array where they are of one input."""
    query, key, value = inputs
    if query is key and key is value:
        return in_heads(affine(query, weight, bias), 3, heads, batch_first)
    size = weight.shape[1]
    if key is value:
        q = affine(query, weight[:size], None if bias is None else bias[:size])
        kv = affine(key, weight[size:], None if bias is None else bias[size:])
        kv = in_heads(kv, 2, heads, batch_first)
        return in_heads(q, 1, heads, batch_first)[0], kv[0], kv[1]
    rows = [weight[i * size : (i + 1) * size] for i in range(3)]
    return separate(inputs, rows, bias, heads, batch_first)


def separate(inputs: Any, weights: Any, bias: Any, heads: int, batch_first: bool) -> Any:
    """Queries, keys and values, each by a weight of its own."""
    size = weights[0].shape[0]
    found = []
    for i, (x, weight) in enumerate(zip(inputs, weights, strict=True)):
        own = None if bias is None else bias[i * size : (i + 1) * size]
        found.append(in_heads(affine(x, weight, own), 1, heads, batch_first)[0])
    return tuple(found)


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """x Wᵀ + b, or without b."""
    return linear(x, weight) if bias is None else linear(x, weight, bias)


def with_extra(name: str, qkv: Any, mask: Any, extra: Any, zero: bool) -> tuple[Any, Any]:
    """Queries, keys and values with the keys added that no input gave; and the mask for them.

    Raises:
        OptionError: Of a pair only one is given, or both pairs.
    """
    bias_k, bias_v, static_k, static_v = extra
    q, k, v = qkv if isinstance(qkv, tuple) else (qkv[0], qkv[1], qkv[2])
    if (bias_k is None) != (bias_v is None):
        raise OptionError(f"{name}: got only one of bias_k and bias_v, expected both or neither")
    more = 0
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise OptionError(
                f"{name}: got bias_k and static keys or values, expected one of them: add the "
                "bias to the static ones"
            )
        k, v, more = _with_key(k, bias_k), _with_key(v, bias_v), 1
    if static_k is not None:
        k = _fixed(name, "static_k", static_k, q)
    if static_v is not None:
        v = _fixed(name, "static_v", static_v, q)
    if zero:
        k, v, more = _with_key(k, None), _with_key(v, None), more + 1
    return (q, k, v), widened(mask, more)


def _with_key(x: Any, more: Any) -> Any:
    """`(N, heads, S, D)` with one key or value more at the end: `(1, 1, E)`, or zeros if None."""
    samples, heads, _, width = x.shape
    if more is None:
        last = full((samples, heads, 1, width), 0.0, dtype=x.dtype)
    else:
        last = broadcast_to(reshape(more, (1, heads, 1, width)), (samples, heads, 1, width))
    return concat([x, last], -2)


def _fixed(name: str, what: str, x: Any, q: Any) -> Any:
    """`static_k` or `static_v` (N · heads, S, D) as (N, heads, S, D)."""
    samples, heads, _, width = q.shape
    if x.ndim != 3 or x.shape[0] != samples * heads or x.shape[2] != width:
        raise ShapeError(
            f"{name}: got {what} {tuple(x.shape)}, expected ({samples * heads}, S, {width}): "
            "(N · heads, S, E / heads)"
        )
    return reshape(x, (samples, heads, *x.shape[1:]))


# ── Checks ──────────────────────────────────────────────────────────────────────────────


def same_dtypes(name: str, given: dict[str, Any]) -> None:
    """Refuse arrays of different float dtypes.

    Raises:
        DTypeError: Two differ.
    """
    known = {what: x.dtype for what, x in given.items() if x is not None}
    first, dtype = next(iter(known.items()))
    for what, other in known.items():
        if other != dtype:
            raise DTypeError(
                f"{name}: got {first} of {dtype} and {what} of {other}, expected one dtype; "
                f"convert one: .astype({str(dtype)!r}), or a module with .to({str(dtype)!r})"
            )


def check_sequences(
    name: str, query: Any, key: Any, value: Any, embed_dim: int, packed: bool, batch_first: bool
) -> bool:
    """Whether there is a batch axis.

    Raises:
        ShapeError: The shapes of query, key and value do not fit.
    """
    shapes = [tuple(x.shape) for x in (query, key, value)]
    got = f"{name}: got query {shapes[0]}, key {shapes[1]} and value {shapes[2]}, expected "
    if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
        layout = "(N, L, E)" if batch_first else "(L, N, E)"
        raise ShapeError(got + f"three axes each, {layout}, or two, (L, E), of one sample")
    if shapes[0][-1] != embed_dim:
        raise ShapeError(got + f"a query of {embed_dim} features: (..., {embed_dim})")
    if packed and (shapes[1][-1] != embed_dim or shapes[2][-1] != embed_dim):
        raise ShapeError(
            got + f"keys and values of {embed_dim} features; for others give kdim and vdim"
        )
    if shapes[1][:-1] != shapes[2][:-1]:
        raise ShapeError(got + "one value for each key: key and value differ in length or batch")
    batched: bool = query.ndim == 3
    samples = 0 if batch_first else 1
    if batched and shapes[0][samples] != shapes[1][samples]:
        raise ShapeError(
            got + f"one batch size at axis {samples}" + order_hint(shapes[0], shapes[1], samples)
        )
    return batched


def order_hint(query: tuple[int, ...], key: tuple[int, ...], samples: int) -> str:
    """What to try where the axes of batch and sequence may have been mixed up."""
    if len(query) == 3 and query[1 - samples] == key[1 - samples]:
        layout, other = ("(N, L, E)", False) if samples == 0 else ("(L, N, E)", True)
        return f"; inputs are read as {layout}: is batch_first={other} meant?"
    return ""


def check_heads(name: str, embed_dim: int, heads: int) -> None:
    """Refuse a number of heads that does not divide the features.

    Raises:
        OptionError: It does not.
    """
    if heads < 1 or embed_dim % heads:
        fitting = [n for n in range(1, min(embed_dim, 64) + 1) if not embed_dim % n]
        raise OptionError(
            f"{name}: got embed_dim={embed_dim} and num_heads={heads}, expected heads that divide "
            f"the features: one of {', '.join(map(str, fitting))}"
        )


def grouped(name: str, q: Any, k: Any, v: Any, mask: Any) -> tuple[Any, Any, Any, Any]:
    """Several queries' heads to each head of keys: as one more axis, over which keys broadcast.

    Raises:
        ShapeError: The heads of the queries are no multiple of those of keys and values.
    """
    if min(q.ndim, k.ndim, v.ndim) < 3 or not k.shape[-3] or q.shape[-3] % k.shape[-3]:
        heads = [x.shape[-3] if x.ndim > 2 else 1 for x in (q, k)]
        raise ShapeError(
            f"{name}: got {heads[0]} heads of queries and {heads[1]} of keys with enable_gqa, "
            "expected a multiple of the keys' heads at axis -3"
        )
    heads, share = k.shape[-3], q.shape[-3] // k.shape[-3]
    q = reshape(q, (*q.shape[:-3], heads, share, *q.shape[-2:]))
    if mask.ndim > 2:
        sides = (heads, share) if mask.shape[-3] == heads * share else (1, 1)
        mask = reshape(mask, (*mask.shape[:-3], *sides, *mask.shape[-2:]))
    return q, expand_dims(k, -3), expand_dims(v, -3), mask
