"""Where the results of a program lie: which share a buffer, and which must have their own.

A result that leaves the program has memory of its own, since the user may keep it. All others lie
in buffers made once: two share one if the first is not needed any more when the second is made.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_nn.compiler.layout import alike, dense
from tinygrad_nn.compiler.plan.forms import INTO, Form, form_of, fresh, inplace_pairs
from tinygrad_nn.compiler.program import Instruction, Program, Var

__all__ = ["Memory", "Plan", "alone", "peak", "planned"]

_LINE = 64
_FOREVER = 1 << 60
_SEPARATE = 1 << 16
"""Bytes from which a result has no buffer, but memory for as long as it is needed. The call of the
allocator is nothing beside what is computed, what kernels return takes turns with it, and buffers
would stay when they are not needed: at the height of a step of a GPT of one layer that is 11.4 MB
and not the 14.0 of a bound of 2 MB, of a compiled LeNet 3.8 and not 4.9, in the same time. One
arena that all of them lie in, packed as well as can be, would take 13.2 and 4.1 MB."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a captured step takes for what it computes, and what eager code would take.

    `captured` and `eager` count arrays at their height: results that leave, results of which a
    later part of the step needs something, for a captured step also what it keeps. What a kernel
    takes only while it runs is in neither.

    Attributes:
        captured: With the buffers that results share.
        eager: With each result in memory of its own, from when it is made until its last use.
        held: Of `captured` what stays between two calls, until the step itself is given up: its
            buffers, and work space of compiled functions.
    """

    captured: int
    eager: int
    held: int = 0


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
class _Span:
    """Results that lie in the same place, each over the one before: from when to when."""

    first: int
    last: int
    nbytes: int
    slot: _Slot | None = None


@dataclass(slots=True)
class Plan:
    """The memory of a program.

    Attributes:
        forms: How each instruction is carried out.
        owners: For each variable those whose memory it may show.
        last: For each owner the number of the last instruction that uses it.
        slots: Buffers of the results that lie in one.
        heirs: Results without a buffer that are written over an argument without one, and which.
        escaping: Owners that leave the program.
        work_bytes: Work space that compiled functions keep.
        peak_bytes: What all buffers and work spaces take, and at their height the results that lie
            in none.
        eager_bytes: What the same results take at their height if each has memory of its own, from
            when it is made until it was last used.
    """

    forms: list[Form]
    owners: dict[Var, frozenset[Var]] = field(default_factory=dict)
    last: dict[Var, int] = field(default_factory=dict)
    slots: dict[Var, _Slot] = field(default_factory=dict)
    heirs: dict[Var, Var] = field(default_factory=dict)
    escaping: set[Var] = field(default_factory=set)
    work_bytes: int = 0
    peak_bytes: int = 0
    eager_bytes: int = 0

    @property
    def buffers(self) -> int:
        """Number of buffers."""
        return len({id(slot) for slot in self.slots.values()})

    @property
    def held_bytes(self) -> int:
        """What stays between two calls."""
        sizes = {id(slot): slot.nbytes for slot in self.slots.values()}
        return sum(sizes.values()) + self.work_bytes


def planned(program: Program, placing: bool = True) -> Plan:
    """Find out what may share memory; without `placing` only what has memory of its own."""
    plan = Plan([form_of(i) for i in program.instructions])
    _own(program, plan)
    _follow(program, plan)
    if placing:
        _place(program, plan)
        plan.work_bytes = sum(_work(i.call) for i in program.instructions)
        plan.eager_bytes = _height(program, plan)
        plan.peak_bytes = peak(program, plan)
    return plan


def peak(program: Program, plan: Plan, over: Collection[Var] = ()) -> int:
    """Bytes at the height of a replay; those `over` which an input is written take none."""
    return plan.held_bytes + _height(program, plan, {*plan.slots, *over}, plan.heirs)


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
    """Give buffers to results, the largest first: later ones fit into what is there."""
    spans: list[_Span] = []
    at: dict[Var, _Span] = {}
    single: set[Var] = set()
    for n, (i, form) in enumerate(zip(program.instructions, plan.forms, strict=True)):
        dying = {v for v in i.inputs if (v in at or v in single) and plan.last[v] == n}
        for k, var in enumerate(i.results if form in INTO else ()):
            if var in plan.escaping or not dense(var):
                continue
            taken = _taken(i, form, k, var, dying, plan)
            if var.nbytes > _SEPARATE:
                single.add(var)
                if taken is not None:
                    dying.remove(taken)
                    plan.heirs[var] = taken
            elif taken is None:
                at[var] = _Span(n, plan.last[var], var.nbytes)
                spans.append(at[var])
            else:
                dying.remove(taken)
                at[var] = at[taken]
                at[var].last = plan.last[var]
    slots: list[tuple[_Slot, list[int]]] = []
    for span in sorted(spans, key=lambda s: -s.nbytes):
        # The smallest that is free all the time, so as to keep the large.
        slot = next((s for s, times in reversed(slots) if _free(times, span)), None)
        if slot is None:
            slot = _Slot(span.nbytes)
            slots.append((slot, []))
        times = next(t for s, t in slots if s is slot)
        insort(times, span.first)
        insort(times, span.last)
        span.slot = slot
    plan.slots = {var: span.slot for var, span in at.items() if span.slot is not None}


def _free(times: list[int], span: _Span) -> bool:
    """Whether a buffer with these first and last uses is free for as long as `span` lasts."""
    place = bisect_left(times, span.first)
    return not place % 2 and (place == len(times) or span.last < times[place])


def _height(
    program: Program, plan: Plan, without: Collection[Var] = (), heirs: Collection[Var] = ()
) -> int:
    """Bytes of results in memory of their own, at most at one time; `heirs` take over another's."""
    ends: dict[int, int] = {}
    for owner, n in plan.last.items():
        if not _outside(program, owner) and owner not in without:
            ends[n] = ends.get(n, 0) + owner.nbytes
    alive = height = 0
    for n, i in enumerate(program.instructions):
        made = [v for v in i.results if v in plan.owners[v] and v not in without]
        alive += sum(v.nbytes for v in made)
        height = max(height, alive - sum(v.nbytes for v in made if v in heirs))
        alive -= ends.get(n, 0)
    return height


def _work(call: Any) -> int:
    """Bytes that a compiled function keeps to work in."""
    call = getattr(call, "strict", call)
    call = getattr(call, "whole", call)
    given = [x for x in getattr(call, "args", ()) if isinstance(x, np.ndarray)]
    return sum(x.nbytes for x in given) + int(getattr(call, "nbytes", 0))


def _outside(program: Program, var: Var) -> bool:
    return var in program.inputs or var in program.constants


def _taken(
    i: Instruction, form: Form, k: int, var: Var, dying: Collection[Var], plan: Plan
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
