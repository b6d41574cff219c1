"""Windows that slide over the last axes: their maxima and sums.

Which element of a window is its maximum is locally constant: `pool_winner` finds it from the
input and the maxima once the gradient needs it, and what is linear in the rest stays so.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.shape import reshape

__all__: list[str] = []

_DISTINCT = Domain(distinct=True)


class Window(NamedTuple):
    """The windows along one axis.

    Attributes:
        size: Elements in a window.
        stride: From one window to the next.
        padding: How far the first window begins before the axis. What lies outside is not there.
        dilation: From one element of a window to the next.
        number: Number of windows.
    """

    size: int
    stride: int
    padding: int
    dilation: int
    number: int


Windows = tuple[Window, ...]


def _windows(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], Windows]:
    """Shape of the axes before, of the pooled axes, and windows."""
    lead = draw.shape(max_dims=2)
    sides, windows = [], []
    for _ in range(draw.integer(1, 2)):
        size, dilation = draw.integer(1, 3), draw.choice([1, 1, 2])
        reach = dilation * (size - 1) + 1
        side = reach + draw.integer(0, 3)
        stride = draw.choice([size, 1, 2])
        padding = draw.integer(0, size // 2) if dilation == 1 else 0
        # A last window may reach beyond the end.
        count = max(1, -(-(side + 2 * padding - reach) // stride) + draw.choice([0, 1]))
        if (count - 1) * stride >= side + padding:
            count -= 1
        sides.append(side)
        windows.append(Window(size, stride, padding, dilation, count))
    return lead, tuple(sides), tuple(windows)


def _counts(windows: Windows) -> tuple[int, ...]:
    return tuple(w.number for w in windows)


# ── Maxima ──────────────────────────────────────────────────────────────────────────────


def _maxima(draw: Draw) -> Sample:
    lead, sides, windows = _windows(draw)
    return (draw.array((*lead, *sides), _DISTINCT),), {"windows": windows}


def _max_slope(g: Any, y: Any, x: Any, windows: Windows) -> Any:
    winner = pool_winner(x, y, windows=windows)
    return pool_place(g, winner, windows=windows, sides=tuple(x.shape[x.ndim - len(windows) :]))


def _max_push(tangents: Any, y: Any, x: Any, windows: Windows) -> Any:
    return pool_pick(tangents[0], pool_winner(x, y, windows=windows), windows=windows)


@op(kernel="max_pool", vjp=_max_slope, jvp=_max_push, samples=_maxima)
def max_pool(x: Any, /, windows: Windows) -> Any:
    """Largest element of each window over the last axes, NaN where there is one.

    The gradient goes to the first maximum in row-major order.
    """


def _won(draw: Draw) -> Sample:
    (x,), static = _maxima(draw)
    return (x, namespace(x).max_pool(x, static["windows"])), static


@op(kernel="pool_winner", kind=Kind.CONSTANT, samples=_won)
def pool_winner(x: Any, y: Any, /, windows: Windows) -> Any:
    """Place in each window of its first maximum `y`, row-major. No gradient."""


def _placed(draw: Draw) -> Sample:
    (x,), static = _maxima(draw)
    windows = static["windows"]
    functions = namespace(x)
    y = functions.max_pool(x, windows)
    winner = functions.pool_winner(x, y, windows)
    sides = tuple(x.shape[x.ndim - len(windows) :])
    return (draw.array(y.shape), winner), {"windows": windows, "sides": sides}


def _place_slope(g: Any, y: Any, x: Any, winner: Any, windows: Windows, sides: Any) -> Any:
    return pool_pick(g, winner, windows=windows)


def _place_push(tangents: Any, y: Any, x: Any, winner: Any, windows: Windows, sides: Any) -> Any:
    return pool_place(tangents[0], winner, windows=windows, sides=sides)


@op(kernel="pool_place", vjp=(_place_slope, None), jvp=_place_push, samples=_placed)
def pool_place(x: Any, winner: Any, /, windows: Windows, sides: tuple[int, ...]) -> Any:
    """Zeros with `x` added where each window's winner stands."""


def _picked(draw: Draw) -> Sample:
    (_, winner), static = _placed(draw)
    lead = winner.shape[: winner.ndim - len(static["sides"])]
    return (draw.array((*lead, *static["sides"])), winner), {"windows": static["windows"]}


def _pick_slope(g: Any, y: Any, x: Any, winner: Any, windows: Windows) -> Any:
    sides = tuple(x.shape[x.ndim - len(windows) :])
    return pool_place(g, winner, windows=windows, sides=sides)


def _pick_push(tangents: Any, y: Any, x: Any, winner: Any, windows: Windows) -> Any:
    return pool_pick(tangents[0], winner, windows=windows)


@op(kernel="pool_pick", vjp=(_pick_slope, None), jvp=_pick_push, samples=_picked)
def pool_pick(x: Any, winner: Any, /, windows: Windows) -> Any:
    """The elements of `x` where the windows' winners stand: the transpose of `pool_place`."""


def _indexed(draw: Draw) -> Sample:
    (_, winner), static = _placed(draw)
    return (winner,), static


@op(kernel="pool_index", kind=Kind.CONSTANT, samples=_indexed)
def pool_index(winner: Any, /, windows: Windows, sides: tuple[int, ...]) -> Any:
    """Position of each winner among the elements of the pooled axes, row-major. No gradient."""


# ── Maxima of windows that are no grid ──────────────────────────────────────────────────


def _scattered(draw: Draw) -> Sample:
    lead, sides = draw.shape(max_dims=2), tuple(draw.integer(2, 4) for _ in range(2))
    x = draw.array((*lead, *sides), _DISTINCT)
    places = tuple(draw.integers((2, 2), 0, n - 1) for n in sides)
    return (x, *places), {}


@op(kind=Kind.CONSTANT, samples=_scattered)
def argmax_at(x: Any, /, *places: Any) -> Any:
    """Flat position, in the last axes, of each window's first maximum. No gradient.

    Args:
        x: Array.
        places: For each of the last axes the positions (..., windows, size) that windows read.
    """
    return namespace(x).argmax_at(x, places)


@composed(samples=_scattered)
def max_at(x: Any, /, *places: Any) -> tuple[Any, Any]:
    """Maxima of windows given by the positions they read, and where these stand.

    The gradient goes to the first maximum of each window.
    """
    index = argmax_at(x, *places)
    lead, sides = tuple(x.shape[: x.ndim - len(places)]), x.shape[x.ndim - len(places) :]
    counts = index.shape[len(lead) :]
    flat = take_along_axis(
        reshape(x, (*lead, prod(sides))), reshape(index, (*lead, prod(counts))), -1
    )
    return reshape(flat, tuple(index.shape)), index


# ── Sums ────────────────────────────────────────────────────────────────────────────────


def _summed(draw: Draw) -> Sample:
    lead, sides, windows = _windows(draw)
    return (draw.array((*lead, *sides)),), {"windows": windows}


def _sum_slope(g: Any, y: Any, x: Any, windows: Windows) -> Any:
    return pool_spread(g, windows=windows, sides=tuple(x.shape[x.ndim - len(windows) :]))


@op(kernel="pool_sum", vjp=_sum_slope, kind=Kind.LINEAR, samples=_summed)
def pool_sum(x: Any, /, windows: Windows) -> Any:
    """Sum of each window over the last axes; what lies outside counts as 0."""


def _spread(draw: Draw) -> Sample:
    lead, sides, windows = _windows(draw)
    return (draw.array((*lead, *_counts(windows))),), {"windows": windows, "sides": sides}


@op(
    kernel="pool_spread",
    vjp=lambda g, y, x, windows, sides: pool_sum(g, windows=windows),
    kind=Kind.LINEAR,
    samples=_spread,
)
def pool_spread(x: Any, /, windows: Windows, sides: tuple[int, ...]) -> Any:
    """Each element of `x` added to all elements of its window: the transpose of `pool_sum`."""
