"""Where the results of a program lie: which share a buffer, and which must have their own.

A result that leaves the program has memory of its own, since the user may keep it. All others lie
in buffers made once: two share one if the first is not needed any more when the second is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tinygrad_nn.compile.emit.forms import INTO, Form, form_of, fresh, inplace_pairs
from tinygrad_nn.compile.layout import alike, dense
from tinygrad_nn.compile.program import Instruction, Program, Var

__all__ = ["Plan", "alone", "planned"]

_LINE = 64
_FOREVER = 1 << 60


@dataclass(slots=True)
class _Slot:
    """Memory that several results use, one after the other."""

    nbytes: int = 0
    memory: np.ndarray | None = None

    def array(self, var: Var) -> np.ndarray:
        """The memory in the form of `var`."""
        if self.memory is None:
            raw = np.zeros(self.nbytes + _LINE, np.uint8)
            start = -raw.ctypes.data % _LINE
            self.memory = raw[start : start + self.nbytes]
        return np.ndarray(var.shape, var.dtype, self.memory, 0, var.strides)


@dataclass(slots=True)
class Plan:
    """The memory of a program.

    Attributes:
        forms: How each instruction is carried out.
        owners: For each variable those whose memory it may show.
        last: For each owner the number of the last instruction that uses it.
        slots: Buffers of the results that lie in one.
        escaping: Owners that leave the program.
        peak_bytes: What all buffers take, and the results that leave.
        eager_bytes: What the same results take at their height if each has memory of its own, from
            when it is made until it was last used.
    """

    forms: list[Form]
    owners: dict[Var, frozenset[Var]] = field(default_factory=dict)
    last: dict[Var, int] = field(default_factory=dict)
    slots: dict[Var, _Slot] = field(default_factory=dict)
    escaping: set[Var] = field(default_factory=set)
    peak_bytes: int = 0
    eager_bytes: int = 0

    @property
    def buffers(self) -> int:
        """Number of buffers."""
        return len({id(slot) for slot in self.slots.values()})


def planned(program: Program) -> Plan:
    """Find out what may share memory."""
    plan = Plan([form_of(i) for i in program.instructions])
    _own(program, plan)
    _follow(program, plan)
    _place(program, plan)
    return plan


def _own(program: Program, plan: Plan) -> None:
    owners = plan.owners
    for var in (*program.inputs, *program.constants):
        owners[var] = frozenset({var}) if var.dtype is not None else frozenset()
    for i, form in zip(program.instructions, plan.forms, strict=True):
        shared: frozenset[Var] = frozenset()
        if not fresh(i, form):
            shared = shared.union(*[owners[x] for x in i.inputs])
        for var in i.results:
            mine = {var} if form is not Form.VIEW and form is not Form.NUMBER else set()
            owners[var] = shared | mine


def _follow(program: Program, plan: Plan) -> None:
    for n, i in enumerate(program.instructions):
        for var in (*i.inputs, *i.results):
            for owner in plan.owners[var]:
                plan.last[owner] = n
    for output in program.outputs:
        if isinstance(output.value, Var):
            plan.escaping |= plan.owners[output.value]
    for owner in plan.escaping:
        plan.last[owner] = _FOREVER


def _place(program: Program, plan: Plan) -> None:
    free: list[_Slot] = []
    ends: dict[int, list[Var]] = {}
    for owner, n in plan.last.items():
        ends.setdefault(n, []).append(owner)
    alive = height = 0
    for n, (i, form) in enumerate(zip(program.instructions, plan.forms, strict=True)):
        dying = [v for v in ends.get(n, ()) if v in plan.slots]
        if form in INTO:
            for k, var in enumerate(i.results):
                if var not in plan.escaping and dense(var):
                    taken = _taken(i, form, k, var, dying, plan)
                    if taken is not None:
                        dying.remove(taken)
                    plan.slots[var] = plan.slots[taken] if taken else _found(free, var.nbytes)
        free += [plan.slots[v] for v in dying]
        # A result that nothing uses ends where it is made.
        if form in INTO:
            free += [plan.slots[v] for v in i.results if plan.last[v] == n and v in plan.slots]
        alive += sum(v.nbytes for v in i.results if v in plan.owners[v])
        height = max(height, alive)
        alive -= sum(v.nbytes for v in ends.get(n, ()) if not _outside(program, v))
    plan.eager_bytes = height
    leaving = sum(v.nbytes for v in plan.escaping if not _outside(program, v))
    distinct = {id(slot): slot.nbytes for slot in plan.slots.values()}
    plan.peak_bytes = leaving + sum(distinct.values())


def _outside(program: Program, var: Var) -> bool:
    return var in program.inputs or var in program.constants


def _taken(
    i: Instruction, form: Form, k: int, var: Var, dying: list[Var], plan: Plan
) -> Var | None:
    """An argument that is not needed any more and whose memory can take the result."""
    for result, n in inplace_pairs(i, form):
        x: Var = i.args[n]
        if result != k or x not in dying or not alike(x, var):
            continue
        if alone(i, n, plan.owners):
            return x
    return None


def alone(i: Instruction, n: int, owners: Mapping[Var, frozenset[Var]]) -> bool:
    """Whether no other argument shows the memory of argument `n` in another way."""
    x: Var = i.args[n]
    return not any(y is not x and owners[y] & owners[x] for y in i.inputs)


def _found(free: list[_Slot], nbytes: int) -> _Slot:
    """A free buffer: the smallest that is large enough, else the largest, made larger."""
    fitting = [slot for slot in free if slot.nbytes >= nbytes]
    slot = min(fitting, key=lambda s: s.nbytes) if fitting else None
    if slot is None and free:
        slot = max(free, key=lambda s: s.nbytes)
    if slot is None:
        return _Slot(nbytes)
    free.remove(slot)
    slot.nbytes = max(slot.nbytes, nbytes)
    return slot
