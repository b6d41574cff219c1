"""Kernels opened up: the NumPy calls inside a kernel become instructions of their own.

The text of the kernel says what they are: it is run once on arrays that stand in for those of the
program and write down what is called with them. A kernel that looks at a number, or writes where
that cannot be followed, stays one instruction. It pays where calls count: an array of a few
kilobytes gets no fresh memory any more, and the transpose of a weight is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from tinygrad_nn.compiler.layout import alike, example
from tinygrad_nn.compiler.opening import Closed, Opening, StandIn
from tinygrad_nn.compiler.passes.common import renamed
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted

__all__ = ["OPENED", "inlined"]

OPENED = frozenset(
    {
        "linear", "log_softmax", "matmul", "max", "mean", "min", "relu", "sigmoid", "softmax",
        "std", "sum", "sum_rows", "var",
    }
)  # fmt: skip
"""Operations whose kernels are opened up."""

_LARGE = 1 << 22
"""Bytes of the arguments from which a trial run of a kernel would be felt."""


class _Inlining(Opening):
    """Writes down what is put in a kernel's place: NumPy's calls alone, with their own arrays."""

    def __init__(self, kernel: Instruction) -> None:
        super().__init__()
        self.kernel = kernel
        self.constants: dict[Var, Any] = {}

    def stand_in(self, x: Any) -> Any:
        """What the kernel gets for an argument."""
        if isinstance(x, Var):
            if x.dtype is None:
                raise Closed
            return StandIn(self, x, example(x))
        return x

    def array(self, value: Any) -> Var:
        """An array that the kernel made: it is nobody else's."""
        var = Var(value.shape, value.dtype, value.strides)
        self.constants[var] = value
        return var

    def apply(
        self, name: str, call: Any, args: Sequence[Any], params: dict[str, Any], **more: Any
    ) -> Any:
        """Functions of the backend are opened up in turn."""
        if isinstance(call, FunctionType) and call.__module__.startswith("tinygrad_nn.backends"):
            return call(*args, **params)
        return super().apply(name, call, args, params, **more)

    def operate(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """So are operations."""
        return op.kernels[np.ndarray][0](*args, **params)

    def fits(self, new: Var, old: Var) -> bool:
        """What NumPy makes has an order of its own."""
        return alike(new, old)

    def instruction(self, name: str, call: Any, args: Any, params: Any, out: Var) -> Instruction:
        """Of the kernel's line, and as silent as the kernel is there."""
        made = replace(
            super().instruction(name, call, args, params, out),
            line=self.kernel.line,
            phase=self.kernel.phase,
            kernel=self.kernel.op.key,
        )
        quiet = _ignored()
        return _quieted(made, quiet) if quiet else made


def _called(kind: str, flag: int) -> None:
    """Where a warning would be given, were these the numbers of the program."""


def _ignored() -> tuple[str, ...]:
    """What the kernel asked NumPy not to warn of."""
    return tuple(k for k, how in np.geterr().items() if how == "ignore")


def _quieted(i: Instruction, quiet: tuple[str, ...]) -> Instruction:
    if not isinstance(i.call, np.ufunc) or i.params or not i.out.shape:
        raise Closed
    pairs = frozenset((0, n) for n, x in enumerate(i.args) if isinstance(x, Var))
    return replace(i, call=_quiet(i.call, quiet), writes=True, inplace=pairs)


@cache
def _quiet(call: Any, quiet: tuple[str, ...]) -> Callable[..., Any]:
    options: Any = dict.fromkeys(quiet, "ignore")

    def silently(*args: Any) -> None:
        with np.errstate(**options):
            call(*args[:-1], out=args[-1])

    return silently


def inlined(program: Program) -> Program:
    """Put the calls inside of kernels in their place, of operations that are in `OPENED`."""
    kept: list[Instruction] = []
    constants, private = dict(program.constants), set(program.private)
    new: dict[Var, Any] = {}
    opened = []
    for instruction in program.instructions:
        i = instruction.with_inputs(new)
        inner = _inside(i) if i.op is not None and i.op.key in OPENED and i.pure else None
        if inner is None:
            kept.append(i)
            continue
        opening, out = inner
        kept += opening.instructions
        constants.update(opening.constants)
        private.update(opening.constants)
        new[i.out] = out
        opened.append(i.op.key)
    if not opened:
        return program
    grown = renamed(replace(program, constants=constants, private=frozenset(private)), kept, new)
    names = ", ".join(sorted(set(opened)))
    return grown.noted("inlining", f"opened {counted(len(opened), 'kernel')}: {names}")


def _inside(i: Instruction) -> tuple[_Inlining, Var] | None:
    """What a kernel calls, and its result; None if it stays closed."""
    large = sum(x.nbytes for x in i.inputs) > _LARGE
    if i.more or large or isinstance(i.call, BuiltinFunctionType):
        return None
    opening = _Inlining(i)
    try:
        with np.errstate(all="call", call=_called):
            args = [opening.stand_in(x) for x in i.args]
            params = {k: opening.stand_in(x) for k, x in i.params.items()}
            out = i.call(*args, **params)
    except (Closed, AttributeError, TypeError):
        return None
    if not isinstance(out, StandIn) or out.var not in opening.made:
        return None
    return (opening, out.var) if alike(out.var, i.out) else None
