"""Runs a program again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_nn.compiler.emit.writer import Writer
from tinygrad_nn.compiler.parallel.sharing import single_threaded, wide
from tinygrad_nn.compiler.plan.memory import peak, planned
from tinygrad_nn.compiler.program import Program
from tinygrad_nn.compiler.source import Source

__all__ = ["Replay"]


class Replay:
    """A program as a Python function.

    Args:
        program: What is to be done.
        guard: Writes checks of the arguments.
        wrapped: Classes and operations of the nodes that results are put into, by their index.

    Attributes:
        plan: Where results lie.
        run_leaves: The function: from leaves of the arguments, numbers and the `Call` to results
            by their index. It raises `Unfit` before it changed anything.
        text: Its source.
    """

    def __init__(
        self,
        program: Program,
        guard: Callable[[Source], None] | None = None,
        wrapped: Mapping[int, tuple[Any, Any]] | None = None,
    ) -> None:
        self.plan = planned(program)
        self._writer = Writer(program, self.plan, guard, wrapped or {})
        self._writer.source.scope["told"] = self._told
        scope = self._writer.written()
        self.run_leaves: Any = scope["run"]
        if wide(program):
            self.run_leaves = single_threaded(self.run_leaves)
        # What is written over a parameter takes no memory of its own.
        self.plan.peak_bytes = peak(program, self.plan, self._writer.over)
        self.text = "\n".join(self._writer.source.lines)

    def _told(self, error: BaseException) -> None:
        """Add the user's line to an error that comes out of the function."""
        at = error.__traceback__
        line = self._writer.source.places.get(at.tb_lineno) if at is not None else None
        if line:
            error.add_note(f"in a captured step, at {line}")
