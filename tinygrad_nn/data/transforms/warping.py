"""Transforms that read images between their pixels: rotating, scaling, shearing, stretching."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag
from tinygrad_nn.data.transforms.base import ImageTransform, fill_of, to_dtype, to_working
from tinygrad_nn.data.transforms.ranges import (
    Range,
    not_negative,
    number,
    positive_span,
    span,
)
from tinygrad_nn.data.transforms.sampling import bilinear

__all__ = ["ElasticDeformation", "RandomAffine", "RandomRotate", "RandomScale"]

_REACH: Final = 4.0
_STEEPEST: Final = 89.0
_ROUNDING: Final = 1e-15


@dataclass(frozen=True)
class _Warp(ImageTransform):
    """Finds for each new pixel where in the image to read it."""

    is_random: ClassVar[bool] = True

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        rows, columns = self._places(len(images), images.shape[2], images.shape[3], rng)
        fill: float | None = getattr(self, "fill", 0.0)
        if fill is not None:
            fill_of(self, fill, images.dtype)
        moved = bilinear(to_working(self, images), rows, columns, fill)
        return to_dtype(moved, images.dtype)

    def _places(
        self, count: int, height: int, width: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        raise NotImplementedError


@dataclass(frozen=True)
class RandomAffine(_Warp):
    """The image rotated, sheared, scaled and moved about its middle.

    With p = (row, column) measured from the middle, the pixel at p moves to

        p' = s R(a) [[1, 0], [tan(b), 1]] p + t,   R(a) = [[cos a, -sin a], [sin a, cos a]],

    where the angle a (counterclockwise as displayed), the shear b, the scale s and the two
    numbers of t are drawn uniformly for each image. Values are interpolated linearly.

    Args:
        degrees: range of a; a number `d` stands for (-d, d).
        shift: range of both numbers of t, in pixels.
        scale: range of s, positive.
        shear: range of b in degrees, within -89 to 89.
        fill: value of what enters the frame; None continues the outermost pixels.

    Example:
        >>> x = np.arange(9.0).reshape(3, 3)
        >>> RandomAffine(degrees=(90, 90))(x, rng=0).round(6).tolist() == np.rot90(x).tolist()
        True
    """

    degrees: Range = 0.0
    shift: Range = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shear: Range = 0.0
    fill: float | None = 0.0

    def __post_init__(self) -> None:
        span("degrees", self.degrees)
        span("shift", self.shift)
        positive_span("scale", self.scale)
        span("shear", self.shear, -_STEEPEST, _STEEPEST)
        _check_fill(self.fill)

    def _places(
        self, count: int, height: int, width: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        angle = np.radians(rng.uniform(*span("degrees", self.degrees), count))
        shear = np.tan(np.radians(rng.uniform(*span("shear", self.shear), count)))
        scale = rng.uniform(*positive_span("scale", self.scale), count)
        move = rng.uniform(*span("shift", self.shift), (2, count))
        return _moved(height, width, angle, shear, scale, move)


@dataclass(frozen=True)
class RandomRotate(_Warp):
    """The image turned about its middle by a random angle; see `RandomAffine`.

    Args:
        degrees: range of the angle, counterclockwise; a number `d` stands for (-d, d).
        fill: value of what enters the frame; None continues the outermost pixels.

    Example:
        >>> RandomRotate(15)(np.ones((8, 8), np.float32), rng=0).dtype
        dtype('float32')
    """

    degrees: Range
    fill: float | None = 0.0

    def __post_init__(self) -> None:
        span("degrees", self.degrees)
        _check_fill(self.fill)

    def _places(
        self, count: int, height: int, width: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        angle = np.radians(rng.uniform(*span("degrees", self.degrees), count))
        return _moved(height, width, angle, np.zeros(count), np.ones(count), np.zeros((2, count)))


@dataclass(frozen=True)
class RandomScale(_Warp):
    """The image enlarged or shrunk about its middle, in a frame of the old size.

    Args:
        scale: range of the factor; above 1 enlarges.
        fill: value of what enters the frame; None continues the outermost pixels.

    Example:
        >>> RandomScale((0.9, 1.1))(np.ones((3, 8, 8)), rng=0).shape
        (3, 8, 8)
    """

    scale: tuple[float, float]
    fill: float | None = 0.0

    def __post_init__(self) -> None:
        positive_span("scale", self.scale)
        _check_fill(self.fill)

    def _places(
        self, count: int, height: int, width: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        scale = rng.uniform(*positive_span("scale", self.scale), count)
        return _moved(height, width, np.zeros(count), np.zeros(count), scale, np.zeros((2, count)))


@dataclass(frozen=True)
class ElasticDeformation(_Warp):
    """The image on a rubber sheet that is pulled smoothly in random directions.

    Pixel p is read at p + alpha (G * u)(p): u has for each pixel two numbers drawn uniformly
    from -1 to 1, and G is a Gaussian of standard deviation sigma, cut off at 4 sigma, with
    zeros around the image.

    Args:
        alpha: strength in pixels. Because G averages over about 4 pi sigma² pixels, the pull
            itself is some alpha / (6 sigma) pixels.
        sigma: smoothness in pixels, positive.
        fill: value of what enters the frame; None continues the outermost pixels.
        same_for_all: one sheet for the whole batch.

    Source:
        P. Simard, D. Steinkraus, J. Platt, "Best Practices for Convolutional Neural
        Networks Applied to Visual Document Analysis", ICDAR 2003, section 2; the defaults are
        its values for MNIST.

    Example:
        >>> ElasticDeformation(alpha=0.0)(np.eye(4), rng=0).tolist() == np.eye(4).tolist()
        True
    """

    alpha: float = 34.0
    sigma: float = 4.0
    fill: float | None = 0.0
    same_for_all: bool = False

    def __post_init__(self) -> None:
        not_negative("alpha", self.alpha)
        positive_span("sigma", (self.sigma, self.sigma))
        _check_fill(self.fill)
        flag("same_for_all", self.same_for_all)

    def _places(
        self, count: int, height: int, width: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        sheets = 1 if self.same_for_all else count
        u = rng.uniform(-1.0, 1.0, (sheets, 2, height, width))
        # A Gaussian is a product of two: smoothing is a matrix from each side.
        pull = self.alpha * (_smoothing(height, self.sigma) @ u @ _smoothing(width, self.sigma))
        rows = np.arange(height)[:, None] + pull[:, 0]
        columns = np.arange(width) + pull[:, 1]
        shape = (count, height, width)
        return np.broadcast_to(rows, shape), np.broadcast_to(columns, shape)


def _smoothing(side: int, sigma: float) -> NDArray[np.float64]:
    """Return the symmetric matrix that smooths a row of `side` pixels, zeros around it."""
    reach = int(_REACH * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    distance = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    bell = np.exp(-0.5 * (distance / sigma) ** 2) / weights.sum()
    return np.where(distance <= reach, bell, 0.0)


def _moved(
    height: int,
    width: int,
    angle: NDArray[np.float64],
    shear: NDArray[np.float64],
    scale: NDArray[np.float64],
    move: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each new pixel comes from: the inverse of the formula in `RandomAffine`."""
    middle = (height - 1) / 2, (width - 1) / 2
    row = (np.arange(height) - middle[0])[:, None] - move[0][:, None, None]
    column = np.arange(width) - middle[1] - move[1][:, None, None]
    cos, sin = (f(angle)[:, None, None] / scale[:, None, None] for f in (_cos, _sin))
    turned_row = cos * row + sin * column
    turned_column = cos * column - sin * row
    return (
        turned_row + middle[0],
        turned_column - shear[:, None, None] * turned_row + middle[1],
    )


def _cos(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return _sin(angle + math.pi / 2)


def _sin(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.sin(angle)
    # A quarter turn is to land on pixels: sin(pi) is 1e-16 in floating point.
    return np.where(np.abs(value) < _ROUNDING, 0.0, value)


def _check_fill(fill: float | None) -> None:
    if fill is not None:
        number("fill", fill)
