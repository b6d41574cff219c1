"""The order of a sweep: a node may be left when all that it was used for has been.

So a first walk counts the uses of each node below the roots. Where only some targets are
wanted, it ends at them, and what leads to none of them is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import LEAF
from tinygrad_nn.errors import FreedGraphError

__all__ = ["Freed", "freed_before", "reverse_order", "told", "uses_of", "uses_towards"]


class Freed:
    """What a freed node keeps in place of its inputs: where it was freed."""

    __slots__ = ("line",)

    def __init__(self, line: Callable[[], str]) -> None:
        self.line = line


def uses_of(roots: Iterable[Node]) -> dict[Node, int]:  # noqa: PLR0912  (hot: written out)
    """Number of edges by which each result below the roots is used there; leaves need none.

    Raises:
        FreedGraphError: A backward pass freed the graph.
    """
    uses = {root: 0 for root in roots if root.a is not None}
    stack = list(uses)
    while stack:
        node = stack.pop()
        a, b = node.a, node.b
        # One and two inputs, written out: a loop over them costs a third more.
        if isinstance(a, Node):
            if a.a is not None:
                if a in uses:
                    uses[a] += 1
                else:
                    uses[a] = 1
                    stack.append(a)
        elif type(a) is tuple:
            for p in a:
                if isinstance(p, Node) and p.a is not None:
                    if p in uses:
                        uses[p] += 1
                    else:
                        uses[p] = 1
                        stack.append(p)
        elif type(a) is Freed:
            raise freed_before(node)
        if isinstance(b, Node) and b.a is not None:
            if b in uses:
                uses[b] += 1
            else:
                uses[b] = 1
                stack.append(b)
    return uses


def uses_towards(roots: Sequence[Node], targets: frozenset[Node]) -> dict[Node, int]:
    """The same of what leads from `roots` to `targets`, which are no part of it themselves.

    They are where one is a root, or is computed from another. The roots are a part of it in any
    case. What uses a node that leads to a target leads there too, so that the counts are right.

    Raises:
        FreedGraphError: A backward pass freed the graph.
    """
    uses = {root: 0 for root in roots if root.a is not None}
    stack = list(uses)
    results = [t for t in targets if t.a is not None]
    if not targets.isdisjoint(uses) or (results and _reach(results, targets)):
        return _leading(uses_of(roots), targets)
    astray = False
    while stack:
        node = stack.pop()
        a, b = node.a, node.b
        if type(a) is Freed:
            raise freed_before(node)
        for p in a if type(a) is tuple else (a, b):
            if not isinstance(p, Node) or p in targets:
                continue
            if p.a is None:
                astray = True
            elif p in uses:
                uses[p] += 1
            else:
                uses[p] = 1
                stack.append(p)
    return _leading(uses, targets) if astray else uses


def _reach(nodes: Iterable[Node], targets: frozenset[Node]) -> bool:
    """Whether any of `targets` is below `nodes`."""
    stack, seen = list(nodes), set()
    while stack:
        for p in stack.pop().inputs:
            if isinstance(p, Node) and p not in seen:
                if p in targets:
                    return True
                seen.add(p)
                stack.append(p)
    return False


def _leading(uses: dict[Node, int], targets: frozenset[Node]) -> dict[Node, int]:
    """Of `uses` what leads to a target, and the roots."""
    needed = set(targets)
    for node in reversed(_in_order(uses)):
        if any(isinstance(p, Node) and p in needed for p in node.inputs):
            needed.add(node)
    return {node: count for node, count in uses.items() if node in needed or not count}


def _in_order(uses: dict[Node, int]) -> list[Node]:
    """The nodes of `uses`, consumers before inputs."""
    left = dict(uses)
    ready = [node for node, count in uses.items() if not count]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for p in node.inputs:
            if isinstance(p, Node) and p in left:
                left[p] -= 1
                if not left[p]:
                    ready.append(p)
    return order


def reverse_order(roots: Node | Sequence[Node]) -> list[Node]:
    """All nodes below `roots` through which gradients flow, consumers before inputs.

    Raises:
        FreedGraphError: A backward pass freed the graph.
    """
    listed = [roots] if isinstance(roots, Node) else roots
    order = _in_order(uses_of(listed))
    leaves = {root: None for root in listed if root.op is LEAF}
    for node in order:
        for p in node.inputs:
            if isinstance(p, Node) and p.a is None:
                leaves[p] = None
    return [*order, *leaves]


def told(node: Node) -> str:
    """A node for messages: what it is, its name, its shape or value."""
    kind = "leaf" if node.is_leaf else f"result of {node.op.name}"  # type: ignore[union-attr]
    name = f" {node.name!r}" if node.name else ""
    return f"{kind}{name} {describe(node)}"


def freed_before(node: Node) -> FreedGraphError:
    """The error for a graph that an earlier pass freed."""
    return FreedGraphError(
        f"backward through the {told(node)}: its graph was freed by {node.a.line()}; "
        "call that backward with retain_graph=True to keep the graph, or run the forward "
        "computation again"
    )
