"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import ravel

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu"]

T = TypeVar("T")


def _matrices(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=2)
    planes = [(0, 1), (1, 0), (-2, -1), (-1, 0)]
    axis1, axis2 = draw.choice(planes)
    static = {"offset": draw.integer(-3, 3), "axis1": axis1, "axis2": axis2}
    return (draw.array(shape),), static


def _put_back(g: Any, y: Any, x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    return embed_diagonal(g, shape=x.shape, offset=offset, axis1=axis1, axis2=axis2)


@op(
    kernel="diagonal",
    vjp=_put_back,
    kind=Kind.LINEAR,
    samples=_matrices,
    numpy="diagonal",
)
def diagonal(x: T, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> T:
    """Elements `[i, i + offset]` of the plane of two axes, as a new last axis.

    The gradient is put back onto the diagonal.

    Raises:
        ShapeError: There are fewer than two axes, or one is out of range.
    """


def _diagonals(draw: Draw) -> Sample:
    (x,), static = _matrices(draw)
    sides = x.diagonal(**static).shape
    return (draw.array(sides),), {"shape": x.shape, **static}


@op(
    kernel="embed_diagonal",
    vjp=lambda g, y, x, shape, offset, axis1, axis2: diagonal(
        g, offset=offset, axis1=axis1, axis2=axis2
    ),
    kind=Kind.LINEAR,
    samples=_diagonals,
)
def embed_diagonal(x: T, /, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> T:
    """Zeros of `shape` that hold `x` on a diagonal: the transpose of `diagonal`."""


def _vector_or_matrix(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=1, max_dims=2)),), {"k": draw.integer(-2, 2)}


@composed(samples=_vector_or_matrix, numpy="diag")
def diag(x: Any, k: int = 0) -> Any:
    """Diagonal k of a matrix, or the matrix whose diagonal k is the given vector.

    Raises:
        ShapeError: `x` has neither one axis nor two.
    """
    if x.ndim == 2:
        return diagonal(x, offset=k)
    if x.ndim != 1:
        raise ShapeError(f"diag: got shape {tuple(x.shape)}, expected one axis or two")
    side = x.shape[0] + (k if k > 0 else -k)
    return embed_diagonal(x, shape=(side, side), offset=k, axis1=0, axis2=1)


def _any(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {"k": draw.integer(-2, 2)}


@composed(samples=_any, numpy="diagflat")
def diagflat(x: Any, k: int = 0) -> Any:
    """The matrix whose diagonal k has the elements of `x`."""
    return diag(ravel(x), k)


@composed(samples=_matrices, numpy="trace")
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum along a diagonal; see `diagonal`."""
    return total(diagonal(x, offset=offset, axis1=axis1, axis2=axis2), -1)


def _with_offset(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=1)),), {"k": draw.integer(-2, 2)}


def _lower(g: Any, y: Any, x: Any, k: int) -> Any:
    return tril(g, k)


@op(
    kernel="tril",
    vjp=_lower,
    kind=Kind.LINEAR,
    samples=_with_offset,
    numpy="tril",
)
def tril(x: T, /, k: int = 0) -> T:
    """Matrices with zeros above diagonal k; so has the gradient."""


def _upper(g: Any, y: Any, x: Any, k: int) -> Any:
    return triu(g, k)


@op(
    kernel="triu",
    vjp=_upper,
    kind=Kind.LINEAR,
    samples=_with_offset,
    numpy="triu",
)
def triu(x: T, /, k: int = 0) -> T:
    """Matrices with zeros below diagonal k; so has the gradient."""
