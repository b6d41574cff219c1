"""Operations that put the elements of an array in another order."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.axis import normal, normals
from tinygrad_nn.ops.shape import permute_dims

__all__ = [
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "roll",
    "rollaxis",
    "rot90",
    "swapaxes",
]

T = TypeVar("T")
Axes = int | tuple[int, ...] | None


def _two_axes(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    n = len(shape)
    static = {"axis1": draw.integer(-n, n - 1), "axis2": draw.integer(-n, n - 1)}
    return (draw.array(shape),), static


@composed(samples=_two_axes, numpy="swapaxes")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """`x` with two axes exchanged.

    Raises:
        ShapeError: An axis is out of range.
    """
    order = list(range(x.ndim))
    a, b = normal("swapaxes", axis1, x.ndim), normal("swapaxes", axis2, x.ndim)
    order[a], order[b] = b, a
    return permute_dims(x, tuple(order))


def _moved(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    n = len(shape)
    ways: list[tuple[Any, Any]] = [(0, -1), (-1, 0), (draw.integer(-n, n - 1), 0)]
    if n > 1:
        ways += [((0, 1), (-1, 0)), ((-1, 0), (0, 1))]
    source, destination = draw.choice(ways)
    return (draw.array(shape),), {"source": source, "destination": destination}


@composed(samples=_moved, numpy="moveaxis")
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """`x` with the axes `source` moved to `destination`, the others in their order.

    Raises:
        ShapeError: An axis is out of range or named twice, or the two differ in length.
    """
    here, there = (normals("moveaxis", a, x.ndim) for a in (source, destination))
    if len(here) != len(there):
        raise ShapeError(
            f"moveaxis: got {len(here)} sources and {len(there)} destinations, "
            "expected as many of both"
        )
    order = [i for i in range(x.ndim) if i not in here]
    for to, a in sorted(zip(there, here, strict=True)):
        order.insert(to, a)
    return permute_dims(x, tuple(order))


def _rolled_axis(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    n = len(shape)
    return (draw.array(shape),), {"axis": draw.integer(-n, n - 1), "start": draw.integer(-n, n)}


@composed(samples=_rolled_axis, numpy="rollaxis")
def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """`x` with `axis` moved to stand before what is now axis `start`; see `moveaxis`."""
    at = normal("rollaxis", axis, x.ndim)
    before = normal("rollaxis", start, x.ndim) if start != x.ndim else x.ndim
    return moveaxis(x, at, before - 1 if at < before else before)


def _flipped(draw: Draw) -> Sample:
    shape = draw.shape()
    n = len(shape)
    return (draw.array(shape),), {"axis": draw.choice([None, (), tuple(range(n)), *range(-n, n)])}


def _flipped_back(g: Any, y: Any, x: Any, axis: Axes) -> Any:
    return flip(g, axis)


@op(
    kernel="flip",
    vjp=_flipped_back,
    kind=Kind.LINEAR,
    samples=_flipped,
    numpy="flip",
)
def flip(x: T, /, axis: Axes = None) -> T:
    """`x` with the order reversed along `axis` (all axes if None); so is the gradient."""


def _planes(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=2)),), {}


@composed(samples=_planes, numpy="fliplr")
def fliplr(x: T) -> T:
    """`x` with axis 1 reversed."""
    return flip(x, 1)


@composed(samples=_planes, numpy="flipud")
def flipud(x: T) -> T:
    """`x` with axis 0 reversed."""
    return flip(x, 0)


def _rolled(draw: Draw) -> Sample:
    shape = draw.shape()
    ways: list[tuple[Any, Any]] = [(1, None), (-5, None)]
    if shape:
        ways += [(2, 0), (-1, -1), ((1, 2), (0, -1)), ((1, 2), (0, 0)), (1, (0, -1))]
    shift, axis = draw.choice(ways)
    return (draw.array(shape),), {"shift": shift, "axis": axis}


def _rolled_back(g: Any, y: Any, x: Any, shift: Any, axis: Axes) -> Any:
    back = tuple(-s for s in shift) if isinstance(shift, tuple) else -shift
    return roll(g, back, axis)


@op(kernel="roll", vjp=_rolled_back, kind=Kind.LINEAR, samples=_rolled, numpy="roll")
def roll(x: T, /, shift: int | tuple[int, ...], axis: Axes = None) -> T:
    """`x` moved on by `shift` places along `axis`, the last coming first again.

    Without `axis` the flattened elements are moved. The gradient is rolled back.
    """


def _turned(draw: Draw) -> Sample:
    static = {"k": draw.integer(-1, 4), "axes": draw.choice([(0, 1), (1, 0), (-1, 0)])}
    return (draw.array(draw.shape(min_dims=2)),), static


@composed(samples=_turned, numpy="rot90")
def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """`x` turned `k` times by 90 degrees in the plane of `axes`, from the first to the second.

    Raises:
        ShapeError: The axes are out of range or the same, or not two.
    """
    plane = normals("rot90", axes, x.ndim)
    if len(plane) != 2:
        raise ShapeError(f"rot90: got axes={axes!r}, expected two")
    a, b = plane
    if k % 4 == 0:
        return flip(x, ())
    if k % 4 == 2:
        return flip(x, plane)
    return flip(swapaxes(x, a, b), a) if k % 4 == 1 else swapaxes(flip(x, a), a, b)
