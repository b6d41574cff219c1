"""Writing a file so that it is either complete or not there."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a failed or killed write leaves the old file as it was.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    # The same folder, because a rename across file systems is a copy and not atomic. Plain
    # open rather than tempfile, so that the file gets the permissions the user expects.
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
