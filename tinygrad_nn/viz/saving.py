"""Files that users ask for: whole or not at all, and words where that fails."""

from __future__ import annotations

import os
from pathlib import Path

from tinygrad_nn.atomic import write_atomic

__all__ = ["saved"]


def saved(path: str | os.PathLike[str], content: str | bytes, what: str) -> Path:
    """Write a file completely or not at all, and give its path.

    Args:
        path: Its name.
        content: What to write; what UTF-8 cannot hold is written as escapes.
        what: Beginning of the message, such as "draw: the drawing".

    Raises:
        OSError: The folder does not exist or cannot be written to.
    """
    target = Path(path)
    raw = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        write_atomic(target, raw)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{what} was not saved: {error.strerror}; expected the name of a file in a folder that "
            "exists and can be written to",
            str(target),
        ) from error
    return target
