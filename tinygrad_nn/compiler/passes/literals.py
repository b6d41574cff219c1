"""Python numbers beside arrays become arrays: NumPy takes 0.3 µs to convert one at each call."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_nn.compiler.plan.forms import weak_dtype
from tinygrad_nn.compiler.program import Program, Var, counted

__all__ = ["literals"]

_EXACT = 2**53


def literals(program: Program) -> Program:
    """Make such numbers arrays of no axes, once."""
    made: dict[Any, Var] = {}
    constants = dict(program.constants)

    def array(x: Any, dtype: Any) -> Any:
        if type(x) not in (int, float) or not isfinite(x) or abs(x) > _EXACT:
            return x
        key = dtype.char, repr(float(x))
        if key not in made:
            value = np.array(x, dtype)
            if not np.isfinite(value):
                return x
            value.flags.writeable = False
            made[key] = Var((), dtype)
            constants[made[key]] = value
        return made[key]

    changed = []
    for i in program.instructions:
        dtype = weak_dtype(i) if isinstance(i.call, np.ufunc) else None
        if dtype is None:
            changed.append(i)
        else:
            changed.append(replace(i, args=tuple(array(x, dtype) for x in i.args)))
    if not made:
        return program
    quicker = replace(program, instructions=tuple(changed), constants=constants)
    return quicker.noted("literals", f"made {counted(len(made), 'number')} to arrays")
