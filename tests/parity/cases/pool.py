"""Pooling: over grids, to a size, at random places, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw, Fixed

DIMS = (1, 2, 3)


def dims_of(name: str) -> int:
    return int(next(c for c in name if c.isdigit()))


def lead(draw: Draw) -> tuple[int, ...]:
    """With and without the axis of the batch."""
    return draw.choice([(2, 2), (1, 3), (2,), (1,)])


def each(draw: Draw, dims: int, low: int, high: int) -> Any:
    """One integer for all axes, or one for each."""
    if draw.boolean():
        return draw.integer(low, high)
    return tuple(draw.integer(low, high) for _ in range(dims))


def spread(value: Any, dims: int) -> Sequence[int]:
    return value if isinstance(value, tuple) else (value,) * dims


def image(draw: Draw, dims: int, least: Sequence[int]) -> np.ndarray:
    """Sides from the least one on, sometimes with ties."""
    x = draw.array(*lead(draw), *[k + draw.integer(0, 4) for k in least])
    return np.round(x) if draw.boolean() else x


def grid(draw: Draw, dims: int, dilated: bool) -> tuple[dict[str, Any], Sequence[int]]:
    """Options of a pooling over a grid, and the least sides that they need."""
    kernel = each(draw, dims, 1, 3)
    sizes = spread(kernel, dims)
    options = {"kernel_size": kernel}
    if draw.boolean():
        options["stride"] = each(draw, dims, 1, 3)
    if draw.boolean():
        half = [k // 2 for k in sizes]
        options["padding"] = tuple(draw.integer(0, h) for h in half)
        if draw.boolean():
            options["padding"] = min(options["padding"])
    gaps: Sequence[int] = (1,) * dims
    if dilated and draw.boolean():
        options["dilation"] = each(draw, dims, 1, 2)
        gaps = spread(options["dilation"], dims)
    options["ceil_mode"] = draw.boolean()
    return options, [g * (k - 1) + 1 for g, k in zip(gaps, sizes, strict=True)]


# ------------------------------------------------------------------------------------- maxima


@modules("MaxPool1d", "MaxPool2d", "MaxPool3d")
def max_pool(draw: Draw, name: str) -> ModuleCase:
    options, least = grid(draw, dims_of(name), dilated=True)
    options["return_indices"] = draw.boolean()
    return ModuleCase((), options, (image(draw, dims_of(name), least),))


@functions(*[f"max_pool{d}d" for d in DIMS], *[f"max_pool{d}d_with_indices" for d in DIMS])
def max_pool_function(draw: Draw, name: str) -> FunctionCase:
    options, least = grid(draw, dims_of(name), dilated=True)
    options["return_indices"] = draw.boolean()
    kernel = options.pop("kernel_size")
    return FunctionCase((image(draw, dims_of(name), least), kernel), options)


# -------------------------------------------------------------------------------------- means


def averaged(draw: Draw, name: str) -> tuple[dict[str, Any], Sequence[int]]:
    options, least = grid(draw, dims_of(name), dilated=False)
    options["count_include_pad"] = draw.boolean()
    if "1d" not in name:
        options["divisor_override"] = draw.choice([None, None, 1, 5])
    return options, least


@modules("AvgPool1d", "AvgPool2d", "AvgPool3d")
def avg_pool(draw: Draw, name: str) -> ModuleCase:
    options, least = averaged(draw, name)
    return ModuleCase((), options, (image(draw, dims_of(name), least),))


@functions("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool_function(draw: Draw, name: str) -> FunctionCase:
    options, least = averaged(draw, name)
    kernel = options.pop("kernel_size")
    return FunctionCase((image(draw, dims_of(name), least), kernel), options)


def powered(draw: Draw, name: str) -> tuple[tuple[Any, ...], np.ndarray]:
    dims = dims_of(name)
    kernel = draw.integer(1, 3) if dims == 1 else each(draw, dims, 1, 3)
    stride = None if draw.boolean() else each(draw, dims, 1, 3)
    p = draw.choice([1, 2, 3.0, 4, float("inf"), -float("inf"), 1.5])
    # Roots of sums of both signs are NaN, and those of 0 have no slope in PyTorch either.
    x = image(draw, dims, spread(kernel, dims))
    x = np.abs(x) + 0.1 if p not in (2, 4) else np.where(x == 0, 0.5, x)
    return (p, kernel, stride, draw.boolean()), x


@modules("LPPool1d", "LPPool2d", "LPPool3d")
def lp_pool(draw: Draw, name: str) -> ModuleCase:
    args, x = powered(draw, name)
    return ModuleCase(args, {}, (x,))


@functions("lp_pool1d", "lp_pool2d", "lp_pool3d")
def lp_pool_function(draw: Draw, name: str) -> FunctionCase:
    args, x = powered(draw, name)
    return FunctionCase((x, *args))


# ---------------------------------------------------------------------------------- to a size


def sized(draw: Draw, name: str) -> tuple[Any, np.ndarray]:
    dims = dims_of(name)
    x = image(draw, dims, (1,) * dims)
    size = each(draw, dims, 1, 6)
    if isinstance(size, tuple) and dims > 1 and draw.boolean():
        size = (None, *size[1:])
    return size, x


@modules(*[f"AdaptiveAvgPool{d}d" for d in DIMS])
def adaptive_avg_pool(draw: Draw, name: str) -> ModuleCase:
    size, x = sized(draw, name)
    return ModuleCase((size,), {}, (x,))


@functions(*[f"adaptive_avg_pool{d}d" for d in DIMS])
def adaptive_avg_pool_function(draw: Draw, name: str) -> FunctionCase:
    size, x = sized(draw, name)
    return FunctionCase((x, size))


@modules(*[f"AdaptiveMaxPool{d}d" for d in DIMS])
def adaptive_max_pool(draw: Draw, name: str) -> ModuleCase:
    size, x = sized(draw, name)
    return ModuleCase((size,), {"return_indices": draw.boolean()}, (x,))


@functions(
    *[f"adaptive_max_pool{d}d" for d in DIMS],
    *[f"adaptive_max_pool{d}d_with_indices" for d in DIMS],
)
def adaptive_max_pool_function(draw: Draw, name: str) -> FunctionCase:
    size, x = sized(draw, name)
    return FunctionCase((x, size), {"return_indices": draw.boolean()})


# ---------------------------------------------------------------------------------- at random


def fractional(draw: Draw, name: str) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    dims = dims_of(name)
    kernel = each(draw, dims, 1, 3)
    outputs = tuple(draw.integer(1, 3) for _ in range(dims))
    # One more than ours needs, since PyTorch asks for it where there are three axes.
    least = [m + k for m, k in zip(outputs, spread(kernel, dims), strict=True)]
    x = image(draw, dims, least)
    options: dict[str, Any] = {"kernel_size": kernel, "return_indices": draw.boolean()}
    options["output_size"] = outputs
    shares = [m / n for m, n in zip(outputs, x.shape[-dims:], strict=True)]
    whole = [int(n * s) for n, s in zip(x.shape[-dims:], shares, strict=True)]
    if max(shares) < 1 and list(outputs) == whole and draw.boolean():
        del options["output_size"]
        options["output_ratio"] = tuple(shares)
    batch = x.shape[0] if x.ndim == dims + 2 else 1
    return options, x, draw.array(batch, x.shape[-dims - 1], dims, low=0.0)


@modules("FractionalMaxPool2d", "FractionalMaxPool3d")
def fractional_max_pool(draw: Draw, name: str) -> ModuleCase:
    options, x, samples = fractional(draw, name)

    def build(library: Any) -> Any:
        layer = getattr(library, name)(**options)
        theirs = library.__name__.startswith("torch")
        layer._random_samples = _as_torch(samples) if theirs else _as_ours(samples)
        return layer

    return ModuleCase((), {}, (x,), build=build)


def _as_torch(samples: np.ndarray) -> Any:
    import torch

    return torch.tensor(samples)


def _as_ours(samples: np.ndarray) -> Any:
    import tinygrad_nn as tg

    return tg.tensor(samples)


@functions(
    *[f"fractional_max_pool{d}d" for d in (2, 3)],
    *[f"fractional_max_pool{d}d_with_indices" for d in (2, 3)],
)
def fractional_max_pool_function(draw: Draw, name: str) -> FunctionCase:
    options, x, samples = fractional(draw, name)
    kernel = options.pop("kernel_size")
    return FunctionCase((x, kernel), {**options, "_random_samples": Fixed(samples)})


# --------------------------------------------------------------------------------------- back


def unpooled(draw: Draw, name: str) -> tuple[tuple[Any, ...], Any, np.ndarray, np.ndarray]:
    """Kernel, stride and padding; the size to come back to; maxima, and where they stood."""
    dims = dims_of(name)
    kernel = each(draw, dims, 2, 3)
    sizes = spread(kernel, dims)
    padding = draw.choice([0, 1])
    shape = tuple(k * draw.integer(2, 3) for k in sizes)
    counts = tuple((n + 2 * padding - k) // k + 1 for n, k in zip(shape, sizes, strict=True))
    usual = tuple((m - 1) * k + k - 2 * padding for m, k in zip(counts, sizes, strict=True))
    output = None if draw.boolean() else tuple(n + 1 for n in usual)
    total = int(np.prod(output or usual))
    front = lead(draw)
    order = [draw.rng.permutation(total)[: int(np.prod(counts))] for _ in range(np.prod(front))]
    index = np.stack(order).reshape(*front, *counts)
    stride = kernel if draw.boolean() else None
    return (kernel, stride, padding), output, draw.array(*front, *counts), index


@modules("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d")
def max_unpool(draw: Draw, name: str) -> ModuleCase:
    args, output, x, index = unpooled(draw, name)
    return ModuleCase(args, {}, (x, index), {"output_size": output})


@functions("max_unpool1d", "max_unpool2d", "max_unpool3d")
def max_unpool_function(draw: Draw, name: str) -> FunctionCase:
    args, output, x, index = unpooled(draw, name)
    return FunctionCase((x, index, *args), {"output_size": output})
