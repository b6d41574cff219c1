"""Fetching MNIST from public mirrors, checked before anything is written."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.data.arguments import real_number, shown
from tinygrad_nn.data.fetching import Fetch, fetch_url
from tinygrad_nn.data.folders import mnist_download_folder
from tinygrad_nn.data.unpacking import DAMAGE, GZIP_MAGIC, open_unpacked
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["MNIST_MIRRORS", "download_mnist"]

MNIST_MIRRORS: Final = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
_CHUNK: Final = 1 << 16


class MnistFile(NamedTuple):
    """A file of MNIST: its name without ending, and what it holds once unpacked."""

    stem: str
    size: int
    sha256: str


MNIST_FILES: Final = (
    MnistFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    MnistFile(
        "train-labels-idx1-ubyte",
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    MnistFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    MnistFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def download_mnist(
    folder: str | PathLike[str] | None = None,
    *,
    mirrors: Sequence[str] = MNIST_MIRRORS,
    fetch: Fetch = fetch_url,
    timeout: float = 120.0,
) -> Path:
    """Save the four files of MNIST in a folder, and return the folder.

    Each file is fetched from the first mirror that delivers it, compared by SHA-256 of its
    unpacked content, and only then written, in one step. Files that are already there are
    compared and kept, so a broken download goes on where it stopped.

    Args:
        folder: made if missing. None takes `mnist` in TINYGRAD_NN_DATA, or in the cache
            folder of the user.
        mirrors: addresses of folders, tried in order.
        fetch: gets `(url, timeout)` and returns the bytes.
        timeout: seconds that one file may take.

    Raises:
        DataError: no mirror delivered the right file, the folder holds another data set
            under the same names, or it cannot be written to.
        OptionError: `mirrors` is empty or a text, or `timeout` is not a positive number.

    Example:
        >>> download_mnist("data/mnist")  # doctest: +SKIP
        PosixPath('data/mnist')
    """
    if isinstance(mirrors, str) or not mirrors:
        raise OptionError(
            f"mirrors: got {shown(mirrors)}, expected a list of at least one address; "
            f"leave it out for the public mirrors"
        )
    seconds = real_number("timeout", timeout, 0.001)
    target = mnist_download_folder() if folder is None else Path(folder).expanduser()
    order = list(mirrors)
    for file in MNIST_FILES:
        if not _is_there(target, file):
            content = _fetch_file(file, order, fetch, seconds)
            _save(target, f"{file.stem}.gz", content)
    return target


def find_file(folder: Path, stem: str) -> Path | None:
    """Return the file of that name, plain or compressed, or None."""
    # Some archives write train-images.idx3-ubyte.
    for name in (stem, f"{stem}.gz", dotted := stem.replace("-idx", ".idx"), f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def _fetch_file(file: MnistFile, order: list[str], fetch: Fetch, timeout: float) -> bytes:
    """Return the compressed file; mirrors that fail are moved to the end of `order`."""
    failures = []
    for mirror in tuple(order):
        try:
            content = fetch(f"{mirror.rstrip('/')}/{file.stem}.gz", timeout)
            _check_download(content, file)
        except (OSError, DataError) as error:
            failures.append(f"{mirror} ({str(error) or type(error).__name__})")
            # The next file should not have to wait for this mirror first.
            order.remove(mirror)
            order.append(mirror)
        else:
            return content
    raise DataError(
        f"{file.stem}.gz: got it from none of {'; '.join(failures)}; expected the file of "
        f"MNIST. Try again later, or save the file yourself and pass folder="
    )


def _check_download(content: bytes, file: MnistFile) -> None:
    if not content.startswith(GZIP_MAGIC):
        raise DataError(f"got {content[:8].hex(' ') or 'nothing'} at the start, expected gzip")
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        _check_content(stream, file)


def _is_there(folder: Path, file: MnistFile) -> bool:
    path = find_file(folder, file.stem)
    if path is None:
        return False
    try:
        with open_unpacked(path) as stream:
            _check_content(stream, file)
    except DataError as error:
        # Never overwritten: it may be Fashion-MNIST, whose files have the same names.
        raise DataError(
            f"{path}: {error}, so this is not the file of MNIST. Move it away, or choose "
            f"another folder="
        ) from error
    return True


def _check_content(stream: io.BufferedIOBase, file: MnistFile) -> None:
    """Compare length and hash, holding one chunk at a time and one byte too many at most."""
    digest, size = hashlib.sha256(), 0
    try:
        while chunk := stream.read(min(_CHUNK, file.size + 1 - size)):
            digest.update(chunk)
            size += len(chunk)
    except DAMAGE as error:
        raise DataError(f"got damaged compressed data ({error})") from error
    if size != file.size:
        got = f"{size:,}" if size < file.size else f"more than {file.size:,}"
        raise DataError(f"got {got} bytes unpacked, expected {file.size:,}")
    if digest.hexdigest() != file.sha256:
        raise DataError(f"got SHA-256 {digest.hexdigest()}, expected {file.sha256}")


def _save(folder: Path, name: str, content: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / name, content)
    except OSError as error:
        raise DataError(
            f"{folder / name}: cannot be written ({error}); pass folder= with a folder of yours"
        ) from error
