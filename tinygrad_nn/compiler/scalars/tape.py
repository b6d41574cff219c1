"""A program of numbers as a list of nodes, with long sums made one node each.

`a + b + c + …` from left to right is one node of the kind `SUM`: a loop adds in that order too, so
that the bits are those of the operations one by one. The sums of neurons, of the losses, and of
the gradients that reach a weight from each sample are such.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from tinygrad_nn.compiler.program import Program, Var

__all__ = ["SUM", "Entry", "Tape", "tape_of"]

SUM = operator.add
"""The kind of sums, of any number of terms."""


@dataclass(slots=True)
class Entry:
    """One computation: `kind` of the values with these numbers."""

    kind: Callable[..., Any]
    args: list[int]
    out: int


@dataclass(frozen=True, slots=True)
class Tape:
    """A program of numbers.

    Attributes:
        inputs: Places that the first values are read from.
        fixed: The values that follow them, the same at each replay.
        entries: In an order in which each comes after its arguments.
        numbers: For each variable the number of its value.
        count: How many values there are, with those that sums have made superfluous.
    """

    inputs: tuple[Any, ...]
    fixed: tuple[float, ...]
    entries: tuple[Entry, ...]
    numbers: dict[Var, int]
    count: int


def tape_of(program: Program) -> Tape | None:
    """The program as a tape; None if it computes anything but floats from floats."""
    fixed: dict[Any, int] = {}
    numbers = {var: n for n, var in enumerate(program.inputs)}
    if any(var.dtype is not None for var in (*program.inputs, *program.constants)):
        return None
    found: list[tuple[Any, list[Any], Var]] = []
    for i in program.instructions:
        if i.out.dtype is not None or i.params or i.more or not i.pure:
            return None
        if not all(type(x) in (Var, float, int, bool) for x in i.args):
            return None
        # Results are floats here anyway, also those of comparisons.
        found.append((getattr(i.call, "__wrapped__", i.call), list(i.args), i.out))
    held = program.constants
    outs = {output.value for output in program.outputs if isinstance(output.value, Var)}
    found = _alive(found, outs)
    values: list[float] = []

    def number(x: Any) -> int:
        if isinstance(x, Var) and x not in held:
            return numbers[x]
        value = float(held[x] if isinstance(x, Var) else x)
        # 0.0 and -0.0 are equal, and no NaN equals itself.
        key = str(value) if not value or isnan(value) else value
        if key not in fixed:
            fixed[key] = len(program.inputs) + len(values)
            values.append(value)
        if isinstance(x, Var):
            numbers[x] = fixed[key]
        return fixed[key]

    for _, args, _out in found:
        for x in args:
            if x not in numbers and (not isinstance(x, Var) or x in held):
                number(x)
    for x in outs:
        if x in held:
            number(x)
    first = len(program.inputs) + len(values)
    for n, (_, _, out) in enumerate(found):
        numbers[out] = first + n
    nodes = [Entry(call, [number(x) for x in args], numbers[out]) for call, args, out in found]
    nodes = _summed(nodes, {numbers[x] for x in outs}, first)
    return Tape(
        tuple(program.inputs.values()), tuple(values), tuple(nodes), numbers, first + len(found)
    )


def _alive(found: list[Any], outs: set[Var]) -> list[Any]:
    """Without what nothing needs."""
    needed, kept = set(outs), []
    for item in reversed(found):
        if item[2] in needed:
            needed.update([x for x in item[1] if type(x) is Var])
            kept.append(item)
    return kept[::-1]


def _summed(nodes: Sequence[Entry], outs: set[int], first: int) -> list[Entry]:
    """Sums of sums as one node, where a partial sum is needed for nothing else."""
    uses = [0] * (first + len(nodes))
    for node in nodes:
        for a in node.args:
            uses[a] += 1
    for out in outs:
        uses[out] += 2
    sums: dict[int, list[int]] = {}
    for node in nodes:
        if node.kind is not SUM:
            continue
        a, b = node.args
        # A sum is added to from its left; of two, the longer one goes on.
        own_a = sums.get(a) if uses[a] == 1 else None
        own_b = sums.get(b) if uses[b] == 1 else None
        if own_b is not None and (own_a is None or len(own_b) > len(own_a)):
            a, b, own_a = b, a, own_b
        if own_a is None:
            terms = [a, b]
        else:
            terms = own_a
            terms.append(b)
            del sums[a]
        sums[node.out] = node.args = terms
    return [node for node in nodes if node.kind is not SUM or node.out in sums]
