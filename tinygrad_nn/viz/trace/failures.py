"""Where a computation broke: the words for it, read from the exception that it ended with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tinygrad_nn.core import backward, bind, caller, sweep
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Op
from tinygrad_nn.errors import FreedGraphError
from tinygrad_nn.viz.trace.model import Failure

__all__ = ["failed_operands", "failure_of", "short_line"]

_PACKAGE = os.path.join(str(Path(caller.__file__).parents[1]), "")
_PASSES = (sweep.pull.__code__, backward.backward.__code__)
_LONGEST = 500


def failure_of(error: BaseException) -> Failure:
    """Phase, words, operation and the user's line."""
    frames = list(_frames(error))
    passing = any(frame.f_code in _PASSES for frame, _ in frames)
    phase = "freed" if isinstance(error, FreedGraphError) else "backward" if passing else "forward"
    text = " ".join(_text(error).split())
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    op = "" if passing else next((o.name for o, _ in _calls(frames)), "")
    return Failure(phase, message[:_LONGEST], op, _line(frames))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception of the user's, which cannot say what it is
        return ""


def failed_operands(error: BaseException) -> list[Node]:
    """Nodes that the operation which raised was called with; empty if none did."""
    found = next((operands for _, operands in _calls(list(_frames(error)))), ())
    return [x for x in found if isinstance(x, Node)]


def short_line(line: str) -> str:
    """`file:line` from the working folder on, or without the folders if it lies elsewhere."""
    path, _, number = line.rpartition(":")
    here = os.path.join(os.getcwd(), "")
    return f"{path[len(here) :] if path.startswith(here) else os.path.basename(path)}:{number}"


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Frames of the traceback with their lines, the innermost last."""
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame, step.tb_lineno
        step = step.tb_next


def _line(frames: list[tuple[FrameType, int]]) -> str:
    for frame, line in reversed(frames):
        if not _is_ours(frame):
            return short_line(f"{frame.f_code.co_filename}:{line}")
    # Raised within the package all the way: the line that called it.
    above = frames[0][0].f_back if frames else None
    while above is not None and _is_ours(above):
        above = above.f_back
    return "" if above is None else short_line(f"{above.f_code.co_filename}:{above.f_lineno}")


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith(_PACKAGE) or name == contextlib.__file__


def _calls(frames: list[tuple[FrameType, int]]) -> Iterator[tuple[Op, tuple[Any, ...]]]:
    """Calls of operations, the innermost first, each with its operands."""
    for frame, _ in reversed(frames):
        code: CodeType = frame.f_code
        if code.co_filename == bind.__file__ and isinstance(frame.f_locals.get("op"), Op):
            held = frame.f_locals
            if "args" in held and "data" in held:
                operands = tuple(held["data"])
            else:
                operands = tuple(held[name] for name in ("x", "a", "b") if name in held)
            yield held["op"], operands
