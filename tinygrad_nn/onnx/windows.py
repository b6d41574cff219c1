"""Converters of what slides over images: convolutions, pools, windows as columns."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.elementwise import given
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call, Operand
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.shapes import argument
from tinygrad_nn.onnx.sizes import plain
from tinygrad_nn.ops.columns import im2col

__all__: list[str] = []


# ── Convolutions ────────────────────────────────────────────────────────────────────────


def _geometry(call: Call, ndim: int) -> tuple[list[int], list[tuple[int, int]], list[int]]:
    p = call.params
    return (
        list(p["stride"] or (1,) * ndim),
        list(p["padding"] or ((0, 0),) * ndim),
        list(p["dilation"] or (1,) * ndim),
    )


def _trimmed(g: Graph, name: str, padding: Sequence[tuple[int, int]]) -> str:
    """What a negative padding leaves."""
    axes = [d for d, pair in enumerate(padding) if min(pair) < 0]
    if not axes:
        return name
    starts = [max(-padding[d][0], 0) for d in axes]
    ends = [min(padding[d][1], 0) or 2**62 for d in axes]
    return g.slice(name, starts, ends, [d + 2 for d in axes])


def _pads(padding: Sequence[tuple[int, int]]) -> list[int]:
    return [max(a, 0) for a, _ in padding] + [max(b, 0) for _, b in padding]


@converter("convolution")
def _convolution(g: Graph, call: Call) -> str:
    x, *rest = given(g, call)
    stride, padding, dilation = _geometry(call, call.args[1].ndim - 2)
    return g.node(
        "Conv", _trimmed(g, x, padding), *rest, strides=stride, pads=_pads(padding),
        dilations=dilation, group=call.params["groups"],
        kernel_shape=list(call.args[1].shape[2:]),
    )  # fmt: skip


@converter("convolution_transpose")
def _convolution_transpose(g: Graph, call: Call) -> str:
    ndim = call.args[1].ndim - 2
    stride, padding, dilation = _geometry(call, ndim)
    usual = min(min(pair) for pair in padding) >= 0
    y = g.node(
        "ConvTranspose", *given(g, call), strides=stride, dilations=dilation,
        pads=_pads(padding) if usual else None, group=call.params["groups"],
        kernel_shape=list(call.args[1].shape[2:]),
    )  # fmt: skip
    if usual:
        return y
    # A negative padding adds rows that nothing reaches: `output_padding`.
    more = [max(-a, 0) for a, _ in padding], [max(-b, 0) for _, b in padding]
    widths = g.ints([0, 0, *more[0], 0, 0, *more[1]])
    y = g.node("Pad", y, widths, g.like(0, call), mode="constant")
    starts, ends = [max(a, 0) for a, _ in padding], [-max(b, 0) or 2**62 for _, b in padding]
    return g.slice(y, starts, ends, list(range(2, 2 + ndim)))


@converter("im2col")
def _columns(g: Graph, call: Call) -> str:
    """Windows of known places: one Gather from the padded, flattened image."""
    x = call.args[0]
    ndim = x.ndim - 2
    stride, padding, dilation = _geometry(call, ndim)
    kernel = plain(call.params["kernel"])
    sides = plain(x.shape[2:])
    name = _trimmed(g, argument(g, call), padding)
    widths = [0, 0, *_pads(padding)[:ndim], 0, 0, *_pads(padding)[ndim:]]
    name = g.node("Pad", name, g.ints(widths), g.like(0, call), mode="constant")
    padded = [n + a + b for n, (a, b) in zip(sides, padding, strict=True)]
    numbers = np.arange(prod(padded), dtype=np.float64).reshape(1, 1, *padded)
    static = {"kernel": kernel, "stride": tuple(stride), "padding": ((0, 0),) * ndim,
              "dilation": tuple(dilation)}  # fmt: skip
    places = im2col(numbers, **static)[0].astype(np.int64)
    flat = g.reshape(name, [*x.shape[:2], prod(padded)])
    return g.reshape(g.node("Gather", flat, g.constant(places), axis=2), call.shape)


@converter("col2im")
def _image(g: Graph, call: Call) -> str:
    """A transposed convolution by a kernel that picks each tap."""
    x, p = call.args[0], call.params
    kernel, sides = plain(p["kernel"]), plain(p["sides"])
    stride, padding, dilation = _geometry(call, len(kernel))
    outs = [
        (n + a + b - d * (k - 1) - 1) // s + 1
        for n, (a, b), d, k, s in zip(sides, padding, dilation, kernel, stride, strict=True)
    ]
    taps = prod(kernel)
    channels = x.shape[1] // taps
    places = g.reshape(g.name(x, call.dtype), [x.shape[0], channels * taps, *outs])
    weight = np.tile(np.eye(taps).reshape(taps, 1, *kernel), (channels, *[1] * (len(kernel) + 1)))
    whole = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(outs, stride, dilation, kernel, strict=True)
    ]
    y = g.node(
        "ConvTranspose", places, g.constant(weight, call.dtype), strides=stride,
        dilations=dilation, group=channels, kernel_shape=list(kernel),
    )  # fmt: skip
    # Cut the padding off, and fill up what no window reached.
    last = [n + a - w for n, (a, _), w in zip(sides, padding, whole, strict=True)]
    if any(n > 0 for n in last):
        more = [0] * (x.ndim - 1 + len(sides)) + [max(n, 0) for n in last]
        more = [0] * (2 + len(sides)) + [0, 0] + [max(n, 0) for n in last]
        y = g.node("Pad", y, g.ints(more), g.like(0, call), mode="constant")
    starts = [a for a, _ in padding]
    ends = [a + n for n, (a, _) in zip(sides, padding, strict=True)]
    return g.slice(y, starts, ends, list(range(2, 2 + len(sides))))


# ── Pools ───────────────────────────────────────────────────────────────────────────────


def _framed(g: Graph, x: Operand, name: str, windows: Any, fill: Any) -> tuple[str, dict[str, Any]]:
    """`(N, 1, *sides)` with margins such that windows without padding are the windows."""
    dims = len(windows)
    sides = plain(x.shape[x.ndim - dims :])
    if x.ndim != dims + 2:
        name = g.node("Reshape", name, g.ints([-1, 1, *sides]))
    before, after, cut = [], [], []
    for n, w, end in zip(sides, windows, _ends(sides, windows), strict=True):
        before.append(w.padding)
        after.append(max(end, 0))
        cut.append(n + min(end, 0))
    if any(c < n for c, n in zip(cut, sides, strict=True)):
        name = g.slice(name, [0] * dims, cut, list(range(2, 2 + dims)))
    if fill is not None and any(before + after):
        name = g.node("Pad", name, g.ints([0, 0, *before, 0, 0, *after]), fill, mode="constant")
        before = after = [0] * dims
    attributes = {
        "kernel_shape": [w.size for w in windows],
        "strides": [w.stride for w in windows],
        "dilations": [w.dilation for w in windows],
        "pads": before + after,
    }
    return name, attributes


def _unframed(g: Graph, name: str, x: Operand, shape: Sequence[Any], dims: int) -> str:
    return name if x.ndim == dims + 2 else g.reshape(name, shape)


def _ends(sides: Sequence[int], windows: Any) -> list[int]:
    """How far the last windows reach beyond the sides."""
    return [
        (w.number - 1) * w.stride + (w.size - 1) * w.dilation + 1 - n - w.padding
        for n, w in zip(sides, windows, strict=True)
    ]


def _margin(g: Graph, call: Call, x: Operand, windows: Any) -> str | None:
    """What to fill a margin of its own with, where MaxPool's own padding will not do.

    A window of MaxPool may not lie in the padding altogether, and its padding has to be narrower
    than its taps are many.
    """
    ends = _ends(plain(x.shape[x.ndim - len(windows) :]), windows)
    if all(w.padding <= w.size // 2 and e < w.size for w, e in zip(windows, ends, strict=True)):
        return None
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return g.constant(lowest, x.dtype)


@converter("max_pool")
def _max_pool(g: Graph, call: Call) -> str:
    x, windows = call.args[0], plain(call.params["windows"])
    fill = _margin(g, call, x, windows)
    name, attributes = _framed(g, x, argument(g, call), windows, fill)
    return _unframed(g, g.node("MaxPool", name, **attributes), x, call.shape, len(windows))


@converter("pool_winner")
def _pool_winner(g: Graph, call: Call) -> str:
    return ""  # where the winners stand is what MaxPool gives: `pool_index`


@converter("pool_index")
def _pool_index(g: Graph, call: Call) -> str:
    source = call.args[0].call
    if source is None or source.op.key != "pool_winner":
        raise ExportError("positions of winners that no max pool found")
    x, windows = source.args[0], plain(call.params["windows"])
    sides = plain(x.shape[x.ndim - len(windows) :])
    fill = _margin(g, call, x, windows)
    name, attributes = _framed(g, x, g.name(x), windows, fill)
    if len(sides) > 0 and any(c != n for c, n in zip(plain(call.params["sides"]), sides,
                                                     strict=True)):  # fmt: skip
        raise ExportError("positions of winners in other sides than the pool's")
    _, found = g.several("MaxPool", name, outputs=2, **attributes)
    covered = _covered(sides, windows)
    margins = [(w.padding, max(e, 0)) for w, e in zip(windows, _ends(sides, windows), strict=True)]
    margins = margins if fill is not None else [(0, 0)] * len(sides)
    framed = [a + c + b for c, (a, b) in zip(covered, margins, strict=True)]
    index = g.node("Mod", found, g.constant(prod(framed), np.int64))
    if framed != list(sides):
        index = _renumbered(g, index, covered, sides, margins)
    index = _unframed(g, index, x, call.shape, len(windows))
    return g.cast(index, np.int64, call.dtype)


def _covered(sides: Sequence[int], windows: Any) -> list[int]:
    """The sides up to where the last window ends."""
    return [n + min(end, 0) for n, end in zip(sides, _ends(sides, windows), strict=True)]


def _renumbered(
    g: Graph,
    index: str,
    covered: Sequence[int],
    sides: Sequence[int],
    margins: Sequence[tuple[int, int]],
) -> str:
    """Positions in the covered part and its margins as positions in the whole."""
    table = np.arange(prod(sides)).reshape(sides)[tuple(slice(0, c) for c in covered)]
    table = np.pad(table, margins)
    return g.node("Gather", g.constant(table.reshape(-1), np.int64), index)


@converter("pool_sum")
def _pool_sum(g: Graph, call: Call) -> str:
    x, windows = call.args[0], plain(call.params["windows"])
    name, attributes = _framed(g, x, g.name(x, call.dtype), windows, g.like(0, call))
    if all(w.dilation == 1 for w in windows):
        attributes.pop("dilations")
        mean = g.node("AveragePool", name, **attributes)
        y = g.node("Mul", mean, g.like(prod(w.size for w in windows), call))
    else:
        channels = plain(x.shape[-len(windows) - 1 :])[0] if x.ndim == len(windows) + 2 else 1
        ones = np.ones((channels, 1, *(w.size for w in windows)))
        y = g.node("Conv", name, g.constant(ones, call.dtype), group=channels, **attributes)
    return _unframed(g, y, x, call.shape, len(windows))
