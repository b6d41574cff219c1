"""Writing a file so that it is either complete or not there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from typing import Any

PART = ".part"
"""How the names of unfinished files end; they begin with a dot."""


def write_atomic(path: Path, content: bytes | Iterable[Any]) -> None:
    """Write `content` to `path`; a failed or killed write leaves the old file as it was.

    When it returns, the file is on the disk under its name. As with a plain write a link stays a
    link and an old file's permissions stay as they are. A killed process may leave an unfinished
    file of another name beside it; `remove_parts` takes those away.

    Args:
        path: the file.
        content: its bytes, or buffers whose bytes follow one another.

    Raises:
        OSError: the folder does not exist or cannot be written to, or a device, pipe or folder
            has this name.
    """
    pieces: Iterable[Any] = [content] if isinstance(content, bytes) else content
    path = Path(os.path.realpath(path))
    old = path.stat() if path.exists() else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        # A rename would put a file in its place, for root even in the place of /dev/null.
        code = errno.EISDIR if stat.S_ISDIR(old.st_mode) else errno.EINVAL
        raise OSError(code, "got a folder, device or pipe of this name, expected a file", path)
    # The same folder, because a rename across file systems is a copy and not atomic. Plain
    # open rather than tempfile, so that the file gets the permissions the user expects.
    part = path.with_name(f".{path.name}.{token_hex(8)}{PART}")
    try:
        with part.open("xb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        if old is not None:
            part.chmod(stat.S_IMODE(old.st_mode))
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names of the files in `folder` are on the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no such thing.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def remove_parts(folder: Path) -> None:
    """Remove the unfinished files that killed processes left in `folder`."""
    for part in folder.glob(f".*{PART}"):
        part.unlink(missing_ok=True)
