"""`Wiring`: who uses whom in a trace, and in which order it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_nn.viz.trace.model import Edge, Record, Role, Trace

__all__ = ["Wiring", "learns"]


def learns(record: Record) -> bool:
    """Whether it is a parameter; so is a number that a model gave its path to."""
    if record.role is Role.PARAMETER:
        return True
    return record.role is Role.INPUT and record.named and _is_path(record.name)


def _is_path(name: str) -> bool:
    steps = name.split(".")
    return len(steps) > 1 and all(s.isidentifier() or s.isdecimal() for s in steps)


class Wiring:
    """Neighbours of every record of a trace.

    Attributes:
        trace: What it was read from.
        slots: For each record its inputs in the order of the slots, duplicates kept.
        users: For each record those that use it, each once.
        leaf: Whether a record is none of an operation.
        learned: Whether it is a parameter.
        position: Place in the order of reading: that of the forward computation, with each
            leaf right before the operation that uses it first.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        count = len(trace.records)
        self.slots: list[list[int]] = [[] for _ in range(count)]
        self.users: list[list[int]] = [[] for _ in range(count)]
        for edge in trace.edges:
            self.slots[edge.target].append(edge.source)
            users = self.users[edge.source]
            if not users or users[-1] != edge.target:
                users.append(edge.target)
        for key, users in enumerate(self.users):
            if len(users) > 1:
                self.users[key] = sorted(set(users))
        self.leaf = [r.op is None and not self.slots[r.key] for r in trace.records]
        self.learned = [
            leaf and learns(r) for r, leaf in zip(trace.records, self.leaf, strict=True)
        ]
        self.position = self._positions()

    def _positions(self) -> list[int]:
        count = len(self.leaf)
        waiting: list[list[int]] = [[] for _ in range(count)]
        for key in range(count):
            if self.leaf[key] and self.users[key]:
                waiting[self.users[key][0]].append(key)
        position, next_one = [0] * count, 0
        for key in range(count):
            if self.leaf[key] and self.users[key]:
                continue
            for one in (*waiting[key], key):
                position[one] = next_one
                next_one += 1
        return position

    def sorted(self, keys: Iterable[int]) -> list[int]:
        """Keys in the order of reading."""
        return sorted(keys, key=self.position.__getitem__)

    @cached_property
    def ends(self) -> tuple[Any, Any]:
        """Sources and targets of all edges, as arrays."""
        edges = self.trace.edges
        count = len(edges)
        return (
            np.fromiter((e.source for e in edges), np.int64, count),
            np.fromiter((e.target for e in edges), np.int64, count),
        )

    @cached_property
    def uses(self) -> list[list[Edge]]:
        """For each record its edges."""
        found: list[list[Edge]] = [[] for _ in self.leaf]
        for edge in self.trace.edges:
            found[edge.target].append(edge)
        return found

    @cached_property
    def kinds(self) -> list[int]:
        """A number for each record, equal for those of the same operation and shapes."""
        known: dict[object, int] = {}
        records = self.trace.records
        found = []
        for r in records:
            what = r.op if r.op is not None else r.role.name
            shapes = tuple(records[s].value.shape for s in self.slots[r.key])
            kind = (what, r.value.shape, shapes)
            found.append(known.setdefault(kind, len(known)))
        return found

    def operations(self, keys: Sequence[int]) -> list[str]:
        """Names of the operations among `keys`, the most frequent first."""
        records = self.trace.records
        counts = Counter(op for k in keys if (op := records[k].op) is not None)
        return [name for name, _ in counts.most_common()]
