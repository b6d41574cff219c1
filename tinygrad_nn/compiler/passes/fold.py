"""Constant folding: what follows from constants that nobody else has is worked out once.

An array of the user is a constant by reference: what is written into it between two calls counts.
So nothing is folded that depends on one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.compiler.layout import alike
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted, mapped

__all__ = ["folded"]

_LARGE = 1 << 16
"""Bytes from which a result is rather computed anew than kept."""


def folded(program: Program) -> Program:
    """Replace pure instructions whose inputs are all such constants by their results."""
    constants, private = dict(program.constants), set(program.private)
    kept = []
    for i in program.instructions:
        value = _value(i, constants) if i.inputs and private.issuperset(i.inputs) else None
        if value is None:
            kept.append(i)
        else:
            constants[i.out] = value
            private.add(i.out)
    count = len(program.instructions) - len(kept)
    if not count:
        return program
    shorter = replace(
        program,
        constants=constants,
        instructions=tuple(kept),
        private=frozenset(private),
    )
    return shorter.noted("folding", f"worked out {counted(count, 'instruction')} beforehand")


def _value(i: Instruction, constants: dict[Var, Any]) -> Any:
    """What an instruction gives; None if that is better found at each call."""
    if not i.pure or i.writes or i.more or i.out.dtype is None or i.out.nbytes > _LARGE:
        return None
    try:
        # A warning or an error is due at each call.
        with np.errstate(all="raise"):
            found = i.call(*mapped(i.args, constants), **mapped(dict(i.params), constants))
    except Exception:
        return None
    if not isinstance(found, (np.ndarray, np.generic)):
        return None
    value = np.asarray(found)
    return value if alike(Var(value.shape, value.dtype, value.strides), i.out) else None
