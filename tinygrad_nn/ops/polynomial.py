"""Polynomials as vectors of coefficients, that of the highest power first."""

from __future__ import annotations

import operator
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import composed
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.align import arrays, atleast_1d
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.rearrange import flip
from tinygrad_nn.ops.scan import cumprod
from tinygrad_nn.ops.sequence import convolve
from tinygrad_nn.ops.shape import (
    astype,
    broadcast_to,
    expand_dims,
    ones_like,
    zeros_like,
)

__all__ = ["polyadd", "polyder", "polyint", "polymul", "polysub", "polyval", "vander"]


def _evaluated(draw: Draw) -> Sample:
    return (draw.array((draw.integer(1, 4),)), draw.array(draw.shape())), {}


@composed(samples=_evaluated, numpy="polyval")
def polyval(p: Any, x: Any) -> Any:
    """p[0] x^(n-1) + … + p[n-2] x + p[n-1] by Horner's rule, elementwise; both get gradients.

    The result has the shape of `x`. Of no coefficients it is 0.
    """
    y = zeros_like(x) if hasattr(x, "shape") else 0.0 * x
    for power, coefficient in enumerate(p):
        y = y * x + coefficient if power else y + coefficient
    return y


def _nodes(draw: Draw) -> Sample:
    static = {"N": draw.choice([None, 0, 1, 4]), "increasing": draw.choice([False, True])}
    return (draw.array((draw.integer(0, 4),)),), static


@composed(samples=_nodes, numpy="vander")
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Matrix of the powers y[i, j] = x[i]^(N-1-j), or x[i]^j if `increasing`.

    `x` has the shape (n,), the result (n, N), where N is n if None; float64 as NumPy's.

    Raises:
        OptionError: `N` is negative.
        ShapeError: `x` has not one axis.
    """
    (x,) = arrays("vander", x)
    if x.ndim != 1:
        raise ShapeError(f"vander: got shape {tuple(x.shape)}, expected one axis")
    columns = x.shape[0] if N is None else operator.index(N)
    if columns < 0:
        raise OptionError(f"vander: got N={N}, expected 0 or more")
    column = expand_dims(_wide(x), 1)
    if columns < 2:
        return broadcast_to(ones_like(column), (x.shape[0], columns)) + 0 * column
    repeated = broadcast_to(column, (x.shape[0], columns - 1))
    powers = cumprod(concat([ones_like(column), repeated], 1), 1)
    return powers if increasing else flip(powers, 1)


def _wide(x: Any) -> Any:
    """What NumPy makes of `x` beside its integers: float64, or int64."""
    wide = "float64" if x.dtype.kind == "f" else "int64"
    return x if x.dtype == wide else astype(x, wide)


# ── Arithmetic ──────────────────────────────────────────────────────────────────────────


def _two(draw: Draw) -> Sample:
    return tuple(draw.array((draw.integer(1, 4),)) for _ in range(2)), {}


@composed(samples=_two, numpy="polyadd")
def polyadd(a1: Any, a2: Any) -> Any:
    """Coefficients (max(n, m),) of the sum of polynomials with (n,) and (m,) coefficients."""
    one, two = _same_length("polyadd", a1, a2)
    return one + two


@composed(samples=_two, numpy="polysub")
def polysub(a1: Any, a2: Any) -> Any:
    """Coefficients (max(n, m),) of the difference of polynomials with (n,) and (m,)."""
    one, two = _same_length("polysub", a1, a2)
    return one - two


def _vector(name: str, p: Any) -> Any:
    p = atleast_1d(p)
    if p.ndim != 1:
        raise ShapeError(f"{name}: got shape {tuple(p.shape)}, expected a vector of coefficients")
    return p


def _same_length(name: str, a1: Any, a2: Any) -> tuple[Any, Any]:
    """Both, the shorter one with zeros in front."""
    one, two = (_vector(name, p) for p in arrays(name, a1, a2))
    missing = one.shape[0] - two.shape[0]
    if missing < 0:
        return concat([_zeros(one, -missing), one]), two
    return one, concat([_zeros(two, missing), two]) if missing else two


def _zeros(like: Any, count: int) -> Any:
    return namespace(_payload(like)).zeros(count, dtype=like.dtype)


def _payload(x: Any) -> Any:
    return x._data if isinstance(x, Node) else x


def _factors(draw: Draw) -> Sample:
    # NumPy drops zeros in front; these have none.
    return tuple(abs(p) + 0.1 for p in _two(draw)[0]), {}


@composed(samples=_factors, numpy="polymul")
def polymul(a1: Any, a2: Any) -> Any:
    """Coefficients (n + m - 1,) of the product of polynomials with (n,) and (m,): `convolve`.

    Coefficients of 0 in front are kept, since they may need a gradient; NumPy drops them.

    Raises:
        ShapeError: One is empty or has more than one axis.
    """
    one, two = (_vector("polymul", p) for p in arrays("polymul", a1, a2))
    return convolve(one, two)


# ── Calculus ────────────────────────────────────────────────────────────────────────────


def _derived(draw: Draw) -> Sample:
    return (draw.array((draw.integer(1, 5),)),), {"m": draw.integer(0, 3)}


@composed(samples=_derived, numpy="polyder")
def polyder(p: Any, m: int = 1) -> Any:
    """Coefficients (n - m,) of the m-th derivative of the polynomial `p` (n,); none if m ≥ n.

    float64 as NumPy's, but for m = 0.

    Raises:
        OptionError: `m` is negative.
        ShapeError: `p` has not one axis.
    """
    p = _calculated("polyder", p, m)
    for _ in range(m):
        n = p.shape[0]
        p = p[:-1] * _powers(p, n - 1) if n else p
    return p


def _integrated(draw: Draw) -> Sample:
    m = draw.integer(0, 3)
    constants: list[Any] = [None, 0.5, [1.0, -2.0, 3.0][:m]] if m else [None]
    return (draw.array((draw.integer(0, 4),)),), {"m": m, "k": draw.choice(constants)}


@composed(samples=_integrated, numpy="polyint")
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Coefficients (n + m,) of the m-th antiderivative of the polynomial `p` (n,).

    Args:
        p: Coefficients.
        m: How many times.
        k: Constants of integration (m,), or a number for all; 0 if None. They get no gradient.

    Raises:
        OptionError: `m` is negative, or there are fewer constants.
        ShapeError: `p` has not one axis.
    """
    p = _calculated("polyint", p, m)
    given = [0.0] if k is None else k.tolist() if hasattr(k, "tolist") else k
    constants = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(constants) == 1:
        constants = constants * m
    if len(constants) < m:
        raise OptionError(f"polyint: got {len(constants)} constants, expected one or {m}")
    for constant in constants[:m]:
        divided = p / _powers(p, p.shape[0])
        end = namespace(_payload(p)).asarray([constant], dtype="float64")
        p = concat([divided, end])
    return p


def _calculated(name: str, p: Any, m: int) -> Any:
    if m < 0:
        raise OptionError(f"{name}: got m={m}, expected 0 or more")
    return _vector(name, p)


def _powers(p: Any, count: int) -> Any:
    """The integers from `count` down to 1."""
    return namespace(_payload(p)).arange(count, 0, -1)
