"""Chains of elementwise calls over large arrays, run block by block so that blocks stay in cache.

An optimiser's formula goes a dozen times over arrays of megabytes; here each block goes through
all calls before the next one begins. What lies between two calls is a block long, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.compiler.layout import alike, c_order
from tinygrad_nn.compiler.plan.forms import into, weak_dtype
from tinygrad_nn.compiler.plan.memory import planned
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted
from tinygrad_nn.compiler.source import Source

__all__ = ["BLOCK", "blocks"]

BLOCK = 1 << 16
"""Bytes of a block: those of the eight arrays of Adam's formula stay in 1 MB."""
_LARGE = 4 * BLOCK
_SHORT = 3
"""Calls that make a chain worth its loop."""


def blocks(program: Program) -> Program:
    """Make one instruction of each run of elementwise calls over arrays of one large form."""
    escaping = planned(program, placing=False).escaping
    needed = {o.value for o in program.outputs if isinstance(o.value, Var)}
    last: dict[Var, int] = {}
    for n, i in enumerate(program.instructions):
        last.update(dict.fromkeys(i.inputs, n))
    kept: list[Instruction] = []
    count = merged = start = 0
    while start < len(program.instructions):
        stop = _end(program.instructions, start)
        run = program.instructions[start:stop]
        if len(run) < _SHORT:
            kept += program.instructions[start : max(stop, start + 1)]
            start = max(stop, start + 1)
            continue
        left = [
            i.out
            for i in run
            if i.out in needed or i.out in escaping or last.get(i.out, -1) >= stop
        ]
        if left:
            kept.append(_chain(run, left))
            count, merged = count + 1, merged + len(run)
        start = stop
    if not count:
        return program
    text = (
        f"{counted(merged, 'call')} run in {counted(count, 'chain')}, {BLOCK // 1024} kB at a time"
    )
    return replace(program, instructions=tuple(kept)).noted("blocks", text)


def _end(instructions: Sequence[Instruction], start: int) -> int:
    """Where the run that begins at `start` is over."""
    first = instructions[start]
    n = start
    while n < len(instructions) and _fits(instructions[n], first.out):
        n += 1
    return n


def _fits(i: Instruction, form: Var) -> bool:
    """Whether it is a call of one of NumPy's elementwise functions on arrays of this form."""
    if not isinstance(i.call, np.ufunc) or i.call.nout != 1 or i.call.signature or i.params:
        return False
    if not i.pure or i.out.nbytes < _LARGE or not alike(i.out, form) or not c_order(form):
        return False
    if len(i.args) != i.call.nin:
        return False
    for x in i.args:
        if isinstance(x, Var):
            if x.shape and not alike(x, form):
                return False
        elif type(x) not in (int, float):
            return False
    return True


def _chain(run: Sequence[Instruction], left: list[Var]) -> Instruction:
    made = {i.out for i in run}
    given = list(dict.fromkeys(x for i in run for x in i.inputs if x not in made))
    arrays = [x for x in given if x.shape]
    single = [x for x in given if not x.shape]
    call = _compiled(run, arrays, single, left)
    at = {i.out: n for n, i in enumerate(run)}
    uses = {x: max(n for n, i in enumerate(run) if x in i.inputs) for x in arrays}
    pairs = frozenset(
        (k, n)
        for k, var in enumerate(left)
        for n, x in enumerate(arrays)
        if uses[x] <= at[var] and alike(x, var)
    )
    return Instruction(
        "blocks", call, (*arrays, *single), {}, left[0], line=run[-1].line, more=tuple(left[1:]),
        writes=True, inplace=pairs, phase=run[-1].phase, inside=tuple(run),
    )  # fmt: skip


def _compiled(
    run: Sequence[Instruction], arrays: list[Var], single: list[Var], left: list[Var]
) -> Any:
    """The function: `chain(*arrays, *single, *left)`, and `length` of a block by keyword."""
    source, dtype = Source(), left[0].dtype
    names = {x: f"x{n}" for n, x in enumerate(arrays)}
    names.update((x, f"n{n}") for n, x in enumerate(single))
    names.update((x, f"y{n}") for n, x in enumerate(left))
    scratch = _scratch(run, left, names)
    parts = [*[names[x] for x in arrays], *[names[x] for x in left]]
    whole = [*[names[x] for x in arrays], *[names[x] for x in single], *[names[x] for x in left]]
    cells = _cells(source, run, names)
    source.line(f"def part({', '.join([*parts, *[names[x] for x in single], *scratch])}):", 0)
    for i in run:
        args = [source.written(cells.get((x, weak_dtype(i)), x), names.__getitem__) for x in i.args]
        source.line(f"{source.name(i.call, 'f')}({into(i.call, args, names[i.out])})")
    source.line(f"def chain({', '.join(whole)}, length={BLOCK // dtype.itemsize}):", 0)
    for name in parts:
        source.line(f"{name} = {name}.reshape(-1)")
    for (x, _), cell in cells.items():
        source.line(f"{names[cell]}[()] = {names[x]}")
    # Threads may share the arrays, as slices of them: each call has blocks of its own.
    source.scope["empty"] = np.empty
    for name in scratch:
        source.line(f"s{name} = empty(length, {source.name(dtype, 'dtype')})")
    source.line(f"size = {parts[-1]}.size")
    source.line("end = size - size % length")
    rest = [*[names[x] for x in single], *[f"s{name}" for name in scratch]]
    source.line("for a in range(0, end, length):")
    source.line("b = a + length", 2)
    source.line(f"part({', '.join([*[f'{x}[a:b]' for x in parts], *rest])})", 2)
    source.line("if end < size:")
    short = [*[names[x] for x in single], *[f"s{x}[: size - end]" for x in scratch]]
    source.line(f"part({', '.join([*[f'{x}[end:]' for x in parts], *short])})", 2)
    return source.compiled()["chain"]


def _cells(source: Source, run: Sequence[Instruction], names: dict[Var, str]) -> dict[Any, Var]:
    """Arrays of no axes that Python numbers are put into, for the dtype they are converted to."""
    cells: dict[Any, Var] = {}
    for i in run:
        dtype = weak_dtype(i)
        for x in i.args:
            if dtype is not None and isinstance(x, Var) and x.dtype is None:
                if (x, dtype) not in cells:
                    cell = cells[x, dtype] = Var((), dtype)
                    names[cell] = source.name(np.empty((), dtype), "c")
    return cells


def _scratch(run: Sequence[Instruction], left: list[Var], names: dict[Var, str]) -> list[str]:
    """Name what stays inside; blocks that are not needed any more serve again."""
    last = {x: n for n, i in enumerate(run) for x in i.inputs}
    free: list[str] = []
    found: list[str] = []
    inner = set[Var]()
    for n, i in enumerate(run):
        free += [names[x] for x in {*i.inputs} if x in inner and last[x] == n]
        if i.out in left:
            continue
        if not free:
            free.append(f"t{len(found)}")
            found.append(free[-1])
        names[i.out] = free.pop()
        inner.add(i.out)
        if i.out not in last:
            free.append(names[i.out])
    return found
