"""A pass over a graph that is still there, for questions that a trace cannot answer.

Holds the whole gradients of what lies between one node and the root, and moves along single
edges by the operations' own forward mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.observe import Observer, observe
from tinygrad_nn.core.op import LEAF
from tinygrad_nn.core.order import reverse_order
from tinygrad_nn.core.push import push
from tinygrad_nn.errors import OperandError
from tinygrad_nn.viz.trace.graph import run_pass
from tinygrad_nn.viz.trace.jacobians import pulled
from tinygrad_nn.viz.trace.model import Edge, Trace
from tinygrad_nn.viz.trace.recorder import record
from tinygrad_nn.viz.trace.steps import Fact

__all__ = ["Contribution", "Live", "live"]


class Contribution(NamedTuple):
    """What one use added to one element, and the sum after it, as the sweep made it."""

    target: int
    slot: int
    added: float
    sum: float


class Live:
    """A trace of a graph, and the graph.

    Attributes:
        trace: Of the pass.
        keys: The record of each node.
    """

    def __init__(self, root: Node, trace: Trace, keys: dict[Node, int]) -> None:
        self.root, self.trace, self.keys = root, trace, keys
        self._nodes = {key: node for node, key in keys.items()}
        self._gradients: dict[int, Any] = {}
        self._uses: list[tuple[Node, int, Any, Any]] = []

    def follow(self, start: int, between: Sequence[int]) -> None:
        """Sweep once more, and keep the gradients of the records `between` and uses of `start`."""
        collector = _Collector(self._nodes[start], {self._nodes[key] for key in between})
        with observe(collector):
            run_pass(self.root, reverse_order(self.root))
        self._gradients = {self.keys[n]: g for n, g in collector.gradients.items()}
        self._uses = collector.uses

    def gradient(self, key: int) -> Any:
        """Gradient of a record, flat."""
        found = self._gradients.get(key)
        return None if found is None else np.ravel(np.asarray(found, np.float64))

    def uses(self, index: int) -> list[Contribution]:
        """What each use of the start added to its element `index`, in the order of the sweep."""
        return [
            Contribution(self.keys[node], slot, float(np.ravel(h)[index]), float(total[index]))
            for node, slot, h, total in self._uses
        ]

    def ahead(self, edge: Edge, tangent: Any) -> Any:
        """How the edge's target moves with its source, by forward mode; None if there is none."""
        node, source = self._nodes[edge.target], self._nodes[edge.source]
        op = node.op
        assert op is not None
        payload = source._data
        leaf = type(source).wrap(payload, LEAF)
        # The same operation with one moving input: the source may stand in other slots too.
        values = [leaf if i == edge.slot else v for i, v in enumerate(node.values)]
        twin = type(node).wrap(node._data, op)
        twin.params = node.params
        if op.arity in (1, 2):
            twin.a, twin.b = (*values, None)[:2]
        else:
            twin.a = tuple(values)
        with np.errstate(all="ignore"):
            moved = np.asarray(tangent).astype(payload.dtype).reshape(payload.shape)
            (found,) = push([twin], {leaf: moved})
        if found is None:
            return np.zeros(node._data.size)
        return np.ravel(np.asarray(found, np.float64))

    def behind(self, edge: Edge, g: Any) -> Any:
        """What the edge's use hands to its source for the gradient `g`, by its own rule."""
        node = self._nodes[edge.target]
        payload = node._data
        given = np.asarray(g).astype(payload.dtype).reshape(payload.shape)
        with np.errstate(all="ignore"):
            found = pulled(node, Fact(node.op, node.inputs, node.params), given)  # type: ignore[arg-type]
        return np.ravel(np.asarray(found[edge.slot], np.float64))


class _Collector(Observer):
    """Keeps whole gradients of some nodes, and every contribution to one of them."""

    def __init__(self, start: Node, wanted: set[Node]) -> None:
        self.start, self.wanted = start, wanted
        self.gradients: dict[Node, Any] = {}
        self.uses: list[tuple[Node, int, Any, Any]] = []
        self.slots: list[int] = []
        self.depth = 0

    def begin(self, roots: Sequence[Node]) -> None:
        """A pass within the pass, as `checkpoint` makes them, belongs to the rule that makes it."""
        self.depth += 1

    def end(self) -> None:
        """Back to the pass around it."""
        self.depth -= 1

    def gradient(self, node: Node, gradient: Any) -> None:
        """The gradient is complete; a later addition would make a new array."""
        if self.depth > 1:
            return
        if node in self.wanted:
            self.gradients[node] = gradient._data if isinstance(gradient, Node) else gradient
        self.slots = [i for i, p in enumerate(node.inputs) if p is self.start]

    def edge(self, node: Node, p: Node, contribution: Any) -> None:
        """Add up as the sweep does."""
        if p is not self.start or self.depth > 1:
            return
        h = contribution._data if isinstance(contribution, Node) else contribution
        h = h if p.fit is None else np.array(p.fit(np.asarray(h), p._data))
        total = np.ravel(h) if not self.uses else self.uses[-1][3] + np.ravel(h)
        self.uses.append((node, self.slots.pop(0), h, total))


def live(root: Any, model: Any = None) -> Live:
    """Trace of the graph below `root`, made by a pass, together with the graph.

    Raises:
        OperandError: It is no Value or Tensor.
        FreedGraphError: An earlier pass freed the graph.
        GradientError: It requires no gradient, or has several elements.
    """
    if not isinstance(root, Node):
        raise OperandError(
            f"explain: got of={type(root).__name__}, expected the Value or Tensor whose gradient "
            "it is, for example the loss: tinygrad_nn.explain(weight, of=loss)"
        )
    keys: dict[Node, int] = {}
    trace = record(root, backward=True, model=model, keys=keys, asks="explain")
    return Live(root, trace, keys)
