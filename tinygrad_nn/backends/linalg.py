"""NumPy's linear algebra with one array for each decomposition, and float16 by way of float32."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

_HALF = np.dtype(np.float16)


def _widened(function: Callable[..., Any]) -> Callable[..., Any]:
    """LAPACK has no half precision: compute in single, and round. Errors say what to do."""

    @wraps(function)
    def call(*args: Any, **params: Any) -> Any:
        halves = [getattr(x, "dtype", None) == _HALF for x in args]
        wide = [x.astype(np.float32) if h else x for x, h in zip(args, halves, strict=True)]
        try:
            out = function(*wide, **params)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(
                f"{function.__name__}: {error}; expected an invertible matrix (a positive definite "
                "one for cholesky); add a multiple of the identity, or "
                "use pinv or lstsq"
            ) from error
        return out.astype(np.result_type(*args)) if any(halves) and out.dtype.kind == "f" else out

    return call


solve = _widened(np.linalg.solve)
inv = _widened(np.linalg.inv)
det = _widened(np.linalg.det)
pinv = _widened(np.linalg.pinv)
matrix_rank = _widened(np.linalg.matrix_rank)


@_widened
def sign_det(x: Any) -> Any:
    """Sign of the determinant."""
    return np.linalg.slogdet(x)[0]


@_widened
def log_abs_det(x: Any) -> Any:
    """Logarithm of the determinant's absolute value."""
    return np.linalg.slogdet(x)[1]


@_widened
def cholesky(x: Any) -> Any:
    """Lower factor of the symmetric part."""
    return np.linalg.cholesky((x + x.mT) / 2)


@_widened
def eigh_packed(x: Any) -> Any:
    """Eigenvalues of the symmetric part in the first row, eigenvectors below them."""
    w, v = np.linalg.eigh((x + x.mT) / 2)
    return np.concatenate((w[..., None, :], v), axis=-2)


@_widened
def qr_packed(x: Any) -> Any:
    """Q above R, for a matrix that is not wider than high."""
    q, r = np.linalg.qr(x)
    return np.concatenate((q, r), axis=-2)


def reflections(x: Any) -> tuple[Any, Any]:
    """Vectors of the reflections whose product is Q, below R, and the factor of each."""
    packed, factors = np.linalg.qr(x.astype(np.result_type(x, np.float32)), mode="raw")
    return packed.swapaxes(-1, -2).astype(x.dtype), factors


@_widened
def svd_packed(x: Any) -> Any:
    """Singular values in the first row, U below them, V below that."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return np.concatenate((s[..., None, :], u, vh.mT), axis=-2)


@_widened
def cofactors(x: Any) -> Any:
    """Cofactors of a square matrix, singular ones too: d det / dX.

    det(X) X⁻ᵀ where X is far from singular; else, with X = U S Vᵀ,
    det(U) det(V) U P Vᵀ where the diagonal of P has the products of all *other* singular
    values.
    """
    size = np.abs(x).max(axis=(-2, -1), keepdims=True, initial=0.0)
    unit = x / np.where(size > 0, size, 1)
    with np.errstate(over="ignore"):
        return _unit_cofactors(unit) * size ** max(x.shape[-1] - 1, 0)


def _unit_cofactors(x: Any) -> Any:
    """Cofactors of matrices whose greatest elements are of size 1 (or all 0)."""
    d = np.linalg.det(x)
    if np.all(np.abs(d) > 1e-3):  # noqa: PLR2004
        return d[..., None, None] * np.linalg.inv(x).mT
    u, s, vh = np.linalg.svd(x)
    others = np.ones_like(s)
    others[..., 1:] = np.cumprod(s, axis=-1)[..., :-1]
    others[..., :-1] *= np.cumprod(s[..., ::-1], axis=-1)[..., -2::-1]
    sign = np.round(np.linalg.det(u) * np.linalg.det(vh))
    return sign[..., None, None] * ((u * others[..., None, :]) @ vh)


@_widened
def expm(x: Any) -> Any:
    """Matrix exponential: a [13/13] Padé approximant of x / 2^s, squared s times.

    Coefficients and the bound 5.37 from N. J. Higham, "The scaling and squaring method for
    the matrix exponential revisited", SIAM J. Matrix Anal. Appl. 26 (2005), table 2.3.
    """
    norm = np.abs(x).sum(axis=-2).max(initial=0.0)
    squarings = max(0, int(np.ceil(np.log2(norm / 5.37)))) if np.isfinite(norm) and norm else 0
    a = x / 2.0**squarings if x.dtype.kind == "f" else x / np.float64(2.0**squarings)
    one = np.eye(x.shape[-1], dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a2 @ a4
    b = _PADE
    odd = a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2)
    odd = a @ (odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2)
    even = even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    out = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        out = out @ out
    return out


@_widened
def expm_along(x: Any, t: Any) -> Any:
    """Corner of the exponential of [[x, t], [0, x]], with t of size one: linear in t."""
    size = np.abs(t).max(initial=0.0)
    size = size if np.isfinite(size) and size else 1.0
    n = x.shape[-1]
    stack = np.broadcast_shapes(x.shape, t.shape)[:-2]
    block = np.zeros((*stack, 2 * n, 2 * n), np.result_type(x, t))
    block[..., :n, :n] = block[..., n:, n:] = x
    block[..., :n, n:] = t / size
    return expm(block)[..., :n, n:] * size


# The integers of the table divided by the first: scaled alike, the quotient is the same,
# and single precision does not overflow.
_PADE = [
    n / 64764752532480000
    for n in (
        64764752532480000,
        32382376266240000,
        7771770303897600,
        1187353796428800,
        129060195264000,
        10559470521600,
        670442572800,
        33522128640,
        1323241920,
        40840800,
        960960,
        16380,
        182,
        1,
    )
]
