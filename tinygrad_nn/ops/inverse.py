"""Linear systems, inverses, determinants and functions of matrices.

Matrices are the last two axes; all before them are a stack, which broadcasts. float16 is
computed in float32. The rules follow M. B. Giles, "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation" (2008), unless they say otherwise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import UNIT, Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.diagonal import tril, triu
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import less, where
from tinygrad_nn.ops.shape import expand_dims, zeros_like

__all__ = [
    "cofactors",
    "det",
    "expm",
    "inv",
    "logdet",
    "slogdet",
    "solve",
    "solve_triangular",
]

STACKS: list[tuple[int, ...]] = [(), (2,), (2, 1), (0,)]
"""Axes in front of sampled matrices."""


def square(name: str, x: Any) -> Any:
    """`x`, if it is a square matrix or a stack of such."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name}: got shape {tuple(x.shape)}, expected square matrices (..., n, n)"
        )
    return x


def regular(draw: Draw, stack: tuple[int, ...], n: int) -> Any:
    """Matrices whose eigenvalues keep away from 0: noise, and 3 or 4 on the diagonal."""
    noise = draw.array((*stack, n, n), UNIT)
    return noise + namespace(noise).eye(n) * draw.choice([3.0, 4.0])


def squares(draw: Draw) -> Sample:
    """One stack of regular matrices."""
    return (regular(draw, draw.choice(STACKS), draw.integer(0, 3)),), {}


# ── Systems and inverses ────────────────────────────────────────────────────────────────


def _systems(draw: Draw) -> Sample:
    n, k = draw.integer(0, 3), draw.integer(0, 2)
    left, right = draw.choice(
        [
            ((), (n, k)),
            ((), (n,)),
            ((2,), (n,)),
            ((2,), (2, n, k)),
            ((2, 1), (3, n, k)),
            ((), (2, n, k)),
            ((2,), (n, k)),
            ((0,), (n, k)),
        ]
    )
    return (regular(draw, left, n), draw.array(right)), {}


def _solve_back(g: Any, y: Any, a: Any, b: Any, needs: Any) -> tuple[Any, Any]:
    if b.ndim == 1:
        h = solve(a.mT, expand_dims(g, -1))
        return (-h @ expand_dims(y, -2) if needs[0] else None), h[..., 0]
    h = solve(a.mT, g)
    return (-h @ y.mT if needs[0] else None), h


@op(pullback=_solve_back, samples=_systems, numpy="linalg.solve")
def solve(a: Any, b: Any, /) -> Any:
    """The x with a x = b, for square matrices `a`.

    `b` is one vector `(n,)`, or matrices `(..., n, k)` as in NumPy 2. With G the gradient
    that arrives, b gets H = A⁻ᵀ G and A gets -H xᵀ.

    Raises:
        ShapeError: `a` is not square, or the sizes differ.
        numpy.linalg.LinAlgError: `a` is singular.
    """
    return namespace(a).linalg.solve(square("solve", a), b)


def _triangles(draw: Draw) -> Sample:
    (a, _), _ = _systems(draw)
    n, left = a.shape[-1], draw.choice([True, False])
    return (a, draw.array((n, 2) if left else (2, n))), {
        "upper": draw.choice([True, False]),
        "left": left,
        "unitriangular": draw.choice([True, False]),
    }


@composed(samples=_triangles)
def solve_triangular(
    a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """The x with T x = b (x T = b unless `left`), T the upper or lower triangle of `a`.

    What lies in the other triangle is not read and gets no gradient; nor is the diagonal with
    `unitriangular`, which takes it as ones. PyTorch's arguments.
    """
    square("solve_triangular", a)
    if unitriangular:
        a = triu(a, 1) if upper else tril(a, -1)
        a = a + eye_like(a)
    else:
        a = triu(a) if upper else tril(a)
    return solve(a, b) if left else solve(a.mT, b.mT).mT


@op(kind=Kind.CONSTANT, samples=squares)
def eye_like(x: Any, /) -> Any:
    """Identity with as many columns as `x`, and of its dtype; a constant."""
    return namespace(x).eye(x.shape[-1], dtype=x.dtype)


@op(
    vjp=lambda g, y, x: -(y.mT @ g @ y.mT),
    jvp=lambda t, y, x: -(y @ t[0] @ y),
    samples=squares,
    numpy="linalg.inv",
)
def inv(x: Any, /) -> Any:
    """Inverse of square matrices. With G the gradient that arrives, X gets -Yᵀ G Yᵀ.

    Raises:
        ShapeError: `x` is not square.
        numpy.linalg.LinAlgError: `x` is singular; `pinv` has a result then.
    """
    return namespace(x).linalg.inv(square("inv", x))


# ── Determinants ────────────────────────────────────────────────────────────────────────


def _as_matrix(g: Any) -> Any:
    return expand_dims(g, (-2, -1))


def _cofactor_slope(g: Any, y: Any, x: Any) -> Any:
    """From Y = det(X) X⁻ᵀ by the product rule."""
    z = inv(x).mT
    return _as_matrix(total(g * z, (-2, -1))) * y - y @ g.mT @ z


@op(vjp=_cofactor_slope, samples=squares)
def cofactors(x: Any, /) -> Any:
    """Cofactors of square matrices, of singular ones too; their derivative needs an inverse."""
    return namespace(x).linalg.cofactors(square("cofactors", x))


@op(vjp=lambda g, y, x: _as_matrix(g) * cofactors(x), samples=squares, numpy="linalg.det")
def det(x: Any, /) -> Any:
    """Determinants of square matrices; dy/dX is the matrix of cofactors, y X⁻ᵀ.

    The gradient is right for singular matrices; the second derivative is not defined there
    (it raises LinAlgError).
    """
    return namespace(x).linalg.det(square("det", x))


@op(kind=Kind.CONSTANT, samples=squares)
def sign_det(x: Any, /) -> Any:
    """Sign of the determinant: -1, 0 or 1; no gradient."""
    return namespace(x).linalg.sign_det(square("sign_det", x))


@op(vjp=lambda g, y, x: _as_matrix(g) * inv(x).mT, samples=squares)
def log_abs_det(x: Any, /) -> Any:
    """The logarithm of |det X|: -inf for singular matrices; does not overflow. dy/dX = X⁻ᵀ."""
    return namespace(x).linalg.log_abs_det(square("log_abs_det", x))


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


@composed(samples=squares, numpy="linalg.slogdet")
def slogdet(x: Any) -> SlogdetResult:
    """Sign of the determinant and logarithm of its absolute value: det = sign · e^logabsdet."""
    return SlogdetResult(sign_det(x), log_abs_det(x))


@composed(samples=squares)
def logdet(x: Any) -> Any:
    """Logarithm of the determinant: -inf where it is 0, NaN where it is negative."""
    return where(less(sign_det(x), 0.0), float("nan"), log_abs_det(x))


# ── Functions of matrices ───────────────────────────────────────────────────────────────


def _block(x: Any, corner: Any, y: Any) -> Any:
    """[[x, corner], [0, y]]."""
    upper = concat((x, corner), axis=-1)
    return concat((upper, concat((zeros_like(x), y), axis=-1)), axis=-2)


def _along_back(g: Any, y: Any, x: Any, t: Any, needs: Any) -> tuple[Any, Any]:
    """From the definition: the derivative of expm at the block matrix, transposed."""
    n = x.shape[-1]
    nothing = zeros_like(x)
    h = expm_along(_block(x, t, x).mT, _block(nothing, g, nothing))
    return h[..., :n, :n] + h[..., n:, n:], h[..., :n, n:]


def _matrix_and_direction(draw: Draw) -> Sample:
    (x,), _ = squares(draw)
    return (x / 4, draw.array(x.shape)), {}


@op(pullback=_along_back, samples=_matrix_and_direction)
def expm_along(x: Any, t: Any, /) -> Any:
    """Derivative of expm at `x` along `t`: the upper right block of expm([[x, t], [0, x]]).

    N. J. Higham, "Functions of Matrices" (2008), equation 3.16.
    """
    return namespace(x).linalg.expm_along(square("expm_along", x), t)


def _exponents(draw: Draw) -> Sample:
    (x,), _ = squares(draw)
    return (x / 2,), {}


@op(
    vjp=lambda g, y, x: expm_along(x.mT, g),
    jvp=lambda t, y, x: expm_along(x, t[0]),
    samples=_exponents,
)
def expm(x: Any, /) -> Any:
    """Matrix exponential Σ Xᵏ / k! of square matrices.

    With G the gradient that arrives, X gets the derivative of expm at Xᵀ along G.
    """
    return namespace(x).linalg.expm(square("expm", x))
