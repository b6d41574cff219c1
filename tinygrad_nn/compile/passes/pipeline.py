"""Engines as a table: what is done to a program before it is written out as Python.

A pass is a pure function from a program to a program, which says with `program.noted` what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinygrad_nn.compile.kernels import with_kernels
from tinygrad_nn.compile.numba import with_numba
from tinygrad_nn.compile.passes.blocks import blocks
from tinygrad_nn.compile.passes.common import common
from tinygrad_nn.compile.passes.dead import dead
from tinygrad_nn.compile.passes.inline import inlined
from tinygrad_nn.compile.passes.literals import literals
from tinygrad_nn.compile.passes.simplify import simplified
from tinygrad_nn.compile.passes.spread import spread
from tinygrad_nn.compile.program import Program

__all__ = ["ENGINES", "Engine", "Pass", "optimized"]

Pass = Callable[[Program], Program]

_ALWAYS: tuple[Pass, ...] = (simplified, common, dead)


@dataclass(frozen=True, slots=True)
class Engine:
    """How programs are run.

    Attributes:
        passes: In order.
        needs: Library that must be there, of the extra `fast`; "" if none.
    """

    passes: tuple[Pass, ...]
    needs: str = ""


ENGINES: dict[str, Engine] = {
    "numpy": Engine(
        (simplified, common, inlined, simplified, common, dead, literals, blocks, spread)
    ),
    "numba": Engine((*_ALWAYS, with_kernels, with_numba, spread), "numba"),
}
"""By name; `auto` is the quickest of them that is there."""


def optimized(program: Program, engine: str) -> Program:
    """The same computation in fewer and cheaper instructions."""
    for change in ENGINES["numpy" if engine == "auto" else engine].passes:
        program = change(program)
    return program
