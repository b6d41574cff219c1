"""How arrays lie in memory, in the words of numba and of BLAS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.compiler.numba.parts import Ref, steps_of
from tinygrad_nn.compiler.numba.table import code
from tinygrad_nn.compiler.program import Var

__all__ = [
    "ALIGNMENT", "Loose", "by_rows", "extent", "matrices", "memory", "work_space",
]  # fmt: skip

ALIGNMENT = 64


def matrices(a: Ref, b: Ref, c: Ref) -> tuple[Ref, Ref, Ref]:
    """A row or a column is a matrix too."""
    if len(a.shape) == 1:
        a = Ref(a.root, a.offset, (1, *a.shape), (a.shape[0], *a.steps))
        c = Ref(c.root, c.offset, (1, *c.shape), (c.shape[0] if c.shape else 1, *c.steps))
    if len(b.shape) == 1:
        b = Ref(b.root, b.offset, (*b.shape, 1), (*b.steps, 1))
        c = Ref(c.root, c.offset, (*c.shape, 1), (*c.steps, 1))
    return a, b, c


def by_rows(ref: Ref) -> tuple[bool, int] | None:
    """Whether BLAS sees it as a transposed matrix, and the length of a row there; or neither."""
    (rows, columns), (down, right) = ref.shape, ref.steps
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down, columns)
    if (down == 1 or rows == 1) and (right >= rows or columns == 1):
        return True, max(right, rows)
    return None


def extent(v: Var) -> int:
    """Elements from the first to the last."""
    return 1 + sum((n - 1) * s for n, s in zip(v.shape, steps_of(v) or (), strict=True))


def memory(v: Var, written: bool = False) -> str:
    """Type of an array as an argument, as text."""
    return f"Memory({code(v.dtype)!r}, {v.shape!r}, {tuple(v.strides)!r}, {written})"


class Loose:
    """Numbers may come as NumPy's scalars or as arrays without axes; compiled code wants arrays.

    Attributes:
        strict: The compiled function, for who has arrays.
        arrays: Places of such arguments.
    """

    def __init__(self, strict: Callable[..., Any], arrays: Sequence[int]) -> None:
        self.strict, self.arrays = strict, arrays

    def __call__(self, *args: Any) -> None:
        """Call it with arrays."""
        given = list(args)
        for i in self.arrays:
            given[i] = np.asarray(given[i])
        self.strict(*given)


def work_space(size: int) -> Any:
    """Work space whose beginning is aligned."""
    whole = np.empty(size + ALIGNMENT, np.uint8)
    first = -whole.__array_interface__["data"][0] % ALIGNMENT
    return whole[first : first + size]
