"""Writing a file so that it is either complete or not there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from secrets import token_hex


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a failed or killed write leaves the old file as it was.

    As with a plain write a link stays a link and an old file's permissions stay as they are.

    Raises:
        OSError: the folder does not exist or cannot be written to, or a device, pipe or folder
            has this name.
    """
    path = Path(os.path.realpath(path))
    old = path.stat() if path.exists() else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        # A rename would put a file in its place, for root even in the place of /dev/null.
        code = errno.EISDIR if stat.S_ISDIR(old.st_mode) else errno.EINVAL
        raise OSError(code, "got a folder, device or pipe of this name, expected a file", path)
    # The same folder, because a rename across file systems is a copy and not atomic. Plain
    # open rather than tempfile, so that the file gets the permissions the user expects.
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if old is not None:
            part.chmod(stat.S_IMODE(old.st_mode))
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
