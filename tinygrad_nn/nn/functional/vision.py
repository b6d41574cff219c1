"""Images resized, reordered and read at places, with PyTorch's signatures."""

from __future__ import annotations

from math import floor
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.nn.functional.adaptive_pool import adaptive_mean
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import NAMES, per_axis, sides
from tinygrad_nn.ops.grid import grid_sample as _grid_sample
from tinygrad_nn.ops.products import matmul
from tinygrad_nn.ops.rearrange import moveaxis
from tinygrad_nn.ops.resample import resample
from tinygrad_nn.ops.shape import permute_dims, reshape
from tinygrad_nn.tensor import Tensor

__all__ = [
    "affine_grid",
    "channel_shuffle",
    "grid_sample",
    "interpolate",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]


# ── Resizing ────────────────────────────────────────────────────────────────────────────

_DIMS = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
    "lanczos": (2,),
}
_KERNEL = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
_PLAIN = ("nearest", "nearest-exact", "area")
_SMOOTH = ("bilinear", "bicubic", "lanczos")


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Images resized: `(N, C, L)`, `(N, C, H, W)` or `(N, C, D, H, W)`.

    Every mode works along one axis after the other, and its gradient is its transpose.

    Args:
        input: Array of floats.
        size: Length of the resized axes, one integer or one for each.
        scale_factor: Instead of it, by what they grow, one number or one for each.
        mode: "nearest" (as PyTorch and OpenCV have it), "nearest-exact" (as scikit-image and PIL
            have it), "area" (means), "linear" for (N, C, L), "bilinear", "bicubic" (Keys's kernel
            with a = −0.75) and "lanczos" (with `antialias` alone) for (N, C, H, W), "trilinear"
            for (N, C, D, H, W).
        align_corners: Whether the centres of the corner elements stay where they are; else the
            corners themselves do. For the modes with "linear" or "cubic".
        recompute_scale_factor: Let the whole sizes say the scale, and not `scale_factor`.
        antialias: Stretch the kernel where the image shrinks ("bilinear", "bicubic", "lanczos").

    Raises:
        OptionError: An option is unknown, or does not go with the mode.
        ShapeError: The rank does not go with the mode, or a size is 0.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> x = tg.tensor([[[1.0, 3.0]]])
        >>> nn.functional.interpolate(x, scale_factor=2, mode="linear").tolist()
        [[[1.0, 1.5, 2.5, 3.0]]]
    """
    x = operand("interpolate", input)
    dims = _check_mode(x, mode, align_corners, antialias)
    if x.dtype.kind != "f" and mode not in ("nearest", "nearest-exact"):
        raise DTypeError(
            f"interpolate: got {x.dtype} with mode={mode!r}, expected floats; convert: "
            "x.astype('float32')"
        )
    outputs, factors = _sizes(x, dims, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise OptionError(
            "interpolate: got recompute_scale_factor=True with size=, expected scale_factor="
        )
    if mode == "area":
        return adaptive_mean("interpolate", dims, x, outputs)
    if recompute_scale_factor:
        factors = None
    for d, (n, m) in enumerate(zip(sides(x, dims), outputs, strict=True)):
        step = None if factors is None else 1 / factors[d]
        if mode in _PLAIN:
            line: tuple[Any, ...] = (mode, n, m, step)
        elif antialias:
            line = ("antialiased", n, m, _KERNEL.get(mode, mode), bool(align_corners), step)
        else:
            line = (_KERNEL.get(mode, mode), n, m, bool(align_corners), step)
        if n != m or step not in (None, 1.0):
            x = resample(x, axis=x.ndim - dims + d, line=line)
    return x


def _check_mode(x: Any, mode: str, align_corners: bool | None, antialias: bool) -> int:
    """Number of axes to resize."""
    if mode not in _DIMS:
        raise OptionError(f"interpolate: got mode={mode!r}, expected one of {', '.join(_DIMS)}")
    dims: int = x.ndim - 2
    if dims not in _DIMS[mode]:
        shapes = ", ".join(f"(N, C, {NAMES[d]})" for d in _DIMS[mode])
        raise ShapeError(
            f"interpolate: got shape {tuple(x.shape)} with mode={mode!r}, expected {shapes}"
        )
    if mode in _PLAIN and align_corners is not None:
        raise OptionError(
            f"interpolate: got align_corners={align_corners!r} with mode={mode!r}, expected a mode "
            "that interpolates: linear, bilinear, bicubic or trilinear"
        )
    if antialias and mode not in _SMOOTH:
        raise OptionError(
            f"interpolate: got antialias=True with mode={mode!r}, expected {', '.join(_SMOOTH)}"
        )
    if mode == "lanczos" and (not antialias or align_corners):
        raise OptionError(
            "interpolate: got mode='lanczos', expected antialias=True and no align_corners with it"
        )
    return dims


def _sizes(
    x: Any, dims: int, size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    if (size is None) == (scale_factor is None):
        raise OptionError(
            f"interpolate: got size={size!r} and scale_factor={scale_factor!r}, expected exactly "
            "one of them"
        )
    if size is not None:
        found, factors = per_axis("interpolate", "size", size, dims), None
        text = f"size={size!r}"
    else:
        several = isinstance(scale_factor, (tuple, list))
        given = list(scale_factor) if several else [scale_factor] * dims
        real = all(hasattr(f, "__float__") and not isinstance(f, bool) for f in given)
        if not real or len(given) != dims or not all(f > 0 for f in given):
            raise OptionError(
                f"interpolate: got scale_factor={scale_factor!r}, expected a positive number, or "
                f"{dims} of them"
            )
        factors = tuple(map(float, given))
        found = tuple(floor(n * f) for n, f in zip(sides(x, dims), factors, strict=True))
        text = f"scale_factor={scale_factor!r}"
    if not all(sides(x, dims)) or not all(found):
        raise ShapeError(
            f"interpolate: got shape {tuple(x.shape)} and {text}, of which the output would be "
            f"{found}: ⌊size · scale_factor⌋; expected sizes of at least 1"
        )
    return found, factors


def upsample(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """`interpolate` by its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` with mode "nearest"."""
    return interpolate(input, size, scale_factor)


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` with mode "bilinear" and `align_corners`."""
    return interpolate(input, size, scale_factor, "bilinear", True)


# ── Channels ────────────────────────────────────────────────────────────────────────────


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Channels as pixels: `(..., C r², H, W) -> (..., C, H r, W r)`, r the factor.

    Source:
        Shi et al. 2016, Real-time single image and video super-resolution.

    Raises:
        OptionError: The factor is no positive integer.
        ShapeError: There are not three axes, or r² does not divide the channels.
    """
    x = operand("pixel_shuffle", input)
    (r,) = per_axis("pixel_shuffle", "upscale_factor", upscale_factor, 1, 1)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ShapeError(
            f"pixel_shuffle: got shape {tuple(x.shape)} and upscale_factor={r}, expected "
            f"(..., C · {r * r}, H, W)"
        )
    *lead, c, h, w = x.shape
    apart = reshape(x, (*lead, c // (r * r), r, r, h, w))
    k = len(lead)
    mixed = permute_dims(apart, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return reshape(mixed, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Pixels as channels: `(..., C, H r, W r) -> (..., C r², H, W)`, r the factor.

    Raises:
        OptionError: The factor is no positive integer.
        ShapeError: There are not three axes, or r does not divide height and width.
    """
    x = operand("pixel_unshuffle", input)
    (r,) = per_axis("pixel_unshuffle", "downscale_factor", downscale_factor, 1, 1)
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ShapeError(
            f"pixel_unshuffle: got shape {tuple(x.shape)} and downscale_factor={r}, expected "
            f"(..., C, H · {r}, W · {r})"
        )
    *lead, c, h, w = x.shape
    apart = reshape(x, (*lead, c, h // r, r, w // r, r))
    k = len(lead)
    mixed = permute_dims(apart, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return reshape(mixed, (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Any, groups: int) -> Any:
    """Channels of `groups` groups in turn: `(N, C, ...) -> (N, C, ...)`.

    Source:
        Zhang et al. 2018, ShuffleNet.

    Raises:
        OptionError: `groups` is no positive integer.
        ShapeError: There are not three axes, or the groups do not divide the channels.
    """
    x = operand("channel_shuffle", input)
    (g,) = per_axis("channel_shuffle", "groups", groups, 1, 1)
    if x.ndim < 3 or x.shape[1] % g:
        raise ShapeError(
            f"channel_shuffle: got shape {tuple(x.shape)} and groups={g}, expected (N, C, ...) "
            f"with at least three axes and channels that {g} divides"
        )
    n, c, *rest = x.shape
    return reshape(moveaxis(reshape(x, (n, g, c // g, *rest)), 1, 2), tuple(x.shape))


# ── Places ──────────────────────────────────────────────────────────────────────────────


def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """Elements at the places of a grid, interpolated; both arguments get gradients.

    `(N, C, H, W), (N, H_out, W_out, 2) -> (N, C, H_out, W_out)`, or with (N, C, D, H, W) and
    (N, D_out, H_out, W_out, 3). The last axis of the grid is (x, y) or (x, y, z), from -1 to 1.

    Args:
        input: Images.
        grid: Places.
        mode: "bilinear" (of the 2ⁿ elements around), "nearest", or "bicubic" for (N, C, H, W).
        padding_mode: What lies outside: "zeros", the "border", or the image mirrored,
            "reflection".
        align_corners: Whether -1 and 1 are the centres of the corner elements, or their outer
            edges (False and None).

    Raises:
        OptionError: A mode is unknown, or does not go with the rank.
        ShapeError: The shapes do not fit.
    """
    x, places = operand("grid_sample", input), operand("grid_sample", grid)
    dims = x.ndim - 2
    wanted = (*x.shape[:1], *["..."] * dims, dims)
    if dims not in (2, 3) or places.ndim != x.ndim or places.shape[-1] != dims:
        raise ShapeError(
            f"grid_sample: got an input of shape {tuple(x.shape)} and a grid of shape "
            f"{tuple(places.shape)}, expected (N, C, H, W) and (N, H_out, W_out, 2), or "
            "(N, C, D, H, W) and (N, D_out, H_out, W_out, 3)"
        )
    if places.shape[0] != x.shape[0] or not all(x.shape[2:]):
        raise ShapeError(
            f"grid_sample: got an input of shape {tuple(x.shape)} and a grid of shape "
            f"{tuple(places.shape)}, expected as many grids as images, {wanted}, and images with "
            "pixels"
        )
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and dims == 3):
        raise OptionError(
            f"grid_sample: got mode={mode!r} for shape {tuple(x.shape)}, expected 'bilinear', "
            "'nearest', or 'bicubic' for (N, C, H, W)"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise OptionError(
            f"grid_sample: got padding_mode={padding_mode!r}, expected 'zeros', 'border' or "
            "'reflection'"
        )
    return _grid_sample(x, places, mode, padding_mode, bool(align_corners))


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """Places for `grid_sample` that an affine map sends the places of an image to.

    `(N, 2, 3) -> (N, H, W, 2)` for `size` (N, C, H, W); `(N, 3, 4) -> (N, D, H, W, 3)` for
    (N, C, D, H, W).

    Args:
        theta: Matrices of the maps, of (x, y, 1) or (x, y, z, 1).
        size: Shape of the images that come out.
        align_corners: As for `grid_sample`.

    Raises:
        OptionError: The size is not that of images.
        ShapeError: The matrices do not fit it.
    """
    matrices = operand("affine_grid", theta)
    shape = per_axis("affine_grid", "size", tuple(size), len(size), 1)
    dims = len(shape) - 2
    if dims not in (2, 3):
        raise OptionError(
            f"affine_grid: got size={tuple(size)}, expected (N, C, H, W) or (N, C, D, H, W)"
        )
    if tuple(matrices.shape) != (shape[0], dims, dims + 1):
        raise ShapeError(
            f"affine_grid: got theta of shape {tuple(matrices.shape)} for size={shape}, expected "
            f"{(shape[0], dims, dims + 1)}"
        )
    functions, dtype = namespace(raw(matrices)), matrices.dtype
    lines = []
    for n in shape[:1:-1]:
        line = functions.linspace(-1, 1, n, dtype=dtype) if n > 1 else functions.zeros(1, dtype)
        lines.append(line if align_corners else line * ((n - 1) / n))
    columns = functions.meshgrid(*lines[::-1], indexing="ij")[::-1]
    columns = [*columns, functions.ones(shape[2:], dtype)]
    places = functions.stack(columns, -1).reshape(-1, dims + 1).astype(dtype)
    found = matmul(places, matrices.mT) if isinstance(matrices, Tensor) else places @ matrices.mT
    return reshape(found, (shape[0], *shape[2:], dims))
