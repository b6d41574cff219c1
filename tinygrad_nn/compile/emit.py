"""Runs a program: for now one instruction after the other."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.compile.places import Call
from tinygrad_nn.compile.program import Program, Var, mapped

__all__ = ["Replay"]


class Replay:
    """Something that runs a program again and again."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def fits(self, call: Call) -> bool:
        """Whether what is read has the shapes and dtypes of the program."""
        for var, place in self._program.inputs.items():
            value = place.read(call)
            if var.dtype is None:
                continue
            if getattr(value, "shape", None) != var.shape or value.dtype != var.dtype:
                return False
        return True

    def run(self, call: Call) -> None:
        """Compute, and write the outputs."""
        env: dict[Any, Any] = dict(self._program.constants)
        for var, place in self._program.inputs.items():
            env[var] = place.read(call)
        for i in self._program.instructions:
            env[i.out] = i.call(*mapped(i.args, env), **mapped(dict(i.params), env))
        for output in self._program.outputs:
            value = env[output.value] if isinstance(output.value, Var) else output.value
            output.place.write(call, value)
