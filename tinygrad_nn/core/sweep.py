"""The sweep: one traversal of the graph that carries gradients back to the leaves.

Order. A node may be left when all its consumers have been: a first pass counts the uses
of each node below the roots, the second hands gradients down and follows a node when its
count is used up. A node with one consumer, the common case, never enters the table of
partial sums. No recursion, so that memory alone limits the depth.

Accumulation. The first contribution is kept as it is and may alias the gradient it came
from; the second makes a new array, which the sweep owns; later ones are added in place.
Only arrays made by the sweep are ever written, so rules may return views.

First order and higher orders are the same lines: with `create_graph` the rules are given
nodes in place of payloads, and record themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.caller import user_line
from tinygrad_nn.core.capturing import CAPTURING
from tinygrad_nn.core.node import CAPTURE, MODE, Node
from tinygrad_nn.core.observe import OBSERVERS, Observer
from tinygrad_nn.core.record import LEAF, Op
from tinygrad_nn.core.reverse import general_gradients
from tinygrad_nn.errors import FreedGraphError, GradientError, MutationError, ShapeError

__all__ = ["accumulate", "pull", "reverse_order"]


class Freed:
    """What a freed node keeps in place of its inputs: where it was freed."""

    __slots__ = ("line",)

    def __init__(self, line: Callable[[], str]) -> None:
        self.line = line


def pull(
    roots: Sequence[Node],
    seeds: Sequence[Any],
    targets: Sequence[Node] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool = True,
) -> dict[Node, Any]:
    """Gradients of `sum(root · seed)` with respect to the leaves, or to `targets`.

    Args:
        roots: Nodes that require a gradient.
        seeds: For each root the gradient that arrives there: payload, or Node.
        targets: Nodes whose gradients are wanted, results too; None for all leaves.
        create_graph: Give nodes to the rules, so that the gradients are in the graph.
        retain_graph: Keep the graph for another pass.

    Returns:
        Gradient of each leaf or target that was reached; it may alias other arrays.
    """
    if MODE.get() & CAPTURE:
        seeds = CAPTURING.get().seeds(roots, seeds)  # type: ignore[union-attr]  # the bit says there is one
    uses = _uses(roots)
    wanted = None if targets is None else frozenset(targets)
    if wanted is not None:
        # What uses a node that leads to a target leads there too: the counts stay right.
        needed = _between(roots, wanted)
        uses = {node: count for node, count in uses.items() if node in needed or not count}
    result: dict[Node, Any] = {}
    partial: dict[Node, Any] = {}
    if len(roots) == 1 and roots[0].a is not None:
        ready = [(roots[0], seeds[0])]
    else:
        ready = _started(roots, seeds, uses, partial, result)
    freed = None if retain_graph else Freed(user_line(3))
    observers = OBSERVERS.get()
    if wanted is None and not observers and not create_graph:
        descend = _descend_numbers if roots[0].fit is None else _descend_arrays
        descend(ready, uses, partial, result, freed)
    else:
        for observer in observers:
            observer.begin(roots)
        try:
            _descend(ready, uses, partial, result, wanted, observers, create_graph, freed)
        finally:
            for observer in observers:
                observer.end()
    return result


def _descend_numbers(
    ready: list[tuple[Node, Any]],
    uses: dict[Node, int],
    partial: dict[Node, Any],
    result: dict[Node, Any],
    freed: Freed | None,
) -> None:
    """Hand floats down to the leaves: the usual pass of `Value`, which leaves one in each node."""
    while ready:
        node, g = ready.pop()
        if node.extra is not None:
            g = _watched(node, g, (), create_graph=False, keep=True)
        node._grad = g
        try:
            edges = node.op.reverse(node, g)  # type: ignore[union-attr]
        except Exception as error:
            edges = _failed(node, g, error)
        epoch = node.epoch
        for p, h in edges:
            if p.a is None:
                # A leaf: nothing follows from it, so that its sum is its result all along.
                if p.epoch > epoch:
                    raise _mutated(node, p)
                old = result.get(p)
                result[p] = h if old is None else old + h
                continue
            old = partial.get(p)
            total = h if old is None else old + h
            count = uses[p]
            if count > 1:
                uses[p] = count - 1
                partial[p] = total
            else:
                ready.append((p, total))
        if freed is not None:
            node.op, node.a, node.b = node.op.freed, freed, None  # type: ignore[union-attr]
    for leaf, g in result.items():
        if leaf.extra is not None:
            result[leaf] = _watched(leaf, g, (), create_graph=False, keep=False)


def _descend_arrays(  # noqa: PLR0912  (hot: a call costs more than the branch it would hide)
    ready: list[tuple[Node, Any]],
    uses: dict[Node, int],
    partial: dict[Node, Any],
    result: dict[Node, Any],
    freed: Freed | None,
) -> None:
    """Hand arrays down to the leaves: the usual pass of `Tensor`, 0.3 µs an edge."""
    owned: set[Node] = set()
    fit = ready[0][0].fit if ready else None
    while ready:
        node, g = ready.pop()
        if node.extra is not None:
            g = _watched(node, g, (), create_graph=False, keep=True)
        op: Op = node.op  # type: ignore[assignment]  # only what has an operation is reached
        try:
            edges = op.reverse(node, g)
        except Exception as error:
            edges = _failed(node, g, error)
        epoch = node.epoch
        for p, h in edges:
            if p.a is not None:
                sums, count = partial, uses[p]
                uses[p] = count - 1
            elif p.epoch > epoch:
                raise _mutated(node, p)
            else:
                sums, count = result, 0
            payload = p._data
            if h.shape != payload.shape or h.dtype is not payload.dtype:
                h = fit(h, payload)  # noqa: PLW2901
            if sums and p in sums:
                if p in owned:
                    sums[p] += h
                    h = sums[p]  # noqa: PLW2901
                else:
                    h = sums[p] + h  # noqa: PLW2901
                    owned.add(p)
            if count != 1:
                sums[p] = h
                continue
            sums.pop(p, None)
            ready.append((p, h))
        if freed is not None:
            node.op, node.a, node.b = op.freed, freed, None
    for leaf, g in result.items():
        if leaf.extra is not None:
            result[leaf] = _watched(leaf, g, (), create_graph=False, keep=False)


def _descend(  # noqa: PLR0912, PLR0915  (hot: a call costs more than the branch it would hide)
    ready: list[tuple[Node, Any]],
    uses: dict[Node, int],
    partial: dict[Node, Any],
    result: dict[Node, Any],
    wanted: frozenset[Node] | None,
    observers: Sequence[Observer],
    create_graph: bool,
    freed: Freed | None,
) -> None:
    """Hand gradients of any kind down to the leaves, or to what is wanted."""
    owned: set[Node] = set()
    fit = ready[0][0].fit if ready else None
    while ready:
        node, g = ready.pop()
        if node.extra is not None or observers:
            g = _watched(node, g, observers, create_graph, keep=wanted is None)
        if wanted is None:
            if node.keeps_gradients:
                node._grad = g
        elif node in wanted:
            result[node] = g
        op: Op = node.op  # type: ignore[assignment]  # only what has an operation is reached
        try:
            edges = (
                general_gradients(op, node, g, create_graph=True)
                if create_graph
                else op.reverse(node, g)
            )
        except Exception as error:
            edges = _failed(node, g, error)
        for p, h in edges:
            if p.a is None:
                if p.epoch > node.epoch:
                    raise _mutated(node, p)
                if wanted is not None and p not in wanted:
                    continue
                sums, more = result, True
            else:
                count = uses.get(p)
                if count is None:
                    continue
                sums, more = partial, count > 1
                if more:
                    uses[p] = count - 1
            if observers:
                for observer in observers:
                    observer.edge(node, p, h)
            if fit is not None:
                payload = p._data
                if h.shape != payload.shape or h.dtype is not payload.dtype:
                    h = fit(h, payload)  # noqa: PLW2901
            if sums and p in sums:
                if p in owned:
                    sums[p] += h
                    h = sums[p]  # noqa: PLW2901
                else:
                    h = sums[p] + h  # noqa: PLW2901
                    if not create_graph:
                        owned.add(p)
                if not more:
                    del sums[p]
            if more:
                sums[p] = h
            else:
                ready.append((p, h))
        if freed is not None:
            node.op, node.a, node.b = op.freed, freed, None
    for leaf, g in result.items():
        if (leaf.extra is not None or observers) and leaf.a is None:
            result[leaf] = _watched(leaf, g, observers, create_graph, keep=False)


def _uses(roots: Iterable[Node]) -> dict[Node, int]:  # noqa: PLR0912  (hot, as above)
    """Number of edges by which each result below the roots is used there; leaves need none."""
    uses = {root: 0 for root in roots if root.a is not None}
    stack = list(uses)
    while stack:
        node = stack.pop()
        a, b = node.a, node.b
        if b is None:
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
                raise _freed(node)
            continue
        # Two inputs, written out: a loop over them costs a third more.
        if isinstance(a, Node) and a.a is not None:
            if a in uses:
                uses[a] += 1
            else:
                uses[a] = 1
                stack.append(a)
        if isinstance(b, Node) and b.a is not None:
            if b in uses:
                uses[b] += 1
            else:
                uses[b] = 1
                stack.append(b)
    return uses


def _started(
    roots: Sequence[Node],
    seeds: Sequence[Any],
    uses: dict[Node, int],
    partial: dict[Node, Any],
    result: dict[Node, Any],
) -> list[tuple[Node, Any]]:
    """Roots to begin with; the seeds of the others are left in `partial` and `result`."""
    if any(root.fit is not roots[0].fit for root in roots):
        raise GradientError(
            "gradients: got Values and Tensors in one pass, which are graphs of different kinds; "
            "sweep them one after the other"
        )
    for root, seed in zip(roots, seeds, strict=True):
        sums = result if root.a is None else partial
        sums[root] = sums[root] + seed if root in sums else seed
    # A root that another one uses, and that leads to no target, is not among the uses.
    return [(root, partial.pop(root)) for root in tuple(partial) if uses.get(root) == 0]


def reverse_order(roots: Node | Sequence[Node]) -> list[Node]:
    """All nodes below `roots` through which gradients flow, consumers before inputs.

    Raises:
        FreedGraphError: A backward pass freed the graph.
    """
    listed = [roots] if isinstance(roots, Node) else roots
    uses = _uses(listed)
    ready = [node for node, count in uses.items() if not count]
    order, leaves = [], {root: None for root in listed if root.op is LEAF}
    while ready:
        node = ready.pop()
        order.append(node)
        for p in node.inputs:
            if not isinstance(p, Node):
                continue
            if p.a is None:
                leaves[p] = None
                continue
            uses[p] -= 1
            if not uses[p]:
                ready.append(p)
    return [*order, *leaves]


def _between(roots: Sequence[Node], targets: Iterable[Node]) -> set[Node]:
    """Nodes on a path from a root to a target, both included."""
    needed = set(targets)
    for node in reversed(reverse_order(roots)):
        if any(isinstance(p, Node) and p in needed for p in node.inputs):
            needed.add(node)
    return needed


def _failed(node: Node, g: Any, error: Exception) -> Iterable[tuple[Node, Any]]:
    """A rule raised: floats go on as IEEE does, where Python's raise; anything else is told."""
    for p in node.inputs:
        if isinstance(p, Node) and p.epoch > node.epoch:
            raise _mutated(node, p) from error  # now of a shape that the rule cannot know
    if isinstance(error, (ZeroDivisionError, OverflowError)):
        found = node.ieee_gradients(g)
        if found is not None:
            return found
    error.add_note(f"in the gradient rule of {_label(node)}, for the gradient {describe(g)}")
    raise error


def _watched(
    node: Node, g: Any, observers: Sequence[Observer], create_graph: bool, *, keep: bool
) -> Any:
    """Gradient after the hooks of `node`; tells the observers, and may `keep` it on request."""
    if node.extra is not None:
        for hook in tuple(node.extra.hooks):
            replacement = hook(g if isinstance(g, Node) else type(node).wrap(g))
            if replacement is not None:
                g = _replaced(node, replacement, g, create_graph)
        if keep and node.extra.retains:
            node._grad = g
    for observer in observers:
        observer.gradient(node, g)
    return g


def _replaced(node: Node, replacement: Any, g: Any, create_graph: bool) -> Any:
    """A hook's answer in the form in which the sweep carries gradients."""
    if not isinstance(replacement, Node):
        raw = node.operand(replacement, node.op or LEAF)
        new = node.coerce(node.constant(raw))
    else:
        new = replacement if create_graph else replacement.synced()
    got, expected = getattr(new, "shape", ()), getattr(g, "shape", ())
    if got != expected:
        raise ShapeError(
            f"hook on {_label(node)}: got a gradient of shape {got}, expected {expected}; "
            "return a gradient of the same shape, or None to leave it as it is"
        )
    return new if node.fit is None else node.fit(new, node._data)


def accumulate(leaf: Node, g: Any) -> None:
    """Add `g` to the leaf's gradient, in memory that nothing else refers to."""
    old = leaf._grad
    if old is None:
        leaf._grad = g if isinstance(g, Node) else leaf.own([g])
        return
    if isinstance(old, Node) and old.op is None and not isinstance(g, Node):
        old = old.synced()
    leaf._grad = old + g


def _label(node: Node) -> str:
    kind = "leaf" if node.is_leaf else f"result of {node.op.name}"  # type: ignore[union-attr]
    name = f" {node.name!r}" if node.name else ""
    return f"{kind}{name} {describe(node)}"


def _freed(node: Node) -> FreedGraphError:
    return FreedGraphError(
        f"backward through the {_label(node)}: its graph was freed by {node.a.line()}; "
        "call that backward with retain_graph=True to keep the graph, or run the forward "
        "computation again"
    )


def _mutated(node: Node, leaf: Node) -> MutationError:
    return MutationError(
        f"backward through the {_label(node)}: its input, the {_label(leaf)}, was written after "
        "it was used there, so that the gradient would be wrong; run the forward computation "
        "again after the write, or write into a detached copy: x.detach()"
    )
