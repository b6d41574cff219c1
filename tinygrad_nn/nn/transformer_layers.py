"""Layers of transformers: attention and two linear maps, with additions and norms around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.attention import MultiheadAttention
from tinygrad_nn.nn.dropout import Dropout
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.linear import Linear
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.norm import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = str | Callable[[Any], Any]


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear maps; around each of them an addition and a norm.

    x ← norm(x + attention(x)), x ← norm(x + W₂ activation(W₁ x)); with `norm_first` the norm
    stands before the attention and the maps: x ← x + attention(norm(x)).
    `(L, N, E) -> (L, N, E)`.

    Args:
        d_model: E, features of each element of the sequence.
        nhead: Number of heads, a divisor of E.
        dim_feedforward: Features between the linear maps.
        dropout: Probability of leaving out, in the attention, between and behind the maps.
        activation: "relu", "gelu", or a function of one tensor.
        layer_norm_eps: ε of the norms.
        batch_first: Whether arrays are (N, L, E).
        norm_first: Whether the norms stand first (Xiong et al. 2020).
        bias: Whether maps and norms have biases.
        factory: rng, dtype and device; see `nn.factory.Factory`. Dropouts draw from rng too.

    Attributes:
        self_attn: The attention.
        linear1: Map to `dim_feedforward`.
        linear2: Map back.
        norm1: Norm of the attention's part.
        norm2: Norm of the maps' part.

    Raises:
        OptionError: E is no multiple of `nhead`, or the activation is unknown.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, rng=0)
        >>> layer(tg.random.normal(size=(3, 5, 8), rng=1)).shape
        (3, 5, 8)

    Source:
        Vaswani et al. 2017, "Attention is all you need".
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        first = Start("TransformerEncoderLayer", factory)
        own: Factory = {"rng": first.rng, "dtype": first.dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **own
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **own)
        self.dropout = Dropout(dropout, rng=first.rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **own)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.dropout1 = Dropout(dropout, rng=first.rng)
        self.dropout2 = Dropout(dropout, rng=first.rng)
        self.activation = _activation("TransformerEncoderLayer", activation)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """The sequence after the layer.

        Args:
            src: Sequence (L, N, E).
            src_mask: (L, L) or (N · heads, L, L), True where an element may NOT see another, or
                floats added to the scores.
            src_key_padding_mask: (N, L), True where an element is padding.
            is_causal: Promise that `src_mask` is the causal one.
        """
        x = src
        if self.norm_first:
            x = x + self._attended(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._mapped(self.norm2(x))
        x = self.norm1(x + self._attended(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._mapped(x))

    def _attended(self, x: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
        return self.dropout1(self.self_attn(x, x, x, padding, False, mask, True, is_causal)[0])

    def _mapped(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """Self-attention, attention to a memory, then two linear maps; each with a sum and a norm.

    `(L, N, E), (S, N, E) -> (L, N, E)`. As `TransformerEncoderLayer`, with a step between its
    two: x ← norm(x + attention(x, memory)).

    Args:
        d_model: E, features of each element of both sequences.
        nhead: Number of heads, a divisor of E.
        dim_feedforward: Features between the linear maps.
        dropout: Probability of leaving out, in the attentions, between and behind the maps.
        activation: "relu", "gelu", or a function of one tensor.
        layer_norm_eps: ε of the norms.
        batch_first: Whether arrays are (N, L, E).
        norm_first: Whether the norms stand first.
        bias: Whether maps and norms have biases.
        factory: rng, dtype and device; see `nn.factory.Factory`. Dropouts draw from rng too.

    Attributes:
        self_attn: Attention of the sequence to itself.
        multihead_attn: Attention of the sequence to the memory.
        linear1: Map to `dim_feedforward`.
        linear2: Map back.
        norm1: Norm of the first attention's part.
        norm2: Norm of the second attention's part.
        norm3: Norm of the maps' part.

    Raises:
        OptionError: E is no multiple of `nhead`, or the activation is unknown.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, rng=0)
        >>> layer(tg.ones((3, 5, 8)), tg.ones((3, 7, 8))).shape
        (3, 5, 8)

    Source:
        Vaswani et al. 2017, "Attention is all you need".
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        first = Start("TransformerDecoderLayer", factory)
        own: Factory = {"rng": first.rng, "dtype": first.dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **own
        )
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **own
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **own)
        self.dropout = Dropout(dropout, rng=first.rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **own)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.dropout1 = Dropout(dropout, rng=first.rng)
        self.dropout2 = Dropout(dropout, rng=first.rng)
        self.dropout3 = Dropout(dropout, rng=first.rng)
        self.activation = _activation("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """The sequence after the layer.

        Args:
            tgt: Sequence (L, N, E).
            memory: What it attends to (S, N, E), such as an encoder's result.
            tgt_mask: (L, L) or (N · heads, L, L), True where an element may NOT see another, or
                floats added to the scores.
            memory_mask: The same for the memory: (L, S) or (N · heads, L, S).
            tgt_key_padding_mask: (N, L), True where an element is padding.
            memory_key_padding_mask: (N, S), likewise.
            tgt_is_causal: Promise that `tgt_mask` is the causal one.
            memory_is_causal: Promise that `memory_mask` is.
        """
        x = tgt

        def own(x: Any) -> Any:
            padding = tgt_key_padding_mask
            y, _ = self.self_attn(x, x, x, padding, False, tgt_mask, True, tgt_is_causal)
            return self.dropout1(y)

        def other(x: Any) -> Any:
            padding = memory_key_padding_mask
            y, _ = self.multihead_attn(
                x, memory, memory, padding, False, memory_mask, True, memory_is_causal
            )
            return self.dropout2(y)

        if self.norm_first:
            x = x + own(self.norm1(x))
            x = x + other(self.norm2(x))
            return x + self._mapped(self.norm3(x))
        x = self.norm1(x + own(x))
        x = self.norm2(x + other(x))
        return self.norm3(x + self._mapped(x))

    def _mapped(self, x: Any) -> Any:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


def _activation(name: str, activation: Any) -> Any:
    if callable(activation):
        return activation
    known = {"relu": functional.relu, "gelu": functional.gelu}
    if activation not in known:
        raise OptionError(
            f"{name}: got activation={activation!r}, expected 'relu', 'gelu' or a function of one "
            "tensor, such as nn.functional.silu"
        )
    return known[activation]
