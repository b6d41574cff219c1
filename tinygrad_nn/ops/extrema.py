"""The larger and the smaller of two, and numbers kept within bounds."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import NONZERO, REAL, Domain, Draw, Sample
from tinygrad_nn.errors import OperandError
from tinygrad_nn.ops.arithmetic import positive
from tinygrad_nn.ops.select import (
    equal,
    isfinite,
    less,
    less_equal,
    logical_and,
    masked,
    no_gradient,
    where,
)

__all__ = [
    "clamp",
    "clip",
    "fmax",
    "fmin",
    "heaviside",
    "maximum",
    "minimum",
    "nan_to_num",
]

_INF = float("inf")


def _share(g: Any, y: Any, a: Any, b: Any) -> Any:
    """The gradient where `a` was chosen, half of it where `b` is just as good."""
    return masked(where(equal(a, b), 0.5 * g, g), equal(a, y))


_SHARES = (_share, lambda g, y, a, b: _share(g, y, b, a))


def _apart(draw: Draw) -> Sample:
    """Two arrays whose elements differ by at least 0.1 wherever they meet."""
    a, b = draw.shapes(2)
    first, second = draw.array(a), draw.array(b)
    # Whole parts of different parity keep the numbers apart; the fractions stay below one half.
    return (2.0 * (first // 1) + first % 1 / 2, 2.0 * (second // 1) + 1.0 + second % 1 / 2), {}


@op(kernel="maximum", vjp=_SHARES, kind=Kind.ELEMENTWISE, samples=_apart, numpy="maximum")
def maximum(a: Any, b: Any, /) -> Any:
    """The larger of `a` and `b`, elementwise with broadcasting; NaN if one is.

    The gradient goes to the larger, half of it to each where they are equal.
    """


@op(kernel="minimum", vjp=_SHARES, kind=Kind.ELEMENTWISE, samples=_apart, numpy="minimum")
def minimum(a: Any, b: Any, /) -> Any:
    """The smaller of `a` and `b`, elementwise with broadcasting; NaN if one is.

    The gradient goes to the smaller, half of it to each where they are equal.
    """


@op(kernel="fmax", vjp=_SHARES, kind=Kind.ELEMENTWISE, samples=_apart, numpy="fmax")
def fmax(a: Any, b: Any, /) -> Any:
    """The larger of `a` and `b`, elementwise with broadcasting; the other one if one is NaN.

    The gradient goes to the larger, half of it to each where they are equal.
    """


@op(kernel="fmin", vjp=_SHARES, kind=Kind.ELEMENTWISE, samples=_apart, numpy="fmin")
def fmin(a: Any, b: Any, /) -> Any:
    """The smaller of `a` and `b`, elementwise with broadcasting; the other one if one is NaN.

    The gradient goes to the smaller, half of it to each where they are equal.
    """


def _bounded(draw: Draw) -> Sample:
    x, low, high = draw.shapes(3)
    inside = draw.array(x, Domain(avoid=(-1.0, -0.8, 0.8, 1.0)))
    return (inside, draw.array(low, Domain(-1.0, -0.8)), draw.array(high, Domain(0.8, 1.0))), {}


def _outside(draw: Draw) -> Sample:
    """As `_bounded`, but no element of `x` is between the possible bounds."""
    (x, low, high), _ = _bounded(draw)
    return (x + 0.3 * (4 * x > 3) - 0.3 * (4 * x < -3), low, high), {}


def _below(x: Any, low: Any, high: Any) -> Any:
    """Where the result is `low`."""
    return logical_and(less(x, low), less_equal(low, high))


@op(
    vjp=(
        lambda g, y, x, low, high: masked(g, equal(x, y)),
        lambda g, y, x, low, high: masked(g, _below(x, low, high)),
        lambda g, y, x, low, high: where(equal(x, y), 0.0, where(_below(x, low, high), 0.0, g)),
    ),
    kind=Kind.ELEMENTWISE,
    samples=_outside,
)
def _clamp(x: Any, min: Any, max: Any, /) -> Any:
    """`x` kept within [min, max], elementwise with broadcasting; `max` where min > max.

    The gradient goes to `x` inside and on the bounds, else to the bound.
    """
    xp = namespace(x if hasattr(x, "shape") else min if hasattr(min, "shape") else max)
    return xp.minimum(xp.maximum(x, min), max)


def clamp(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """`clip` in PyTorch's words: `clamp(x, min=0)` has one bound alone."""
    return clip(x, min, max)


def _clipped(draw: Draw) -> Sample:
    (x, _, _), _ = _outside(draw)
    return (x,), {"a_min": draw.choice([None, -0.9]), "a_max": 0.9}


@composed(samples=_clipped, numpy="clip")
def clip(
    x: Any, /, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    """`x` kept within [a_min, a_max], elementwise with broadcasting; None is no bound.

    Bounds may be numbers, arrays or tensors; `min=` and `max=` are other names for them. The
    gradient goes to `x` inside and on the bounds, else to the bound.

    Raises:
        OperandError: A bound was given by both of its names.
    """
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise OperandError("clip: got a bound twice; expected a_min and a_max, or min= and max=")
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if low is None and high is None:
        return positive(x)
    if (low is None or high is None) and hasattr(x, "dtype") and x.dtype.kind != "f":
        # An infinite bound would make the integers floats.
        return minimum(x, high) if low is None else maximum(x, low)
    return _clamp(x, -_INF if low is None else low, _INF if high is None else high)


@op(
    kernel="heaviside",
    vjp=(
        lambda g, y, x, h0: no_gradient(g),
        lambda g, y, x, h0: masked(g, equal(x, 0)),
    ),
    kind=Kind.ELEMENTWISE,
    domain=(NONZERO, REAL),
    numpy="heaviside",
)
def heaviside(x: Any, h0: Any, /) -> Any:
    """0 where x < 0, `h0` where x = 0, 1 where x > 0; d/dx = 0, d/dh0 = 1 where x = 0."""


@op(
    vjp=lambda g, y, x, copy, nan, posinf, neginf: masked(g, isfinite(x)),
    kind=Kind.ELEMENTWISE,
    numpy="nan_to_num",
)
def nan_to_num(
    x: Any,
    /,
    copy: bool = True,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """`x` with `nan` in place of NaN, and the largest finite numbers, or those given, of ±inf.

    dy/dx = 1 where x is finite, else 0. The result is new memory whatever `copy` says.
    """
    return namespace(x).nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
