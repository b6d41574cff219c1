"""Transforms of values without randomness: dtypes, ranges, standardising, one-hot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_nn.data.arguments import float_dtype, shown, whole_number
from tinygrad_nn.data.shuffling import Rng
from tinygrad_nn.data.transforms.base import ImageTransform, Transform, full_scale
from tinygrad_nn.data.transforms.ranges import span
from tinygrad_nn.errors import DataError, DTypeError, OptionError, ShapeError

__all__ = ["Normalize", "OneHot", "Rescale", "Standardize", "ToFloat"]


@dataclass(frozen=True)
class ToFloat(Transform):
    """Integers as floats from 0 to 1: uint8 is divided by 255, floats only change their dtype.

    Args:
        dtype: the floating dtype.

    Example:
        >>> ToFloat()(np.array([0, 51, 255], np.uint8)).tolist()
        [0.0, 0.20000000298023224, 1.0]
    """

    dtype: DTypeLike = np.float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", float_dtype(self.dtype))

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if x.dtype.kind in "bf":
            return x.astype(self.dtype)
        # 255 is beyond float16's exact range for the wider integers: divide before narrowing.
        wide = x.astype(np.promote_types(np.float32, np.dtype(self.dtype)))
        return np.asarray(wide / full_scale(x.dtype), self.dtype)


@dataclass(frozen=True)
class Rescale(Transform):
    """Values of one range mapped linearly to another: y = c + (x - a) (d - c) / (b - a).

    Args:
        old: (a, b), the range of the values.
        new: (c, d), what it becomes. Values outside of `old` land outside of `new`.

    Raises:
        DTypeError: integers, which cannot hold the result; put `ToFloat()` before it.

    Example:
        >>> Rescale((0.0, 1.0), (-1.0, 1.0))(np.array([0.0, 0.25, 1.0])).tolist()
        [-1.0, -0.5, 1.0]
    """

    old: tuple[float, float]
    new: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        low, high = span("old", self.old)
        span("new", self.new)
        if low == high:
            raise OptionError(f"old: got {self.old}, expected two different numbers")

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        _need_floats("Rescale", x)
        (a, b), (c, d) = span("old", self.old), span("new", self.new)
        return np.asarray((x - x.dtype.type(a)) * x.dtype.type((d - c) / (b - a)) + c, x.dtype)


@dataclass(frozen=True)
class Normalize(ImageTransform):
    """Images with mean and standard deviation given beforehand: (x - mean) / std.

    Args:
        mean: one number, or one for each channel.
        std: one number, or one for each channel; positive.

    Raises:
        DTypeError: integers; put `ToFloat()` before it.
        ShapeError: as many numbers as the image has channels were expected.

    Example:
        >>> Normalize(0.5, 0.25)(np.array([[0.5, 1.0]])).tolist()
        [[0.0, 2.0]]
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]

    def __post_init__(self) -> None:
        mean, std = (np.atleast_1d(np.asarray(x, np.float64)) for x in (self.mean, self.std))
        if mean.ndim != 1 or mean.shape != std.shape or not np.isfinite(mean).all():
            raise OptionError(
                f"Normalize: got mean={shown(self.mean)} and std={shown(self.std)}, expected "
                f"as many finite numbers for one as for the other; pass Normalize(0.5, 0.5)"
            )
        if not (std > 0).all() or not np.isfinite(std).all():
            raise OptionError(f"std: got {shown(self.std)}, expected positive finite numbers")
        for name, values in (("mean", mean), ("std", std)):
            kept = tuple(values.tolist()) if np.ndim(getattr(self, name)) else float(values[0])
            object.__setattr__(self, name, kept)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        _need_floats("Normalize", images)
        mean, std = (
            np.atleast_1d(np.asarray(x, images.dtype))[:, None, None] for x in (self.mean, self.std)
        )
        if len(mean) not in (1, images.shape[1]):
            raise ShapeError(
                f"Normalize: got images with {images.shape[1]} channels, expected {len(mean)} "
                f"for the means {self.mean}; pass one mean and std, or one for each channel"
            )
        done: NDArray[Any] = (images - mean) / std
        return done


@dataclass(frozen=True, eq=False)
class Standardize(Transform):
    """Every feature with mean 0 and standard deviation 1 over the training examples.

    Fit it on the training half alone, and use it on both: `Standardize.fit(train.inputs)`.

    Args:
        mean: shape of one example.
        std: likewise; positive.

    Example:
        >>> scaler = Standardize.fit([[0.0, 5.0], [2.0, 5.0]])
        >>> scaler.batch(np.array([[4.0, 6.0]])).tolist()
        [[3.0, 1.0]]
        >>> scaler.inverse([[3.0, 1.0]]).tolist()
        [[4.0, 6.0]]
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def __post_init__(self) -> None:
        mean, std = (np.array(x, np.float64) for x in (self.mean, self.std))
        if mean.shape != std.shape or not np.all(std > 0) or not np.isfinite(mean + std).all():
            raise OptionError(
                "Standardize: got mean and std that are not finite, not positive or differ in "
                "shape, expected those of training data; use Standardize.fit(train.inputs)"
            )
        for name, values in (("mean", mean), ("std", std)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    @classmethod
    def fit(cls, inputs: ArrayLike) -> Standardize:
        """Return the transform for these training examples, shape (n, ...).

        A feature that never changes gets std 1 and so becomes 0.

        Raises:
            DataError: no examples, or values that are NaN or infinite.
        """
        values = np.asarray(inputs)
        if values.ndim == 0 or not len(values):
            raise DataError(
                f"Standardize.fit: got shape {values.shape}, expected at least one example"
            )
        if values.dtype.kind not in "buif":
            raise DTypeError(f"Standardize.fit: got {values.dtype}, expected numbers")
        mean = values.mean(axis=0, dtype=np.float64)
        std = values.std(axis=0, dtype=np.float64)
        if not np.isfinite(mean + std).all():
            raise DataError(
                "Standardize.fit: got NaN or infinity among the inputs, expected finite numbers; "
                "replace missing values first, for instance by np.nanmean(inputs, axis=0)"
            )
        # What rounding leaves of a constant must not be blown up to 1.
        constant = std <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(constant | (std == 0), 1.0, std))

    def inverse(self, x: ArrayLike) -> NDArray[Any]:
        """Return the values before the transform, of one example or of a batch."""
        values = np.asarray(x)
        self._check(values, values.shape[values.ndim - self.mean.ndim :])
        kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
        return (values * self.std + self.mean).astype(kind)

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        _need_floats("Standardize", x)
        self._check(x, x.shape[1:])
        return ((x - self.mean) / self.std).astype(x.dtype, copy=False)

    def _check(self, x: NDArray[Any], form: tuple[int, ...]) -> None:
        if form != self.mean.shape:
            raise ShapeError(
                f"Standardize: got an example of shape {form}, expected {self.mean.shape} as in "
                f"the training data; fit it anew for other features"
            )

    def __eq__(self, other: object) -> bool:
        """Tell whether means and deviations are the same."""
        if not isinstance(other, Standardize):
            return NotImplemented
        return np.array_equal(self.mean, other.mean) and np.array_equal(self.std, other.std)

    def __hash__(self) -> int:
        """Return a number that equal transforms share."""
        return hash((self.mean.tobytes(), self.std.tobytes()))


@dataclass(frozen=True)
class OneHot(Transform):
    """Labels as rows of zeros with a single one.

    Args:
        classes: number of classes; the labels are 0 to `classes` - 1.
        dtype: of the rows, floating.

    Raises:
        DTypeError: the labels are no integers.
        DataError: a label is out of range.

    Example:
        >>> OneHot(3)(1).tolist(), OneHot(2).batch([1, 0]).tolist()
        ([0.0, 1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]])
    """

    classes: int
    dtype: DTypeLike = np.float32

    def __post_init__(self) -> None:
        whole_number("classes", self.classes, 1)
        object.__setattr__(self, "dtype", float_dtype(self.dtype))

    def __call__(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the row of one label, or the rows of many."""
        return one_hot(np.asarray(x), self.classes, np.dtype(self.dtype))

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return one_hot(x, self.classes, np.dtype(self.dtype))


def one_hot(labels: NDArray[Any], classes: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return rows of zeros with a single one, shape (..., classes)."""
    if labels.dtype.kind not in "ui":
        raise DTypeError(
            f"OneHot: got labels of dtype {labels.dtype}, expected integers; "
            f"convert with labels.astype(np.int64)"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(
            f"OneHot: got labels from {labels.min()} to {labels.max()}, expected 0 to "
            f"{classes - 1} for {classes} classes; renumber them or raise classes="
        )
    rows = np.zeros((*labels.shape, classes), dtype)
    np.put_along_axis(rows, labels[..., None].astype(np.intp), 1, -1)
    return rows


def _need_floats(name: str, x: NDArray[Any]) -> None:
    if x.dtype.kind != "f":
        raise DTypeError(
            f"{name}: got dtype {x.dtype}, expected floats because the result has fractions; "
            f"put ToFloat() before it, or convert with x.astype(np.float32)"
        )
