"""Norms of vectors and matrices, condition numbers, rank."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.axis import normals
from tinygrad_nn.ops.decomposition import spaced, svdvals
from tinygrad_nn.ops.elementwise import abs
from tinygrad_nn.ops.inverse import inv, square
from tinygrad_nn.ops.rearrange import moveaxis
from tinygrad_nn.ops.reduce import max, min, vector_norm
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import expand_dims, squeeze

__all__ = [
    "cond",
    "matrix_norm",
    "matrix_rank",
    "norm",
]

_ORDERS = ("fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf"))


def _matrix_norms(draw: Draw) -> Sample:
    x = spaced(draw, draw.integer(1, 3), draw.integer(1, 3))
    return (x,), {"keepdims": draw.choice([False, True]), "ord": draw.choice(_ORDERS)}


def _norm_of_axes(x: Any, axes: tuple[int, ...], keepdims: bool, ord: Any) -> Any:
    """Norm of the matrices that two axes hold."""
    row, column = axes
    if ord in (None, "fro"):
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2)
    if ord in ("nuc", 2, -2):
        s = svdvals(moveaxis(x, axes, (-2, -1)))
        y = total(s, -1) if ord == "nuc" else s[..., 0 if ord > 0 else -1]
        return expand_dims(y, axes) if keepdims else y
    if ord not in _ORDERS:
        raise OptionError(
            f"norm: got ord={ord!r} for matrices, expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    inside, outside = (row, column) if ord in (1, -1) else (column, row)
    sums = total(abs(x), inside, keepdims=True)
    y = (max if ord > 0 else min)(sums, outside, keepdims=True)
    return y if keepdims else squeeze(y, axes)


@composed(samples=_matrix_norms, numpy="linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of matrices `(..., m, n)`.

    "fro": root of the sum of squares. "nuc": sum of the singular values; 2 and -2: the
    greatest and least of them. 1 and -1: greatest and least sum of |x| of a column; inf and
    -inf: of a row. Ties of sums share the gradient.
    """
    if x.ndim < 2:
        raise ShapeError(f"matrix_norm: got shape {tuple(x.shape)}, expected matrices (..., m, n)")
    return _norm_of_axes(x, (x.ndim - 2, x.ndim - 1), keepdims, ord)


def _norms(draw: Draw) -> Sample:
    (x,), static = _matrix_norms(draw)
    if draw.choice([True, False]):
        axis: Any = draw.choice([0, -1])
        return (x,), {**static, "axis": axis, "ord": draw.choice([None, 1, 2, 3])}
    if draw.choice([True, False]):
        return (x,), {"keepdims": static["keepdims"]}
    return (x,), {**static, "axis": draw.choice([(-2, -1), (-1, -2)])}


@composed(samples=_norms, numpy="linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of vectors or matrices, NumPy's `linalg.norm`.

    Without `ord` and `axis`: the root of the sum of all squares. One axis: norms of vectors
    along it, any number for `ord` (see `vector_norm`). Two axes: norms of matrices (see
    `matrix_norm`). With `ord` but no axis, `x` must have one axis or two. The gradient of a
    norm at 0 is 0.
    """
    if axis is None and ord is None:
        return vector_norm(x, keepdims=keepdims)
    if axis is None and x.ndim not in (1, 2):
        raise ShapeError(
            f"norm: got shape {tuple(x.shape)} with ord={ord!r}, expected one axis or two; or say "
            "which with axis="
        )
    axes = normals("norm", axis, x.ndim)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise OptionError(f"norm: got ord={ord!r} for vectors, expected a number or None")
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) > 2:
        raise ShapeError(f"norm: got axis={axis!r}, expected one axis (vectors) or two (matrices)")
    return _norm_of_axes(x, axes, keepdims, ord)


def _conditions(draw: Draw) -> Sample:
    n = draw.integer(1, 3)
    return (spaced(draw, n, n),), {"p": draw.choice([None, *_ORDERS])}


@composed(samples=_conditions, numpy="linalg.cond")
def cond(x: Any, p: Any = None) -> Any:
    """Condition number: greatest by least singular value; |x| · |x⁻¹| in another norm `p`."""
    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    square("cond", x)
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)


def _of_any_rank(draw: Draw) -> Sample:
    return (spaced(draw, draw.integer(1, 3), draw.integer(1, 3)),), {}


@op(kind=Kind.CONSTANT, samples=_of_any_rank, numpy="linalg.matrix_rank")
def matrix_rank(x: Any, /, tol: Any = None) -> Any:
    """Number of singular values above `tol` (as in NumPy, if None); no gradient."""
    return namespace(x).linalg.matrix_rank(x, tol=tol)
