"""The handwritten digits that ship with the package.

Data: "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49, licensed under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). See DIGITS_LICENSE.md beside this file.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown, whole_number
from tinygrad_nn.data.arrays import owned
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.errors import OptionError

__all__ = ["load_digits"]

_SIDE: Final = 8
_LARGEST_SIDE: Final = 128
_INK: Final = 16


def load_digits(size: int = 8) -> Dataset:
    """Return 1,797 handwritten digits, which come with the package.

    They are the test half of "Optical Recognition of Handwritten Digits" by E. Alpaydin
    and C. Kaynak (UCI, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0).

    Args:
        size: side of the images, 8 (as recorded) to 128. Larger images are interpolated
            linearly in both directions; 28 gives the 784 inputs of an MNIST network.

    Returns:
        Inputs: float32 of shape (1797, size, size), 0 paper to 1 ink. Targets: int64
        labels 0 to 9 of shape (1797,). Both in the order of the original file.

    Raises:
        OptionError: `size` is no whole number from 8 to 128.

    Example:
        >>> load_digits(size=28).flatten()
        Dataset('digits', inputs=float32 (1797, 784), targets=int64 (1797,), classes=10)
    """
    side = whole_number("size", size, _SIDE)
    if side > _LARGEST_SIDE:
        raise OptionError(
            f"size: got {shown(size)}, expected {_SIDE} to {_LARGEST_SIDE}; the digits were "
            f"recorded at {_SIDE} x {_SIDE}, so pass size=28 to match MNIST"
        )
    pixels, labels = _recorded()
    images = pixels.astype(np.float32) / np.float32(_INK)
    if side != _SIDE:
        images = _stretched(_stretched(images, side, axis=1), side, axis=2)
    classes = tuple(str(label) for label in range(10))
    return Dataset(owned(images), owned(labels.astype(np.int64)), "digits", classes)


def _recorded() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    resource = files("tinygrad_nn.data").joinpath("digits.npz")
    with resource.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


def _stretched(images: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    """Interpolate linearly along one axis.

    Pixels are areas: pixel i covers i to i + 1 and its value holds at i + 1/2. So the
    middle of new pixel j lies at (j + 1/2) old / size, and beyond the outermost middles
    the outermost values continue.
    """
    old = images.shape[axis]
    place = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)
    before = place.astype(np.intp)
    after = np.minimum(before + 1, old - 1)
    shape = [1] * images.ndim
    shape[axis] = size
    weight = (place - before).astype(np.float32).reshape(shape)
    left, right = images.take(before, axis), images.take(after, axis)
    # Rounding may overshoot the larger neighbour by one unit in the last place.
    between: NDArray[np.float32] = (left + (right - left) * weight).clip(0, 1)
    return between
