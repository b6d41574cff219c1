"""Functions of sampled sequences: convolution, interpolation, phases without jumps."""

from __future__ import annotations

from math import pi
from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.align import arrays, atleast_1d
from tinygrad_nn.ops.axis import along_axis
from tinygrad_nn.ops.index import getitem
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.order import argsort, searchsorted
from tinygrad_nn.ops.rearrange import flip
from tinygrad_nn.ops.select import greater, less, logical_or, where
from tinygrad_nn.ops.shape import astype

__all__ = ["convolve", "correlate", "interp", "unwrap"]

T = TypeVar("T")
DISTINCT = Domain(distinct=True)


# ── Convolution ─────────────────────────────────────────────────────────────────────────


def _vectors(draw: Draw) -> Sample:
    return tuple(draw.array((draw.integer(1, 5),)) for _ in range(2)), {}


def _overlap(g: Any, kept: Any, other: Any) -> Any:
    """Σ_k g[i+k] other[k] for each place i of `kept`: the transpose of a convolution."""
    start = other.shape[0] - 1
    return _convolve(g, flip(other, 0))[start : start + kept.shape[0]]


@op(
    kernel="convolve",
    vjp=(lambda g, y, a, v: _overlap(g, a, v), lambda g, y, a, v: _overlap(g, v, a)),
    kind=Kind.MULTILINEAR,
    samples=_vectors,
)
def _convolve(a: Any, v: Any, /) -> Any:
    """Convolution of two vectors wherever they overlap."""


def _filters(draw: Draw) -> Sample:
    return _vectors(draw)[0], {"mode": draw.choice(["full", "same", "valid"])}


@composed(samples=_filters, numpy="convolve")
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """y[k] = Σ_i a[i] v[k-i]: the sequences (N,) and (M,) convolved; also products of polynomials.

    The gradient of each is what arrives, correlated with the other.

    Args:
        a: Vector, or a number as one element.
        v: Vector, or a number as one element.
        mode: "full" for the N + M - 1 places where they overlap, "same" for the middle
            max(N, M) of these, "valid" for those where they overlap completely.

    Raises:
        OptionError: The mode is unknown.
        ShapeError: One is empty or has more than one axis.
    """
    a, v = _checked("convolve", a, v, mode)
    least = min(a.shape[0], v.shape[0])
    return _middle(_convolve(a, v), mode, least, (least - 1) // 2)


@composed(samples=_filters, numpy="correlate")
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """y[k] = Σ_i a[i+k] v[i]: the sequences (N,) and (M,) compared at every shift.

    `convolve` of `a` with `v` turned round; see there for the modes, and what raises. In
    "full" the first place is k = 1 - M.
    """
    a, v = _checked("correlate", a, v, mode)
    least = min(a.shape[0], v.shape[0])
    # Of two middles NumPy takes that which is the other one if the sequences are swapped.
    start = (least - 1) // 2 if a.shape[0] >= v.shape[0] else least // 2
    return _middle(_convolve(a, flip(v, 0)), mode, least, start)


def _checked(name: str, a: Any, v: Any, mode: str) -> tuple[Any, Any]:
    if mode not in ("full", "same", "valid"):
        raise OptionError(f"{name}: got mode={mode!r}, expected 'full', 'same' or 'valid'")
    a, v = (atleast_1d(x) for x in arrays(name, a, v))
    if a.ndim > 1 or v.ndim > 1 or not a.shape[0] or not v.shape[0]:
        raise ShapeError(
            f"{name}: got the shapes {tuple(a.shape)} and {tuple(v.shape)}, expected vectors "
            "with at least one element"
        )
    return a, v


def _middle(y: Any, mode: str, least: int, start: int) -> Any:
    """The part of a full convolution that `mode` asks for; `least` is the shorter length."""
    if mode == "full" or least == 1:
        return y
    if mode == "valid":
        return y[least - 1 : y.shape[0] - least + 1]
    return y[start : start + y.shape[0] - least + 1]


# ── Interpolation ───────────────────────────────────────────────────────────────────────


def _curve(draw: Draw) -> Sample:
    # Places and knots are drawn together, so that no place is near a knot.
    shape = draw.choice([(), (3,), (2, 2), (0,)])
    count, knots = (1 if not shape else 4 if shape == (2, 2) else shape[0]), draw.integer(1, 4)
    drawn = draw.array((knots + count,), DISTINCT)
    xp = namespace(drawn).sort(drawn[:knots])
    static = draw.choice([{}, {"left": -1.0}, {"right": 2.0}, {"period": 6.5}])
    return (drawn[knots:].reshape(shape), xp, draw.array((knots,))), static


@composed(samples=_curve, numpy="interp")
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None
) -> Any:
    """The line through the points (xp[i], fp[i]) at the places `x`.

    y = f[i] + s[i] (x - xp[i]) with s[i] = (f[i+1] - f[i]) / (xp[i+1] - xp[i]) for
    xp[i] ≤ x < xp[i+1]; all three get gradients, dy/dx = s[i]. At a knot that is the slope
    to the right of it, at the last knot to the left, and 0 outside of the knots. The result
    has the shape of `x`, and is float64 as NumPy's.

    Args:
        x: Places, of any shape.
        xp: Knots in increasing order (n,); with `period` in any order.
        fp: Values at the knots (n,).
        left: Value before the first knot; that of the first knot if None.
        right: Value behind the last knot; that of the last knot if None.
        period: Of places and knots; `left` and `right` are then of no use.

    Raises:
        OptionError: The period is 0.
        ShapeError: `xp` and `fp` are no vectors of the same length, or empty.
    """
    x, xp, fp = (_double(z) for z in arrays("interp", x, xp, fp))
    if xp.ndim != 1 or tuple(xp.shape) != tuple(fp.shape) or not xp.shape[0]:
        raise ShapeError(
            f"interp: got knots of shape {tuple(xp.shape)} and values of {tuple(fp.shape)}, "
            "expected vectors of the same length, of at least one element"
        )
    if period is not None:
        x, xp, fp = _wound(x, xp, fp, period)
        left = right = None
    before, behind = less(x, xp[0]), greater(x, xp[-1])
    # A place outside is replaced first, so that an infinite one spoils no gradient.
    y = _on_lines(where(logical_or(before, behind), xp[0], x), xp, fp)
    y = where(before, fp[0] if left is None else left, y)
    return where(behind, fp[-1] if right is None else right, y)


def _double(x: Any) -> Any:
    return astype(x, "float64") if getattr(x, "dtype", "float64") != "float64" else x


def _wound(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """Places and sorted knots within one period, and a knot more at each end."""
    if not period:
        raise OptionError("interp: got period=0, expected another number")
    period = abs(period)
    x, xp = x % period, xp % period
    order = argsort(xp)
    xp, fp = getitem(xp, order), getitem(fp, order)
    xp = concat([xp[-1:] - period, xp, xp[:1] + period])
    return x, xp, concat([fp[-1:], fp, fp[:1]])


def _on_lines(x: Any, xp: Any, fp: Any) -> Any:
    last = xp.shape[0] - 2
    if last < 0:
        return fp[0] + 0.0 * (x - xp[0])
    inner = xp[1:-1]
    piece = searchsorted(inner, x, side="right")
    slopes = (fp[1:] - fp[:-1]) / (xp[1:] - xp[:-1])
    return getitem(slopes, piece) * (x - getitem(xp, piece)) + getitem(fp, piece)


# ── Phases ──────────────────────────────────────────────────────────────────────────────


def _phases(draw: Draw) -> Sample:
    # Neighbours differ by a multiple of the period and less than half of it.
    (x,), static = along_axis(draw, Domain(-0.9, 0.9))
    period = draw.choice([2 * pi, 4.0])
    turns = draw.integers(x.shape, -2, 2)
    return (x + period * turns,), {"discont": None, **static, "period": period}


@op(
    kernel="unwrap",
    vjp=lambda g, y, p, discont, axis, period: g,
    jvp=lambda t, y, p, discont, axis, period: t[0],
    samples=_phases,
    numpy="unwrap",
)
def unwrap(p: T, /, discont: float | None = None, axis: int = -1, *, period: float = 2 * pi) -> T:
    """`p` with multiples of `period` added along `axis`, so that neighbours are close; dy/dp = 1.

    Steps of more than half a period are shortened by whole periods, but only those of at
    least `discont`.

    Raises:
        ShapeError: The axis is out of range.
    """
