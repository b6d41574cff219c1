"""Simplification: what changes no bit of its argument is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tinygrad_nn.compiler.facts import is_numpys, is_ufunc
from tinygrad_nn.compiler.layout import alike, c_order
from tinygrad_nn.compiler.passes.common import renamed
from tinygrad_nn.compiler.plan.memory import planned
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted

__all__ = ["simplified"]


def simplified(program: Program) -> Program:
    """Leave out what gives its argument back, and join looks at looks."""
    made: dict[Var, Instruction] = {}
    new: dict[Var, Any] = {}
    kept = []
    escaping = planned(program, placing=False).escaping
    for instruction in program.instructions:
        i = instruction.with_inputs(new)
        same = _same(i, made)
        # What leaves must have memory of its own.
        if same is not None and i.out not in escaping:
            new[i.out] = same
            continue
        i = _joined(i, made)
        made.update((v, i) for v in i.results)
        kept.append(i)
    if not new and all(a is b for a, b in zip(kept, program.instructions, strict=True)):
        return program
    smaller = renamed(program, kept, new)
    if not new:
        return smaller
    return smaller.noted("simplification", f"left out {counted(len(new), 'instruction')}")


def _same(i: Instruction, made: dict[Var, Instruction]) -> Var | None:
    """The variable that the result equals in every bit, with dtype, shape and memory order."""
    if not i.pure or i.writes or i.more or not i.args:
        return None
    x = next((y for y in i.inputs if alike(y, i.out)), None)
    if x is not None and _neutral(i, x):
        return x
    if i.name in ("matrix_transpose", "transpose") and isinstance(i.args[0], Var):
        inner = made.get(i.args[0])
        if inner is not None and inner.name == i.name and _plain(i) and _plain(inner):
            y = inner.args[0]
            return y if isinstance(y, Var) and y.shape == i.out.shape else None
    return None


def _plain(i: Instruction) -> bool:
    return len(i.args) == 1 and not any(v is not None for v in i.params.values())


def _neutral(i: Instruction, x: Var) -> bool:
    """Whether `i` gives `x` back; `x` has its shape, dtype and order already."""
    if is_ufunc(i.call) and not is_numpys(i.name, i.call):
        return False
    test = _NEUTRAL.get(i.name)
    return test is not None and x.dtype is not None and test(i, x)


def _one(i: Instruction, x: Var) -> bool:
    # x * 1 keeps -0.0, infinities and NaN.
    other = i.args[1] if i.args[0] is x else i.args[0]
    return x.dtype.kind in "fiu" and type(other) in (int, float) and other == 1


def _divided(i: Instruction, x: Var) -> bool:
    by = i.args[1]
    return i.args[0] is x and x.dtype.kind == "f" and type(by) in (int, float) and by == 1


def _lowered(i: Instruction, x: Var) -> bool:
    # x - 0.0 keeps -0.0; x + 0.0 makes it 0.0, and is no identity.
    zero = i.args[1]
    return i.args[0] is x and type(zero) in (int, float) and repr(float(zero)) == "0.0"


def _copied(i: Instruction, x: Var) -> bool:
    return i.args[0] is x


def _shaped(i: Instruction, x: Var) -> bool:
    return i.args[0] is x and bool(x.shape)


_NEUTRAL: dict[str, Callable[[Instruction, Var], bool]] = {
    "multiply": _one,
    "divide": _divided,
    "subtract": _lowered,
    "positive": _copied,
    "copy": _copied,
    "astype": _copied,
    "reshape": _shaped,
    "broadcast_to": _shaped,
    "squeeze": _shaped,
    "ravel": _shaped,
}
"""Functions that may give their argument back, and when they do."""


def _joined(i: Instruction, made: dict[Var, Instruction]) -> Instruction:
    """A reshape of a reshape as one of the first array."""
    if i.name != "reshape" or not i.args or not isinstance(i.args[0], Var):
        return i
    inner = made.get(i.args[0])
    if inner is None or inner.name != "reshape" or not c_order(inner.args[0]):
        return i
    return replace(i, args=(inner.args[0], *i.args[1:]))
