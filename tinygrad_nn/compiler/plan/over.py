"""Results that need no memory of their own, though they leave the program."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._core import umath

from tinygrad_nn.compiler.facts import facts_of
from tinygrad_nn.compiler.layout import alike, dense
from tinygrad_nn.compiler.places import Entry, Gradient, Payload, key_of, lasting
from tinygrad_nn.compiler.plan.forms import INTO, Form, inplace_pairs
from tinygrad_nn.compiler.plan.memory import Plan, alone
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var

__all__ = ["calm", "in_place", "reusable"]

# NumPy's own name, of which 60 ns are to be had: `geterr` takes 1 µs.
_STATE: Any = getattr(umath, "_extobj_contextvar", None)
_USUAL = None if _STATE is None or "raise" in np.geterr().values() else _STATE.get()


def calm() -> bool:
    """Whether no number makes NumPy raise: an update that ends half-way must not have written."""
    if _USUAL is not None and _STATE.get() is _USUAL:
        return True
    return not {"raise", "call"}.intersection(np.geterr().values())


def in_place(program: Program, plan: Plan) -> dict[Var, Var]:
    """Results that may be written over the input that they take the place of.

    Whether somebody else has the array of that input is asked at each replay.
    """
    found: dict[Var, Var] = {}
    places = {key_of(place): v for v, place in program.inputs.items() if lasting(place, v)}
    made = {v: (n, i) for n, i in enumerate(program.instructions) for v in i.results}
    sure = _sure_from(program, plan)
    for output, var in _single(program, plan):
        if not isinstance(output.place, (Payload, Entry)) or var not in made:
            continue
        old = places.get(key_of(output.place))
        n, i = made[var]
        if old is None or n < sure or plan.forms[n] not in INTO or not alike(old, var):
            continue
        if old in plan.escaping or plan.owners[var] != {var} or not dense(var):
            continue
        last = plan.last.get(old, -1)
        if last < n or (last == n and _written_over(plan, i, plan.forms[n], var, old)):
            found[var] = old
    return found


def _sure_from(program: Program, plan: Plan) -> int:
    """Number of the first instruction from which on none can fail or find a mismatch."""
    for n, i in reversed(list(enumerate(program.instructions))):
        if (not i.pure or plan.forms[n] is Form.CALL) and not facts_of(i).sure:
            return n + 1
    return 0


def _written_over(plan: Plan, i: Instruction, form: Form, var: Var, old: Var) -> bool:
    k = i.results.index(var)
    pairs = inplace_pairs(i, form)
    uses = [n for n, x in enumerate(i.args) if x is old]
    if len(uses) != sum(x is old for x in i.inputs):
        return False
    return all((k, n) in pairs and alone(i, n, plan.owners) for n in uses)


def reusable(program: Program, plan: Plan) -> dict[Var, Gradient]:
    """Gradients that are new at each call, so that the array of the last may serve again."""
    read = {key_of(p) for p in program.inputs.values() if isinstance(p, Gradient)}
    made = {v: plan.forms[n] for n, i in enumerate(program.instructions) for v in i.results}
    return {
        var: o.place
        for o, var in _single(program, plan)
        if isinstance(o.place, Gradient)
        and key_of(o.place) not in read
        and made.get(var) in INTO
        and dense(var)
    }


def _single(program: Program, plan: Plan) -> list[tuple[Output, Var]]:
    """Outputs whose variable leaves nowhere else."""
    used: dict[Var, int] = {}
    for o in program.outputs:
        for owner in plan.owners[o.value] if isinstance(o.value, Var) else ():
            used[owner] = used.get(owner, 0) + 1
    return [
        (o, o.value)
        for o in program.outputs
        if isinstance(o.value, Var) and plan.owners[o.value] == {o.value} and used[o.value] == 1
    ]
