"""What the values of an argument are like: how they are drawn, and how they are recognised.

A `Domain` is one definition for both, so that a test can hold each against the other. Values come
from a short grid of readable numbers, simplest first: whatever draws them (Hypothesis, a seed)
shrinks to a failing example like `[0.5, -2.0]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, prod
from typing import Any

import numpy as np

from tinygrad_nn.core.samples import Domain as Interval
from tinygrad_nn.errors import OptionError
from tinygrad_nn.testing.inputs.domain import Domain, RandomSource, Source
from tinygrad_nn.testing.inputs.readable import NUMBERS, inside, margin, simplest_first

__all__ = [
    "DISTINCT",
    "KINKY",
    "NONNEGATIVE",
    "NONZERO",
    "ONE_HOT",
    "ORTHOGONAL",
    "PERMUTATION",
    "POSITIVE",
    "POSITIVE_DEFINITE",
    "PROBABILITY",
    "REAL",
    "SIMPLEX",
    "SORTED",
    "SYMMETRIC",
    "TRIANGULAR",
    "Domain",
    "RandomSource",
    "Source",
    "distinct",
    "finite",
    "integers",
    "interval",
    "kinky",
    "of_samples",
    "triangular",
]

_ROUNDING = 1e-12
"""Part by which sums that should be 1, or products that should be 0, may be off in float64."""


_HUGE = (1e6, -1e6, 1e-6, -1e-6, 1e150, -1e150, 1e-150, -1e-150)


# ── Elementwise ────────────────────────────────────────────────────────────────────────────


def _filled(source: Source, grid: Sequence[float], shape: tuple[int, ...]) -> Any:
    return np.array(source.numbers(grid, prod(shape)), np.float64).reshape(shape)


def _of_grid(
    name: str,
    grid: Sequence[float],
    recognise: Callable[[Any], Any],
    extremes: tuple[float, ...] = (),
) -> Domain:
    """Domain of numbers that know nothing of one another."""

    def make(source: Source, shape: tuple[int, ...]) -> Any:
        return _filled(source, grid, shape)

    return Domain(name, make, recognise, extremes=extremes)


REAL = _of_grid("real", NUMBERS, np.isfinite, _HUGE)
"""Any finite numbers."""

POSITIVE = _of_grid(
    "positive", [v for v in NUMBERS if v > 0], lambda x: x > 0, tuple(v for v in _HUGE if v > 0)
)
"""Above 0."""

NONNEGATIVE = _of_grid(
    "nonnegative", [v for v in NUMBERS if v >= 0], lambda x: x >= 0, (0.0, *POSITIVE.extremes)
)
"""0 and above."""

NONZERO = _of_grid("nonzero", [v for v in NUMBERS if v], lambda x: x != 0, _HUGE)
"""Anything but 0."""


def interval(low: float, high: float) -> Domain:
    """Numbers of an open interval; its ends may be infinite.

    Raises:
        OptionError: It is empty.

    Example:
        >>> from tinygrad_nn.testing.inputs.domains import interval
        >>> interval(-1, 1).holds([0.5, -0.5]), interval(-1, 1).holds([1.0])
        (True, False)
    """
    if not low < high:
        raise OptionError(f"interval: got the ends {low} and {high}, expected low < high")
    inner = inside(low, high, ())
    ends = [np.nextafter(e, (low + high) / 2) for e in (low, high) if isfinite(low + high)]
    return _of_grid(
        f"in ({low:g}, {high:g})",
        inner,
        lambda x: (low < x) & (x < high),
        tuple(float(e) for e in ends),
    )


PROBABILITY = _of_grid(
    "a probability",
    simplest_first([0.5, 0.25, 0.75, 0.1, 0.9, 0.2, 0.7, 0.4, 0.05, 0.95]),
    lambda x: (x > 0) & (x < 1),
    (1e-12, 1 - 1e-12),
)
"""Between 0 and 1, neither included."""


def finite(least: float = 1e-6, largest: float = 1e6) -> Domain:
    """Numbers of either sign on mixed scales: absolute values from `least` to `largest`.

    Raises:
        OptionError: There are none.
    """
    if not 0 < least <= largest or not isfinite(largest):
        raise OptionError(
            f"finite: got sizes from {least} to {largest}, expected 0 < least <= largest"
        )
    powers = range(int(np.floor(np.log10(least))), int(np.ceil(np.log10(largest))) + 1)
    sizes = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    kept = [v for v in (*sizes, least, largest) if least <= v <= largest]
    grid = sorted((s * v for v in kept for s in (1, -1)), key=lambda v: (abs(np.log10(abs(v))), -v))
    return _of_grid(
        f"of a size from {least:g} to {largest:g}",
        grid,
        lambda x: (np.abs(x) >= least) & (np.abs(x) <= largest),
    )


def kinky(*points: float) -> Domain:
    """Numbers at these points, near to them, and between: where piecewise functions have kinks."""
    grid = [*points, *(p + d for d in (1e-3, -1e-3, 1e-9, -1e-9) for p in points), *NUMBERS]
    return _of_grid("at and near kinks", list(dict.fromkeys(grid)), np.isfinite)


KINKY = kinky(0.0, 1.0, -1.0, 6.0, -6.0)
"""At and near 0, ±1 and ±6, where activations have their kinks."""


def integers(low: int, high: int) -> Domain:
    """Whole numbers from `low` to `high`, both included: indices.

    Raises:
        OptionError: There are none.
    """
    if low > high:
        raise OptionError(f"integers: got the range {low} to {high}, expected low <= high")

    def make(source: Source, shape: tuple[int, ...]) -> Any:
        return np.array(source.integers(low, high, prod(shape)), np.int64).reshape(shape)

    return Domain(
        f"integers from {low} to {high}", make, lambda x: (x >= low) & (x <= high), whole=True
    )


def of_samples(domain: Interval) -> Domain:
    """The domain of an operation's argument, as the registry describes it."""
    if domain.distinct:
        return _between(domain.low, domain.high, domain.avoid)
    near = margin(domain.low, domain.high)
    return _of_grid(
        f"in ({domain.low:g}, {domain.high:g})",
        inside(domain.low, domain.high, domain.avoid),
        lambda x: (
            (x > domain.low)
            & (x < domain.high)
            & np.all([abs(x - p) > near / 2 for p in domain.avoid] or [x > domain.low], axis=0)
        ),
    )


# ── Elements that know of one another ──────────────────────────────────────────────────────


def distinct(delta: float = 0.25) -> Domain:
    """No two elements closer than `delta`: maxima and orders that small changes leave alone."""
    if not 0 < delta < np.inf:
        raise OptionError(f"distinct: got the gap {delta}, expected a positive number")

    def make(source: Source, shape: tuple[int, ...]) -> Any:
        size = prod(shape)
        places = np.cumsum(source.integers(1, 3, size)) if size else np.zeros(0)
        values = delta * (places - (places[size // 2] if size else 0))
        return values[np.array(source.order(size), int)].reshape(shape)

    def apart(x: Any) -> Any:
        return np.all(np.diff(np.sort(x, axis=None)) >= delta * (1 - _ROUNDING))

    return Domain(f"distinct by {delta:g}", make, apart)


DISTINCT = distinct()
"""No ties: all elements at least 1/4 apart."""


def _between(low: float, high: float, avoid: Sequence[float]) -> Domain:
    """No ties, and inside of an interval: the gaps shrink as the number of elements grows."""

    def make(source: Source, shape: tuple[int, ...]) -> Any:
        size = prod(shape)
        lowest, highest = max(low, -8.0), min(high, 8.0)
        cells = size + 1 + len(avoid) * 2
        while True:
            width = (highest - lowest) / cells
            near = min(margin(lowest, highest), width / 2)
            middles = lowest + width * (np.arange(cells) + 0.5)
            free = [m for m in middles if all(abs(m - p) >= near for p in avoid)]
            if len(free) >= size:
                break
            cells += 1
        chosen = np.array(free[(len(free) - size) // 2 :][:size])
        return chosen[np.array(source.order(size), int)].reshape(shape)

    def recognise(x: Any) -> Any:
        inside = np.all((x > low) & (x < high)) and not np.any(np.isin(x, avoid))
        return inside and np.unique(x).size == x.size

    return Domain(f"distinct in ({low:g}, {high:g})", make, recognise)


def _sorted(source: Source, shape: tuple[int, ...]) -> Any:
    return np.sort(_filled(source, NUMBERS, shape), axis=-1)


SORTED = Domain("sorted", _sorted, lambda x: np.diff(x) >= 0, axes=1)
"""Ascending along the last axis; ties occur."""


def _simplex(source: Source, shape: tuple[int, ...]) -> Any:
    weights = np.array(source.integers(1, 5, prod(shape)), float).reshape(shape)
    return weights / weights.sum(axis=-1, keepdims=True)


SIMPLEX = Domain(
    "on the simplex",
    _simplex,
    lambda x: np.all(x > 0) and np.all(np.abs(x.sum(axis=-1) - 1) <= _ROUNDING),
    axes=1,
    full=True,
)
"""Positive, with sums of 1 along the last axis: distributions."""


def _one_hot(source: Source, shape: tuple[int, ...]) -> Any:
    hot = np.array(source.integers(0, shape[-1] - 1, prod(shape[:-1])), int)
    return np.eye(shape[-1])[hot].reshape(shape)


ONE_HOT = Domain(
    "one-hot",
    _one_hot,
    lambda x: np.all((x == 0) | (x == 1)) and np.all(x.sum(axis=-1) == 1),
    axes=1,
    full=True,
)
"""One 1 along the last axis, else 0."""


def _permutation(source: Source, shape: tuple[int, ...]) -> Any:
    rows = [source.order(shape[-1]) for _ in range(prod(shape[:-1]))]
    return np.array(rows, np.int64).reshape(shape)


PERMUTATION = Domain(
    "a permutation",
    _permutation,
    lambda x: np.sort(x, axis=-1) == np.arange(x.shape[-1]),
    axes=1,
    whole=True,
)
"""Each row (last axis) holds 0 to n - 1 in some order."""


# ── Matrices in the last two axes ──────────────────────────────────────────────────────────


def _symmetric(source: Source, shape: tuple[int, ...]) -> Any:
    lower = np.tril(_filled(source, NUMBERS, shape))
    return lower + np.swapaxes(np.tril(lower, -1), -1, -2)


SYMMETRIC = Domain(
    "symmetric", _symmetric, lambda x: x == np.swapaxes(x, -1, -2), axes=2, square=True
)
"""Equal to its transpose. Its eigenvalues may be equal."""


def _orthogonal(source: Source, shape: tuple[int, ...]) -> Any:
    """Cayley's (1 - A) / (1 + A) of a skew A, with signs: 1 for A = 0, 0.6 and 0.8 for 1/2."""
    rows, columns = shape[-2:]
    side = max(rows, columns)
    lower = np.tril(_filled(source, (0.0, 0.5, -0.5, 1.0, -0.25), (*shape[:-2], side, side)), -1)
    skew = lower - np.swapaxes(lower, -1, -2)
    signs = np.array(source.numbers((1.0, -1.0), prod(shape[:-2]) * side))
    turned = np.linalg.solve(np.eye(side) + skew, np.eye(side) - skew)
    return (turned * signs.reshape(*shape[:-2], 1, side))[..., :rows, :columns]


def _has_orthonormal(x: Any) -> Any:
    other = np.swapaxes(x, -1, -2)
    product = other @ x if x.shape[-2] >= x.shape[-1] else x @ other
    return np.abs(product - np.eye(product.shape[-1])) <= _ROUNDING


ORTHOGONAL = Domain("orthogonal", _orthogonal, _has_orthonormal, axes=2)
"""Orthonormal columns; rows, where there are fewer of them."""


def _positive_definite(source: Source, shape: tuple[int, ...]) -> Any:
    root = _triangle(source, shape, True)
    product = root @ np.swapaxes(root, -1, -2)
    # Products in one order and the other may round differently.
    return np.tril(product) + np.swapaxes(np.tril(product, -1), -1, -2)


def _is_positive_definite(x: Any) -> Any:
    return np.all(SYMMETRIC.recognise(x)) and np.all(np.linalg.eigvalsh(x) > 0)


POSITIVE_DEFINITE = Domain(
    "positive definite", _positive_definite, _is_positive_definite, axes=2, square=True
)
"""Symmetric with positive eigenvalues."""


def triangular(upper: bool = False) -> Domain:
    """Triangular matrices with a positive diagonal, so that they can be inverted.

    Example:
        >>> from tinygrad_nn.testing.inputs.domains import triangular
        >>> triangular(upper=True).holds([[1.0, 3.0], [0.0, 0.5]])
        True
    """

    def make(source: Source, shape: tuple[int, ...]) -> Any:
        lower = _triangle(source, shape, False)
        return np.swapaxes(lower, -1, -2) if upper else lower

    def recognise(x: Any) -> Any:
        rest = np.tril(x, -1) if upper else np.triu(x, 1)
        return not rest.any() and np.all(np.diagonal(x, axis1=-2, axis2=-1) > 0)

    return Domain(
        f"{'upper' if upper else 'lower'} triangular", make, recognise, axes=2, square=True
    )


def _triangle(source: Source, shape: tuple[int, ...], small: bool) -> Any:
    """Lower triangular with a positive diagonal; `small` entries keep its product well-behaved."""
    inner = (0.0, 0.5, -0.5, 0.25, -0.25) if small else NUMBERS
    below = np.tril(_filled(source, inner, shape), -1)
    ones = _filled(source, (1.0, 2.0, 0.5, 1.5), shape[:-1])
    return below + ones[..., None] * np.eye(shape[-1])


TRIANGULAR = triangular()
"""Lower triangular with a positive diagonal."""
