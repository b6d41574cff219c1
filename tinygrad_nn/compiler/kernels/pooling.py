"""The way back through maxima of windows that tile an image."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.compiler.kernels.building import Ranged, floats, source, steps, written
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = ["accepts_pool_place", "accepts_pool_winner", "pool_place", "pool_winner"]

_MOST = 255
"""Places of a window that a byte can tell, and one for none."""
_AXES = 4


def _tiles(sides: tuple[int, ...], windows: tuple[Any, ...]) -> bool:
    """Whether each element lies in one window."""
    if len(windows) != 2 or windows[0][0] * windows[1][0] >= _MOST:
        return False
    return all(
        (size, padding, dilation, count * size) == (stride, 0, 1, n)
        for n, (size, stride, padding, dilation, count) in zip(sides, windows, strict=True)
    )


def _batch_inside(*arrays: Any) -> bool:
    """Whether the first axis is the innermost in memory."""
    return all(
        isinstance(v, Var) and len(v.shape) == _AXES and 0 not in v.shape
        and v.strides[0] == v.dtype.itemsize for v in arrays
    )  # fmt: skip


def _bytes(v: Any) -> bool:
    return isinstance(v, Var) and v.dtype is not None and v.dtype.char == "B"


def accepts_pool_winner(i: Instruction) -> bool:
    """x and its maxima."""
    x, y = i.args
    if not floats(x, y) or not _bytes(i.out) or not _batch_inside(x, y, i.out):
        return False
    return _tiles(x.shape[2:], i.params["windows"])


def accepts_pool_place(i: Instruction) -> bool:
    """A gradient, in any order, and the places in windows."""
    g, winner = i.args
    if not floats(g, i.out) or not _bytes(winner) or not _batch_inside(winner, i.out):
        return False
    return g.shape == winner.shape and _tiles(i.params["sides"], i.params["windows"])


def _numbers(i: Instruction, small: Var, arrays: tuple[Var, ...]) -> list[int]:
    batch, channels, _, columns = small.shape
    (tall, *_), (wide, *_) = i.params["windows"]
    numbers = [batch, channels, columns, tall, wide]
    return numbers + [step for v in arrays for step in steps(v)[1:]]


def pool_winner(i: Instruction) -> Instruction:
    """One line of the batch after the other, for each place of a window."""
    x, y = i.args
    numbers = [*_numbers(i, y, (x, y, i.out)), 0]
    function = source("pooling", floats(x)).pool_winner
    return written(i, Ranged(function, y.shape[1] * y.shape[2], 0, numbers), (x, y))


def pool_place(i: Instruction) -> Instruction:
    """The same."""
    g, winner = i.args
    numbers = [*_numbers(i, winner, (g, winner, i.out)), steps(g)[0]]
    function = source("pooling", floats(g)).pool_place
    return written(i, Ranged(function, g.shape[1] * g.shape[2], 0, numbers), (g, winner))
