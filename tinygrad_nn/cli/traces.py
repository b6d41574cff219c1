"""Saved traces and movies: files that may come from anyone, read, shown and written."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from tinygrad_nn.cli.screen import Screen
from tinygrad_nn.errors import DataError, DrawingError, OptionError
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.trace.file import FORMAT
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["TRACE", "checked", "in_words", "is_trace", "load_trace", "read_file", "say",
           "write_file"]  # fmt: skip

T = TypeVar("T")

TRACE = "a file that trace.save(path) wrote"
"""What is expected where a trace is."""

# What the functions advise, in the words of the command.
_AS_OPTIONS = {"timeout=": "--timeout", "limit=": "--limit", "top=": "--top "}
_LONGEST = 300
_BEGINS = re.compile(rb'\s*\{\s*"format"\s*:\s*"' + FORMAT.encode())
_HEAD = 1000


def is_trace(name: str) -> bool:
    """Whether a file begins as traces do."""
    try:
        with open(name, "rb") as file:
            return _BEGINS.match(file.read(_HEAD)) is not None
    except OSError:
        return False


def load_trace(name: str) -> Pass:
    """The trace in a file.

    Raises:
        DataError: There is none.
    """
    return read_file(name, Pass.load, TRACE)


def read_file(name: str, load: Callable[[Path], T], expected: str) -> T:
    """What `load` makes of a file.

    Raises:
        DataError: There is no such file, it is of another kind, or it is damaged.
    """
    path, title = Path(name), _shown(name)
    try:
        if path.is_file():
            return load(path)
        what = "a folder or device" if path.exists() else "the name of no file"
        raise DataError(f"{title}: got {what}, expected {expected}")
    except OSError as error:
        raise DataError(f"{title}: {error.strerror or error}; expected {expected}") from error
    except ValueError as error:
        words = str(error).removeprefix("trace file: ").removeprefix("movie file: ")
        raise DataError(words if words.startswith(title) else f"{title}: {words}") from error


def checked(name: str, traces: Sequence[str], endings: Sequence[str]) -> Path:
    """Name of the file to write, before anything is computed for it."""
    path = Path(name)
    if path.suffix.lower() not in endings:
        raise OptionError(
            f"--out: got {_shown(name)!r}, expected a name that ends in "
            f"{', '.join(endings[:-1])} or {endings[-1]}"
        )
    if path.exists() and any(map(path.samefile, traces)):
        raise OptionError(f"--out: got {_shown(name)!r}, which is a trace; choose another name")
    return path


def write_file(out: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write it, and say so.

    Raises:
        DataError: It cannot be written.
    """
    try:
        save(out)
    except OSError as error:
        raise DataError(
            f"{_shown(out)}: got “{shorten(error.strerror or str(error), _LONGEST)}”, expected a "
            "file in a folder that exists and can be written to; choose another with -o"
        ) from error
    say(f"written: {out}")


def _shown(name: str | Path) -> str:
    return shorten(clean(str(name)), _LONGEST)


def say(text: str) -> None:
    """Write lines in which nothing can steer a terminal, whatever the names in a file are."""
    Screen().say("\n".join(map(clean, text.split("\n"))))


@contextmanager
def in_words() -> Iterator[None]:
    """Warnings as lines, and advice in the words of the command."""
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            yield
        except (DrawingError, OptionError) as error:
            text = str(error)
            for argument, option in _AS_OPTIONS.items():
                text = text.replace(argument, option)
            raise type(error)(text) from error
    for warning in told:
        print(f"tinygrad-nn: warning: {' '.join(str(warning.message).split())}", file=sys.stderr)
