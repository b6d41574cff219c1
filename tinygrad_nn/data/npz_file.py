"""`read_npz`: the examples and targets in a NumPy archive."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown, whole_number
from tinygrad_nn.data.arrays import owned
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["read_npz"]

_PAIRS: Final = (
    ("inputs", "targets"),
    ("x", "y"),
    ("X", "y"),
    ("images", "labels"),
    ("data", "target"),
    ("features", "labels"),
)
_MAX_BYTES: Final = 1 << 31


def read_npz(
    path: str | PathLike[str],
    *,
    inputs: str | None = None,
    targets: str | None = None,
    max_bytes: int = _MAX_BYTES,
) -> Dataset:
    """Return the examples in a file that `numpy.savez` wrote.

    Args:
        path: the file.
        inputs: name of the array of examples, with `targets`. None looks for a usual pair:
            inputs and targets, x and y, X and y, images and labels, data and target, features
            and labels.
        targets: name of the array of targets.
        max_bytes: refuse files that unpack to more.

    Raises:
        DataError: no such pair, or more than one; a damaged or too large file; arrays of
            objects, which could run code when they are read.
        OptionError: only one of the names was given.
        OSError: the file does not exist or cannot be read.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "table.npz"
        ...     np.savez(path, x=np.zeros((3, 2)), y=np.arange(3))
        ...     read_npz(path)
        Dataset('table', inputs=float64 (3, 2), targets=int64 (3,), classes=0)
    """
    limit = whole_number("max_bytes", max_bytes, 1)
    if (inputs is None) != (targets is None):
        raise OptionError(
            f"read_npz: got inputs={shown(inputs)} and targets={shown(targets)}, expected both "
            f"names or neither; pass inputs='x', targets='y'"
        )
    try:
        _check_size(path, limit)
        with np.load(path, allow_pickle=False) as archive:
            pair = _chosen(path, list(archive.files), inputs, targets)
            x, y = (_array(path, archive, name) for name in pair)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(
            f"{path}: got {error}, expected an archive of numpy.savez; save or fetch it again"
        ) from error
    return Dataset(owned(x), owned(y), Path(path).stem)


def _check_size(path: str | PathLike[str], limit: int) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > limit:
        raise DataError(
            f"{path}: got {size:,} bytes unpacked, expected at most {limit:,}; pass max_bytes= if "
            f"the file is really that large"
        )


def _chosen(
    path: str | PathLike[str], names: list[str], inputs: str | None, targets: str | None
) -> tuple[str, str]:
    if inputs is not None and targets is not None:
        for name in (inputs, targets):
            if name not in names:
                raise DataError(f"{path}: got no array {name!r}, expected one of {shown(names)}")
        return inputs, targets
    found = [pair for pair in _PAIRS if set(pair) <= set(names)]
    if len(found) != 1:
        many = "several usual pairs" if found else "no usual pair"
        raise DataError(
            f"{path}: got the arrays {shown(names)}, {many} of inputs and targets; say which: "
            f"read_npz(path, inputs=..., targets=...)"
        )
    return found[0]


def _array(path: str | PathLike[str], archive: Mapping[str, Any], name: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[name])
    except (ValueError, MemoryError) as error:
        raise DataError(
            f"{path}: array {name!r} cannot be read ({error}); expected numbers, as np.savez "
            f"writes them"
        ) from error
