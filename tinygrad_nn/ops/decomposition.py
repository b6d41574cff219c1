"""Factorisations of matrices: Cholesky, QR, eigenvalues, singular values.

One operation computes a factorisation and returns its factors in one array, from which the
public function slices them; so it is done once, and one rule sees all gradients.

Factors are not unique: every vector may change its sign, and vectors of equal eigenvalues or
singular values may turn among themselves. Gradients of results that do not depend on the
choice are right where the values differ. Between equal values the rule would divide by zero;
that term is taken as 0. This leaves symmetric functions of the values (sum, product, nuclear
norm) right, but in functions of the vectors, such as V f(w) Vᵀ, it drops what arrives within
a group of equal values: use `expm`, `matrix_power` or `inv` for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import composed, op
from tinygrad_nn.core.samples import UNIT, Domain, Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.diagonal import tril, triu
from tinygrad_nn.ops.inverse import STACKS, solve, square
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.select import equal, where
from tinygrad_nn.ops.shape import expand_dims

__all__ = [
    "cholesky",
    "eigh",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]

SMALL = Domain(0.1, 0.4)


def matrix(name: str, x: Any) -> Any:
    if x.ndim < 2:
        raise ShapeError(f"{name}: got shape {tuple(x.shape)}, expected matrices (..., m, n)")
    return x


def _inverse_or_zero(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    nothing = equal(x, 0.0)
    return where(nothing, 0.0, 1.0 / where(nothing, 1.0, x))


def spaced(draw: Draw, m: int, n: int, stacks: Sequence[tuple[int, ...]] = tuple(STACKS)) -> Any:
    """Matrices whose factors are smooth nearby, with their signs: distinct diagonal, positive."""
    noise = draw.array((*draw.choice(stacks), m, n), SMALL)
    functions = namespace(noise)
    return noise + functions.eye(m, n) * (1.5 * functions.arange(1, n + 1))


# ── Symmetric matrices ──────────────────────────────────────────────────────────────────


def _positive(draw: Draw) -> Sample:
    n = draw.integer(0, 3)
    noise = draw.array((*draw.choice(STACKS), n, n), UNIT)
    return (noise @ noise.mT + namespace(noise).eye(n),), {}


def _lower_half(x: Any) -> Any:
    """Lower triangle with half the diagonal."""
    return (tril(x) + tril(x, -1)) / 2


def _cholesky_slope(g: Any, y: Any, x: Any) -> Any:
    """S = L⁻ᵀ Φ(Lᵀ G) L⁻¹, made symmetric: I. Murray, arXiv:1602.07527, equation 10."""
    s = solve(y.mT, _lower_half(y.mT @ g))
    s = solve(y.mT, s.mT)
    return (s + s.mT) / 2


@op(vjp=_cholesky_slope, samples=_positive)
def cholesky_lower(x: Any, /) -> Any:
    """Lower Cholesky factor of the symmetric part (x + xᵀ) / 2."""
    return namespace(x).linalg.cholesky(square("cholesky", x))


@composed(samples=_positive, numpy="linalg.cholesky")
def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """Lower triangular L with L Lᵀ = x, for positive definite symmetric matrices.

    Of a matrix that is not symmetric, (x + xᵀ) / 2 is factorised, so that the gradient is
    symmetric; NumPy would read the lower triangle only.

    Args:
        x: Matrices `(..., n, n)`.
        upper: Return Lᵀ.

    Raises:
        numpy.linalg.LinAlgError: `x` is not positive definite.
    """
    factor = cholesky_lower(x)
    return factor.mT if upper else factor


def _symmetric(draw: Draw) -> Sample:
    n = draw.integer(0, 3)
    x = spaced(draw, n, n)
    return (x + x.mT,), {}


def _eigh_slope(g: Any, y: Any, x: Any) -> Any:
    """V (diag(gw) + F ∘ Vᵀ gV) Vᵀ with F = 1 / (w_j - w_i) off the diagonal; symmetric part."""
    w, v = y[..., 0, :], y[..., 1:, :]
    gw, gv = g[..., :1, :], g[..., 1:, :]
    gaps = _inverse_or_zero(expand_dims(w, -2) - expand_dims(w, -1))
    h = (v @ (v.mT @ gv * gaps) + v * gw) @ v.mT
    return (h + h.mT) / 2


@op(vjp=_eigh_slope, samples=_symmetric)
def eigh_packed(x: Any, /) -> Any:
    """Eigenvalues in the first row, eigenvectors below: `(..., n + 1, n)`."""
    return namespace(x).linalg.eigh_packed(square("eigh", x))


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


def _triangle(x: Any, uplo: str | None) -> Any:
    if uplo is None:
        return x
    if uplo.upper() not in ("L", "U"):
        raise OptionError(f"eigh: got UPLO={uplo!r}, expected 'L', 'U' or None")
    if uplo.upper() == "L":
        return tril(x) + tril(x, -1).mT
    return triu(x) + triu(x, 1).mT


@composed(samples=_symmetric, numpy="linalg.eigh")
def eigh(x: Any, UPLO: str | None = None) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices.

    The gradient of the vectors needs eigenvalues that differ: see the module.

    Args:
        x: Matrices `(..., n, n)`.
        UPLO: "L" or "U" reads that triangle alone. None, which is not NumPy's "L", takes
            (x + xᵀ) / 2, so that the gradient is symmetric.
    """
    packed = eigh_packed(_triangle(x, UPLO))
    return EighResult(packed[..., 0, :], packed[..., 1:, :])


@composed(samples=_symmetric, numpy="linalg.eigvalsh")
def eigvalsh(x: Any, UPLO: str | None = None) -> Any:
    """Eigenvalues of symmetric matrices, ascending; d w_i / dX = v_i v_iᵀ. See `eigh`."""
    return eigh_packed(_triangle(x, UPLO))[..., 0, :]


# ── QR ──────────────────────────────────────────────────────────────────────────────────


def _tall(draw: Draw) -> Sample:
    n = draw.integer(0, 3)
    return (spaced(draw, draw.integer(n, 4), n),), {}


def any_sides(draw: Draw) -> Sample:
    return (spaced(draw, draw.integer(0, 3), draw.integer(0, 3)),), {}


def _qr_slope(g: Any, y: Any, x: Any) -> Any:
    """(gQ + Q C) R⁻ᵀ, C the lower triangle of M = R gRᵀ - gQᵀ Q copied to the upper one.

    Walter and Lehmann, "Algorithmic differentiation of linear algebra functions",
    arXiv:1001.1654, section 2.2.
    """
    m = x.shape[-2]
    q, r = y[..., :m, :], y[..., m:, :]
    gq, gr = g[..., :m, :], g[..., m:, :]
    both = r @ gr.mT - gq.mT @ q
    copied = tril(both) + tril(both, -1).mT
    return solve(r, (gq + q @ copied).mT).mT


@op(vjp=_qr_slope, samples=_tall)
def qr_packed(x: Any, /) -> Any:
    """Q above R, for matrices not wider than high: `(..., m + n, n)`."""
    return namespace(x).linalg.qr_packed(matrix("qr", x))


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Any
    R: Any


@composed(samples=any_sides, numpy="linalg.qr")
def qr(x: Any, mode: str = "reduced") -> Any:
    """Orthonormal Q `(..., m, k)` and upper triangular R `(..., k, n)`, k = min(m, n).

    The gradient needs linearly independent columns (the first k). Mode "r" gives R alone.

    Raises:
        OptionError: Another mode; the further columns of a "complete" Q have no gradient.
    """
    if mode not in ("reduced", "r"):
        raise OptionError(f"qr: got mode {mode!r}, expected 'reduced' or 'r'")
    m, n = matrix("qr", x).shape[-2:]
    packed = qr_packed(x if m >= n else x[..., :m])
    q, r = packed[..., :m, :], packed[..., m:, :]
    if m < n:
        r = concat((r, q.mT @ x[..., m:]), axis=-1)
    return r if mode == "r" else QRResult(q, r)


# ── Singular values ─────────────────────────────────────────────────────────────────────


def _svd_slope(g: Any, y: Any, x: Any) -> Any:
    """J. Townsend, "Differentiating the singular value decomposition" (2016).

    U [(F ∘ skew(Uᵀ gU)) S + S (F ∘ skew(Vᵀ gV)) + diag(gs)] Vᵀ, where skew(M) = M - Mᵀ and
    F = 1 / (s_j² - s_i²) off the diagonal, and for each factor that is not square the part of
    its gradient that is orthogonal to its columns, divided by s.
    """
    m, n = x.shape[-2:]
    s, u, v = y[..., :1, :], y[..., 1 : m + 1, :], y[..., m + 1 :, :]
    gs, gu, gv = g[..., :1, :], g[..., 1 : m + 1, :], g[..., m + 1 :, :]
    column = s.mT
    f = _inverse_or_zero((s - column) * (s + column))
    turn_u, turn_v = u.mT @ gu, v.mT @ gv
    inside = (f * (turn_u - turn_u.mT)) * s + column * (f * (turn_v - turn_v.mT))
    h = (u @ inside + u * gs) @ v.mT
    safe = _inverse_or_zero(s)
    if m > n:
        h = h + ((gu - u @ turn_u) * safe) @ v.mT
    if n > m:
        h = h + (u * safe) @ (gv - v @ turn_v).mT
    return h


@op(vjp=_svd_slope, samples=any_sides)
def svd_packed(x: Any, /) -> Any:
    """Singular values in the first row, U below, V below that: `(..., 1 + m + n, k)`."""
    return namespace(x).linalg.svd_packed(matrix("svd", x))


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Any
    S: Any
    Vh: Any


def _reduced(draw: Draw) -> Sample:
    return any_sides(draw)[0], {"full_matrices": False}


@composed(samples=_reduced, numpy="linalg.svd")
def svd(x: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """U `(..., m, k)`, singular values S `(..., k)`, descending, and Vh `(..., k, n)`.

    x = U diag(S) Vh, k = min(m, n). The gradients of U and Vh need singular values that
    differ: see the module. `svdvals` gives the values alone.

    Args:
        x: Matrices `(..., m, n)`.
        full_matrices: False, which is not NumPy's default: the further columns of square U
            and V are not determined by `x`. True is accepted for square matrices.
        compute_uv: False gives the values alone.
    """
    m, n = matrix("svd", x).shape[-2:]
    packed = svd_packed(x)
    if not compute_uv:
        return packed[..., 0, :]
    if full_matrices and m != n:
        raise OptionError(
            f"svd: got full_matrices=True for shape {tuple(x.shape)}, expected False unless "
            "square: the further columns have no gradient"
        )
    return SVDResult(packed[..., 1 : m + 1, :], packed[..., 0, :], packed[..., m + 1 :, :].mT)


@composed(samples=any_sides, numpy="linalg.svdvals")
def svdvals(x: Any) -> Any:
    """Singular values, descending; d s_i / dX = u_i v_iᵀ."""
    return svd_packed(x)[..., 0, :]
