"""Bringing arrays to a least number of axes, or to a common shape."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import OPS, composed
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.shape import broadcast_to, expand_dims, reshape

__all__ = ["atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays"]


def arrays(name: str, *xs: Any) -> tuple[Any, ...]:
    """`xs` with lists, numbers and NumPy's subclasses beside a tensor made plain arrays.

    For functions that ask for a shape before any operation could look at its operands.
    """
    lead = next((x for x in xs if isinstance(x, Node) and hasattr(x, "dtype")), None)
    if lead is None:
        return xs
    return tuple(x if isinstance(x, Node) else _array(lead, x, name) for x in xs)


def _array(lead: Any, x: Any, name: str) -> Any:
    value = lead.operand(x, OPS[name])
    if hasattr(value, "ndim"):
        return value
    # A number is as weak as in any operation: it takes the dtype that the sum would have.
    functions = namespace(lead._data)
    return functions.asarray(value, functions.result_type(lead._data, value))


def _one(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {}


def _atleast(n: int, xs: tuple[Any, ...]) -> Any:
    made = tuple(_with_axes(x, n) for x in xs)
    return made[0] if len(made) == 1 else made


def _with_axes(x: Any, n: int) -> Any:
    if x.ndim >= n:
        return x
    if n == 3 and x.ndim:
        # One axis becomes the middle one, two the first two, as in NumPy.
        return expand_dims(x, (0, 2) if x.ndim == 1 else 2)
    return reshape(x, (1,) * (n - x.ndim) + tuple(x.shape))


@composed(samples=_one, numpy="atleast_1d")
def atleast_1d(*xs: Any) -> Any:
    """`x` with at least one axis; a tuple for several."""
    return _atleast(1, xs)


@composed(samples=_one, numpy="atleast_2d")
def atleast_2d(*xs: Any) -> Any:
    """`x` with at least two axes, new ones in front; a tuple for several."""
    return _atleast(2, xs)


@composed(samples=_one, numpy="atleast_3d")
def atleast_3d(*xs: Any) -> Any:
    """`x` with at least three axes: (n,) becomes (1, n, 1), (n, m) becomes (n, m, 1)."""
    return _atleast(3, xs)


def common_shape(name: str, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """What `shapes` broadcast to."""
    ndim = max(map(len, shapes), default=0)
    sides: list[int] = [1] * ndim
    for shape in shapes:
        for i, n in enumerate(shape, ndim - len(shape)):
            if sides[i] == 1:
                sides[i] = n
            elif n not in (1, sides[i]):
                raise ShapeError(
                    f"{name}: got the shapes {', '.join(map(str, shapes))}, expected sides "
                    "that are equal or 1, counted from the last"
                )
    return tuple(sides)


def _together(draw: Draw) -> Sample:
    return tuple(draw.array(shape) for shape in draw.shapes(2)), {}


@composed(samples=_together, numpy="broadcast_arrays")
def broadcast_arrays(*xs: Any) -> tuple[Any, ...]:
    """Each of `xs` repeated to the shape that they broadcast to.

    Raises:
        ShapeError: They do not broadcast.
    """
    xs = arrays("broadcast_arrays", *xs)
    shape = common_shape("broadcast_arrays", [tuple(x.shape) for x in xs])
    return tuple(broadcast_to(x, shape) for x in xs)
