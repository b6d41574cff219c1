"""How much work a product of matrices is: large ones are shared by threads."""

from __future__ import annotations

from math import prod

from tinygrad_nn.compiler.layout import c_order
from tinygrad_nn.compiler.plan.forms import Form, form_of
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = ["PRODUCTS", "large_product", "size_of_linear", "size_of_product"]

PRODUCTS = 1 << 22
"""Multiplications of a piece of a product, 90 µs. OpenBLAS has other code for small matrices, with
other bits, but ends with it far below."""


def large_product(i: Instruction) -> bool:
    """Whether it is a product of matrices that is worth sharing, also within a compiled step."""
    if i.op is not None:
        return i.op.key == "linear" and size_of_linear(i) >= 2 * PRODUCTS
    return form_of(i) is Form.PRODUCT and size_of_product(i) >= 2 * PRODUCTS


def _real(*given: object) -> bool:
    """Whether BLAS has a function for all of them."""
    kinds = {x.dtype for x in given if isinstance(x, Var)}
    return len(kinds) == 1 and next(iter(kinds)).char in "fd"


def size_of_product(i: Instruction) -> int:
    """Multiplications of a product of matrices; 0 for others than floats, and for vectors."""
    a, b = i.args
    if not _real(a, b, i.out) or min(len(a.shape), len(b.shape)) < 2 or len(i.out.shape) < 2:
        return 0
    return prod(i.out.shape) * int(a.shape[-1])


def size_of_linear(i: Instruction) -> int:
    """The same for `linear` of arrays in C order."""
    x = i.args[0]
    if not _real(*i.args, i.out) or len(x.shape) < 2 or not c_order(x) or not c_order(i.out):
        return 0
    return prod(i.out.shape) * int(x.shape[-1])
