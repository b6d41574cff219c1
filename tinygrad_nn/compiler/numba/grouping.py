"""The pass: what is understood is put together and compiled, the rest stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush

import numpy as np

from tinygrad_nn.compiler.numba.cache import require
from tinygrad_nn.compiler.numba.lower import parts_of
from tinygrad_nn.compiler.numba.parts import Element, Part, View
from tinygrad_nn.compiler.numba.segment import compiled
from tinygrad_nn.compiler.parallel.large import large_product
from tinygrad_nn.compiler.places import key_of, lasting
from tinygrad_nn.compiler.program import Instruction, Program, Var, counted, variables
from tinygrad_nn.threads import allowed

__all__ = ["with_numba"]

_LONGEST = 600
"""Instructions of one function: compiling takes longer than in proportion beyond."""
_ALONE = 2
"""Parts that compute, below which a function of its own saves nothing."""


def with_numba(program: Program) -> Program:
    """The same program with groups of instructions replaced by compiled ones.

    Raises:
        OptionError: numba is not installed.
    """
    require()
    known = {i.out: None if _for_threads(i) else parts_of(i) for i in program.instructions}
    fixed = {v for v, x in program.constants.items() if isinstance(x, np.ndarray)}
    runs = _scheduled(program.instructions, known)
    wanted_last = {o.value for o in program.outputs if isinstance(o.value, Var)}
    claims = _claims(program)
    after: list[set[Var]] = []
    later: set[Var] = set(wanted_last)
    for run in reversed(runs):
        after.append(set(later))
        later.update(v for i in run for v in i.inputs)
    after.reverse()
    instructions: list[Instruction] = []
    count = 0
    for run, wanted in zip(runs, after, strict=True):
        found = _replaced(run, known, wanted, claims, fixed)
        count += sum(i.name == "numba" for i in found)
        instructions += found
    done = replace(program, instructions=tuple(instructions))
    left = sorted({i.name for i in instructions if known.get(i.out) is None and i.name != "numba"})
    text = f"{counted(len(program.instructions), 'instruction')}, "
    text += counted(count, "compiled function")
    return done.noted("numba", text + (f"; NumPy computes {', '.join(left)}" if left else ""))


def _for_threads(i: Instruction) -> bool:
    """Products that threads can share stay with NumPy: alone it costs 3 hundredths of a step."""
    return large_product(i) and allowed() > 1


def _claims(program: Program) -> dict[Var, Var]:
    """For what is written at the end the variable that was read from the same place."""
    read = {key_of(p): v for v, p in program.inputs.items() if lasting(p, v)}
    found = {}
    for output in program.outputs:
        old = read.get(key_of(output.place))
        if old is not None and isinstance(output.value, Var):
            found[output.value] = old
    return found


def _scheduled(
    instructions: Sequence[Instruction], known: dict[Var, list[Part] | None]
) -> list[list[Instruction]]:
    """Runs of one kind, as long as the order that results need allows."""
    needs = _needs(instructions)
    users: list[list[int]] = [[] for _ in instructions]
    for n, s in enumerate(needs):
        for m in s:
            users[m].append(n)
    waits = [len(s) for s in needs]
    kinds = [known[i.out] is not None for i in instructions]
    ready: dict[bool, list[int]] = {True: [], False: []}
    for n, w in enumerate(waits):
        if not w:
            heappush(ready[kinds[n]], n)
    runs: list[list[Instruction]] = []
    now = False
    while ready[True] or ready[False]:
        now = now if ready[now] else not now
        run: list[Instruction] = []
        while ready[now] and len(run) < _LONGEST:
            n = heappop(ready[now])
            run.append(instructions[n])
            for user in users[n]:
                waits[user] -= 1
                if not waits[user]:
                    heappush(ready[kinds[user]], user)
        runs.append(run)
        now = not now
    return runs


def _needs(instructions: Sequence[Instruction]) -> list[set[int]]:
    """For each instruction the numbers of those that must come before it.

    Nothing overtakes what draws at random, or what may end the replay: parameters may be written
    over afterwards.
    """
    makers = {v: n for n, i in enumerate(instructions) for v in i.results}
    needs = [{makers[v] for v in i.inputs if v in makers} for i in instructions]
    before = None
    for n, i in enumerate(instructions):
        if before is not None:
            needs[n].add(before)
        if not i.pure:
            before = n
    return needs


def _replaced(
    run: list[Instruction],
    known: dict[Var, list[Part] | None],
    wanted: set[Var],
    claims: dict[Var, Var],
    fixed: set[Var],
) -> list[Instruction]:
    """A run as one compiled instruction and the views of what it made; or as it is."""
    if any(known[i.out] is None for i in run):
        return run
    outside = [i for i in run if i.out in wanted]
    # A view for others is made by NumPy: of memory that the function filled.
    shown = _shown(run, known, outside)
    sources = {v for i in shown for v in i.inputs} - {i.out for i in shown}
    results = [i.out for i in run if i not in shown and (i in outside or i.out in sources)]
    parts: list[Part] = []
    for i in run:
        found = known[i.out] or []
        parts += _written(i.out, found) if i.out in results else found
    if not results or sum(not isinstance(p, View) for p in parts) < _ALONE:
        return run
    inside = tuple(i for i in run if i not in shown)
    head = replace(compiled(parts, results, claims, fixed, run[0].line), inside=inside)
    return [head, *shown]


def _shown(
    run: list[Instruction], known: dict[Var, list[Part] | None], outside: list[Instruction]
) -> list[Instruction]:
    """Views that others need, with the views that they are views of."""
    makers = {i.out: i for i in run}
    found: dict[Instruction, None] = {}
    queue = [i for i in outside if _is_view(known[i.out])]
    while queue:
        i = queue.pop()
        if i in found:
            continue
        found[i] = None
        queue += [makers[v] for v in variables(i.args) if v in makers and _is_view(known[v])]
    return [i for i in run if i in found]


def _written(out: Var, parts: list[Part]) -> list[Part]:
    """Parts whose result is in memory of its own, where it would be a view of what they made."""
    last = parts[-1]
    if _is_view(parts) or not isinstance(last, View):
        return parts
    inner = Var(out.shape, out.dtype, out.strides)
    return [*parts[:-1], replace(last, out=inner), Element(out, "{0}", (inner,), (out.dtype,))]


def _is_view(parts: list[Part] | None) -> bool:
    return parts is not None and all(isinstance(p, View) for p in parts)
