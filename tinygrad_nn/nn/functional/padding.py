"""Margins around arrays, with PyTorch's order of sizes: from the last axis on."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import operand
from tinygrad_nn.nn.functional.sizes import NAMES, is_whole
from tinygrad_nn.ops.repeat import pad as _pad
from tinygrad_nn.ops.resample import resample

__all__ = ["pad"]

_MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """`input` inside a margin; a negative width cuts.

    Args:
        input: Array. For other modes than "constant" the last axis, the last two or the last
            three get a margin, and one or two axes stand before them: (N, C, L), (C, L) ...
        pad: (left, right) of the last axis, or (left, right, top, bottom), (left, right, top,
            bottom, front, back) ...: pairs from the last axis to the first.
        mode: What the margin holds: "constant"; "reflect", the elements mirrored at the edge,
            which is not repeated; "replicate", the edge; "circular", the other end. The gradients
            of copies add up.
        value: The constant, 0 by default.

    Raises:
        OptionError: The mode is unknown, or the widths are no pairs of integers.
        ShapeError: There are more pairs than axes, or a width is too large for the mode.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.functional.pad(tg.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect").tolist()
        [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]
    """
    x = operand("pad", input)
    pairs = _pairs(x, pad)
    if mode not in _MODES:
        raise OptionError(f"pad: got mode={mode!r}, expected one of {', '.join(_MODES)}")
    if mode == "constant":
        return _constant(x, pairs, pad, 0.0 if value is None else value)
    if value:
        raise OptionError(f"pad: got value={value!r} with mode={mode!r}, expected mode='constant'")
    dims = len(pairs)
    if dims not in NAMES or x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"pad: got shape {tuple(x.shape)} and pad={pad!r} with mode={mode!r}, expected 2 "
            "widths for (C, L) or (N, C, L), 4 for (C, H, W) or (N, C, H, W), 6 for (C, D, H, W) "
            "or (N, C, D, H, W)"
        )
    for d, (before, after) in enumerate(pairs):
        axis = x.ndim - 1 - d
        if before or after:
            _check_room(x, axis, before, after, mode)
            n = x.shape[axis]
            x = resample(x, axis=axis, line=("margin", n, n + before + after, before, mode))
    return x


def _pairs(x: Any, pad: Any) -> list[tuple[int, int]]:
    """(before, after) from the last axis on."""
    widths = list(pad) if isinstance(pad, (tuple, list)) else [pad]
    if len(widths) % 2 or not all(map(is_whole, widths)):
        raise OptionError(
            f"pad: got pad={pad!r}, expected pairs of integers: (left, right, top, bottom, ...)"
        )
    if len(widths) > 2 * x.ndim:
        raise ShapeError(
            f"pad: got {len(widths)} widths for the {x.ndim} axes of {tuple(x.shape)}, expected at "
            f"most {2 * x.ndim}"
        )
    numbers = [int(w) for w in widths]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _constant(x: Any, pairs: list[tuple[int, int]], pad: Any, value: float) -> Any:
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    for n, (before, after) in zip(x.shape, widths, strict=True):
        if n + before + after < 0:
            raise ShapeError(
                f"pad: got pad={pad!r} for shape {tuple(x.shape)}, expected to cut at most the "
                f"{n} elements of an axis"
            )
    # What one side cuts off beyond the array is taken from the margin of the other.
    cut = tuple(
        slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    grown = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    if any(c != slice(0, n) for c, n in zip(cut, x.shape, strict=True)):
        x = _cut(x, widths, cut)
    if any(a or b for a, b in grown):
        x = _pad(x, grown, constant_values=value)
    return x


def _cut(x: Any, widths: list[tuple[int, int]], cut: tuple[slice, ...]) -> Any:
    for n, (before, after) in zip(x.shape, widths, strict=True):
        if -min(before, 0) - min(after, 0) > n:
            raise ShapeError(
                f"pad: got widths {(before, after)} for an axis of {n}, expected to cut at most "
                "its elements"
            )
    return x[cut]


def _check_room(x: Any, axis: int, before: int, after: int, mode: str) -> None:
    n = x.shape[axis]
    most = {"reflect": n - 1, "circular": n}.get(mode)
    got = f"pad: got widths {(before, after)} for axis {axis} of shape {tuple(x.shape)}"
    if most is not None and max(before, after) > most:
        raise ShapeError(
            f"{got} with mode={mode!r}, expected at most {most}: there is nothing more to "
            + ("mirror; mode='replicate' repeats the edge" if mode == "reflect" else "go round")
        )
    if not n:
        raise ShapeError(f"{got} with mode={mode!r}, expected an axis with an edge to repeat")
    if n + before + after < 1 or min(before, after) <= -n:
        raise ShapeError(f"{got}, expected to leave at least one element")
