"""Normalisation over axes as a single node: layers that normalise rows, channels or groups.

y = (x − mean) · r · w + b with r = 1/√(variance + eps), or without the mean. Its rule needs the
normalised numbers h and r, which are computed anew: two more passes over x cost less than
keeping another array of its size would. With k = g·w, n numbers behind each mean:

    dx = r · (k − mean(k) − h · mean(k·h)),  dw = Σ g·h,  db = Σ g

Where each row of memory is normalised (layer norm), all three are found by one operation.
"""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OperandError
from tinygrad_nn.ops.shape import astype, broadcast_to, copy, reshape

__all__: list[str] = []

Axes = tuple[int, ...]

# ── Parts of the rule ───────────────────────────────────────────────────────────────────


def _axes(draw: Draw, ndim: int) -> Axes:
    kinds = [tuple(range(i, ndim)) for i in range(ndim)]
    return draw.choice([*kinds, (0,), (0, *range(2, ndim))])


def _one(draw: Draw) -> Sample:
    x = draw.array(draw.shape(min_dims=1))
    return (x,), {"axes": _axes(draw, x.ndim)}


def _two(draw: Draw) -> Sample:
    (x,), static = _one(draw)
    sides = tuple(1 if draw.choice([False, False, True]) else n for n in x.shape)
    return (x, draw.array(draw.choice([x.shape, sides]))), static


@op(
    kernel="sum_over",
    vjp=lambda g, y, x, axes: broadcast_to(g, x.shape),
    kind=Kind.LINEAR,
    samples=_one,
)
def _sum_over(x: Any, /, axes: Axes) -> Any:
    """Sum over `axes`, which keep length one; quick for long and for few axes alike."""


@op(
    kernel="dot_over",
    vjp=(
        lambda g, y, a, b, axes: broadcast_to(g * b, a.shape),
        lambda g, y, a, b, axes: g * a,
    ),
    kind=Kind.MULTILINEAR,
    samples=_two,
)
def _dot_over(a: Any, b: Any, /, axes: Axes) -> Any:
    """Sum of a · b over `axes`, which keep length one; b broadcasts to a."""


def _centre_slope(g: Any, y: Any, x: Any, axes: Axes) -> Any:
    return _centre(g, axes=axes)


@op(kernel="centre", vjp=_centre_slope, kind=Kind.LINEAR, samples=_one)
def _centre(x: Any, /, axes: Axes) -> Any:
    """x minus its mean over `axes`: a projection, its own transpose."""


def _with_eps(draw: Draw) -> Sample:
    (x,), static = _one(draw)
    return (x,), {**static, "eps": draw.choice([1e-1, 1.0])}


@op(
    kernel="inverse_rms",
    vjp=lambda g, y, x, axes, eps: x * (g * y * y * y / -_count(x, axes)),
    samples=_with_eps,
)
def _inverse_rms(x: Any, /, axes: Axes, eps: float) -> Any:
    """1 / √(mean of x² over `axes` + eps); the axes keep length one. d/dx = −y³ x / n."""


def _slope_parts(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1)
    small = (1, *shape[1:])
    more = [draw.array(small)] if draw.choice([False, True]) else []
    parts = (draw.array(shape), draw.array(shape), draw.array(small), draw.array(small), *more)
    return parts, {}


def _slope_pull(
    k: Any, out: Any, g: Any, y: Any, scale: Any, along: Any, *level: Any, needs: Any
) -> list[Any]:
    back = k * scale
    rest = g - y * along
    for part in level:
        rest = rest - part
    return [back, -(back * along), k * rest, -(back * y), *[-back for _ in level]]


@op(pullback=_slope_pull, samples=_slope_parts)
def _standardize_slope(*parts: Any) -> Any:
    """scale · (g − level − y · along) of (g, y, scale, along[, level]): the slope of y."""
    return namespace(parts[0]).standardize_slope(*parts)


# ── The rule where each row of memory is normalised ─────────────────────────────────────


def _row_parts(draw: Draw) -> Sample:
    x = draw.array(draw.shape(min_dims=1))
    start = draw.integer(0, x.ndim - 1)
    affine = [draw.array(x.shape[start:])] if draw.choice([False, True]) else []
    static = {"axes": tuple(range(start, x.ndim)), "eps": draw.choice([1e-1, 1.0])}
    return (draw.array(x.shape), x, *affine), {**static, "centred": draw.choice([True, False])}


def _row_slopes_pull(
    out: Any,
    y: Any,
    g: Any,
    x: Any,
    *affine: Any,
    needs: Any,
    axes: Axes,
    eps: float,
    centred: bool,
) -> list[Any]:
    """With P(v) = r (v − mean(v) − h mean(v h)), its own transpose, dx = P(k) and dh = P(dx).

    For the gradients a, b, d of dx, dw and db:

        to g: w P(a) + h b + d,  to w: Σ g P(a),
        to x: P(g b − r (mean(h k) a + mean(h a) k)) − r² h mean(a P(k) / r)
    """
    share = 1 / _count(x, axes)
    c = _centre(x, axes=axes) if centred else x
    r = _inverse_rms(c, axes=axes, eps=eps)
    h = c * r

    def mean(v: Any, w: Any = None) -> Any:
        return (_sum_over(v, axes=axes) if w is None else _dot_over(v, w, axes=axes)) * share

    def projected(v: Any) -> Any:
        return _standardize_slope(v, h, r, mean(v, h), *([mean(v)] if centred else []))

    a, *rest = _row_results(out, x, affine)
    k = g * affine[0] if affine else g
    to_dx = projected(a)
    along, across = mean(k, h), mean(a, h)
    level = mean(a, k) - along * across
    if centred:
        level = level - mean(a) * mean(k)
    inner = -r * (along * a + across * k)
    if not affine:
        return [to_dx, projected(inner) - r * r * level * h]
    b, d = rest
    to_x = projected(g * b + inner) - r * r * level * h
    return [affine[0] * to_dx + h * b + d, to_x, _sum_to_last(g * to_dx, axes)]


def _sum_to_last(x: Any, axes: Axes) -> Any:
    """Sum over all but the last `axes`."""
    lead = tuple(range(axes[0]))
    return reshape(_sum_over(x, axes=lead), x.shape[axes[0] :])


def _row_results(flat: Any, x: Any, affine: Any) -> list[Any]:
    """Parts of a flat array: dx, and dw and db if there is a weight."""
    size = prod(x.shape)
    found = [reshape(flat[:size], x.shape)]
    for weight in affine[:1]:
        count = prod(weight.shape)
        # In memory of their own: the gradients of parameters are kept, dx is not.
        parts = flat[size : size + count], flat[size + count :]
        found += [reshape(copy(part), weight.shape) for part in parts]
    return found


@op(pullback=_row_slopes_pull, samples=_row_parts)
def _row_slopes(*inputs: Any, axes: Axes, eps: float, centred: bool) -> Any:
    """Gradients dx, dw and db of (g, x[, w]), flat, one behind the other; `axes` are the last."""
    g, x, *affine = inputs
    count = prod([x.shape[i] for i in axes])
    return namespace(x).row_slopes(g, x, tuple(affine), count, eps, centred)


def _in_rows(x: Any, affine: Any, axes: Axes) -> bool:
    """Whether `axes` are the last ones, and a weight has just them."""
    last = axes == tuple(range(x.ndim - len(axes), x.ndim))
    return last and bool(axes) and all(w.shape == x.shape[axes[0] :] for w in affine[:1])


# ── The operation ───────────────────────────────────────────────────────────────────────


def _normalised(draw: Draw) -> Sample:
    (x,), static = _with_eps(draw)
    axes = static["axes"]
    sides = draw.choice(
        [x.shape[1:], tuple(1 if i in axes else n for i, n in enumerate(x.shape))[1:]]
    )
    affine = [draw.array(sides) for _ in range(draw.integer(0, 2))]
    return (x, *affine), {**static, "centred": draw.choice([True, False])}


def _pull(
    g: Any, y: Any, x: Any, *affine: Any, needs: Any, axes: Axes, eps: float, centred: bool
) -> list[Any]:
    if x.dtype.itemsize == 2:
        # Sums of many float16 numbers overflow.
        x, g = astype(x, "float32"), astype(g, "float32")
    if _in_rows(x, affine, axes):
        flat = _row_slopes(g, x, *affine[:1], axes=axes, eps=eps, centred=centred)
        return _row_results(flat, x, affine)[: 1 + len(affine)]
    c = _centre(x, axes=axes) if centred else x
    r = _inverse_rms(c, axes=axes, eps=eps)
    h = c * r
    weight = None
    if affine:
        weight = reshape(affine[0], (1,) * (x.ndim - affine[0].ndim) + affine[0].shape)
    # Along these axes one weight serves all: sum first, then multiply the few sums.
    same = axes if weight is None else tuple(i for i in axes if weight.shape[i] == 1)
    sums = g if not same else _sum_over(g, axes=same)
    products = _dot_over(g, h, axes=same) if same else g * h
    found = [_to_x(g, h, r, weight, sums, products, axes, centred) if needs[0] else None]
    if weight is None:
        return found
    rest = tuple(i for i in range(x.ndim) if i not in same and weight.shape[i] == 1)
    for part, need in zip((products, sums)[: len(affine)], needs[1:], strict=True):
        found.append((_sum_over(part, axes=rest) if rest else part) if need else None)
    return found


def _to_x(
    g: Any,
    h: Any,
    r: Any,
    weight: Any,
    sums: Any,
    products: Any,
    axes: Axes,
    centred: bool,
) -> Any:
    """r · (k − mean(k) − h · mean(k·h)) with k = g · weight."""
    share = 1 / _count(h, axes)
    if weight is None or products.shape == r.shape:
        scale = r if weight is None else r * weight
    else:
        scale, g = r, g * weight
        products = _dot_over(products, weight, axes=axes)
        sums = _dot_over(sums, weight, axes=axes) if centred else sums
    level = (sums * share,) if centred else ()
    return _standardize_slope(g, h, scale, products * share, *level)


def _count(x: Any, axes: Axes) -> int:
    """Elements behind each mean; 1 for none, whose sum is 0."""
    return prod([x.shape[i] for i in axes]) or 1


@op(pullback=_pull, samples=_normalised)
def standardize(*inputs: Any, axes: Axes, eps: float, centred: bool = True) -> Any:
    """(x − mean) · r · w + b of `standardize(x[, w[, b]])`: mean 0 and variance 1 over `axes`.

    r = 1/√(variance + eps), the variance being the mean of the squared distances from the mean,
    found in a second pass. w and b are of one shape, which broadcasts to x. float16 is
    computed in float32.

    Args:
        inputs: x, and w, and b.
        axes: Axes of x, each once, counted from the front.
        eps: Keeps the root from 0.
        centred: False divides by the root mean square and leaves the mean as it is.

    Raises:
        OperandError: There are more than three inputs, or none.
    """
    if not 1 <= len(inputs) <= 3:
        raise OperandError(
            f"standardize: got {len(inputs)} inputs, expected standardize(x), "
            "standardize(x, weight) or standardize(x, weight, bias)"
        )
    x, *affine = inputs
    return namespace(x).standardize(x, tuple(affine), axes, eps, centred)


def _moments_slope(g: Any, y: Any, x: Any, axes: Axes) -> Any:
    return (g[0] + g[1] * (2 * _centre(x, axes=axes))) / _count(x, axes)


@op(kernel="moments", vjp=_moments_slope, samples=_one)
def moments(x: Any, /, axes: Axes) -> Any:
    """Mean and variance of x over `axes`, stacked in front; the axes keep length one.

    The mean of the squared distances from the mean, found in a second pass; d/dx = 1/n and
    2 (x − mean) / n.
    """
