"""What every transform has in common: how it is called, and how images are laid out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.data.shuffling import Rng, own_generator
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError

__all__ = ["Compose", "ImageTransform", "Lambda", "Transform"]

# Given to what draws nothing, so that its signature need not be another one.
_UNUSED: Final = np.random.Generator(np.random.PCG64(0))


@dataclass(frozen=True)
class Transform:
    """A function of one example or of a whole batch; randomness comes from the caller.

    `transform(x, rng)` takes one example, `transform.batch(x, rng)` a batch of them with its own
    randomness for each example, and `transform.on_batch(inputs, targets, rng)` is what a
    `DataLoader` calls. `rng` is a generator, which is advanced, or a seed; a transform that
    draws nothing does without. The same `rng` gives the same result. The argument is never
    written to.
    """

    is_random: ClassVar[bool] = False

    def __call__(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the transform of one example."""
        return np.asarray(self._batch(_array(self, x)[None], self._generator(rng))[0])

    def batch(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the transform of a batch, examples along the first axis."""
        return self._batch(_array(self, x), self._generator(rng))

    def on_batch(self, inputs: Any, targets: Any, rng: Rng | None = None) -> tuple[Any, Any]:
        """Return transformed inputs and the targets that belong to them."""
        return self.batch(inputs, rng), targets

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        raise NotImplementedError

    def _generator(self, rng: Rng | None) -> np.random.Generator:
        if isinstance(rng, np.random.Generator):
            return rng
        if rng is not None:
            return own_generator(rng)
        if self._draws():
            name = type(self).__name__
            raise OptionError(
                f"{name}: got no rng, expected one because it draws numbers; call it with a "
                f"generator, transform(x, np.random.default_rng(0)), or give it to "
                f"DataLoader(..., transform=), which passes one"
            )
        return _UNUSED

    def _draws(self) -> bool:
        return self.is_random


@dataclass(frozen=True)
class ImageTransform(Transform):
    """A transform of images.

    Shapes:
        one image: (H, W) or (C, H, W); a batch: (N, H, W) or (N, C, H, W). The call takes a
        batch too if it has four axes; with three the first is the channels, so that a batch
        (N, H, W) has to go through `batch`, as in a `DataLoader`.
    """

    def __call__(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the transform of one image (H, W) or (C, H, W), or of a batch (N, C, H, W)."""
        images, generator = _array(self, x), self._generator(rng)
        if images.ndim == 4:
            return self._images(images, generator)
        if images.ndim not in (2, 3):
            raise self._unfit(images, "(H, W), (C, H, W) or (N, C, H, W)")
        stack = images[None, None] if images.ndim == 2 else images[None]
        done: NDArray[Any] = self._images(stack, generator)[0]
        return done[0] if images.ndim == 2 else done

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        if x.ndim == 4:
            return self._images(x, rng)
        if x.ndim != 3:
            raise self._unfit(x, "(N, H, W) or (N, C, H, W)")
        return self._images(x[:, None], rng)[:, 0]

    def _images(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        raise NotImplementedError

    def _unfit(self, x: NDArray[Any], expected: str) -> ShapeError:
        return ShapeError(
            f"{type(self).__name__}: got shape {x.shape}, expected {expected}; rows that were "
            f"flattened are given their form back by x.reshape(-1, height, width)"
        )


@dataclass(frozen=True, init=False)
class Compose(Transform):
    """One transform after the other, each with the same generator.

    Args:
        transforms: a list of transforms. A plain function of `x` is wrapped: `Lambda(f)`.

    Example:
        >>> from tinygrad_nn.data.transforms import RandomShift, ToFloat
        >>> augment = Compose([ToFloat(), RandomShift(2)])
        >>> augment(np.full((8, 8), 255, np.uint8), rng=0).max()
        np.float32(1.0)
    """

    transforms: tuple[Transform, ...]

    def __init__(self, transforms: Sequence[Transform]) -> None:
        """Check the list; see the class."""
        if not isinstance(transforms, (list, tuple)):
            raise OptionError(
                f"Compose: got {shown(transforms)}, expected a list of transforms; "
                f"pass Compose([ToFloat(), RandomShift(2)])"
            )
        for place, transform in enumerate(transforms):
            if not isinstance(transform, Transform):
                raise OptionError(
                    f"Compose: got {shown(transform)} at place {place}, expected a transform; "
                    f"wrap a function of x as Lambda(function)"
                )
        object.__setattr__(self, "transforms", tuple(transforms))

    def __call__(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the transform of one example."""
        generator = self._generator(rng)
        for transform in self.transforms:
            x = transform(x, generator)
        return _array(self, x)

    def batch(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the transform of a batch, examples along the first axis."""
        generator = self._generator(rng)
        for transform in self.transforms:
            x = transform.batch(x, generator)
        return _array(self, x)

    def on_batch(self, inputs: Any, targets: Any, rng: Rng | None = None) -> tuple[Any, Any]:
        """Return transformed inputs and the targets that belong to them."""
        generator = self._generator(rng)
        for transform in self.transforms:
            inputs, targets = transform.on_batch(inputs, targets, generator)
        return inputs, targets

    def _draws(self) -> bool:
        return any(transform._draws() for transform in self.transforms)


@dataclass(frozen=True)
class Lambda(Transform):
    """A function of `x` without randomness, as a transform.

    Args:
        function: called with one example, or with the whole batch.

    Example:
        >>> Lambda(np.sqrt)(np.array([4.0, 9.0])).tolist()
        [2.0, 3.0]
    """

    function: Callable[[Any], Any]

    def __call__(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Return the function of one example."""
        return _array(self, self.function(x))

    def _batch(self, x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        return _array(self, self.function(x))


def to_working(transform: Transform, x: NDArray[Any]) -> NDArray[Any]:
    """Return `x` in the floating dtype that its values are computed in."""
    if x.dtype.kind not in "uif":
        raise DTypeError(
            f"{type(transform).__name__}: got dtype {x.dtype}, expected integers or floats; "
            f"convert with x.astype(np.float32)"
        )
    is_narrow = x.dtype.itemsize <= 2 or x.dtype == np.float32
    return x.astype(np.float32 if is_narrow else np.float64, copy=False)


def to_dtype(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return computed values in the dtype of the argument; integers are rounded and clipped."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    # float64 cannot hold the largest 64-bit integers: they would wrap around.
    high = np.nextafter(values.dtype.type(limits.max), values.dtype.type(0))
    top = limits.max if int(values.dtype.type(limits.max)) <= limits.max else int(high)
    return np.asarray(np.rint(values).clip(limits.min, top), dtype)


def fill_of(transform: Transform, fill: float, dtype: np.dtype[Any]) -> float:
    """Return a fill value, refusing what the dtype of the images cannot hold."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        if fill != int(fill) or not limits.min <= fill <= limits.max:
            raise OptionError(
                f"{type(transform).__name__}: got fill={fill:g} for images of dtype {dtype}, "
                f"expected a whole number from {limits.min} to {limits.max}; put ToFloat() "
                f"before it, or choose another fill="
            )
    return fill


def full_scale(dtype: np.dtype[Any]) -> float:
    """Return what the brightest value is: 1 for floats, the largest number for integers."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def _array(transform: Transform, x: Any) -> NDArray[Any]:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            f"{type(transform).__name__}: got {shown(x)}, expected an array of numbers; "
            f"convert it with np.asarray(..., dtype=np.float32)"
        )
    return array
