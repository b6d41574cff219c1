"""Order of a tape by levels: what depends on nothing of its own level is computed together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.compiler.scalars.tape import Tape

__all__ = ["Group", "Schedule", "schedule_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """Equal computations on different numbers.

    Attributes:
        kind: What is computed.
        start: Number of the first result; the others follow.
        args: Numbers of the arguments, (arguments, results).
    """

    kind: Callable[..., Any]
    start: int
    args: Any


@dataclass(frozen=True, slots=True)
class Schedule:
    """A tape in groups, its values numbered so that those of a group stand side by side.

    Attributes:
        groups: In order.
        places: For each value of the tape its number here.
        count: How many values there are.
    """

    groups: tuple[Group, ...]
    places: Any
    count: int


def schedule_of(tape: Tape) -> Schedule:
    """Levels, then groups."""
    fixed = len(tape.inputs) + len(tape.fixed)
    level = [0] * tape.count
    gathered: dict[Any, list[Any]] = {}
    for node in tape.entries:
        deep = 1 + max([level[a] for a in node.args])
        level[node.out] = deep
        gathered.setdefault((deep, node.kind, len(node.args)), []).append(node)
    places = np.full(tape.count, -1, np.int64)
    places[:fixed] = np.arange(fixed)
    ordered = sorted(gathered, key=lambda key: key[0])
    at = fixed
    for key in ordered:
        for node in gathered[key]:
            places[node.out] = at
            at += 1
    groups = []
    for key in ordered:
        nodes = gathered[key]
        args = places[np.array([node.args for node in nodes]).T]
        groups.append(Group(key[1], int(places[nodes[0].out]), args))
    return Schedule(tuple(groups), places, at)
