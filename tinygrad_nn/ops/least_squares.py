"""Systems that are not square: the pseudo-inverse, least squares, and tensors as systems."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.axis import normals
from tinygrad_nn.ops.decomposition import any_sides, matrix, spaced, svdvals
from tinygrad_nn.ops.inverse import inv, regular, solve
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import greater
from tinygrad_nn.ops.shape import astype, expand_dims, permute_dims, reshape

__all__ = ["lstsq", "pinv", "tensorinv", "tensorsolve"]


def _pinv_slope(g: Any, y: Any, x: Any, rcond: Any) -> Any:
    """G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973), equation 4.12, transposed."""
    first = g.mT @ y @ y.mT
    second = y.mT @ y @ g.mT
    return (first - x @ (y @ first)) + (second - (second @ y) @ x) - y.mT @ g @ y.mT


@op(vjp=_pinv_slope, samples=any_sides, numpy="linalg.pinv")
def pinv(x: Any, /, rcond: Any = None) -> Any:
    """Moore-Penrose pseudo-inverse; singular values up to `rcond` times the largest count as 0.

    The gradient is that at constant rank, which is also what lstsq follows.
    """
    return namespace(x).linalg.pinv(matrix("pinv", x), rcond=rcond)


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
        raise ShapeError(
            f"lstsq: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected {m} rows in both"
        )
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
