"""`Net`: the part of a trace between one record and the root, and what flows along its edges.

Two of them: of recorded numbers, here, and of a graph that is still there, which the house
of the recorder makes since it alone knows the engine. Arrays are flat in both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_nn.viz.trace.model import Edge, Trace

__all__ = ["Net", "Recorded"]


class Net(ABC):
    """What lies between the record `start` and the root.

    Attributes:
        trace: The trace.
        start: Key of the record that is explained.
        between: Keys of the records on the way, inputs first; empty if there is no way.
        edges: Edges on the way, by their target.
        onward: The same by their source, in the order of the backward pass where it is known.
        count: For each record on the way the number of paths from the root to it.
    """

    def __init__(self, trace: Trace, start: int) -> None:
        self.trace, self.start = trace, start
        reached = {start}
        edges: dict[int, list[Edge]] = {}
        for target, uses in trace.uses().items():
            onto = [e for e in uses if e.source in reached]
            if onto and target != start:
                reached.add(target)
                edges[target] = onto
        # Of what is reached from the start only that counts which the root is computed from.
        below: set[int] = {trace.root.key} & reached
        for record in reversed(trace.records):
            if record.key in below:
                below.update(e.source for e in edges.get(record.key, ()))
        self.between = [r.key for r in trace.records if r.key in below]
        self.edges = {key: edges[key] for key in self.between if key in edges}
        self.onward: dict[int, list[Edge]] = defaultdict(list)
        for key in reversed(self.between):
            for edge in self.edges.get(key, ()):
                self.onward[edge.source].append(edge)
        for listed in self.onward.values():
            listed.sort(key=lambda e: (e.step is None, e.step or 0))
        self.count = self._counted()

    def _counted(self) -> dict[int, int]:
        count: dict[int, int] = defaultdict(int)
        if self.between:
            count[self.trace.root.key] = 1
        for key in reversed(self.between):
            for edge in self.edges.get(key, ()):
                count[edge.source] += count[key]
        return dict(count)

    @property
    def total(self) -> int:
        """Number of paths from the root to the start."""
        return self.count.get(self.start, 0)

    @abstractmethod
    def gradient(self, key: int) -> Any:
        """Gradient of the root with respect to a record, flat; None if it is not known."""

    @abstractmethod
    def ahead(self, edge: Edge, tangent: Any) -> Any:
        """How the target moves when the source moves along `tangent`, both flat."""

    @abstractmethod
    def behind(self, edge: Edge, g: Any) -> Any:
        """What the use hands to its source when the target has the gradient `g`, both flat."""


class Recorded(Net):
    """By what was recorded: local derivatives of numbers, and those of small operations."""

    @cached_property
    def _entries(self) -> dict[tuple[int, int], Any]:
        return {
            (j.target, j.slot): np.array(j.entries, np.float64).reshape(-1, 3)
            for j in self.trace.jacobians
        }

    @cached_property
    def missing(self) -> list[Edge]:
        """Edges whose derivatives were not recorded."""
        listed = (e for edges in self.edges.values() for e in edges)
        return [e for e in listed if e.local is None and (e.target, e.slot) not in self._entries]

    def gradient(self, key: int) -> Any:
        """By the figure of the record."""
        found = self.trace.records[key].gradient
        if found is None or found.elements is None:
            return None
        return np.array(found.elements, np.float64)

    def ahead(self, edge: Edge, tangent: Any) -> Any:
        """By the local derivative, or the entries of the Jacobian."""
        with np.errstate(all="ignore"):
            if edge.local is not None:
                return tangent * edge.local
            entries = self._entries[edge.target, edge.slot]
            out = np.zeros(self.trace.records[edge.target].value.size)
            source = entries[:, 1].astype(int)
            np.add.at(out, entries[:, 0].astype(int), entries[:, 2] * tangent[source])
            return out

    def behind(self, edge: Edge, g: Any) -> Any:
        """By the same; where a derivative is 0 and `g` not finite, by what the pass handed on."""
        with np.errstate(all="ignore"):
            if edge.local is not None:
                return g * edge.local
            entries = self._entries[edge.target, edge.slot]
            out = np.zeros(self.trace.records[edge.source].value.size)
            target = entries[:, 0].astype(int)
            np.add.at(out, entries[:, 1].astype(int), entries[:, 2] * g[target])
        handed = getattr(edge.contribution, "elements", None)
        if handed is None or np.isfinite(g).all():
            return out
        # Entries are kept where they are not 0 only: 0 · ∞ is NaN, unless the rule leaves it out.
        return np.where(np.isnan(np.array(handed, np.float64)), np.nan, out)
