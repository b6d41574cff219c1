"""Margins, resizing, channels and pixels, places, and distances as layers."""

from typing import Any

import numpy as np

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.cases.pool import dims_of, lead
from tests.parity.draws import Draw

# ------------------------------------------------------------------------------------ margins


def widths(draw: Draw, sides: tuple[int, ...], mode: str) -> tuple[int, ...]:
    """(left, right, top, bottom, ...), from the last side on."""
    found: list[int] = []
    for n in reversed(sides):
        most = {"reflect": n - 1, "circular": n}.get(mode, 3)
        low = draw.choice([0, 0, -1])
        before, after = draw.integer(low, most), draw.integer(low, most)
        if mode == "circular" and min(before, after) < 0:
            before, after = min(before, 0), min(after, 0)
        found += (before, after)
    return tuple(found)


MODES = {"Zero": "constant", "Constant": "constant", "Reflection": "reflect"}
MODES |= {"Replication": "replicate", "Circular": "circular"}


@modules(*[f"{kind}Pad{d}d" for kind in MODES for d in (1, 2, 3)])
def pad_layer(draw: Draw, name: str) -> ModuleCase:
    dims, kind = dims_of(name), name.partition("Pad")[0]
    sides = tuple(draw.integer(3, 5) for _ in range(dims))
    padding: Any = widths(draw, sides, MODES[kind])
    if draw.boolean():
        padding = draw.integer(0, 2)
    args = (padding, draw.choice([0.0, 2.5, -1])) if kind == "Constant" else (padding,)
    return ModuleCase(args, {}, (draw.array(*lead(draw), *sides),))


@functions("pad")
def pad(draw: Draw, name: str) -> FunctionCase:
    mode = draw.choice(["constant", "reflect", "replicate", "circular"])
    dims = draw.integer(1, 3)
    sides = tuple(draw.integer(3, 5) for _ in range(dims))
    front = draw.choice([(), (2,), (2, 2), (1, 2, 2)]) if mode == "constant" else lead(draw)
    options: dict[str, Any] = {"mode": mode}
    if mode == "constant":
        options["value"] = draw.choice([None, 0.0, 1.5])
    return FunctionCase((draw.array(*front, *sides), widths(draw, sides, mode)), options)


# ----------------------------------------------------------------------------------- resizing

RESIZING = {
    1: ["nearest", "nearest-exact", "area", "linear"],
    2: ["nearest", "nearest-exact", "area", "bilinear", "bicubic", "lanczos"],
    3: ["nearest", "nearest-exact", "area", "trilinear"],
}


def target(draw: Draw, sides: tuple[int, ...]) -> dict[str, Any]:
    if draw.boolean():
        sizes = tuple(draw.integer(1, 9) for _ in sides)
        return {"size": sizes[0] if draw.boolean() else sizes}
    factors = tuple(draw.choice([0.5, 0.6, 0.7, 1.0, 1.5, 1.7, 2.0, 3.0]) for _ in sides)
    return {"scale_factor": factors[0] if draw.boolean() else factors}


def resized(draw: Draw, dims: int) -> tuple[np.ndarray, dict[str, Any]]:
    sides = tuple(draw.integer(2, 7) for _ in range(dims))
    options = target(draw, sides)
    mode = options["mode"] = draw.choice(RESIZING[dims])
    if mode in ("linear", "bilinear", "bicubic", "trilinear", "lanczos"):
        options["align_corners"] = draw.choice([None, False, True][: 2 if mode == "lanczos" else 3])
        if options["align_corners"] is None:
            options["align_corners"] = False
    if "scale_factor" in options:
        options["recompute_scale_factor"] = draw.choice([None, False, True])
    return draw.array(draw.integer(1, 2), 2, *sides), options


@functions("interpolate")
def interpolate(draw: Draw, name: str) -> FunctionCase:
    x, options = resized(draw, draw.integer(1, 3))
    if options["mode"] in ("bilinear", "bicubic", "lanczos"):
        options["antialias"] = options["mode"] == "lanczos" or draw.boolean()
    return FunctionCase((x,), options)


def plainly_resized(draw: Draw) -> tuple[np.ndarray, dict[str, Any]]:
    x, options = resized(draw, draw.integer(1, 3))
    if options["mode"] == "lanczos":
        options["mode"] = "bicubic"
    return x, options


@modules("Upsample")
def upsample_layer(draw: Draw, name: str) -> ModuleCase:
    x, options = plainly_resized(draw)
    return ModuleCase((), options, (x,))


@functions("upsample")
def upsample(draw: Draw, name: str) -> FunctionCase:
    x, options = plainly_resized(draw)
    options.pop("recompute_scale_factor", None)
    return FunctionCase((x,), options)


@modules("UpsamplingNearest2d", "UpsamplingBilinear2d")
def upsampling(draw: Draw, name: str) -> ModuleCase:
    x = draw.array(2, 2, draw.integer(2, 5), draw.integer(2, 5))
    return ModuleCase((), target(draw, x.shape[2:]), (x,))


@functions("upsample_nearest", "upsample_bilinear")
def upsampling_function(draw: Draw, name: str) -> FunctionCase:
    x = draw.array(2, 2, draw.integer(2, 5), draw.integer(2, 5))
    return FunctionCase((x,), target(draw, x.shape[2:]))


# ----------------------------------------------------------------------------------- channels


def shuffled(draw: Draw, name: str) -> tuple[np.ndarray, int]:
    r = draw.integer(1, 3)
    h, w = draw.integer(1, 3), draw.integer(1, 3)
    if name in ("ChannelShuffle", "channel_shuffle"):
        return draw.array(2, 2 * r, *[h, w][: draw.integer(1, 2)]), r
    front = draw.choice([(), (2,), (2, 2)])
    if "un" in name or "Un" in name:
        return draw.array(*front, 2, h * r, w * r), r
    return draw.array(*front, 2 * r * r, h, w), r


@modules("PixelShuffle", "PixelUnshuffle", "ChannelShuffle")
def shuffle(draw: Draw, name: str) -> ModuleCase:
    x, r = shuffled(draw, name)
    return ModuleCase((r,), {}, (x,))


@functions("pixel_shuffle", "pixel_unshuffle", "channel_shuffle")
def shuffle_function(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase(shuffled(draw, name))


# ------------------------------------------------------------------------------------- places


@functions("grid_sample")
def grid_sample(draw: Draw, name: str) -> FunctionCase:
    dims = draw.integer(2, 3)
    batch = draw.integer(1, 2)
    x = draw.array(batch, 2, *[draw.integer(1, 4) for _ in range(dims)])
    outputs = [draw.integer(1, 4) for _ in range(dims)]
    grid = draw.array(batch, *outputs, dims, low=-1.0) * draw.choice([1.0, 1.5, 4.0])
    modes = ["bilinear", "nearest", *(["bicubic"] if dims == 2 else [])]
    options = {
        "mode": draw.choice(modes),
        "padding_mode": draw.choice(["zeros", "border", "reflection"]),
        "align_corners": draw.choice([None, False, True]),
    }
    return FunctionCase((x, grid), options, tolerance=1e-8)


@functions("affine_grid")
def affine_grid(draw: Draw, name: str) -> FunctionCase:
    dims, batch = draw.integer(2, 3), draw.integer(1, 2)
    size = (batch, 3, *[draw.integer(1, 4) for _ in range(dims)])
    theta = draw.array(batch, dims, dims + 1)
    return FunctionCase((theta, size), {"align_corners": draw.choice([None, False, True])})


# ------------------------------------------------------------------------------------ vectors


@functions("normalize")
def normalize(draw: Draw, name: str) -> FunctionCase:
    x = draw.array(3, 4, draw.integer(1, 3))
    if draw.boolean():
        x[0] = 0
    options = {"p": draw.choice([1.0, 2.0, 3.0]), "dim": draw.choice([0, 1, -1])}
    # Along a side of one the gradient is a difference of equal numbers over a small norm.
    return FunctionCase((x,), options, tolerance=1e-7)


@modules("CosineSimilarity")
def cosine_similarity(draw: Draw, name: str) -> ModuleCase:
    args = (draw.choice([0, 1, -1]), draw.choice([1e-8, 1e-3]))
    return ModuleCase(args, {}, (draw.array(3, 4), draw.array(3, 4)))


@modules("PairwiseDistance")
def pairwise_distance(draw: Draw, name: str) -> ModuleCase:
    args = (draw.choice([1.0, 2.0, 3.0]), draw.choice([1e-6, 1e-3]), draw.boolean())
    return ModuleCase(args, {}, (draw.array(3, 4), draw.array(3, 4)))
