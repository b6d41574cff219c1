"""What of the engine a trace is written from: models, the graph, and a pass over it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.observe import observe
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.errors import OperandError
from tinygrad_nn.viz.trace.model import Failure, Scope, Summary
from tinygrad_nn.viz.trace.steps import Fact, Steps, payload_of
from tinygrad_nn.viz.trace.unswept import unswept

__all__ = [
    "PICTURES",
    "Sources",
    "as_made",
    "below",
    "fact_of",
    "freed_words",
    "inputs_of",
    "is_freed",
    "model_names",
    "models",
    "nearest",
    "no_backward",
    "placed",
    "run_pass",
]

PICTURES = 2000
"""Traces of more nodes than this have no pictures of their arrays: they would be huge."""


@dataclass
class Sources:
    """What is known of a pass besides the graph itself.

    Attributes:
        names: Paths within the model.
        steps: The backward pass.
        why: Why there was none, in words.
        facts: How each watched result was computed, in the order in which they were.
        lines: Where in the user's code.
        held: What written leaves held when they were used: (epoch, figures), oldest first.
        places: Position in `scopes` of the call that a watched result was made in.
        uses: Of what was not made in the body: (number of results before, position in
            `scopes`) of its uses, the first in each call.
        scopes: Module calls.
        entered: Positions of those to keep though nothing was made in them.
        failure: Where the pass broke; `at` is still to be filled in.
        broken: The node that it broke at.
        operands: What the operation that failed was called with.
        left: Whether gradients of earlier passes are shown where there is no pass.
    """

    names: dict[Node, str] = field(default_factory=dict)
    steps: Steps | None = None
    why: str = ""
    facts: dict[Node, Fact] = field(default_factory=dict)
    lines: dict[Node, Callable[[], str]] = field(default_factory=dict)
    held: dict[Node, list[tuple[int, Summary]]] = field(default_factory=dict)
    places: dict[Node, int | None] = field(default_factory=dict)
    uses: dict[Node, list[tuple[int, int | None]]] = field(default_factory=dict)
    scopes: Sequence[Scope] = ()
    entered: Sequence[int] = ()
    failure: Failure | None = None
    broken: Node | None = None
    operands: Sequence[Node] = ()
    left: bool = False

    def tell_failure(self, steps: Steps) -> None:
        """That a backward pass broke, if it did."""
        if steps.failure is not None:
            self.failure = steps.failure
            self.broken = steps.latest


def model_names(model: Any) -> dict[Node, str]:
    """Dotted path of each parameter and buffer; of several models their number comes first."""
    found: dict[Node, str] = {}
    for prefix, one in models(model):
        for names in (one.named_parameters, one.named_buffers):
            for name, tensor in names():
                found.setdefault(tensor, prefix + name)
    return found


def models(model: Any) -> list[tuple[str, Any]]:
    """Each model with what its paths begin with.

    Raises:
        OperandError: One is no module.
    """
    if model is None:
        return []
    several = isinstance(model, (list, tuple))
    for one in model if several else (model,):
        a_class = isinstance(one, type)
        if a_class or not hasattr(one, "named_parameters") or not hasattr(one, "named_buffers"):
            got = f"the class {one.__name__}" if a_class else f"type {type(one).__name__}"
            raise OperandError(f"model: got a model of {got}, expected a Module, or a list of them")
    return [(f"{i}.", one) for i, one in enumerate(model)] if several else [("", model)]


# ── Backward ────────────────────────────────────────────────────────────────────────────


def is_freed(node: Node) -> bool:
    """Whether an earlier pass took away what the node was computed from."""
    return node.op is not None and node.op is node.op.freed


def freed_words(node: Node) -> str:
    """Which graph was freed, and where."""
    name = "" if node.op is None else node.op.name
    return f"result of {name} {describe(node)}: its graph was freed by {node.a.line()}"


def no_backward(root: Node) -> str:
    """Why no backward pass can begin at `root`, in words; empty if one can."""
    if root.op is None:
        return (
            "the result requires no gradient; expected at least one input made with "
            "requires_grad=True"
        )
    if np.size(payload_of(root)) != 1:
        return (
            f"the result is a tensor of shape {payload_of(root).shape}, expected one element, "
            "for example loss.sum()"
        )
    return ""


@unswept()
def run_pass(root: Node, order: Sequence[Node], steps: Steps | None = None) -> Steps:
    """A backward pass from `root` that leaves every `grad` as it is, and the graph too.

    Args:
        root: Where it begins.
        order: The nodes below it.
        steps: Who writes it down.
    """
    steps = steps or Steps()
    steps.pictures = len(order) <= PICTURES
    payload = payload_of(root)
    one = 1.0 if root.fit is None else np.ones(payload.shape, payload.dtype)
    before = [(node, node._grad) for node in order]
    try:
        with observe(steps):
            pull((root,), (one,))
    finally:
        for node, gradient in before:
            node._grad = gradient
    return steps


# ── Walking ─────────────────────────────────────────────────────────────────────────────


def fact_of(node: Node, sources: Sources) -> Fact | None:
    """How `node` was computed: as watched, as the pass found it, or as the graph says now."""
    fact = sources.facts.get(node)
    if fact is None and sources.steps is not None:
        fact = sources.steps.facts.get(node)
    if fact is None and not node.is_leaf:
        return Fact(node.op, node.inputs, node.params)  # type: ignore[arg-type]
    return fact


def inputs_of(node: Node, sources: Sources) -> tuple[Any, ...]:
    """Its inputs; none of a leaf."""
    fact = fact_of(node, sources)
    return () if fact is None else fact.inputs


def below(roots: Sequence[Node], sources: Sources, kept: set[Node] | None = None) -> list[Node]:
    """Nodes in the order of the computation: each after its inputs, the first one's side first."""
    seen: set[Node] = set()
    order: list[Node] = []
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(inputs_of(root, sources)))]
        while stack:
            node, rest = stack[-1]
            for p in rest:
                if isinstance(p, Node) and p not in seen and (kept is None or p in kept):
                    seen.add(p)
                    stack.append((p, iter(inputs_of(p, sources))))
                    break
            else:
                stack.pop()
                order.append(node)
    return order


def as_made(roots: Sequence[Node], order: list[Node], sources: Sources) -> list[Node]:
    """The same nodes in the order in which they were made, as far as somebody watched."""
    if not sources.facts:
        return order
    held = set(order)
    watched = [node for node in sources.facts if node in held]
    # The other roots, what an operation that failed was called with, before the last result.
    return below([*watched[:-1], *roots, *watched[-1:]], sources)


def placed(order: Sequence[Node], sources: Sources) -> dict[Node, int | None]:
    """The call that each node belongs to: that it was made in, or that uses it first here.

    A parameter is used by every pass of the body, so those before the first result are left.
    """
    found = {node: sources.places[node] for node in order if node in sources.places}
    start = next((i for i, node in enumerate(sources.facts) if node in found), 0)
    for node in order:
        if uses := sources.uses.get(node):
            found[node] = next((place for when, place in uses if when >= start), uses[-1][1])
    return found


def nearest(roots: Sequence[Node], sources: Sources, limit: int) -> set[Node]:
    """The first `limit` nodes by their steps from the root."""
    found, queue = set(roots[:limit]), deque(roots)
    while queue:
        for p in inputs_of(queue.popleft(), sources):
            if len(found) < limit and isinstance(p, Node) and p not in found:
                found.add(p)
                queue.append(p)
    return found
