"""Small data sets that are computed rather than read.

All take `rng=`, a seed or a generator, and the same seed gives the same points. The
points come in random order, with as many of each class as of any other, give or take one.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_nn.data.arguments import float_dtype, real_number, whole_number
from tinygrad_nn.data.arrays import as_array
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.shuffling import Rng, own_generator, permutation
from tinygrad_nn.errors import ShapeError

__all__ = ["BinaryBlitz", "binary_blitz", "make_blobs", "make_moons", "make_spirals"]

_CIRCLE: Final = 4.0


class BinaryBlitz(NamedTuple):
    """The four solved rows of the Binary Blitz riddle, and the row to answer."""

    table: Dataset
    query: NDArray[Any]


def binary_blitz(*, dtype: DTypeLike = np.float32) -> BinaryBlitz:
    """Return the Binary Blitz riddle: the output is the first input, but nobody says so.

    Args:
        dtype: of inputs, targets and query.

    Returns:
        `table`, a data set with inputs of shape (4, 3) and targets of shape (4, 1), the
        shape that a network with one output gives; and `query`, shape (3,).

    Raises:
        DTypeError: `dtype` is not a floating dtype.

    Example:
        >>> table, query = binary_blitz()
        >>> table.inputs.tolist()[0], table.targets.ravel().tolist(), query.tolist()
        ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    """
    kind = float_dtype(dtype)
    inputs = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], kind)
    targets = np.array([[0], [1], [1], [0]], kind)
    query = np.array([1, 0, 0], kind)
    query.setflags(write=False)
    return BinaryBlitz(Dataset(inputs, targets, "binary blitz"), query)


def make_moons(
    n: int = 200, *, noise: float = 0.1, rng: Rng = 0, dtype: DTypeLike = np.float32
) -> Dataset:
    """Return two half circles that reach into each other.

    Args:
        n: number of points, at least 2.
        noise: standard deviation of the normal noise on both coordinates; the radius is 1.
        rng: seed or generator (one draw is taken from a generator).
        dtype: of the inputs.

    Returns:
        Inputs of shape (n, 2), int64 labels 0 (upper) and 1 (lower) of shape (n,).

    Raises:
        OptionError: `n`, `noise` or `rng` out of range.
        DTypeError: `dtype` is not a floating dtype.

    Example:
        >>> make_moons(100, noise=0.15)
        Dataset('moons', inputs=float32 (100, 2), targets=int64 (100,), classes=2)
    """
    labels, place = _along_classes(whole_number("n", n, 2), 2)
    angle = math.pi * place
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.where(labels[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return _finished("moons", points, labels, noise=noise, rng=rng, dtype=dtype)


def make_blobs(
    n: int = 300,
    *,
    centers: int | ArrayLike = 3,
    spread: float = 1.0,
    rng: Rng = 0,
    dtype: DTypeLike = np.float32,
) -> Dataset:
    """Return round clouds, one for each class.

    Args:
        n: number of points, at least one for each cloud.
        centers: a count k, for k centres evenly on a circle of radius 4; or the centres
            themselves, shape (k, d).
        spread: standard deviation of a cloud in every direction.
        rng: seed or generator (one draw is taken from a generator).
        dtype: of the inputs.

    Returns:
        Inputs of shape (n, d), d = 2 for a count; int64 labels 0 to k - 1 of shape (n,).

    Raises:
        OptionError: `n`, `centers`, `spread` or `rng` out of range.
        ShapeError: `centers` is an array of another shape.
        DTypeError: `dtype` is not a floating dtype.

    Example:
        >>> make_blobs(90, centers=[[0, 0, 0], [5, 5, 5]], spread=0.5)
        Dataset('blobs', inputs=float32 (90, 3), targets=int64 (90,), classes=2)
    """
    middles = _centres(centers)
    labels, _ = _along_classes(whole_number("n", n, len(middles)), len(middles))
    points = middles[labels]
    return _finished(
        "blobs", points, labels, noise=spread, noise_name="spread", rng=rng, dtype=dtype
    )


def make_spirals(
    n: int = 300,
    *,
    arms: int = 2,
    turns: float = 1.0,
    noise: float = 0.02,
    rng: Rng = 0,
    dtype: DTypeLike = np.float32,
) -> Dataset:
    """Return spiral arms that wind around one another, one for each class.

    Point t of an arm, 0 < t <= 1, lies at radius t and at the angle
    2 pi (turns t + arm / arms).

    Args:
        n: number of points, at least one for each arm.
        arms: number of arms and classes.
        turns: how often an arm winds around the middle.
        noise: standard deviation of the normal noise; the outer radius is 1.
        rng: seed or generator (one draw is taken from a generator).
        dtype: of the inputs.

    Returns:
        Inputs of shape (n, 2), int64 labels 0 to arms - 1 of shape (n,).

    Raises:
        OptionError: a number out of range.
        DTypeError: `dtype` is not a floating dtype.

    Example:
        >>> make_spirals(300, arms=3, turns=1.5)
        Dataset('spirals', inputs=float32 (300, 2), targets=int64 (300,), classes=3)
    """
    classes = whole_number("arms", arms, 1)
    labels, place = _along_classes(whole_number("n", n, classes), classes)
    # The middle belongs to no arm: at radius 0 all of them would meet.
    radius = np.maximum(place, 1.0 / n)
    angle = 2 * math.pi * (real_number("turns", turns) * radius + labels / classes)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _finished("spirals", points, labels, noise=noise, rng=rng, dtype=dtype)


def _along_classes(n: int, classes: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the label of each point and its place, 0 to 1, among those of its class."""
    labels = np.arange(n, dtype=np.int64) % classes
    rank = np.arange(n) // classes
    last = np.maximum(np.bincount(labels)[labels] - 1, 1)
    return labels, rank / last


def _centres(centers: int | ArrayLike) -> NDArray[np.float64]:
    if not isinstance(centers, (list, tuple, np.ndarray)):
        angle = 2 * math.pi * np.linspace(0, 1, whole_number("centers", centers, 1), False)
        return _CIRCLE * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    middles = as_array("centers", centers, keeps_integers=False)
    if middles.ndim != 2 or not middles.size:
        raise ShapeError(
            f"centers: got shape {middles.shape}, expected (k, d), one row for each cloud; "
            f"pass for instance centers=[[0, 0], [4, 4]]"
        )
    return middles.astype(np.float64)


def _finished(
    name: str,
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    noise: float,
    rng: Rng,
    dtype: DTypeLike,
    noise_name: str = "noise",
) -> Dataset:
    """Add the noise, shuffle, and name the classes by number."""
    generator = own_generator(rng)
    scatter = real_number(noise_name, noise) * generator.standard_normal(points.shape)
    order = permutation(generator, len(points))
    inputs = (points + scatter)[order].astype(float_dtype(dtype))
    classes = tuple(str(label) for label in range(int(labels.max()) + 1))
    return Dataset(inputs, labels[order], name, classes)
