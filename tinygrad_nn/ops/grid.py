"""Reading arrays between their elements, at coordinates that carry gradients."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.ops.elementwise import abs as absolute
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.rounding import floor, rint
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import astype, reshape

__all__: list[str] = []

_KEYS = -0.75


@op(kind=Kind.CONSTANT, samples=lambda draw: ((draw.array(draw.shape()),), {"low": -1, "high": 2}))
def nearest_cell(x: Any, /, low: int, high: int) -> Any:
    """Whole numbers `x` as int64, kept within `low` and `high`; NaN becomes `low`. No gradient."""
    functions = namespace(x)
    return functions.astype(
        functions.clip(functions.where(functions.isnan(x), low, x), low, high), "int64"
    )


# ── Coordinates ─────────────────────────────────────────────────────────────────────────


def _unnormalised(x: Any, side: int, align: bool) -> Any:
    """Place on an axis of `side` elements for a coordinate from -1 to 1."""
    return (x + 1) * ((side - 1) / 2) if align else ((x + 1) * side - 1) / 2


def _clipped(x: Any, side: int) -> Any:
    """Held at the first and the last element, where the slope is 0; NaN becomes the first."""
    return where(x > 0, where(x < side - 1, x, side - 1.0), 0.0)


def _reflected(x: Any, side: int, align: bool) -> Any:
    """Mirrored, as often as it takes, at the first and last element, or at their outer edges."""
    low, span = (0.0, side - 1.0) if align else (-0.5, float(side))
    if span == 0:
        return x * 0
    away = absolute(x - low)
    flips = floor(away / span)
    extra = away - flips * span
    even = flips - 2 * floor(flips / 2) == 0
    return where(even, extra + low, span - extra + low)


def _inside(x: Any, side: int, padding: str, align: bool) -> Any:
    """A place that may lie outside, as the padding mode has it."""
    if padding == "zeros":
        return x
    if padding == "reflection":
        x = _reflected(x, side, align)
    return _clipped(x, side)


# ── Reading ─────────────────────────────────────────────────────────────────────────────


def _as_line(x: Any) -> Any:
    """`x` (N, ...) as (N, 1, all)."""
    return reshape(x, (x.shape[0], 1, prod(x.shape[1:])))


def _read(lines: Any, sides: tuple[int, ...], cells: tuple[Any, ...]) -> Any:
    """Elements (N, C, P) of `lines` (N, C, all) at integer places (N, P); 0 where outside."""
    flat, valid = 0, None
    for cell, side in zip(cells, sides, strict=True):
        ok = (cell >= 0) & (cell < side)
        valid = ok if valid is None else valid & ok
        flat = flat * side + nearest_cell(cell, low=0, high=side - 1)
    found = take_along_axis(lines, _as_line(flat), -1)
    return where(_as_line(valid), found, 0.0)


def _weighted(lines: Any, sides: tuple[int, ...], taps: list[list[tuple[Any, Any]]]) -> Any:
    """Σ of elements by the product of their weights along each axis: (cell, weight) or None."""
    y: Any = None
    for chosen in product(*taps):
        value = _read(lines, sides, tuple(cell for cell, _ in chosen))
        weight: Any = None
        for _, w in chosen:
            weight = w if weight is None else weight * w
        if weight is not None:
            value = value * _as_line(weight)
        y = value if y is None else y + value
    return y


def _nearest(x: Any, side: int, padding: str, align: bool) -> list[tuple[Any, Any]]:
    return [(nearest_cell(rint(_inside(x, side, padding, align)), low=-1, high=side), None)]


def _linear(x: Any, side: int, padding: str, align: bool) -> list[tuple[Any, Any]]:
    x = _inside(x, side, padding, align)
    low = floor(x)
    share = x - low
    cell = nearest_cell(low, low=-2, high=side)
    return [(cell, 1 - share), (cell + 1, share)]


def _near(s: Any) -> Any:
    """Keys's kernel (1981) up to 1."""
    return ((_KEYS + 2) * s - (_KEYS + 3)) * s * s + 1


def _far(s: Any) -> Any:
    """Keys's kernel from 1 to 2."""
    return (((s - 5) * s + 8) * s - 4) * _KEYS


def _cubic(x: Any, side: int, padding: str, align: bool) -> list[tuple[Any, Any]]:
    low = floor(x)
    t = x - low
    weights = [_far(t + 1), _near(t), _near(1 - t), _far(2 - t)]
    cells = [_inside(low + k, side, padding, align) for k in (-1, 0, 1, 2)]
    return [
        (nearest_cell(rint(cell), low=-1, high=side), w)
        for cell, w in zip(cells, weights, strict=True)
    ]


_TAPS = {"nearest": _nearest, "bilinear": _linear, "bicubic": _cubic}


def _grids(draw: Draw) -> Sample:
    dims = draw.choice([2, 2, 3])
    sides = tuple(draw.integer(2, 3) for _ in range(dims))
    batch, channels = draw.integer(1, 2), draw.integer(1, 2)
    align = draw.choice([False, True])
    out = (batch, *[draw.integer(1, 2) for _ in range(dims)])
    columns = []
    for side in reversed(sides):
        # Away from the elements and the middles between them, where slopes jump.
        place = draw.integers(out, -side, 2 * side) + 0.1 + 0.05 * (draw.array(out) % 1)
        x = 2 * place / (side - 1) - 1 if align else (2 * place + 1) / side - 1
        columns.append(x[..., None])
    grid = namespace(columns[0]).concat(columns, axis=-1)
    mode = draw.choice(["nearest", "bilinear", *(["bicubic"] if dims == 2 else [])])
    padding = draw.choice(["zeros", "border", "reflection"])
    static = {"mode": mode, "padding_mode": padding, "align_corners": align}
    return (draw.array((batch, channels, *sides)), grid), static


@composed(samples=_grids)
def grid_sample(
    x: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Any:
    """Elements of `x` (N, C, ..., H, W) at the places `grid` (N, ..., (x, y, ...)), interpolated.

    See `nn.functional.grid_sample`, which checks its arguments.
    """
    sides = tuple(x.shape[2:])
    if grid.dtype != x.dtype:
        grid = astype(grid, x.dtype)
    outputs = tuple(grid.shape[1:-1])
    shape = (*x.shape[:2], *outputs)
    lines = reshape(x, (*x.shape[:2], prod(sides)))
    taps = [
        _TAPS[mode](
            _unnormalised(grid[..., len(sides) - 1 - d], side, align_corners),
            side,
            padding_mode,
            align_corners,
        )
        for d, side in enumerate(sides)
    ]
    return reshape(_weighted(lines, sides, taps), shape)
