"""Differences, slopes and integrals of samples."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import composed
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.axis import along_axis, normal, normals
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.rearrange import flip
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import not_equal
from tinygrad_nn.ops.shape import ravel, reshape

__all__ = ["diff", "ediff1d", "gradient", "trapezoid"]


def _part(axis: int, start: int | None, stop: int | None) -> tuple[Any, ...]:
    """Key of the elements from `start` to `stop` along `axis`, counted from the front."""
    return (slice(None),) * axis + (slice(start, stop),)


def _differences(draw: Draw) -> Sample:
    (x,), static = along_axis(draw)
    return (x,), {"n": draw.integer(0, 3), **static}


@composed(samples=_differences, numpy="diff")
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """x[i+1] - x[i] along `axis`, `n` times over; the axis is `n` shorter.

    `prepend` and `append` (arrays, or tensors) are joined to `x` first. Of bools: whether
    neighbours differ.

    Raises:
        OptionError: `n` is negative.
        ShapeError: The axis is out of range.
    """
    if n < 0:
        raise OptionError(f"diff: got n={n}, expected 0 or more")
    axis = normal("diff", axis, x.ndim)
    parts = [part for part in (prepend, x, append) if part is not None]
    if len(parts) > 1:
        x = concat(parts, axis)
    minus = not_equal if x.dtype.kind == "b" else None
    for _ in range(n):
        after, before = x[_part(axis, 1, None)], x[_part(axis, None, -1)]
        x = minus(after, before) if minus else after - before
    return x


def _one(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {}


@composed(samples=_one, numpy="ediff1d")
def ediff1d(x: Any) -> Any:
    """Differences of neighbours in the flattened array."""
    return diff(ravel(x))


def _integrands(draw: Draw) -> Sample:
    (y,), static = along_axis(draw)
    return (y,), {"dx": draw.choice([1.0, 0.5]), **static}


@composed(samples=_integrands, numpy="trapezoid")
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Integral of samples `y` along `axis` by the trapezoid rule, Σ Δx (y[i] + y[i+1]) / 2.

    Args:
        y: Samples.
        x: Where they were taken: one place for each, or an array that broadcasts with `y`;
            it gets a gradient too.
        dx: Their distance, without `x`.
        axis: Axis to integrate over.
    """
    axis = normal("trapezoid", axis, y.ndim)
    middles = (y[_part(axis, 1, None)] + y[_part(axis, None, -1)]) * 0.5
    if x is None:
        return total(middles * dx, axis)
    if x.ndim == 1:
        x = reshape(x, (-1,) + (1,) * (y.ndim - axis - 1))
    return total(middles * diff(x, axis=axis - y.ndim), axis)


def _sampled(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, min_side=3)
    static = {"axis": draw.choice([0, -1, None]), "edge_order": draw.choice([1, 2])}
    return (draw.array(shape),), static


@composed(samples=_sampled, numpy="gradient")
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slope of samples `f` along each axis by central differences, one-sided at the ends.

    Inside, the second-order formula for the spacing there; at the ends of first order, or
    of second with `edge_order=2` (Fornberg, "Generation of finite difference formulas on
    arbitrarily spaced grids", 1988, for three points).

    Args:
        f: Samples.
        varargs: Spacing: nothing (1), one number for all axes, or for each axis a number or
            the places of its samples (a list or array, which gets no gradient).
        axis: Axes to differentiate along, all if None.
        edge_order: 1 or 2.

    Returns:
        One array for one axis, else a tuple of one for each.

    Raises:
        OptionError: `edge_order` is neither 1 nor 2, or there are too few spacings.
        ShapeError: An axis is out of range or has too few samples.
    """
    axes = normals("gradient", axis, f.ndim)
    if edge_order not in (1, 2):
        raise OptionError(f"gradient: got edge_order={edge_order!r}, expected 1 or 2")
    if len(varargs) not in (0, 1, len(axes)):
        raise OptionError(
            f"gradient: got {len(varargs)} spacings for {len(axes)} axes, expected none, one, "
            "or one for each"
        )
    given = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    slopes = tuple(
        _slope(f, a, _steps(f, a, h), edge_order) for a, h in zip(axes, given, strict=True)
    )
    return slopes[0] if len(slopes) == 1 else slopes


def _steps(f: Any, axis: int, spacing: Any) -> list[float]:
    """Distances of neighbouring samples."""
    n = f.shape[axis]
    places = spacing.tolist() if hasattr(spacing, "tolist") else spacing
    if not isinstance(places, (list, tuple)):
        return [float(places)] * (n - 1)
    if len(places) != n:
        raise ShapeError(f"gradient: got {len(places)} places for the {n} samples of axis {axis}")
    return [float(b - a) for a, b in pairwise(places)]


def _slope(f: Any, axis: int, h: list[float], edge_order: int) -> Any:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ShapeError(
            f"gradient: got {n} samples along axis {axis}, expected at least {edge_order + 1}"
        )
    first = _end(f, axis, h, edge_order)
    last = -_end(flip(f, axis), axis, h[::-1], edge_order)
    return concat([first, _inside(f, axis, h), last] if n > 2 else [first, last], axis)


def _end(f: Any, axis: int, h: list[float], edge_order: int) -> Any:
    a, b = f[_part(axis, 0, 1)], f[_part(axis, 1, 2)]
    if edge_order == 1:
        return (b - a) / h[0]
    u, v = h[:2]
    c = f[_part(axis, 2, 3)]
    return b * ((u + v) / (u * v)) - a * ((2 * u + v) / (u * (u + v))) - c * (u / (v * (u + v)))


def _inside(f: Any, axis: int, h: list[float]) -> Any:
    after, before = f[_part(axis, 2, None)], f[_part(axis, None, -2)]
    if len(set(h)) == 1:
        return (after - before) / (2 * h[0])
    pairs = list(pairwise(h))
    return (
        after * _column(f, axis, [u / (v * (u + v)) for u, v in pairs])
        + f[_part(axis, 1, -1)] * _column(f, axis, [(v - u) / (u * v) for u, v in pairs])
        - before * _column(f, axis, [v / (u * (u + v)) for u, v in pairs])
    )


def _column(f: Any, axis: int, factors: list[float]) -> Any:
    """`factors` as an array along `axis`, in the precision of `f`."""
    dtype = f.dtype if f.dtype.kind == "f" else "float64"
    functions = namespace(f._data if isinstance(f, Node) else f)
    return functions.asarray(factors, dtype=dtype).reshape((-1,) + (1,) * (f.ndim - axis - 1))
