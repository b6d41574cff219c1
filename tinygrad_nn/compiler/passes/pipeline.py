"""Engines as a table: what is done to a program before it is written out as Python.

A pass is a pure function from a program to a program, which says with `program.noted` what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from warnings import warn

from tinygrad_nn.compiler.kernels import with_kernels
from tinygrad_nn.compiler.numba import installed, require, with_numba
from tinygrad_nn.compiler.passes.blocks import blocks
from tinygrad_nn.compiler.passes.common import common
from tinygrad_nn.compiler.passes.dead import dead
from tinygrad_nn.compiler.passes.fold import folded
from tinygrad_nn.compiler.passes.inline import inlined
from tinygrad_nn.compiler.passes.literals import literals
from tinygrad_nn.compiler.passes.simplify import simplified
from tinygrad_nn.compiler.passes.spread import spread
from tinygrad_nn.compiler.program import Program
from tinygrad_nn.core.caller import stacklevel
from tinygrad_nn.errors import CaptureError, TinygradError

__all__ = [
    "ENGINES", "Engine", "Pass", "attempted", "chosen", "engine_of", "optimized", "told_failure",
]  # fmt: skip

Pass = Callable[[Program], Program]
_T = TypeVar("_T")

_ALWAYS: tuple[Pass, ...] = (simplified, common, folded, dead)


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
        (simplified, common, inlined, simplified, common, folded, dead, literals, blocks, spread)
    ),
    "numba": Engine((*_ALWAYS, with_kernels, with_numba, spread), "numba"),
}
"""By name; "auto" is one of them, see `chosen`."""

_FAILED = "auto"
"""Who notes that numba was to be asked and failed."""


def chosen(engine: str) -> str:
    """The engine that a name stands for: "auto" is numba where that is installed.

    Nothing is timed: what runs would differ from day to day then, and with it the last digits.
    """
    if engine != "auto":
        return engine
    return "numba" if installed() else "numpy"


def optimized(program: Program, engine: str) -> Program:
    """The same computation in fewer and cheaper instructions.

    Raises:
        OptionError: `engine` is "numba", which is not installed.
        CaptureError: `engine` is "numba", which cannot compile the program.
    """
    found, failure = attempted(engine, partial(_through, program))
    return told_failure(found, failure)


def attempted(engine: str, make: Callable[[str], _T]) -> tuple[_T, str]:
    """What `make` gives for the name of the engine that is to run a step.

    With "auto", NumPy runs what cannot be compiled, and a warning says so.

    Args:
        engine: As it was asked for.
        make: Makes something of the name of an engine that there is.

    Returns:
        That, and why it is made for NumPy although another engine was to run it, or "".

    Raises:
        OptionError: `engine` is "numba", which is not installed.
        CaptureError: `engine` is "numba", for which `make` failed.
    """
    name = chosen(engine)
    if not ENGINES[name].needs:
        return make(name), ""
    require()
    try:
        return make(name), ""
    except TinygradError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        if engine == name:
            raise CaptureError(
                f"jit: {name} cannot compile this step ({why}); expected it to compile all that "
                'it is handed; use engine="auto", which falls back to NumPy, or engine="numpy"'
            ) from error
        warn(
            f"jit: {name} cannot compile this step ({why}): NumPy runs it, with the same results; "
            'engine="numpy" says so without this warning',
            RuntimeWarning,
            stacklevel=stacklevel(),
        )
        return make("numpy"), f"NumPy, since {name} failed: {why}"


def told_failure(program: Program, failure: str) -> Program:
    """The program with a note of what kept another engine from it, if something did."""
    return program.noted(_FAILED, failure) if failure else program


def engine_of(program: Program, engine: str) -> str:
    """Name of the engine that made `program` what it is, where `engine` was asked for."""
    failed = any(who == _FAILED for who, _ in program.notes)
    return "numpy" if failed else chosen(engine)


def _through(program: Program, name: str) -> Program:
    for change in ENGINES[name].passes:
        program = change(program)
    return program
