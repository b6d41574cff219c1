"""Graph to `Trace`: the engine's nodes are read, and written down as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node, label_of
from tinygrad_nn.tensor import Parameter
from tinygrad_nn.viz.trace.failures import short_line
from tinygrad_nn.viz.trace.figures import figure
from tinygrad_nn.viz.trace.graph import (
    PICTURES,
    Sources,
    as_made,
    below,
    fact_of,
    inputs_of,
    nearest,
    placed,
)
from tinygrad_nn.viz.trace.jacobians import MOST_NODES, local_derivatives
from tinygrad_nn.viz.trace.model import (
    NEEDS_NONE,
    NONE_ARRIVES,
    NOT_KEPT,
    NOT_RUN,
    Edge,
    Jacobian,
    Record,
    Role,
    Scope,
    Summary,
    Trace,
)
from tinygrad_nn.viz.trace.rules import argument_names, rule_texts
from tinygrad_nn.viz.trace.statics import static_texts
from tinygrad_nn.viz.trace.steps import Fact, locals_of, payload_of
from tinygrad_nn.viz.trace.unswept import unswept

__all__ = ["write"]

_LONGEST_NAME = 500


@unswept()
def write(
    roots: Sequence[Node],
    sources: Sources,
    *,
    limit: int | None = None,
    keys: dict[Node, int] | None = None,
    order: list[Node] | None = None,
) -> Trace:
    """Trace of the nodes below `roots`, the last of which is the root of the trace.

    Args:
        roots: Where to begin.
        sources: What else is known.
        limit: Keep this many nodes.
        keys: Into it goes the record of each node.
        order: What `below` gives, if that was asked already.
    """
    order = order or below(roots, sources)
    total, unused = len(order), _unused(sources, order)
    if limit is not None and limit < total:
        kept = nearest(roots, sources, limit)
        order = below(roots, sources, kept)
    else:
        order = as_made(roots, order, sources)
    writer = _Writer(roots[-1], order, sources, total)
    trace = replace(writer.trace(), unused=unused)
    if keys is not None:
        keys.update(writer.keys)
    return trace


def _unused(sources: Sources, order: Sequence[Node]) -> tuple[str, ...]:
    if sources.failure is not None:
        return ()
    used = set(order)
    learned = (n for n in sources.names if isinstance(n, Parameter) and n not in used)
    return tuple(sources.names[node][:_LONGEST_NAME] for node in learned)


class _Writer:
    """Goes through the nodes in order and writes a record of each."""

    def __init__(self, root: Node, order: list[Node], sources: Sources, total: int) -> None:
        self.root, self.order, self.sources, self.total = root, order, sources, total
        self.steps = sources.steps
        self.small = total <= PICTURES
        self.scalar = all(np.shape(payload_of(node)) == () for node in order)
        self.keys: dict[Node, int] = {}
        self.constants: dict[int, int] = {}
        self.records: list[Record] = []
        self.edges: list[Edge] = []
        self.jacobians: list[Jacobian] = []
        self.counts: Counter[str] = Counter()
        # A name that the user gave comes before the path within the model.
        self.names = {node: node.name or sources.names.get(node) for node in order}
        self.taken = set(self.names.values())
        self.stored: dict[Node, Any] = {}
        if self.steps is None and sources.left:
            found = ((node, node._grad) for node in order)
            self.stored = {n: payload_of(g) for n, g in found if g is not None}
        self.values, self.changed = self._written()
        self.places = placed(order, sources)
        self.scopes, self.calls = _kept_scopes(sources, self.places)
        self.lines: dict[Any, str] = {}

    def trace(self) -> Trace:
        for node in self.order:
            self._add(node)
        failure = self.sources.failure
        if failure is not None:
            at = self.keys.get(self.sources.broken) if self.sources.broken is not None else None
            operands = tuple(self.keys[n] for n in self.sources.operands if n in self.keys)
            failure = replace(failure, at=at, operands=operands)
        return Trace(
            tuple(self.records), tuple(self.edges), self.total + len(self.constants),
            len(self.order) + len(self.constants),
            self.steps is not None, self.scopes, tuple(self.jacobians), failure,
        )  # fmt: skip

    def _written(self) -> tuple[dict[Node, Summary], set[Node]]:
        """Leaves written after their use: what they held then, and those where nobody knows."""
        values: dict[Node, Summary] = {}
        changed: set[Node] = set()
        for node in self.order:
            for p in inputs_of(node, self.sources):
                if isinstance(p, Node) and p.epoch > node.epoch:
                    known = [v for when, v in self.sources.held.get(p, ()) if when <= node.epoch]
                    if known:
                        values[p] = known[-1]
                    else:
                        changed.add(p)
        return values, changed

    def _add(self, node: Node) -> None:
        """Write the record of `node`, after those of its constants."""
        fact = fact_of(node, self.sources)
        inputs = () if fact is None else fact.inputs
        scope = self.places.get(node)
        sources = [self._source(p, scope) for p in inputs]
        name = self.names[node]
        key = self.keys[node] = len(self.records)
        op = None if fact is None else fact.op
        gradient = self._gradient(node)
        self.records.append(Record(
            key=key,
            name=str(name)[:_LONGEST_NAME] if name else self._generated(node, op),
            named=bool(name),
            role=self._role(node, op),
            op=None if op is None else op.name,
            params=() if fact is None else static_texts(fact),
            arguments=() if op is None else argument_names(op, len(inputs)),
            value=self.values.get(node) or figure(payload_of(node), picture=self.small),
            gradient=gradient,
            missing="" if gradient is not None else self._missing(node),
            left_out=sources.count(None),
            changed=node in self.changed,
            scope=None if scope is None else self.calls[scope],
            line=self._line(node),
        ))  # fmt: skip
        if fact is not None and inputs:
            self._add_edges(node, key, fact, sources)
            if self.steps is not None and not self.scalar and self.total <= MOST_NODES:
                self._add_jacobians(node, key, fact, sources)

    def _add_jacobians(
        self, node: Node, key: int, fact: Fact, sources: Sequence[int | None]
    ) -> None:
        found = local_derivatives(node, fact)
        if found is not None:
            for slot, (source, entries) in enumerate(zip(sources, found, strict=True)):
                if source is not None and entries is not None:
                    self.jacobians.append(Jacobian(key, slot, entries))

    def _add_edges(self, node: Node, key: int, fact: Fact, sources: Sequence[int | None]) -> None:
        inputs = fact.inputs
        rules = rule_texts(node, fact)
        none: Sequence[Any] = (None,) * len(inputs)
        local = steps = none
        share: Sequence[float | None] = none
        if self.steps is not None:
            steps = self.steps.steps.get(node, none)
            if self.scalar:
                local = self.steps.locals.get(node, none)
        elif self.scalar and node.op is not None and self.changed.isdisjoint(_nodes(inputs)):
            local = locals_of(node)
            if node in self.stored:
                share = locals_of(node, self.stored[node])
        for slot, source in enumerate(sources):
            if source is None:
                continue
            step = steps[slot]
            if step is None:
                self.edges.append(
                    Edge(source, key, slot, local[slot], share[slot], rule=rules[slot])
                )
            else:
                place, added, total = step
                if self.scalar:
                    added, total = _bare(added), _bare(total)
                self.edges.append(
                    Edge(source, key, slot, local[slot], added, place, total, rules[slot])
                )

    def _source(self, p: Any, scope: int | None) -> int | None:
        """Key of an input, None for one that is left out."""
        if isinstance(p, Node):
            return self.keys.get(p)
        if isinstance(p, np.ndarray) and (name := label_of(p)):
            return self._named_constant(p, str(name)[:_LONGEST_NAME], scope)
        held = p if isinstance(p, Summary) else figure(p, picture=self.small)
        self.records.append(
            Record(len(self.records), "", False, Role.CONSTANT, None, (), (), held, None, "", 0,
                   False, None if scope is None else self.calls[scope])
        )  # fmt: skip
        return len(self.records) - 1

    def _named_constant(self, p: Any, name: str, scope: int | None) -> int:
        """Of an array whose tensor has a name there is one record, as of a node."""
        key = self.constants.get(id(p))
        if key is None:
            key = self.constants[id(p)] = len(self.records)
            at = None if scope is None else self.calls[scope]
            self.records.append(
                Record(key, name, True, Role.CONSTANT, None, (), (), figure(p, picture=self.small),
                       None, NEEDS_NONE, 0, False, at)
            )  # fmt: skip
        return key

    def _gradient(self, node: Node) -> Summary | None:
        if self.steps is not None:
            found = self.steps.gradients.get(node)
            return figure(found) if isinstance(found, float) else found
        if node in self.stored:
            return figure(self.stored[node], picture=self.small)
        return None

    def _generated(self, node: Node, op: Any) -> str:
        kind = "parameter" if isinstance(node, Parameter) else "leaf"
        stem = op.name if op is not None else "constant" if node.op is None else kind
        while True:
            self.counts[stem] += 1
            name = f"{stem}_{self.counts[stem]}"
            if name not in self.taken:
                return name

    def _line(self, node: Node) -> str:
        line = self.sources.lines.get(node)
        if line is None:
            return ""
        place = getattr(line, "args", line)
        found = self.lines.get(place)
        if found is None:
            found = self.lines[place] = short_line(line())
        return found

    def _role(self, node: Node, op: Any) -> Role:
        if op is not None:
            return Role.RESULT if node is self.root else Role.VALUE
        if isinstance(node, Parameter):
            return Role.PARAMETER
        return Role.CONSTANT if node.op is None else Role.INPUT

    def _missing(self, node: Node) -> str:
        failure = self.sources.failure
        if node.op is None:
            return NEEDS_NONE
        if self.steps is not None:
            broke = failure is not None and failure.phase == "backward"
            return "the pass broke before it came here" if broke else NONE_ARRIVES
        if failure is not None and failure.phase == "freed":
            return "the graph was freed"
        if self.sources.why:
            return f"no backward pass: {self.sources.why}"
        if not node.is_leaf and self.stored:
            return NOT_KEPT
        return NOT_RUN


def _kept_scopes(
    sources: Sources, places: dict[Node, int | None]
) -> tuple[tuple[Scope, ...], dict[int, int]]:
    """Calls that something here was made in, numbered anew, and their new numbers by the old."""
    kept = set(sources.entered)
    for made_in in places.values():
        place = made_in
        while place is not None and place not in kept:
            kept.add(place)
            place = sources.scopes[place].parent
    calls = {old: new for new, old in enumerate(sorted(kept))}
    counts: Counter[str] = Counter()
    found = []
    for old in calls:
        scope = sources.scopes[old]
        parent = None if scope.parent is None else calls[scope.parent]
        found.append(replace(scope, parent=parent, call=counts[scope.path]))
        counts[scope.path] += 1
    return tuple(found), calls


def _nodes(inputs: Sequence[Any]) -> set[Node]:
    return {p for p in inputs if isinstance(p, Node)}


def _bare(x: float | Summary) -> float:
    """The number of a figure without axes."""
    if isinstance(x, Summary):
        return float(x.elements[0]) if x.elements else 0.0
    return x
