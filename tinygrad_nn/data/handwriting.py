"""Handwritten digits, whichever are at hand: MNIST, or those of the package."""

from __future__ import annotations

import warnings

from tinygrad_nn.data.arguments import flag
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.digits import load_digits
from tinygrad_nn.data.folders import DATA_VARIABLE, mnist_folders
from tinygrad_nn.data.mnist import find_pair, load_mnist
from tinygrad_nn.data.shuffling import Rng

__all__ = ["load_handwriting"]


def load_handwriting(
    size: int = 28, *, mnist: bool = True, rng: Rng = 0
) -> tuple[Dataset, Dataset]:
    """Return training and test digits: MNIST if its files are at hand, else the package's own.

    For examples that run everywhere, and say more where there are more data. Nothing is
    downloaded; `download_mnist` fetches the files once. Which digits these are is told by their
    name: "mnist train" and "mnist test", or "digits" for both halves.

    Args:
        size: side of the package's digits, 8 to 128. MNIST always has 28.
        mnist: look for MNIST, where `load_mnist` does. False takes the package's digits, few
            and soon learned, without a word.
        rng: seed or generator for the split of the package's digits, a quarter of them for the
            test. MNIST is split as it was published.

    Returns:
        The training and the test half. Inputs: float32 of shape (n, side, side), 0 to 1.
        Targets: int64 labels 0 to 9 of shape (n,).

    Warns:
        UserWarning: MNIST was looked for and is not there.

    Raises:
        DataError: there are files of MNIST, but damaged ones.
        OptionError: `size` is no whole number from 8 to 128, or `mnist` no bool.

    Example:
        >>> learn, test = load_handwriting(size=8, mnist=False)
        >>> learn.name, learn.inputs.shape, test.inputs.shape
        ('digits', (1348, 8, 8), (449, 8, 8))
    """
    digits = load_digits(size)
    if flag("mnist", mnist):
        places = mnist_folders()
        if all(find_pair(places, split) for split in ("train", "test")):
            return _mnist("train"), _mnist("test")
        warnings.warn(
            f"MNIST is not at hand, so the {len(digits):,} digits of the package take its place; "
            f"set {DATA_VARIABLE} to its folder, or call download_mnist() once (11 MB)",
            stacklevel=2,
        )
    return digits.split(rng=rng)


def _mnist(split: str) -> Dataset:
    found = load_mnist(split=split)
    # Not after the folder, which may have any name.
    return Dataset(found.inputs, found.targets, f"mnist {split}", found.classes)
