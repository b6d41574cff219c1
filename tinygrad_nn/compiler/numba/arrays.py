"""How arrays lie in memory, in the words of numba and of BLAS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.compiler.layout import c_order
from tinygrad_nn.compiler.numba.parts import Ref, steps_of
from tinygrad_nn.compiler.numba.table import code
from tinygrad_nn.compiler.program import Var

__all__ = [
    "ALIGNMENT", "Loose", "argument_type", "array_type", "by_rows", "extent", "layout", "matrices",
    "work_space",
]  # fmt: skip

ALIGNMENT = 64

_TYPES = {
    "f4": "float32", "f8": "float64", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "b1": "boolean",
}  # fmt: skip


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


def layout(v: Var) -> str:
    """numba's letter: C by rows, F by columns, A any other."""
    if c_order(v):
        return "C"
    turned = Var(v.shape[::-1], v.dtype, v.strides[::-1])
    return "F" if c_order(turned) else "A"


def array_type(v: Var) -> str:
    """numba's type of an array, as text."""
    kind = layout(v) if v.shape else "C"
    return f"types.Array(types.{_TYPES[code(v.dtype)]}, {len(v.shape)}, '{kind}')"


def argument_type(v: Var) -> str:
    """The same for an array or a number."""
    if v.dtype is None:
        return "types.float64"
    # What may not be written to is taken too: a view such as of `broadcast_to`, or a user's array.
    return f"{array_type(v)[:-1]}, readonly=True)"


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
    return whole[first : first + size + 1] if size else whole[:1]
