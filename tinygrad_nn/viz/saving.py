"""Files that users ask for: their names, and how they are written, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.errors import OperandError, OptionError

__all__ = ["JSON", "PAGES", "ending", "named", "saved"]

JSON = (".json",)
PAGES = (".html", ".htm")


def named(path: object, asks: str) -> Path:
    """What a user gave as the name of a file or folder.

    Args:
        path: It.
        asks: Beginning of the message, such as "draw".

    Raises:
        OperandError: It is neither a text nor a path.
        OptionError: No file can have this name.
    """
    try:
        name = os.fspath(path)  # type: ignore[call-overload]
    except TypeError:
        name = None
    if not isinstance(name, str):
        raise OperandError(
            f"{asks}: got {type(path).__name__} {path!r:.40} for a path, expected a text or a "
            "pathlib.Path, such as 'folder/name'"
        )
    try:
        is_possible = b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise OptionError(
            f"{asks}: got the path {name!r:.80}, expected one without characters that no name of "
            "a file can have; choose another name"
        )
    return Path(name)


def ending(path: object, known: Sequence[str], asks: str, advice: str = "") -> str:
    """The suffix of a file's name in small letters; empty if it has none.

    Args:
        path: The name.
        known: What it may end in.
        asks: Beginning of the message, such as "draw".
        advice: What to do for another ending.

    Raises:
        OperandError, OptionError: As for `named`.
        OptionError: It ends in something else.

    Example:
        >>> ending("Loss.SVG", (".svg", ".txt"), "draw")
        '.svg'
    """
    suffix = named(path, asks).suffix.lower()
    if suffix and suffix not in known:
        raise OptionError(
            f"{asks}: got a path ending in {suffix!r:.40}, expected "
            f"{'one of ' * (len(known) > 1)}{', '.join(known)}{advice}"
        )
    return suffix


def saved(path: str | os.PathLike[str], content: str | bytes, what: str) -> Path:
    """Write a file completely or not at all, and give its path.

    Args:
        path: Its name.
        content: What to write; what UTF-8 cannot hold is written as escapes.
        what: Beginning of the message, such as "draw: the drawing".

    Raises:
        OperandError: `path` is neither a text nor a path.
        OptionError: No file can have this name.
        OSError: The folder does not exist or cannot be written to.
    """
    target = named(path, what.partition(":")[0])
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
