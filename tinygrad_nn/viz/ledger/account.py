"""Graph to `Ledger`: walks the engine's nodes and adds up the memory that they hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node, label_of
from tinygrad_nn.tensor import Parameter
from tinygrad_nn.viz.ledger.model import Holding, Ledger, Saving
from tinygrad_nn.viz.ledger.reads import RESULT, Reader

__all__ = ["account"]

_LEAST_OPERATIONS = 2
"""A single operation has nothing inside that checkpointing could drop."""


class _Memory:
    """One piece of memory, and who holds it."""

    __slots__ = ("bytes", "first", "holders", "readers", "user")

    def __init__(self, first: Any, size: int) -> None:
        self.first = first
        self.bytes = size
        self.holders: list[Node] = []
        self.readers: list[str] = []
        self.user = False


def account(
    title: str,
    order: Sequence[Node],
    names: Mapping[Node, str],
    modules: Mapping[Node, str],
    groups: Iterable[tuple[str, frozenset[Node]]],
) -> Ledger:
    """Ledger of the nodes in `order`.

    Args:
        title: Name of the root.
        order: Every node of the graph, inputs before the results computed from them.
        names: Of each node.
        modules: Path of the module that each node was made in, where that is known.
        groups: Sets of nodes that one checkpoint could enclose, each with its title.
    """
    books = _Books(names)
    for node in order:
        books.enter(node)
    consumers = _consumers(order)
    savings = [s for s in (books.saving(*g, consumers) for g in groups) if s is not None]
    return Ledger(
        title,
        tuple(books.holdings(modules)),
        tuple(sorted(savings, key=lambda s: -s.bytes)),
        len(order),
        sum(map(sys.getsizeof, order)),
    )


class _Books:
    """Pieces of memory by their identity."""

    def __init__(self, names: Mapping[Node, str]) -> None:
        self.names = names
        self.memory: dict[int, _Memory] = {}
        self._reader = Reader()

    def enter(self, node: Node) -> None:
        """Note what `node` holds and what its rules read."""
        own = self._memory(node._data)
        own.holders.append(node)
        own.user |= node.is_leaf
        if node.is_leaf:
            return
        for slot, reads in enumerate(self._reader.reads(node)):
            if not isinstance(node.inputs[slot], Node):
                self._memory(node.inputs[slot])
            for place in reads:
                read = node._data if place == RESULT else node.values[place]
                self._memory(read).readers.append(self._reading(node, slot))
        for value in (node.params or {}).values():
            for part in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(part, np.ndarray):
                    self._memory(part).readers.append(f"{self.names[node]} itself")

    def _reading(self, node: Node, slot: int) -> str:
        target = node.inputs[slot]
        return f"{self.names[node]} for {self.names.get(target, 'an input')}"

    def _memory(self, payload: Any) -> _Memory:
        owner = payload
        while isinstance(getattr(owner, "base", None), np.ndarray):
            owner = owner.base
        found = self.memory.get(id(owner))
        if found is None:
            size = owner.nbytes if isinstance(owner, np.ndarray) else sys.getsizeof(owner)
            # Keeps the payload, so that no other object can come to lie at its address.
            found = self.memory[id(owner)] = _Memory(payload, size)
        return found

    def holdings(self, modules: Mapping[Node, str]) -> list[Holding]:
        """Largest first, else in forward order."""
        found = [self._holding(m, modules) for m in self.memory.values()]
        return sorted(found, key=lambda h: -h.bytes)

    def _holding(self, memory: _Memory, modules: Mapping[Node, str]) -> Holding:
        made = next((n for n in memory.holders if not n.is_leaf), None)
        leaf = next((n for n in memory.holders if n.is_leaf), None)
        kind = "constant" if not memory.holders else "result"
        if leaf is not None:
            kind = "parameter" if isinstance(leaf, Parameter) else "input"
        return Holding(
            names=tuple(self.names[n] for n in memory.holders) or _labels(memory.first),
            op="" if made is None or leaf is not None or made.op is None else made.op.name,
            kind=kind,
            shape=np.shape(memory.first),
            dtype=str(getattr(memory.first, "dtype", type(memory.first).__name__)),
            bytes=memory.bytes,
            module="" if not memory.holders else modules.get(memory.holders[0], ""),
            readers=tuple(dict.fromkeys(memory.readers)),
        )

    def saving(
        self, title: str, nodes: frozenset[Node], consumers: Mapping[Node, list[Node]]
    ) -> Saving | None:
        """What a checkpoint around `nodes` would save; None where that is nothing."""
        made = [n for n in nodes if not n.is_leaf]
        if len(made) < _LEAST_OPERATIONS:
            return None
        leaving = [n for n in made if any(c not in nodes for c in consumers.get(n, (None,)))]
        kept = {id(self._memory(n._data)) for n in leaving}
        # Constants are not counted: those that come from outside are kept by a checkpoint too.
        inside = [self._memory(n._data) for n in made]
        only = {
            id(m): m.bytes
            for m in inside
            if not m.user and id(m) not in kept and nodes.issuperset(m.holders)
        }
        dropped = sum(only.values())
        return Saving(title, dropped, len(made)) if dropped else None


def _labels(payload: Any) -> tuple[str, ...]:
    name = label_of(payload)
    return (name,) if name else ()


def _consumers(order: Sequence[Node]) -> dict[Node, list[Node]]:
    found: dict[Node, list[Node]] = {}
    for node in order:
        for p in node.inputs:
            if isinstance(p, Node):
                found.setdefault(p, []).append(node)
    return found
