"""Which line of the user led to an instruction, and in which part of a step it stands."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from types import CodeType

from tinygrad_nn.core.caller import PACKAGE, line_of

__all__ = ["PHASES", "whereabouts"]

PHASES = ("forward", "backward", "update")
"""Parts of a step, in the order in which most steps have them."""

_BACKWARD = ("core/sweep", "core/backward", "core/reverse")
_UPDATE = ("optim/", "compiler/capture/host_numbers", "nn/utils/clip")


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
