"""What kernels are built with: their source for a dtype, addresses of arrays, work space."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_nn.compiler.numba import blas
from tinygrad_nn.compiler.numba.cache import module
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = ["Ranged", "floats", "source", "steps", "written"]

_WIDER = (
    ("float32 as real", "float64 as real"), ("_f4 as", "_f8 as"), ('"f4"', '"f8"'), ('"s"', '"d"'),
)  # fmt: skip
"""What a source says of float32, and what is said of float64 in its place."""
_LINE = 64


@cache
def source(name: str, code: str) -> Any:
    """The functions of a file of `loops`, compiled for "f4" or "f8".

    A copy of the text is compiled in the user's cache, as generated modules are: so machine code
    is found again in later processes, and never where the package lies.
    """
    own = Path(__file__).parent
    text = (own / "loops" / f"{name}.py").read_text(encoding="utf-8")
    if code == "f8":
        for narrow, wide in _WIDER:
            text = text.replace(narrow, wide)
    # What it imports from here is part of the machine code too.
    digest = hashlib.sha256((own / "memory.py").read_bytes()).hexdigest()
    return module(f"{text.replace(', 64]', f', {blas.width()}]')}\n# {digest}\n")


class Ranged:
    """Calls a compiled function for all rows; `part` for some, so that threads may share them.

    Args:
        function: Takes first and last row, the address of its work space, addresses of the arrays
            and the numbers.
        total: Number of rows.
        space: Bytes of work space.
        numbers: Sizes and steps.
    """

    def __init__(
        self, function: Callable[..., Any], total: int, space: int, numbers: Sequence[Any]
    ) -> None:
        self.function, self.total, self.numbers = function, total, tuple(numbers)
        self.nbytes = space
        self._space = self.space()

    def space(self) -> Any:
        """New work space, which begins at a line of the cache."""
        whole = np.empty(self.nbytes + _LINE, np.uint8)
        first = -whole.__array_interface__["data"][0] % _LINE
        return whole[first:]

    def __call__(self, *arrays: Any) -> None:
        """All rows."""
        self.part(0, self.total, self._space, *arrays)

    def part(self, start: int, stop: int, space: Any, *arrays: Any) -> None:
        """Rows from `start` to `stop`, in work space of its own."""
        held = [a if a.__class__ is np.ndarray else np.asarray(a) for a in (space, *arrays)]
        at = [a.__array_interface__["data"][0] for a in held]
        self.function(start, stop, *at, *self.numbers)


def floats(*given: Any) -> str:
    """Code of the dtype that all variables have, "f4" or "f8"; "" if they have not."""
    if not given or not all(isinstance(v, Var) and v.dtype is not None for v in given):
        return ""
    kinds = {v.dtype for v in given}
    dtype = kinds.pop()
    if kinds or dtype.char not in "fd" or not dtype.isnative:
        return ""
    if any(0 in v.shape or any(s % dtype.itemsize for s in v.strides) for v in given):
        return ""
    return "f4" if dtype.char == "f" else "f8"


def steps(var: Var) -> tuple[int, ...]:
    """Elements from one to the next along each axis."""
    return tuple(s // var.dtype.itemsize for s in var.strides)


def written(
    i: Instruction, call: Callable[..., Any], args: Sequence[Var], inplace: Any = ()
) -> Instruction:
    """The instruction with `call`, which writes into the array of its result."""
    return replace(
        i, name=f"{i.name} (compiled)", call=call, args=tuple(args), params={}, op=None,
        writes=True, inplace=frozenset(inplace),
    )  # fmt: skip
