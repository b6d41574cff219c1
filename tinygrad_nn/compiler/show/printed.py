"""The program of a step as its user sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tinygrad_nn.compiler.program import Program
from tinygrad_nn.compiler.show import graph as graphs
from tinygrad_nn.compiler.show import text as texts
from tinygrad_nn.compiler.show.notation import shown_name

__all__ = ["StepProgram"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepProgram(Program):
    """What `step.program` gives: a program that says what it does.

    `print(step.program)` lists it, `tinygrad_nn.draw(step.program)` draws it.

    Attributes:
        name: Of the step.
        engine: What runs it.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> @tg.jit(engine="numpy")
        ... def double(x):
        ...     return x * 2.0 + 1.0
        >>> double(np.ones(3)).numpy()
        array([3., 3., 3.])
        >>> double.program
        <Program of double: 2 instructions, 1 input, 1 output, engine numpy>
    """

    name: str = ""
    engine: str = ""

    @classmethod
    def of(cls, program: Program, name: str, engine: str, names: Mapping[Any, str]) -> StepProgram:
        """A program with what people call it and its inputs."""
        held = {f.name: getattr(program, f.name) for f in fields(program)}
        return cls(**{**held, "names": names}, name=name, engine=engine)

    def text(self, *, all: bool = False, inside: bool | None = None) -> str:
        """The program as lines: results, expressions, shapes, memory, and your lines.

        Memory is told as `b3` (a buffer of the program; those that share it are listed below),
        `b3 over t4` (written over what `t4` was), `view of t4`, `new` (made by each replay) or
        `kept` (it leaves the program and has memory of its own).

        Args:
            all: Show everything, where otherwise repeats are folded and long programs cut.
            inside: Show what fused instructions are made of; by default if there is room.

        Returns:
            Lines.
        """
        return texts.text(self, all=all, inside=inside)

    def graph(self, limit: int = 60) -> dict[str, Any]:
        """What `tinygrad_nn.draw` shows of it, as plain data: boxes, links, frames and notes.

        Args:
            limit: Boxes of instructions at most; runs of equal ones are one box anyway.
        """
        return graphs.graph(self, limit)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        counts = [
            f"{len(things):,} {what}{'s' * (len(things) != 1)}"
            for things, what in (
                (self.instructions, "instruction"), (self.inputs, "input"), (self.outputs, "output")
            )
        ]  # fmt: skip
        of = f" of {shown_name(self.name)}" if self.name else ""
        return f"<Program{of}: {', '.join(counts)}, engine {self.engine}>"
