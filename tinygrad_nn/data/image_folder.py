"""`ImageFolder`: pictures sorted into one folder for each class. Needs Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import flag, shown, whole_number
from tinygrad_nn.data.arrays import owned
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.shuffling import example_generator
from tinygrad_nn.data.transforms.base import Transform
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["ImageFolder"]

_ENDINGS: Final = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
_MAX_PIXELS: Final = 50_000_000
_BRIGHTEST: Final = 255
_BRIGHTEST_16: Final = 65535


class ImageFolder:
    """Pictures in folders whose names are the classes, read when they are asked for.

        animals/cat/one.jpg, animals/cat/two.png, animals/dog/three.jpg

    Example i is `(image, label)`: float32 of shape (C, H, W), 0 to 1, with C = 1 if `gray` and
    else 3, and the place of the class in `classes`. The rotation that a camera noted is applied;
    transparency is dropped; of an animation the first picture is taken.

    Args:
        path: the folder of the folders.
        size: side of the images, or (height, width); None keeps their own sizes.
        gray: one channel of brightness instead of red, green and blue.
        max_pixels: refuse larger pictures before they are unpacked.
        transform: of each image: one of `tinygrad_nn.data.transforms`, or a function of the
            array. In a `DataLoader` what it draws follows from the loader's seed, as for
            `TransformedDataset`; read by hand, example i is always the same.
        target_transform: a function of the label.

    Attributes:
        classes: names of the folders, sorted.
        paths: of the pictures, sorted within each class.
        targets: their labels, int64 of shape (n,).

    Raises:
        DataError: no folders, a folder without pictures, or Pillow is not installed. Reading an
            example raises it, with the name of the file, for one that is damaged or too large.

    Example:
        >>> ImageFolder("animals", size=32)  # doctest: +SKIP
        ImageFolder('animals', 3 images, classes=2)
    """

    def __init__(
        self,
        path: str | PathLike[str],
        size: int | tuple[int, int] | None = None,
        gray: bool = False,
        *,
        max_pixels: int = _MAX_PIXELS,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        self._pillow()
        self.path: Final = Path(path).expanduser()
        self.size: Final = _checked_size(size)
        self.gray: Final = flag("gray", gray)
        self.max_pixels: Final = whole_number("max_pixels", max_pixels, 1)
        self.transform: Final = _checked_transform("transform", transform)
        self.target_transform: Final = _checked_transform("target_transform", target_transform)
        if not self.path.is_dir():
            raise DataError(f"{self.path}: got no folder of this name; check the path")
        folders = sorted(
            f for f in self.path.iterdir() if f.is_dir() and not f.name.startswith(".")
        )
        if not folders:
            raise DataError(
                f"{self.path}: got a folder without folders, expected one for each class, as in "
                f"{self.path.name}/cat/one.jpg"
            )
        self.classes: Final = tuple(folder.name for folder in folders)
        found = [_pictures(folder) for folder in folders]
        self.paths: Final = tuple(picture for pictures in found for picture in pictures)
        self.targets: Final = np.repeat(np.arange(len(found)), [len(part) for part in found])
        self.targets.setflags(write=False)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return `(image, label)`; the same at every call."""
        return self.example(index, example_generator(0, 0, index % len(self), 0))

    def example(self, index: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Return `(image, label)`, transformed with the given randomness."""
        image: Any = self._image(self.paths[index])
        label: Any = int(self.targets[index])
        if isinstance(self.transform, Transform):
            image = self.transform(image, rng)
        elif self.transform is not None:
            image = self.transform(image)
        return image, label if self.target_transform is None else self.target_transform(label)

    def load(self) -> Dataset:
        """Return all pictures as a `Dataset` in memory, inputs of shape (n, C, H, W).

        They are not transformed: give `transform=` to the `DataLoader` of it.

        Raises:
            DataError: the sizes differ; pass `size=`.
        """
        images = [self._image(path) for path in self.paths]
        for path, image in zip(self.paths, images, strict=True):
            if image.shape != images[0].shape:
                raise DataError(
                    f"{path}: got an image of shape {image.shape}, but {self.paths[0].name} has "
                    f"{images[0].shape}; pass size=32 to bring all to one size"
                )
        return Dataset(owned(np.stack(images)), self.targets, self.path.name, self.classes)

    def _image(self, path: Path) -> NDArray[np.float32]:
        module, operations = self._pillow()
        try:
            with warnings.catch_warnings():
                # Whether a picture is too large is decided by max_pixels below.
                warnings.simplefilter("ignore")
                with module.open(path) as picture:
                    width, height = picture.size
                    if width * height > self.max_pixels:
                        raise DataError(
                            f"{path}: got a picture of {width} x {height}, expected at most "
                            f"{self.max_pixels:,} pixels; shrink it, or pass max_pixels="
                        )
                    return self._pixels(operations.exif_transpose(picture), module)
        except DataError:
            raise
        except (OSError, SyntaxError, ValueError, EOFError, module.DecompressionBombError) as error:
            raise DataError(
                f"{path}: got a file that is no picture or a damaged one ({error}); expected "
                f"one that Pillow can read: save it again or remove it"
            ) from error

    def _pixels(self, picture: Any, module: Any) -> NDArray[np.float32]:
        if picture.mode.startswith(("I", "F")):
            # 16 bits a pixel, which Pillow's own conversion would cut off at 255.
            wide = np.asarray(picture, np.float64) * (_BRIGHTEST / _BRIGHTEST_16)
            picture = module.fromarray(wide.clip(0, _BRIGHTEST).round().astype(np.uint8))
        if "transparency" in picture.info:
            picture = picture.convert("RGBA")
        picture = picture.convert("L" if self.gray else "RGB")
        if self.size is not None:
            picture = picture.resize(self.size[::-1], module.Resampling.BILINEAR)
        pixels = np.asarray(picture, np.float32) / np.float32(_BRIGHTEST)
        return pixels[None] if self.gray else np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def _pillow(self) -> tuple[Any, Any]:
        try:
            from PIL import Image, ImageOps
        except ImportError as error:
            raise DataError(
                "ImageFolder: got no Pillow, which reads the pictures; install it with "
                "pip install 'tinygrad-nn[images]'"
            ) from error
        return Image, ImageOps

    def __repr__(self) -> str:
        """Return one line."""
        return f"ImageFolder({self.path.name!r}, {len(self)} images, classes={len(self.classes)})"


def _pictures(folder: Path) -> list[Path]:
    pictures = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _ENDINGS and not path.name.startswith(".") and path.is_file()
    )
    if not pictures:
        raise DataError(
            f"{folder}: got no pictures, expected at least one ({', '.join(sorted(_ENDINGS))}); "
            f"remove the folder if it is no class"
        )
    return pictures


def _checked_transform(name: str, transform: Any) -> Any:
    if type(transform).__module__.partition(".")[0] == "torchvision":
        raise OptionError(
            f"{name}: got {type(transform).__name__} of torchvision, which takes its pictures or "
            f"tensors of PyTorch, expected one of tinygrad_nn.data.transforms or a function of a "
            f"float32 array (C, H, W) from 0 to 1; for Resize pass size=, and ToTensor leave out"
        )
    if transform is None or callable(transform):
        return transform
    raise OptionError(
        f"{name}: got {shown(transform)}, expected a function or None; pass for instance "
        f"transform=transforms.RandomFlip()"
    )


def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = size if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2:
        raise OptionError(f"size: got {shown(size)}, expected a side or (height, width)")
    return whole_number("size", sides[0], 1), whole_number("size", sides[1], 1)
