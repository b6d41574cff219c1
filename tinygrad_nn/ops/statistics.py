"""Statistics made of sums and of sorting."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any

from tinygrad_nn.core.op import composed
from tinygrad_nn.core.samples import Domain, Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.align import arrays
from tinygrad_nn.ops.axis import Axes, kept_shape, lined_up, normals, over_axes
from tinygrad_nn.ops.diagonal import diagonal
from tinygrad_nn.ops.elementwise import sqrt
from tinygrad_nn.ops.join import stack
from tinygrad_nn.ops.order import sort
from tinygrad_nn.ops.products import matmul
from tinygrad_nn.ops.reduce import mean
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import not_equal, where
from tinygrad_nn.ops.shape import astype, expand_dims, matrix_transpose, reshape

__all__ = ["average", "corrcoef", "cov", "median", "percentile", "quantile"]

DISTINCT = Domain(distinct=True)


# ── Means ───────────────────────────────────────────────────────────────────────────────


def _weighted(draw: Draw) -> Sample:
    (x,), static = over_axes(draw, min_side=1)
    return (x,), {"axis": static["axis"], "keepdims": static["keepdims"]}


@composed(samples=_weighted, numpy="average")
def average(x: Any, axis: Axes = None, weights: Any = None, keepdims: bool = False) -> Any:
    """Weighted mean Σ w x / Σ w over `axis` (all axes if None).

    Args:
        x: Array.
        axis: Axes to average over.
        weights: Of the shape of `x`, or of its sides along `axis`; they get a gradient
            too. Without them, the mean.
        keepdims: Keep the axes with length one.

    Raises:
        ShapeError: The weights have another shape, or an axis is out of range.
    """
    if weights is None:
        return mean(x, axis, keepdims)
    x, weights = arrays("average", x, weights)
    axes = normals("average", axis, x.ndim)
    if tuple(weights.shape) != tuple(x.shape):
        wanted = tuple(x.shape[a] for a in axes)
        if axis is None or tuple(weights.shape) != wanted:
            raise ShapeError(
                f"average: got weights of shape {tuple(weights.shape)} for {tuple(x.shape)}, "
                f"expected the same shape, or {wanted} with the axis given"
            )
        if list(axes) != sorted(axes):
            raise ShapeError(f"average: got axis={axis!r}, expected axes in order with weights")
        weights = reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
        weights = weights + 0.0 * x
    return total(x * weights, axes, keepdims) / total(weights, axes, keepdims)


# ── Quantiles ───────────────────────────────────────────────────────────────────────────

# Of n elements in order, q belongs to place n·q + α + q (1 - α - β) - 1 (Hyndman and Fan,
# "Sample quantiles in statistical packages", 1996). Each method is its (α, β).
PLACES: dict[str, tuple[float, float]] = {
    "linear": (1, 1),
    "hazen": (0.5, 0.5),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0, 1),
}
# Methods that take one element, or the middle of two, at the place of the linear method.
ROUNDED: dict[str, Callable[[float], float]] = {
    "lower": floor,
    "higher": ceil,
    "nearest": round,
    "midpoint": lambda place: (floor(place) + ceil(place)) / 2,
}
METHODS = [*PLACES, *ROUNDED, "inverted_cdf"]


def place_of(q: float, n: int, method: str) -> float:
    """Place among `n` elements in order, from 0 to n - 1, perhaps between two."""
    if method in ROUNDED:
        return ROUNDED[method]((n - 1) * q)
    if method == "inverted_cdf":
        return max(ceil(n * q) - 1, 0)
    a, b = PLACES[method]
    place = (n - 1) * q if method == "linear" else n * q + (a + q * (1 - a - b)) - 1
    return min(max(place, 0), n - 1)


def _quantiles(draw: Draw) -> Sample:
    (x,), static = over_axes(draw, DISTINCT, min_side=1)
    q = draw.choice([0.0, 0.3, 0.5, 1.0])
    return (x,), {"q": q, **static, "method": draw.choice(METHODS)}


@composed(samples=_quantiles, numpy="quantile")
def quantile(
    x: Any, q: Any, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The element below which a part `q` of those over `axis` lies (all axes if None).

    The gradient goes to the one or two elements that it lies at or between, in shares of
    their weights; of equal elements, to the ones that sorting puts there. NaN where there
    is one.

    Args:
        x: Array.
        q: Number from 0 to 1, or nested list or array of them, whose axes come first in the
            result; it gets no gradient, and the result has the dtype of `x` all the same.
        axis: Axes to take quantiles over.
        method: How to choose between two elements, by NumPy's names: linear, lower, higher,
            midpoint, nearest, hazen, weibull, median_unbiased, normal_unbiased,
            inverted_cdf, interpolated_inverted_cdf.
        keepdims: Keep the axes with length one.

    Raises:
        OptionError: `q` is outside [0, 1] or the method is unknown.
        ShapeError: An axis is out of range, or there are no elements.
    """
    return _quantile("quantile", x, q, 1.0, axis=axis, method=method, keepdims=keepdims)


def _percentiles(draw: Draw) -> Sample:
    (x,), static = _quantiles(draw)
    return (x,), {**static, "q": draw.choice([0, 50.0, 99])}


@composed(samples=_percentiles, numpy="percentile")
def percentile(
    x: Any, q: Any, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`quantile` of `q` / 100."""
    return _quantile("percentile", x, q, 100.0, axis=axis, method=method, keepdims=keepdims)


def _medians(draw: Draw) -> Sample:
    return over_axes(draw, DISTINCT, min_side=1)


@composed(samples=_medians, numpy="median")
def median(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """The middle element over `axis` (all axes if None), or the mean of the two middle ones.

    Each of these gets its share of the gradient; see `quantile`.
    """
    return _quantile("median", x, 0.5, 1.0, axis=axis, method="linear", keepdims=keepdims)


def _quantile(
    name: str, x: Any, q: Any, whole: float, *, axis: Axes, method: str, keepdims: bool
) -> Any:
    if method not in METHODS:
        raise OptionError(f"{name}: got method={method!r}, expected one of {', '.join(METHODS)}")
    axes = normals(name, axis, x.ndim)
    ordered = sort(lined_up(x, axes), axis=-1)
    n = ordered.shape[-1]
    if not n:
        raise ShapeError(f"{name}: got shape {tuple(x.shape)}, which has no elements over {axis}")
    sides = kept_shape(x.shape, axes)

    def at(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            return stack([at(p) for p in part])
        if not 0 <= part <= whole:
            raise OptionError(f"{name}: got q={part}, expected 0 <= q <= {whole:g}")
        y = _between(ordered, place_of(part / whole, n, method))
        return reshape(y, sides) if keepdims else y

    return at(q.tolist() if hasattr(q, "tolist") else q)


def _between(ordered: Any, place: float) -> Any:
    """The element at `place` of the last axis, or what lies between two; NaN beside a NaN."""
    low = floor(place)
    part = place - low
    if part:
        y = ordered[..., low] * (1.0 - part) + ordered[..., low + 1] * part
    else:
        y = ordered[..., low] * 1.0
    if ordered.dtype.kind != "f":
        return y
    last = ordered[..., -1]
    return where(not_equal(last, last), last, y)


# ── Covariance ──────────────────────────────────────────────────────────────────────────


def _variables(draw: Draw) -> Sample:
    shape = draw.choice([(3, 4), (2, 5), (4,)])
    return (draw.array(shape, DISTINCT),), {"rowvar": draw.choice([True, False])}


@composed(samples=_variables, numpy="cov")
def cov(
    x: Any,
    rowvar: bool = True,
    bias: bool = False,
    ddof: float | None = None,
    *,
    dtype: Any = "float64",
) -> Any:
    """Covariance matrix of variables: the mean product of their distances from their means.

    Args:
        x: Samples of one variable, or a matrix with a variable in each row.
        rowvar: False if the columns are the variables.
        bias: Divide by n, and not by n - 1.
        ddof: Divide by n - ddof.
        dtype: In which to compute; at least float64 by default, as in NumPy.

    Raises:
        ShapeError: `x` has more than two axes.
    """
    if x.ndim > 2:
        raise ShapeError(f"cov: got shape {tuple(x.shape)}, expected one axis or two")
    if x.dtype != dtype:
        x = astype(x, dtype)
    rows = expand_dims(x, 0) if x.ndim < 2 else x if rowvar else matrix_transpose(x)
    n = rows.shape[-1]
    free = n - ((0 if bias else 1) if ddof is None else ddof)
    centred = rows - mean(rows, -1, True)
    products = matmul(centred, matrix_transpose(centred)) / free
    return reshape(products, tuple(n for n in products.shape if n != 1) or ())


@composed(samples=_variables, numpy="corrcoef")
def corrcoef(x: Any, rowvar: bool = True, *, dtype: Any = "float64") -> Any:
    """Correlation matrix of variables: their covariance over their standard deviations."""
    products = cov(x, rowvar=rowvar, dtype=dtype)
    if not products.ndim:
        return products / products
    scale = sqrt(diagonal(products))
    return products / expand_dims(scale, 1) / expand_dims(scale, 0)
