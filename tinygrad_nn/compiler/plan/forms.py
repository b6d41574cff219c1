"""How an instruction is carried out: as a view, into a given array, or by a plain call."""

from __future__ import annotations

import operator
from enum import Enum, auto
from typing import Any

import numpy as np

from tinygrad_nn.compiler.facts import Lies, facts_of, is_reduction, is_ufunc
from tinygrad_nn.compiler.layout import c_order, dense
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = [
    "INTO",
    "OPERATORS",
    "Form",
    "form_of",
    "fresh",
    "inplace_pairs",
    "into",
    "weak_dtype",
]


class Form(Enum):
    """Ways to carry out an instruction."""

    VIEW = auto()
    """Its result shares the memory of its first argument, or may."""
    UFUNC = auto()
    """NumPy's elementwise function, which takes the array for its result as last argument."""
    REDUCTION = auto()
    """`ufunc.reduce`, alike."""
    PRODUCT = auto()
    """A matrix product, alike."""
    WRITES = auto()
    """It wants arrays for its results: see `Instruction.writes`."""
    NUMBER = auto()
    """Python's operator on two numbers, or NumPy's scalars."""
    CALL = auto()
    """Anything else: the result is what the function returns."""


INTO = frozenset({Form.UFUNC, Form.REDUCTION, Form.PRODUCT, Form.WRITES})
"""Forms whose results are written into arrays that are given."""

OPERATORS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/",
}  # fmt: skip
"""Functions for which an operator on NumPy's scalars has the same bits: 50 ns and not 400."""

_PLAIN = (int, float)


def into(call: Any, args: list[str], target: str) -> str:
    """Arguments as text, with the array for the result behind them."""
    # By position is quickest, but NumPy gives that up for these two.
    named = "out=" if call in (np.maximum, np.minimum) else ""
    return ", ".join([*args, named + target])


def form_of(i: Instruction) -> Form:  # noqa: PLR0911  (one line for each form)
    """How to carry out an instruction."""
    if i.writes:
        return Form.WRITES
    if facts_of(i).lies is Lies.OVER and i.pure:
        return Form.VIEW
    plain = not i.params and all(isinstance(x, Var) or type(x) in _PLAIN for x in i.args)
    if plain and len(i.args) == 2 and i.call in OPERATORS and _scalars(i):
        return Form.NUMBER
    if i.out.dtype is None or not i.out.shape or not dense(i.out):
        return Form.CALL
    if plain and isinstance(i.call, np.ufunc) and is_ufunc(i.call) and i.call.nin == len(i.args):
        return Form.UFUNC
    if is_reduction(i.call) and _reduces(i):
        return Form.REDUCTION
    if plain and i.call is np.matmul and all(len(x.shape) >= 2 for x in i.args):
        return Form.PRODUCT
    if plain and i.call is np.dot and c_order(i.out):
        return Form.PRODUCT
    return Form.CALL


def _scalars(i: Instruction) -> bool:
    """Whether all are numbers of one kind, so that the operator computes the same."""
    kinds = {x.dtype for x in i.inputs if x.dtype is not None}
    if any(x.shape for x in i.inputs) or i.out.dtype not in {None, np.dtype("f4"), np.dtype("f8")}:
        return False
    return kinds <= {i.out.dtype} and any(x.dtype == i.out.dtype for x in i.inputs)


def _reduces(i: Instruction) -> bool:
    """Whether it is a plain sum (or the like) of an array in C order, to a dtype of its own."""
    x = i.args[0] if i.args else None
    if not isinstance(x, Var) or len(i.args) > 1 or not c_order(x) or not c_order(i.out):
        return False
    return set(i.params) <= {"axis", "keepdims"} or (
        set(i.params) <= {"axis", "keepdims", "dtype", "out", "initial"}
        and all(i.params.get(k) is None for k in ("dtype", "out"))
        and "initial" not in i.params
    )


def inplace_pairs(i: Instruction, form: Form) -> frozenset[tuple[int, int]]:
    """Pairs (result, argument) that may share their memory element by element."""
    if form is Form.WRITES:
        return i.inplace
    if form is not Form.UFUNC:
        return frozenset()
    return frozenset((0, n) for n, x in enumerate(i.args) if isinstance(x, Var))


def fresh(i: Instruction, form: Form) -> bool:
    """Whether its result is known to have memory of its own."""
    return form not in (Form.VIEW, Form.CALL) or facts_of(i).lies is Lies.APART


def weak_dtype(i: Instruction) -> Any:
    """dtype that Python numbers among the arguments are converted to; None if there is none."""
    if not is_ufunc(i.call) or not facts_of(i).converts or i.params or not i.out.shape:
        return None
    kinds = {x.dtype for x in i.inputs if x.dtype is not None}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind if kind is not None and kind.char in "fd" else None
