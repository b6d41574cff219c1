"""Norms of vectors and matrices, condition numbers, rank; least squares."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.axis import normals
from tinygrad_nn.ops.decomposition import pinv, spaced, svdvals
from tinygrad_nn.ops.elementwise import abs
from tinygrad_nn.ops.linalg import inv, regular, solve, square
from tinygrad_nn.ops.rearrange import moveaxis
from tinygrad_nn.ops.reduce import max, min, vector_norm
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import greater
from tinygrad_nn.ops.shape import astype, expand_dims, permute_dims, reshape, squeeze

__all__ = [
    "cond",
    "lstsq",
    "matrix_norm",
    "matrix_rank",
    "norm",
    "tensorinv",
    "tensorsolve",
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


# ── Systems with other than square matrices ─────────────────────────────────────────────


class LstsqResult(NamedTuple):
    """What `lstsq` returns; the first is what is usually wanted."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


def _fits(draw: Draw) -> Sample:
    a = spaced(draw, draw.integer(1, 4), draw.integer(1, 3), [()])
    return (a, draw.array(draw.choice([(a.shape[0],), (a.shape[0], 2)]))), {}


@composed(samples=_fits, numpy="linalg.lstsq")
def lstsq(a: Any, b: Any, rcond: Any = None) -> LstsqResult:
    """The x that makes |a x - b| least, and of several the shortest.

    Args:
        a: Matrices `(..., m, n)`.
        b: One vector `(m,)`, or matrices `(..., m, k)`.
        rcond: Singular values up to this times the largest count as 0; None: the dtype's
            epsilon times the longer side.

    Returns:
        Named tuple: `x`; `residuals`, the sums of squares of a x - b for each column, empty
        unless m > n; `rank` of `a`; `s`, its singular values. The gradient is that at
        constant rank.
    """
    m, n = a.shape[-2:]
    if b.shape[-1 if b.ndim == 1 else -2] != m:
        raise ShapeError(f"lstsq: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected {m} rows")
    if rcond is None:
        rcond = _epsilon(a.dtype) * (m if m > n else n)
    columns = expand_dims(b, -1) if b.ndim == 1 else b
    x = pinv(a, rcond=rcond) @ columns
    rest = a @ x - columns
    residuals = total(rest * rest, -2) if m > n else reshape(x[..., :0, :0], (0,))
    s = svdvals(a)
    rank = astype(total(greater(s, rcond * s[..., :1]), -1), "int32")
    return LstsqResult(x[..., 0] if b.ndim == 1 else x, residuals, rank, s)


def _epsilon(dtype: Any) -> float:
    """Distance from 1 to the next number of a float dtype."""
    return {2: 2.0**-10, 4: 2.0**-23}.get(dtype.itemsize, 2.0**-52)


def _boxes(draw: Draw) -> Sample:
    return (regular(draw, (), 6).reshape(draw.choice([(2, 3, 6), (6, 3, 2), (2, 3, 3, 2)])),), {}


def _inverted(draw: Draw) -> Sample:
    (x,), _ = _boxes(draw)
    return (x,), {"ind": 1 if x.shape[0] == 6 else 2}


@composed(samples=_inverted, numpy="linalg.tensorinv")
def tensorinv(x: Any, ind: int = 2) -> Any:
    """Inverse for `tensordot(x, y, ind)`: the first `ind` axes count as rows."""
    rows, columns = tuple(x.shape[:ind]), tuple(x.shape[ind:])
    if ind < 1 or prod(rows) != prod(columns):
        raise ShapeError(
            f"tensorinv: got shape {tuple(x.shape)} with ind={ind}, expected equal products of the "
            "sides before and after it"
        )
    flat = reshape(x, (prod(rows), prod(columns)))
    return reshape(inv(flat), (*columns, *rows))


def _tensor_systems(draw: Draw) -> Sample:
    (a,), static = _inverted(draw)
    return (a, draw.array(a.shape[: static["ind"]])), {}


@composed(samples=_tensor_systems, numpy="linalg.tensorsolve")
def tensorsolve(a: Any, b: Any, axes: tuple[int, ...] | None = None) -> Any:
    """The x with `tensordot(a, x, x.ndim) = b`; `axes` of `a` are moved to its end first."""
    if axes is not None:
        last = normals("tensorsolve", tuple(axes), a.ndim)
        a = permute_dims(a, (*(i for i in range(a.ndim) if i not in last), *last))
    sides = tuple(a.shape[b.ndim :])
    if prod(sides) != prod(b.shape):
        raise ShapeError(
            f"tensorsolve: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected as many "
            "unknowns (further axes of a) as numbers in b"
        )
    return reshape(solve(reshape(a, (-1, prod(sides))), reshape(b, (-1,))), sides)
