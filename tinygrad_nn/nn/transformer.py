"""Transformers: stacks of layers, and an encoder and a decoder together."""

from __future__ import annotations

from copy import deepcopy
from math import inf, sqrt
from typing import Any, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import looked
from tinygrad_nn.creation import zeros
from tinygrad_nn.errors import OperandError, ShapeError
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.container import ModuleList
from tinygrad_nn.nn.factory import Factory, Start, check_device
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.norm import LayerNorm
from tinygrad_nn.nn.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from tinygrad_nn.ops.attention import causal
from tinygrad_nn.ops.select import where
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerEncoder",
]


class TransformerEncoder(Module):
    """A stack of encoder layers: copies of one, which start from the same numbers.

    Args:
        encoder_layer: The layer that is copied.
        num_layers: Number of copies.
        norm: Module behind the last layer, or None.
        enable_nested_tensor: Accepted as in PyTorch; padding is computed like all else.
        mask_check: Accepted as in PyTorch.

    Attributes:
        layers: The copies. Their dropouts draw from the generator of the layer given.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, rng=0)
        >>> encoder = nn.TransformerEncoder(layer, 2)
        >>> encoder(tg.random.normal(size=(3, 5, 8), rng=1)).shape
        (3, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies("TransformerEncoder", encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Any:
        """The sequence after all layers.

        Args:
            src: Sequence (L, N, E).
            mask: As `src_mask` of the layers.
            src_key_padding_mask: (N, L), True where an element is padding.
            is_causal: Whether `mask` is the causal one; None looks.
        """
        is_causal = _is_causal(mask, is_causal)
        x = src
        for layer in self.layers:
            x = layer(
                x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal
            )
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """A stack of decoder layers: copies of one, which start from the same numbers.

    Args:
        decoder_layer: The layer that is copied.
        num_layers: Number of copies.
        norm: Module behind the last layer, or None.

    Attributes:
        layers: The copies. Their dropouts draw from the generator of the layer given.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, rng=0)
        >>> nn.TransformerDecoder(layer, 2)(tg.ones((3, 5, 8)), tg.ones((3, 7, 8))).shape
        (3, 5, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies("TransformerDecoder", decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """The sequence after all layers; arguments as of `TransformerDecoderLayer`.

        Args:
            tgt: Sequence (L, N, E).
            memory: What it attends to (S, N, E).
            tgt_mask: Mask of the sequence.
            memory_mask: Mask of the memory.
            tgt_key_padding_mask: Padding of the sequence.
            memory_key_padding_mask: Padding of the memory.
            tgt_is_causal: Whether `tgt_mask` is the causal one; None looks.
            memory_is_causal: Promise that `memory_mask` is.
        """
        tgt_is_causal = _is_causal(tgt_mask, tgt_is_causal)
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder of one sequence, and a decoder of another that attends to the first.

    `(S, N, E), (L, N, E) -> (L, N, E)`.

    Args:
        d_model: E, features of each element of both sequences.
        nhead: Number of heads, a divisor of E.
        num_encoder_layers: Layers of the encoder.
        num_decoder_layers: Layers of the decoder.
        dim_feedforward: Features between the linear maps of a layer.
        dropout: Probability of leaving out.
        activation: "relu", "gelu", or a function of one tensor.
        custom_encoder: Encoder in place of the stack.
        custom_decoder: Decoder in place of the stack.
        layer_norm_eps: ε of the norms.
        batch_first: Whether arrays are (N, L, E).
        norm_first: Whether the norms stand first in a layer.
        bias: Whether maps and norms have biases.
        factory: rng, dtype and device; see `nn.factory.Factory`. Dropouts draw from rng too.

    Attributes:
        encoder: `TransformerEncoder` with a norm behind it.
        decoder: `TransformerDecoder` with a norm behind it.

    Raises:
        OptionError: E is no multiple of `nhead`, or the activation is unknown.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True, rng=0)
        >>> model(tg.ones((3, 7, 8)), tg.ones((3, 5, 8))).shape
        (3, 5, 8)

    Source:
        Vaswani et al. 2017, "Attention is all you need".
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        first = Start("Transformer", factory)
        own: Factory = {"rng": first.rng, "dtype": first.dtype}
        options: Any = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias,
        )  # fmt: skip
        self.encoder = custom_encoder
        if custom_encoder is None:
            layer: Module = TransformerEncoderLayer(*options, **own)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.decoder = custom_decoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*options, **own)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
            self.decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        for p in self.parameters():
            if p.ndim > 1:  # Glorot's, so that the copies begin from different numbers.
                p.data = first.uniform(p.shape, sqrt(6 / (p.shape[0] + p.shape[1]))).data
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """The second sequence after encoder and decoder.

        Args:
            src: Sequence that is encoded (S, N, E).
            tgt: Sequence that is decoded (L, N, E).
            src_mask: Mask of the first, True where an element may NOT see another.
            tgt_mask: Mask of the second.
            memory_mask: Mask of the second's view of the first: (L, S).
            src_key_padding_mask: (N, S), True where an element is padding.
            tgt_key_padding_mask: (N, L), likewise.
            memory_key_padding_mask: (N, S), likewise, for the decoder.
            src_is_causal: Whether `src_mask` is the causal one; None looks.
            tgt_is_causal: Whether `tgt_mask` is; None looks.
            memory_is_causal: Promise that `memory_mask` is.

        Raises:
            ShapeError: The sequences do not fit each other or the model.
        """
        shapes = tuple(src.shape), tuple(tgt.shape)
        got = f"Transformer: got src {shapes[0]} and tgt {shapes[1]}, expected "
        if any(shape[-1:] != (self.d_model,) for shape in shapes):
            raise ShapeError(got + f"{self.d_model} features at the last axis of both")
        axis = 0 if self.batch_first else 1
        if len(shapes[0]) == len(shapes[1]) == 3 and shapes[0][axis] != shapes[1][axis]:
            raise ShapeError(
                got + f"one batch size at axis {axis}; batch_first={self.batch_first} says which "
                "axis it is"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Causal mask `(sz, sz)` of floats: 0 up to the diagonal, -inf above it.

        Args:
            sz: Length of the sequence.
            device: "cpu" or None.
            dtype: Of the mask; float32 if None.
        """
        check_device("generate_square_subsequent_mask", device)
        free = zeros((whole("generate_square_subsequent_mask", "sz", sz),) * 2, dtype=dtype)
        return where(causal(free), free, -inf)  # type: ignore[no-any-return]


def _copies(name: str, layer: Any, count: int) -> ModuleList:
    """Copies of `layer` that draw from its own generators: copies of those would repeat them."""
    if not isinstance(layer, Module):
        raise OperandError(f"{name}: got {type(layer).__name__}, expected a layer (a Module)")
    found = [getattr(module, "rng", None) for module in layer.modules()]
    kept = {id(rng): rng for rng in found if rng is not None}
    return ModuleList(deepcopy(layer, dict(kept)) for _ in range(whole(name, "num_layers", count)))


def _is_causal(mask: Any, given: bool | None) -> bool:
    """Whether the mask is the causal one: as `given`, or found out by a look at it."""
    if given is not None or mask is None:
        return bool(given)
    payload = (mask if isinstance(mask, Tensor) else tensor(mask)).synced()
    if payload.ndim != 2 or payload.shape[0] != payload.shape[1]:
        return False
    free = causal(payload)
    if payload.dtype.kind == "b":
        return looked((payload != free).all())
    expected = namespace(payload).where(free, 0.0, -inf)
    return looked((payload == expected).all())
