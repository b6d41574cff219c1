"""Transforms that move whole pixels and so keep every value and every dtype exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.data.transforms.base import ImageTransform, Transform, fill_of
from tinygrad_nn.data.transforms.ranges import number, share, two_sizes
from tinygrad_nn.data.transforms.sampling import windows
from tinygrad_nn.errors import OptionError, ShapeError

__all__ = ["Flatten", "Pad", "RandomCrop", "RandomFlip", "RandomShift"]


@dataclass(frozen=True)
class Pad(ImageTransform):
    """A border around the image.

    Args:
        padding: pixels on every side, or (above and below, left and right).
        fill: value of the border.

    Example:
        >>> Pad(1, fill=9)(np.zeros((1, 2))).tolist()
        [[9.0, 9.0, 9.0, 9.0], [9.0, 0.0, 0.0, 9.0], [9.0, 9.0, 9.0, 9.0]]
    """

    padding: int | tuple[int, int]
    fill: float = 0.0

    def __post_init__(self) -> None:
        two_sizes("padding", self.padding, 0)
        number("fill", self.fill)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        rows, columns = two_sizes("padding", self.padding, 0)
        edges = ((0, 0), (0, 0), (rows, rows), (columns, columns))
        return np.pad(images, edges, constant_values=fill_of(self, self.fill, images.dtype))


@dataclass(frozen=True)
class RandomCrop(ImageTransform):
    """A window of the image at a random place.

    Args:
        size: side of the window, or (height, width).
        padding: pixels of `fill` to put around the image first, or (rows, columns).
        fill: value of the border.

    Raises:
        ShapeError: the image with its border is smaller than the window.

    Example:
        >>> RandomCrop(3)(np.arange(16).reshape(4, 4), rng=0).shape
        (3, 3)
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, int] = 0
    fill: float = 0.0
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        two_sizes("size", self.size, 1)
        two_sizes("padding", self.padding, 0)
        number("fill", self.fill)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        size = two_sizes("size", self.size, 1)
        border = two_sizes("padding", self.padding, 0)
        first = []
        for side, wanted, extra in zip(images.shape[2:], size, border, strict=True):
            spare = side + 2 * extra - wanted
            if spare < 0:
                raise ShapeError(
                    f"RandomCrop: got images {images.shape[2:]} with a border of {border}, "
                    f"expected at least {size}; lower size= or raise padding="
                )
            first.append(rng.integers(0, spare, len(images), endpoint=True) - extra)
        return windows(images, first[0], first[1], size, fill_of(self, self.fill, images.dtype))


@dataclass(frozen=True)
class RandomShift(ImageTransform):
    """The image moved by whole pixels, from -`pixels` to `pixels` along each axis.

    What leaves the frame is lost, and what enters it is `fill`: `np.roll` without the wrapping.

    Args:
        pixels: the largest move, or (rows, columns).
        fill: value of what enters.

    Example:
        >>> RandomShift((0, 1))(np.array([[1, 2, 3]]), rng=3).shape
        (1, 3)
    """

    pixels: int | tuple[int, int]
    fill: float = 0.0
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        two_sizes("pixels", self.pixels, 0)
        number("fill", self.fill)

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        rows, columns = two_sizes("pixels", self.pixels, 0)
        down = rng.integers(-rows, rows, len(images), endpoint=True)
        right = rng.integers(-columns, columns, len(images), endpoint=True)
        return windows(
            images, -down, -right, images.shape[2:], fill_of(self, self.fill, images.dtype)
        )


@dataclass(frozen=True)
class RandomFlip(ImageTransform):
    """The image mirrored, with the given probability. Do not mirror digits or letters.

    Args:
        probability: share of the images that are mirrored.
        direction: "horizontal" (left and right change places) or "vertical".

    Example:
        >>> RandomFlip(1.0)(np.array([[1, 2, 3]]), rng=0).tolist()
        [[3, 2, 1]]
    """

    probability: float = 0.5
    direction: str = "horizontal"
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        share("probability", self.probability)
        if self.direction not in ("horizontal", "vertical"):
            raise OptionError(
                f"direction: got {shown(self.direction)}, expected 'horizontal' or 'vertical'; "
                f"pass direction='horizontal'"
            )

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        axis = 3 if self.direction == "horizontal" else 2
        chosen = rng.random(len(images)) < self.probability
        return np.where(chosen[:, None, None, None], np.flip(images, axis), images)


@dataclass(frozen=True)
class Flatten(Transform):
    """The example as one row of numbers, for a network that begins with `Linear`.

    Example:
        >>> Flatten()(np.zeros((8, 8))).shape, Flatten().batch(np.zeros((5, 8, 8))).shape
        ((64,), (5, 64))
    """

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        # -1 is ambiguous for an empty batch.
        return x.reshape(len(x), int(np.prod(x.shape[1:])))
