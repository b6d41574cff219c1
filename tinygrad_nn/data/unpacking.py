"""Opening a file that may be gzip-compressed, told by its first bytes and not by its name."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Final

GZIP_MAGIC: Final = b"\x1f\x8b"
DAMAGE: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a damaged compressed stream raises."""


@contextmanager
def open_unpacked(path: str | PathLike[str]) -> Iterator[io.BufferedIOBase]:
    """Give the unpacked content of a file; reading it may raise one of `DAMAGE`."""
    with Path(path).open("rb") as raw:
        is_packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        if is_packed:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked
        else:
            yield raw
