"""The sweep: one traversal of the graph that carries gradients back, or tangents forward.

Order. A node may be left when all its consumers have been: the first pass counts the
uses of each node below the root, the second hands gradients down and follows a node when
its count is used up. A node with one consumer, the common case, never enters the table
of partial sums. No recursion, so depth is limited by memory only.

First order and higher orders are the same lines: with `create_graph` the rules are given
nodes in place of payloads, and record themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from tinygrad_nn.core.caller import user_line
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.bind import FREED, describe, general_gradients
from tinygrad_nn.core.op import LEAF, Op
from tinygrad_nn.errors import FreedGraphError, MutationError, ShapeError

__all__ = ["Observer", "accumulate", "observe", "pull", "reverse_order"]


class Observer(Protocol):
    """Something that watches backward passes. See `observe`."""

    def begin(self, roots: Sequence[Node]) -> None:
        """A pass starts."""

    def gradient(self, node: Node, gradient: Any) -> None:
        """`gradient` is complete for `node`, before it is handed on."""

    def edge(self, node: Node, p: Node, contribution: Any) -> None:
        """`node` hands `contribution` to its input `p`."""

    def end(self) -> None:
        """The pass is over."""


OBSERVERS: ContextVar[tuple[Observer, ...]] = ContextVar("tinygrad_nn_observers", default=())


@contextmanager
def observe(observer: Observer) -> Any:
    """Let `observer` watch the backward passes of the body, in this thread.

    An observer only looks; to change a gradient, put an operation into the graph or a
    hook on a tensor.
    """
    token = OBSERVERS.set((*OBSERVERS.get(), observer))
    try:
        yield observer
    finally:
        OBSERVERS.reset(token)


class Freed:
    """What a freed node keeps in place of its inputs: where it was freed."""

    __slots__ = ("line",)

    def __init__(self, line: Callable[[], str]) -> None:
        self.line = line


def _uses(roots: Iterable[Node], needed: set[Node] | None) -> dict[Node, int]:
    """Number of edges by which each node below the roots is used there."""
    uses: dict[Node, int] = {}
    stack: list[Node] = []
    for root in roots:
        if root not in uses:
            uses[root] = 0
            stack.append(root)
    while stack:
        node = stack.pop()
        arity = node.op.arity  # type: ignore[union-attr]
        if arity == 2:
            a, b = node.a, node.b
            if isinstance(a, Node) and (needed is None or a in needed):
                if a in uses:
                    uses[a] += 1
                else:
                    uses[a] = 1
                    if a.op is not None:
                        stack.append(a)
            if isinstance(b, Node) and (needed is None or b in needed):
                if b in uses:
                    uses[b] += 1
                else:
                    uses[b] = 1
                    if b.op is not None:
                        stack.append(b)
            continue
        if arity == 0:
            continue
        if arity == FREED:
            raise _freed(node)
        for p in node.inputs:
            if isinstance(p, Node) and (needed is None or p in needed):
                if p in uses:
                    uses[p] += 1
                else:
                    uses[p] = 1
                    if p.op is not None:
                        stack.append(p)
    return uses


def reverse_order(roots: Node | Sequence[Node]) -> list[Node]:
    """All nodes below `roots` through which gradients flow, consumers before inputs.

    Raises:
        FreedGraphError: A backward pass freed the graph.
    """
    roots = [roots] if isinstance(roots, Node) else list(roots)
    uses = _uses([r for r in roots if r.op is not None], None)
    ready = [n for n, count in uses.items() if count == 0]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for p in node.inputs:
            if isinstance(p, Node):
                uses[p] -= 1
                if not uses[p]:
                    ready.append(p)
    return order


def _between(roots: Sequence[Node], targets: Iterable[Node]) -> set[Node]:
    """Nodes on a path from a root to a target, both included."""
    needed = set(targets)
    for node in reversed(reverse_order(roots)):
        if any(isinstance(p, Node) and p in needed for p in node.inputs):
            needed.add(node)
    return needed


def pull(
    roots: Sequence[Node],
    seeds: Sequence[Any],
    targets: Sequence[Node] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool = True,
) -> dict[Node, Any]:
    """Reverse sweep: gradients of `sum(root · seed)` with respect to leaves or `targets`.

    Args:
        roots: Nodes that require a gradient.
        seeds: For each root, the gradient that arrives there: payload, or Node.
        targets: Nodes to stop at; None for all leaves.
        create_graph: Give nodes to the rules, so that the gradients are in the graph.
        retain_graph: Keep the graph for another pass.

    Returns:
        Gradient of each leaf or target that was reached.
    """
    needed = None if targets is None else _between(roots, targets)
    uses = _uses(roots if needed is None else [r for r in roots if r in needed], needed)
    partial: dict[Node, Any] = {}
    if len(roots) == 1:
        ready, grads = [roots[0]], [seeds[0]]
    else:
        for root, seed in zip(roots, seeds, strict=True):
            if root in uses:
                partial[root] = partial[root] + seed if root in partial else seed
        ready = [root for root in partial if not uses[root]]
        grads = [partial.pop(root) for root in ready]
    observers = OBSERVERS.get()
    for observer in observers:
        observer.begin(roots)
    result = _sweep(
        ready,
        grads,
        uses,
        partial,
        targets,
        observers,
        create_graph,
        None if retain_graph else Freed(user_line(4)),
    )
    for observer in observers:
        observer.end()
    return result


def _sweep(
    ready: list[Node],
    grads: list[Any],
    uses: dict[Node, int],
    partial: dict[Node, Any],
    targets: Sequence[Node] | None,
    observers: Sequence[Observer],
    create_graph: bool,
    freed: Freed | None,
) -> dict[Node, Any]:
    """Hand gradients down until nothing is ready. The loop is the engine's hot path."""
    result: dict[Node, Any] = {}
    owned: set[Node] = set()
    if not ready:
        return result
    fit, keeps = ready[0].fit, ready[0].keeps_gradients
    while ready:
        node = ready.pop()
        g = grads.pop()
        if node.extra is not None or observers:
            g = _watched(node, g, observers)
        op: Op = node.op  # type: ignore[assignment]
        arity = op.arity
        if targets is None:
            if not arity:
                result[node] = g
                continue
        elif node in targets:
            result[node] = g
        if keeps:
            node._grad = g
        try:
            edges = (
                general_gradients(op, node, g, create_graph=True)
                if create_graph
                else op.reverse(node, g)
            )
        except Exception as error:
            edges = _failed(op, node, g, error)
        for p, h in edges:
            count = uses.get(p)
            if count is None:
                continue
            if p.epoch > node.epoch:
                raise _mutated(node, p)
            for observer in observers:
                observer.edge(node, p, h)
            if fit is not None:
                payload = p._data
                if h.shape != payload.shape or h.dtype is not payload.dtype:
                    h = fit(h, payload)  # noqa: PLW2901
            if count == 1:
                if p.op is LEAF and p.extra is None and not observers and not keeps:
                    result[p] = partial.pop(p) + h if p in partial else h
                    continue
                if partial and p in partial:
                    h = partial.pop(p) + h  # noqa: PLW2901
                ready.append(p)
                grads.append(h)
            else:
                uses[p] = count - 1
                if p not in partial:
                    partial[p] = h
                elif p in owned:
                    partial[p] += h
                else:
                    partial[p] = partial[p] + h
                    if not create_graph:
                        owned.add(p)
        if freed is not None and arity:
            node.op, node.a, node.b = op.freed, freed, None
    return result


def _failed(op: Op, node: Node, g: Any, error: Exception) -> Iterable[tuple[Node, Any]]:
    """A rule raised: floats that divide by zero go on as IEEE does, anything else is told."""
    if isinstance(error, ZeroDivisionError) and hasattr(type(node), "ieee"):
        return type(node).ieee(op, node, g)
    error.add_note(f"in the gradient rule of {op.name}, for the gradient {describe(g)}")
    raise error


def _watched(node: Node, g: Any, observers: Sequence[Observer]) -> Any:
    """Gradient after the hooks of `node`; tells the observers and keeps it on request."""
    if node.extra is not None:
        for hook in tuple(node.extra.hooks):
            replacement = hook(type(node).wrap(g) if not isinstance(g, Node) else g)
            if replacement is not None:
                g = _replaced(node, replacement, g)
        if node.extra.retains and not node.is_leaf:
            node._grad = g
    for observer in observers:
        observer.gradient(node, g)
    return g


def _replaced(node: Node, replacement: Any, g: Any) -> Any:
    """A hook's answer in the form in which the sweep carries gradients."""
    if isinstance(g, Node):
        new = replacement if isinstance(replacement, Node) else type(node).wrap(replacement)
    else:
        new = replacement._data if isinstance(replacement, Node) else replacement
    if getattr(new, "shape", ()) != getattr(g, "shape", ()):
        raise ShapeError(
            f"hook on {_label(node)}: got a gradient of shape {new.shape}, expected {g.shape}; "
            "return a gradient of the same shape, or None to leave it as it is"
        )
    return new


def accumulate(leaf: Node, g: Any) -> None:
    """Add `g` to the leaf's gradient, in memory that nothing else refers to."""
    if leaf._grad is None:
        leaf._grad = g if isinstance(g, Node) else type(leaf).own(g)
    else:
        old = leaf._grad
        if isinstance(old, Node) and not isinstance(g, Node) and old.op is None:
            old = old._data
        leaf._grad = old + g


def _label(node: Node) -> str:
    text = "leaf" if node.is_leaf else f"result of {node.op.name}"  # type: ignore[union-attr]
    name = f" {node.name!r}" if node.name else ""
    return f"{text}{name} {describe(node)}"


def _freed(node: Node) -> FreedGraphError:
    return FreedGraphError(
        f"backward through the {_label(node)}: its graph was freed by {node.a.line()}; "
        "call that backward with retain_graph=True to keep the graph, or run the forward "
        "computation again"
    )


def _mutated(node: Node, leaf: Node) -> MutationError:
    return MutationError(
        f"backward through {_label(node)}: its input, the {_label(leaf)}, was written after "
        "it was used there, so that the gradient would be wrong; run the forward computation "
        "again after the write, or write into a detached copy: x.detach()"
    )
