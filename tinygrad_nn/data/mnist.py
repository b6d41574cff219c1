"""MNIST, and the data sets that come in the same four files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag, shown
from tinygrad_nn.data.arrays import owned
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.folders import DATA_VARIABLE, mnist_download_folder, mnist_folders
from tinygrad_nn.data.idx import read_idx
from tinygrad_nn.data.mnist_download import download_mnist, find_file
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["load_fashion_mnist", "load_mnist"]

_STEMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    }
)
_IMAGE: Final = (28, 28)
_DIGITS: Final = 10
_BRIGHTEST: Final = 255
_GARMENTS: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load_mnist(
    folder: str | PathLike[str] | None = None, *, split: str = "train", download: bool = False
) -> Dataset:
    """Return the training or the test examples of MNIST, read from a folder.

    The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with
    `t10k`, plain or with `.gz`. Fashion-MNIST and others in this form load too; their
    structure is checked, not their content.

    Args:
        folder: where the files are. None searches the folder in the environment variable
            TINYGRAD_NN_DATA, its subfolder `mnist`, and the cache folder of the user.
        split: "train" (60,000 examples) or "test" (10,000).
        download: fetch missing files with `download_mnist` first, 11 MB.

    Returns:
        Inputs: float32 of shape (n, 28, 28), 0 to 1. Targets: int64 labels of shape (n,).
        The name is that of the folder and the split.

    Raises:
        DataError: the files are nowhere, damaged, or do not belong together.
        OptionError: `split` is neither "train" nor "test".

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tinygrad_nn.data import write_idx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     images = np.zeros((5, 28, 28), np.uint8)
        ...     write_idx(Path(folder) / "t10k-images-idx3-ubyte.gz", images)
        ...     write_idx(Path(folder) / "t10k-labels-idx1-ubyte.gz", np.arange(5, dtype=np.uint8))
        ...     len(load_mnist(folder, split="test"))
        5
    """
    if split not in _STEMS:
        raise OptionError(
            f"split: got {shown(split)}, expected 'train' or 'test'; pass split='train'"
        )
    wants_download = flag("download", download)
    places = mnist_folders() if folder is None else (Path(folder).expanduser(),)
    found = find_pair(places, split)
    if found is None and wants_download:
        target = download_mnist(mnist_download_folder() if folder is None else places[0])
        found = find_pair((target,), split)
    if found is None:
        raise _nowhere(places, split)
    return _read_pair(*found, split)


def load_fashion_mnist(
    folder: str | PathLike[str], *, split: str = "train", download: bool = False
) -> Dataset:
    """Return the training or the test examples of Fashion-MNIST, read from a folder.

    The four files have the names of MNIST's, so they need a folder of their own. Get them from
    https://github.com/zalandoresearch/fashion-mnist (H. Xiao, K. Rasul, R. Vollgraf, 2017).

    Args:
        folder: where the files are, plain or with `.gz`.
        split: "train" (60,000 examples) or "test" (10,000).
        download: refused when True: only MNIST itself is fetched.

    Returns:
        As `load_mnist`, with the names of the ten garments as classes.

    Raises:
        DataError: the files are not there, damaged, or do not belong together.
        OptionError: `split` is neither "train" nor "test", or `download` is True.
    """
    if flag("download", download):
        raise OptionError(
            "download: got True, but Fashion-MNIST is not fetched; get its four files from "
            "https://github.com/zalandoresearch/fashion-mnist and pass their folder"
        )
    data = load_mnist(folder, split=split)
    if len(data.classes) != len(_GARMENTS):
        raise DataError(
            f"{folder}: got {len(data.classes)} classes, expected the 10 of Fashion-MNIST; check "
            f"the folder, or use load_mnist for other data"
        )
    return Dataset(data.inputs, data.targets, f"fashion-mnist {split}", _GARMENTS)


def find_pair(places: Sequence[Path], split: str) -> tuple[Path, Path] | None:
    """Return the files of images and labels in the first of the folders that has both."""
    images_stem, labels_stem = _STEMS[split]
    for place in places:
        images, labels = find_file(place, images_stem), find_file(place, labels_stem)
        # Images of one folder with labels of another would fit by chance only.
        if images is not None and labels is not None:
            return images, labels
    return None


def _nowhere(places: Sequence[Path], split: str) -> DataError:
    looked = ", ".join(str(place) for place in places)
    stems = " and ".join(_STEMS[split])
    return DataError(
        f"load_mnist: got no files in {looked}; expected {stems}, plain or with .gz, in one of "
        f"them; pass download=True to fetch them (11 MB), or folder=, or set {DATA_VARIABLE}. "
        f"load_digits() needs no files"
    )


def _read_pair(images_path: Path, labels_path: Path, split: str) -> Dataset:
    images, labels = read_idx(images_path), read_idx(labels_path)
    _check_form(images_path, images, (len(images), *_IMAGE))
    _check_form(labels_path, labels, (len(labels),))
    if len(images) != len(labels):
        raise DataError(
            f"{labels_path}: got {len(labels)} labels, expected {len(images)} for the images in "
            f"{images_path.name}; fetch both files from the same place"
        )
    inputs = images.astype(np.float32)
    # In place: the training images alone are 188 MB.
    inputs /= _BRIGHTEST
    count = max(_DIGITS, int(labels.max()) + 1)
    name = f"{images_path.resolve().parent.name} {split}"
    classes = tuple(str(label) for label in range(count))
    return Dataset(owned(inputs), owned(labels.astype(np.int64)), name, classes)


def _check_form(path: Path, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8 or array.shape != shape or not len(array):
        wanted = "(n, 28, 28)" if len(shape) > 1 else "(n,)"
        raise DataError(
            f"{path}: got {array.dtype} of shape {array.shape}, expected uint8 of shape {wanted} "
            f"with n > 0; check that images and labels are not swapped, or use read_idx for "
            f"files of another form"
        )
