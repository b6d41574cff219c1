"""Attention and transformers."""

from typing import Any

import numpy as np

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw


def hiding(draw: Draw, *shape: int, kinds: tuple[str, ...] = ("none", "bool", "float")) -> Any:
    """Mask that hides (True, or -inf) but leaves each row its first element."""
    kind = draw.choice(kinds)
    if kind == "none":
        return None
    hidden = draw.bools(*shape)
    hidden[..., 0] = False
    if kind == "bool":
        return hidden
    return np.where(hidden, -np.inf, draw.array(*shape))


def causal(draw: Draw, length: int) -> np.ndarray:
    above = np.triu(np.ones((length, length), dtype=bool), 1)
    return draw.choice([above, np.where(above, -np.inf, 0.0)])


@functions("scaled_dot_product_attention")
def product(draw: Draw, name: str) -> FunctionCase:
    lead = draw.choice([(), (2,), (2, 4), (1, 2)])
    rows, keys, inside, outside = (draw.integer(1, 4) for _ in range(4))
    q = draw.array(*lead, rows, inside)
    few = (*lead[:-1], lead[-1] // draw.choice([1, 2])) if lead == (2, 4) else lead
    k, v = draw.array(*few, keys, inside), draw.array(*few, keys, outside)
    options: dict[str, Any] = {"enable_gqa": few != lead}
    shape = draw.choice([(rows, keys), (*lead, rows, keys), (1, keys)])
    kind = draw.choice(["none", "bool", "float"])
    if kind == "bool":
        options["attn_mask"] = draw.bools(*shape)
    elif kind == "float":
        options["attn_mask"] = draw.array(*shape)
    # PyTorch refuses some shapes of a mask beside is_causal; tests/nn/test_attention.py has them.
    if kind == "none" and draw.boolean():
        options["is_causal"] = True
    if draw.boolean():
        options["scale"] = draw.real(0.1, 2.0)
    return FunctionCase((q, k, v), options)


@functions("multi_head_attention_forward")
def heads(draw: Draw, name: str) -> FunctionCase:
    count, width = draw.integer(1, 2), draw.integer(1, 3)
    size, rows, keys, batch = count * width, draw.integer(1, 3), draw.integer(1, 3), 2
    separate, static = draw.boolean(), draw.boolean()
    query, key = draw.array(rows, batch, size), draw.array(keys, batch, size)
    value = draw.array(keys, batch, size)
    bias = draw.boolean()
    extra = not static and draw.boolean()
    ones = [draw.array(1, 1, size) if extra else None for _ in range(2)]
    args = (
        query,
        key,
        value,
        size,
        count,
        None if separate else draw.array(3 * size, size),
        draw.array(3 * size) if bias else None,
        *ones,
        draw.boolean(),
        0.0,
        draw.array(size, size),
        draw.array(size) if bias else None,
    )
    options = {
        "training": draw.boolean(),
        "need_weights": draw.boolean(),
        "average_attn_weights": draw.boolean(),
        "use_separate_proj_weight": separate,
        "key_padding_mask": hiding(draw, batch, keys, kinds=("none", "bool")),
        "attn_mask": hiding(draw, *draw.choice([(rows, keys), (batch * count, rows, keys)])),
    }
    if separate:
        options |= {f"{letter}_proj_weight": draw.array(size, size) for letter in "qkv"}
    if static:
        options |= {f"static_{letter}": draw.array(batch * count, keys, width) for letter in "kv"}
    return FunctionCase(args, options)


@modules("MultiheadAttention")
def multihead(draw: Draw, name: str) -> ModuleCase:
    count, width = draw.integer(1, 3), draw.integer(1, 3)
    size, rows, keys, batch = count * width, draw.integer(1, 3), draw.integer(1, 3), 2
    first = draw.boolean()
    options: dict[str, Any] = {
        "bias": draw.boolean(),
        "add_bias_kv": draw.boolean(),
        "add_zero_attn": draw.boolean(),
        "batch_first": first,
    }
    shared = draw.choice(["self", "memory", "apart"])
    widths = [size, size]
    if shared == "apart" and draw.boolean():
        widths = [draw.integer(1, 4), draw.integer(1, 4)]
        options |= {"kdim": widths[0], "vdim": widths[1]}
    batched = draw.boolean()

    def sequence(length: int, features: int) -> np.ndarray:
        x = draw.array(batch, length, features) if batched else draw.array(length, features)
        return x if first or not batched else np.swapaxes(x, 0, 1).copy()

    keys = rows if shared == "self" else keys
    query = sequence(rows, size)
    if shared == "self":
        inputs = (query, query, query)
    elif shared == "memory":
        memory = sequence(keys, size)
        inputs = (query, memory, memory)
    else:
        inputs = (query, sequence(keys, widths[0]), sequence(keys, widths[1]))
    samples = batch if batched else 1
    call = {
        "need_weights": draw.boolean(),
        "average_attn_weights": draw.boolean(),
        "attn_mask": hiding(draw, *draw.choice([(rows, keys), (samples * count, rows, keys)])),
        "key_padding_mask": hiding(draw, *((batch, keys) if batched else (keys,))),
    }
    if shared == "self" and draw.boolean():
        call |= {"attn_mask": causal(draw, rows), "is_causal": True}
    return ModuleCase((size, count), options, inputs, call)


def layer_options(draw: Draw) -> dict[str, Any]:
    return {
        "dim_feedforward": draw.integer(1, 5),
        "dropout": draw.choice([0.0, 0.3]),
        "activation": draw.choice(["relu", "gelu"]),
        "layer_norm_eps": draw.choice([1e-5, 1e-2]),
        "batch_first": draw.boolean(),
        "norm_first": draw.boolean(),
        "bias": draw.boolean(),
    }


def modes(options: dict[str, Any]) -> tuple[str, ...]:
    return ("eval", "eval") if options["dropout"] else ("train", "train", "eval")


def sequences(draw: Draw, options: dict[str, Any], size: int, *lengths: int) -> list[np.ndarray]:
    shapes = [(2, n, size) if options["batch_first"] else (n, 2, size) for n in lengths]
    return [draw.array(*shape) for shape in shapes]


def layer_of(options: dict[str, Any], name: str, size: int, count: int) -> Any:
    return lambda nn: getattr(nn, name)(size, count, **options)


@modules("TransformerEncoderLayer", "TransformerEncoder")
def encoder(draw: Draw, name: str) -> ModuleCase:
    count, options = draw.integer(1, 2), layer_options(draw)
    size, length = 2 * count, draw.integer(1, 3)
    inputs = sequences(draw, options, size, length)
    mask = draw.choice([None, causal(draw, length), hiding(draw, length, length)])
    padding = hiding(draw, 2, length)
    call: dict[str, Any] = {"src_key_padding_mask": padding}
    layer = layer_of(options, "TransformerEncoderLayer", size, count)
    if name == "TransformerEncoderLayer":
        call["src_mask"] = mask
        return ModuleCase(build=layer, inputs=tuple(inputs), call=call, modes=modes(options))
    call["mask"] = mask
    layers, norm = draw.integer(1, 2), draw.boolean()

    def build(nn: Any) -> Any:
        last = nn.LayerNorm(size) if norm else None
        return nn.TransformerEncoder(layer(nn), layers, last, enable_nested_tensor=False)

    return ModuleCase(build=build, inputs=tuple(inputs), call=call, modes=modes(options))


@modules("TransformerDecoderLayer", "TransformerDecoder")
def decoder(draw: Draw, name: str) -> ModuleCase:
    count, options = draw.integer(1, 2), layer_options(draw)
    size, length, keys = 2 * count, draw.integer(1, 3), draw.integer(1, 3)
    inputs = tuple(sequences(draw, options, size, length, keys))
    call = {
        "tgt_mask": draw.choice([None, causal(draw, length), hiding(draw, length, length)]),
        "memory_mask": hiding(draw, length, keys),
        "tgt_key_padding_mask": hiding(draw, 2, length),
        "memory_key_padding_mask": hiding(draw, 2, keys),
    }
    layer = layer_of(options, "TransformerDecoderLayer", size, count)
    if name == "TransformerDecoderLayer":
        return ModuleCase(build=layer, inputs=inputs, call=call, modes=modes(options))
    layers, norm = draw.integer(1, 2), draw.boolean()

    def build(nn: Any) -> Any:
        return nn.TransformerDecoder(layer(nn), layers, nn.LayerNorm(size) if norm else None)

    return ModuleCase(build=build, inputs=inputs, call=call, modes=modes(options))


@modules("Transformer")
def transformer(draw: Draw, name: str) -> ModuleCase:
    count, options = draw.integer(1, 2), layer_options(draw)
    size, keys, length = 2 * count, draw.integer(1, 3), draw.integer(1, 3)
    stacks = {"num_encoder_layers": draw.integer(1, 2), "num_decoder_layers": draw.integer(1, 2)}
    inputs = tuple(sequences(draw, options, size, keys, length))
    call = {
        "tgt_mask": draw.choice([None, causal(draw, length)]),
        "src_key_padding_mask": hiding(draw, 2, keys),
        "memory_key_padding_mask": hiding(draw, 2, keys),
    }
    return ModuleCase((size, count), {**stacks, **options}, inputs, call, modes=modes(options))
