"""Which line of the user led to an instruction, and in which part of a step it stands."""

from __future__ import annotations

import dis
import linecache
import os
import sys
from functools import lru_cache
from types import CodeType, FrameType

import numpy as np

from tinygrad_nn.compiler.guards.reach import is_library
from tinygrad_nn.core.caller import PACKAGE, line_of

__all__ = ["PHASES", "is_augmented", "told_line", "users_frame", "users_line", "whereabouts"]

PHASES = ("forward", "backward", "update")
"""Parts of a step, in the order in which most steps have them."""

_BACKWARD = ("core/sweep", "core/backward", "core/reverse")
_UPDATE = ("optim/", "compiler/capture/host_numbers", "nn/utils/clip")

_EDGE = os.path.join(PACKAGE, "compiler", "captured.py")
"""Where a step is called: frames further out are of who calls it."""

_WIDTH = 70
_OURS = PACKAGE, os.path.join(os.path.dirname(os.path.abspath(np.__file__)), "")

_BINARY = dis.opmap["BINARY_OP"]
_AUGMENTED = range(13, 26)  # the second half of Python's table, `+=` to `^=`


@lru_cache(1024)
def _phase(file: str) -> str:
    """What a file of this package is part of: the sweep, an optimiser's formula, or "" for else."""
    name = file.removeprefix(PACKAGE).replace(os.sep, "/")
    if name == file:
        return "user"
    if name.startswith(_BACKWARD):
        return "backward"
    return "update" if name.startswith(_UPDATE) else ""


def whereabouts(depth: int = 2) -> tuple[str, str]:
    """The user's line, "file:number", and the part of the step that it led to.

    Args:
        depth: Frames between this function and the first that counts.
    """
    frame = sys._getframe(depth)
    phase = ""
    while frame.f_back is not None:
        found = _phase(frame.f_code.co_filename)
        if found == "user":
            break
        phase = phase or found
        frame = frame.f_back
    code = frame.f_code
    return _line(code.co_filename, code, frame.f_lasti), phase or "forward"


@lru_cache(4096)
def _line(file: str, code: CodeType, at: int) -> str:
    """To find the number of a line takes 30 µs in a long function.

    By the file too: the same function in two files is one and the same code to Python.
    """
    return line_of(code, at)


@lru_cache(4096)
def _is_ours(file: str) -> bool:
    """Whether a file is of this package or of NumPy."""
    return file.startswith(_OURS)


def users_line() -> str:
    """The user's line, and what is written there."""
    frame = users_frame(3)
    return told_line(frame.f_code.co_filename, frame.f_lineno)


def told_line(file: str, line: int) -> str:
    """A line, with what is written there."""
    text = " ".join(linecache.getline(file, line).split())
    if len(text) > _WIDTH:
        text = f"{text[:_WIDTH]}..."
    return f"{file}:{line}: `{text}`" if text else f"{file}:{line}"


def users_frame(depth: int = 2, *, libraries: bool = False) -> FrameType:
    """The nearest frame of the step that is neither of this package nor of NumPy.

    Args:
        depth: Frames between this function and the first that counts.
        libraries: Whether a frame of another library will do. Else it is the one that called it,
            unless there is none in the step.
    """
    frame: FrameType | None = sys._getframe(depth)
    nearest = None
    while frame is not None:
        file = frame.f_code.co_filename
        if file == _EDGE and nearest is not None:
            break
        if not _is_ours(file):
            if libraries or not is_library(file):
                return frame
            nearest = nearest or frame
        last, frame = frame, frame.f_back
    return nearest or last


@lru_cache(4096)
def is_augmented(code: CodeType, at: int) -> bool:
    """Whether an instruction is that of `x += y` and the like."""
    return code.co_code[at] == _BINARY and code.co_code[at + 1] in _AUGMENTED
