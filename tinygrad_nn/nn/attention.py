"""Attention in several heads, as a module."""

from __future__ import annotations

from math import sqrt
from typing import Any, Unpack

from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.attention import multi_head_attention_forward
from tinygrad_nn.nn.functional.heads import check_heads
from tinygrad_nn.nn.functional.operands import probability
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.linear import Linear
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Parameter

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` by the name that PyTorch's texts of attention show."""


class MultiheadAttention(Module):
    """Attention in several heads, each in a part of the features of its own.

    Queries, keys and values are projected, cut into heads, each head takes
    softmax(q kᵀ / √D) v with D = embed_dim / num_heads, and the joined results are projected
    again: `(L, N, E), (S, N, kdim), (S, N, vdim) -> (L, N, E)`.

    Args:
        embed_dim: E, features of queries and results.
        num_heads: Number of heads, a divisor of E.
        dropout: Probability of leaving out a weight in training.
        bias: Whether the projections have biases.
        add_bias_kv: Whether a learned key and value are added to each sequence.
        add_zero_attn: Whether a key and value of zeros are added to each sequence.
        kdim: Features of the keys; E if None.
        vdim: Features of the values; E if None.
        batch_first: Whether arrays are (N, L, E).
        factory: rng, dtype and device; see `nn.factory.Factory`. The dropout draws from rng too.

    Attributes:
        in_proj_weight: Parameter (3 E, E) of queries, keys and values; None if kdim or vdim
            differs from E.
        q_proj_weight: Parameter (E, E), or None.
        k_proj_weight: Parameter (E, kdim), or None.
        v_proj_weight: Parameter (E, vdim), or None.
        in_proj_bias: Parameter (3 E,), or None.
        bias_k: Parameter (1, 1, E), or None.
        bias_v: Parameter (1, 1, E), or None.
        out_proj: Linear map of the joined heads.

    Raises:
        OptionError: E is no multiple of `num_heads`, or a size is not positive.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> attention = nn.MultiheadAttention(8, 2, batch_first=True, rng=0)
        >>> x = tg.random.normal(size=(3, 5, 8), rng=1)
        >>> y, weights = attention(x, x, x)
        >>> y.shape, weights.shape
        ((3, 5, 8), (3, 5, 5))

    Source:
        Vaswani et al. 2017, "Attention is all you need", section 3.2.2.
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        name = "MultiheadAttention"
        self.embed_dim = size = whole(name, "embed_dim", embed_dim, 1)
        self.kdim = size if kdim is None else whole(name, "kdim", kdim, 1)
        self.vdim = size if vdim is None else whole(name, "vdim", vdim, 1)
        self.num_heads = whole(name, "num_heads", num_heads, 1)
        check_heads(name, size, num_heads)
        self.head_dim = size // num_heads
        self.dropout = probability(name, dropout)
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn
        first = Start(name, factory)
        self.rng = first.rng
        widths = (size, self.kdim, self.vdim)
        self.in_proj_weight = None
        for letter in "qkv":
            setattr(self, f"{letter}_proj_weight", None)
        if widths == (size, size, size):
            # PyTorch's bound: as if the three matrices were one.
            self.in_proj_weight = first.uniform((3 * size, size), sqrt(6 / (4 * size)))
        else:
            for letter, width in zip("qkv", widths, strict=True):
                weight = first.uniform((size, width), sqrt(6 / (size + width)))
                setattr(self, f"{letter}_proj_weight", weight)
        self.in_proj_bias = first.constant((3 * size,), 0.0) if bias else None
        self.out_proj = NonDynamicallyQuantizableLinear(
            size, size, bias, rng=first.rng, dtype=first.dtype
        )
        if bias:
            self.out_proj.bias = first.constant((size,), 0.0)
        self.bias_k = first.normal((1, 1, size), 1 / sqrt(size)) if add_bias_kv else None
        self.bias_v = first.normal((1, 1, size), 1 / sqrt(size)) if add_bias_kv else None

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Result `(L, N, E)`, and the weights `(N, L, S)`, or None.

        Args:
            query: Queries (L, N, E), or (L, E) of one sample.
            key: Keys (S, N, kdim).
            value: Values (S, N, vdim).
            key_padding_mask: (N, S), True where a key is padding, or floats added to the scores.
            need_weights: Whether to return the weights. False is quicker, and the scores need
                not be kept.
            attn_mask: (L, S) or (N · heads, L, S), True where a query may NOT see a key, or
                floats added to the scores.
            average_attn_weights: Mean of the heads' weights; False gives (N, heads, L, S).
            is_causal: Promise that `attn_mask` is the causal one, which then is not read where
                weights are not needed.

        Raises:
            ShapeError: The shapes do not fit.
            DTypeError: The dtypes differ, or a mask has integers.
        """
        return multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=self.in_proj_weight is None,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
            batch_first=self.batch_first,
            rng=self.rng,
        )
