"""Saved traces and movies: files that may come from anyone, read, shown and written."""

from __future__ import annotations

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
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["TRACE", "checked", "in_words", "load_trace", "read_file", "say", "write_file"]

T = TypeVar("T")

TRACE = "a file that trace.save(path) wrote"
"""What is expected where a trace is."""

# What the functions advise, in the words of the command.
_AS_OPTIONS = {"timeout=": "--timeout", "limit=": "--limit", "top=": "--top "}
_LONGEST = 300


def load_trace(name: str) -> Pass:
    return read_file(name, Pass.load, TRACE)


def read_file(name: str, load: Callable[[Path], T], expected: str) -> T:
    """What `load` makes of a file.

    Raises:
        DataError: There is no such file, it is of another kind, or it is damaged.
    """
    path, shown = Path(name), shown(name)
    try:
        if path.is_file():
            return load(path)
        what = "a folder or device" if path.exists() else "the name of no file"
        raise DataError(f"{shown}: got {what}, expected {expected}")
    except OSError as error:
        raise DataError(f"{shown}: {error.strerror or error}; expected {expected}") from error
    except ValueError as error:
        words = str(error).removeprefix("trace file: ").removeprefix("movie file: ")
        raise DataError(words if words.startswith(shown) else f"{shown}: {words}") from error


def checked(name: str, traces: Sequence[str], endings: Sequence[str]) -> Path:
    """Name of the file to write, before anything is computed for it."""
    path = Path(name)
    if path.suffix.lower() not in endings:
        raise OptionError(
            f"--out: got {shown(name)!r}, expected a name that ends in "
            f"{', '.join(endings[:-1])} or {endings[-1]}"
        )
    if path.exists() and any(map(path.samefile, traces)):
        raise OptionError(f"--out: got {shown(name)!r}, which is a trace; choose another name")
    return path


def write_file(out: Path, save: Callable[[Path], object]) -> None:
    try:
        save(out)
    except OSError as error:
        raise DataError(
            f"{shown(out)}: got “{shorten(error.strerror or str(error), _LONGEST)}”, expected a "
            "file in a folder that exists and can be written to; choose another with -o"
        ) from error
    say(f"written: {out}")


def shown(name: str | Path) -> str:
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
