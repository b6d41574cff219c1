"""Transforms that change values in their place: noise, erasing, brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag
from tinygrad_nn.data.transforms.base import (
    ImageTransform,
    Transform,
    fill_of,
    full_scale,
    to_dtype,
    to_working,
)
from tinygrad_nn.data.transforms.ranges import (
    Range,
    not_negative,
    number,
    positive_span,
    share,
    span,
    two_sizes,
)

__all__ = [
    "Cutout",
    "GaussianNoise",
    "RandomBrightness",
    "RandomContrast",
    "RandomErasing",
    "SaltAndPepper",
]


def _clipped(values: NDArray[Any], dtype: np.dtype[Any], clip: bool) -> NDArray[Any]:
    return to_dtype(values.clip(0, full_scale(dtype)) if clip else values, dtype)


@dataclass(frozen=True)
class GaussianNoise(Transform):
    """Normal noise added to every value, of images and of anything else.

    Args:
        std: its standard deviation, where 1 is the full scale: 1.0 in floats, 255 in uint8.
        clip: keep values within 0 to full scale; False for data that is standardised.

    Example:
        >>> GaussianNoise(0.0)(np.full((2, 2), 0.5), rng=0).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    std: float = 0.1
    clip: bool = True
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        not_negative("std", self.std)
        flag("clip", self.clip)

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        values = to_working(self, x)
        noise = rng.standard_normal(x.shape, values.dtype)
        noise *= values.dtype.type(self.std * full_scale(x.dtype))
        noise += values
        return _clipped(noise, x.dtype, self.clip)


@dataclass(frozen=True)
class SaltAndPepper(ImageTransform):
    """Single pixels set to white or to black, in all channels alike.

    Args:
        amount: share of the pixels that are set.
        salt: share of white among them.

    Example:
        >>> SaltAndPepper(1.0, salt=1.0)(np.zeros((1, 3), np.uint8), rng=0).tolist()
        [[255, 255, 255]]
    """

    amount: float = 0.05
    salt: float = 0.5
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        share("amount", self.amount)
        share("salt", self.salt)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        draw = rng.random((len(images), 1, *images.shape[2:]))
        white = np.asarray(full_scale(images.dtype)).astype(images.dtype)
        peppered = np.where(draw < self.amount, images.dtype.type(0), images)
        return np.where(draw < self.amount * self.salt, white, peppered)


@dataclass(frozen=True)
class RandomErasing(ImageTransform):
    """A random rectangle of the image is filled.

    Args:
        probability: share of the images that this happens to.
        area: range of its area, as a share of the image.
        aspect: range of height over width, drawn so that 2 is as likely as 1/2.
        fill: value of the rectangle.

    Source:
        Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random Erasing Data Augmentation",
        AAAI 2020, algorithm 1. A rectangle that is too long is cut to the image here, not redrawn.

    Example:
        >>> x = RandomErasing(1.0, area=(0.25, 0.25), aspect=(1.0, 1.0))(np.ones((8, 8)), rng=0)
        >>> float(x.sum())
        48.0
    """

    probability: float = 0.5
    area: tuple[float, float] = (0.02, 0.33)
    aspect: tuple[float, float] = (0.3, 3.3)
    fill: float = 0.0
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        share("probability", self.probability)
        span("area", self.area, 0.0, 1.0)
        positive_span("aspect", self.aspect)
        number("fill", self.fill)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        count, _, height, width = images.shape
        chosen = rng.random(count) < self.probability
        area = rng.uniform(*span("area", self.area, 0.0, 1.0), count) * (height * width)
        low, high = np.log(positive_span("aspect", self.aspect))
        aspect = np.exp(rng.uniform(low, high, count))
        tall = np.rint(np.sqrt(area * aspect)).clip(0, height).astype(np.intp)
        wide = np.rint(np.sqrt(area / aspect)).clip(0, width).astype(np.intp)
        top = rng.integers(0, height - tall, endpoint=True)
        left = rng.integers(0, width - wide, endpoint=True)
        return _filled(
            images,
            top,
            left,
            np.where(chosen, tall, 0),
            wide,
            fill_of(self, self.fill, images.dtype),
        )


@dataclass(frozen=True)
class Cutout(ImageTransform):
    """A square whose middle lies anywhere in the image is filled; it may stick out of it.

    Args:
        size: side of the square in pixels, or (height, width).
        fill: value of the square.

    Source:
        T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks
        with Cutout", 2017, arXiv:1708.04552.

    Example:
        >>> bool(Cutout(4)(np.ones((8, 8)), rng=0).sum() < 64)
        True
    """

    size: int | tuple[int, int]
    fill: float = 0.0
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        two_sizes("size", self.size, 0)
        number("fill", self.fill)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if not images.size:
            return images.copy()
        size = two_sizes("size", self.size, 0)
        corner = [
            rng.integers(0, side, len(images)) - length // 2
            for side, length in zip(images.shape[2:], size, strict=True)
        ]
        tall, wide = (np.full(len(images), length) for length in size)
        return _filled(
            images, corner[0], corner[1], tall, wide, fill_of(self, self.fill, images.dtype)
        )


def _filled(
    images: NDArray[Any],
    top: NDArray[np.intp],
    left: NDArray[np.intp],
    tall: NDArray[np.intp],
    wide: NDArray[np.intp],
    fill: float,
) -> NDArray[Any]:
    """Return the images with a rectangle each, all arguments of shape (N,), set to `fill`."""
    row = np.arange(images.shape[2]) - top[:, None]
    column = np.arange(images.shape[3]) - left[:, None]
    rows, columns = (row >= 0) & (row < tall[:, None]), (column >= 0) & (column < wide[:, None])
    inside = (rows[:, :, None] & columns[:, None])[:, None]
    return np.where(inside, np.asarray(fill).astype(images.dtype), images)


@dataclass(frozen=True)
class RandomBrightness(ImageTransform):
    """The same random number added to every value of an image.

    Args:
        amount: its range, where 1 is the full scale: 1.0 in floats, 255 in uint8.
        clip: keep values within 0 to full scale.

    Example:
        >>> RandomBrightness((0.2, 0.2))(np.array([[0.5, 0.9]]), rng=0).round(6).tolist()
        [[0.7, 1.0]]
    """

    amount: Range = 0.2
    clip: bool = True
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        span("amount", self.amount)
        flag("clip", self.clip)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        values = to_working(self, images)
        more = rng.uniform(*span("amount", self.amount), (len(images), 1, 1, 1))
        more *= full_scale(images.dtype)
        return _clipped(values + more.astype(values.dtype), images.dtype, self.clip)


@dataclass(frozen=True)
class RandomContrast(ImageTransform):
    """Values drawn away from the mean of their image, or towards it: m + (1 + c) (x - m).

    Args:
        amount: range of c, from -1 (all grey) up.
        clip: keep values within 0 to full scale.

    Example:
        >>> RandomContrast((-1.0, -1.0))(np.array([[0.0, 1.0]]), rng=0).tolist()
        [[0.5, 0.5]]
    """

    amount: Range = 0.2
    clip: bool = True
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        span("amount", self.amount, -1.0, 1e6)
        flag("clip", self.clip)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if not images.size:
            return images.copy()
        values = to_working(self, images)
        change = rng.uniform(*span("amount", self.amount, -1.0, 1e6), (len(images), 1, 1, 1))
        away = values - values.mean(axis=(1, 2, 3), keepdims=True)
        # In this form an amount of 0 changes no bit.
        return _clipped(values + change.astype(values.dtype) * away, images.dtype, self.clip)
