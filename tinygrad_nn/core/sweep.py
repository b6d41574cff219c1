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

from collections.abc import Sequence
from typing import Any

from tinygrad_nn.core.caller import user_line
from tinygrad_nn.core.capturing import CAPTURING
from tinygrad_nn.core.faults import failed, mutated
from tinygrad_nn.core.node import CAPTURE, MODE, Node
from tinygrad_nn.core.observe import OBSERVERS, Observer
from tinygrad_nn.core.order import Freed, freed_before, told, uses_of, uses_towards
from tinygrad_nn.core.record import LEAF, Op
from tinygrad_nn.core.reverse import general_gradients
from tinygrad_nn.core.sweep_numbers import keep, sweep_numbers
from tinygrad_nn.errors import GradientError, ShapeError

__all__ = ["accumulate", "pull"]


def pull(
    roots: Sequence[Node],
    seeds: Sequence[Any],
    targets: Sequence[Node] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool = True,
    uses: dict[Node, int] | None = None,
) -> dict[Node, Any]:
    """Gradients of `sum(root · seed)` with respect to the leaves, or to `targets`.

    Args:
        roots: Nodes that require a gradient.
        seeds: For each root the gradient that arrives there: payload, or Node.
        targets: Nodes whose gradients are wanted, results too; None for all leaves.
        create_graph: Give nodes to the rules, so that the gradients are in the graph.
        retain_graph: Keep the graph for another pass.
        uses: Those towards the targets, where they are known from a pass before.

    Returns:
        Gradient of each leaf or target that was reached; it may alias other arrays.
    """
    if MODE.get() & CAPTURE:
        seeds = CAPTURING.get().seeds(roots, seeds)
    freed = None if retain_graph else Freed(user_line(3))
    observers = OBSERVERS.get()
    usual = not observers and not create_graph
    single = len(roots) == 1 and roots[0].a is not None
    if single and usual and targets is None:
        found = _backward(roots[0], seeds[0], freed)
        if found is not None:
            return found
    result: dict[Node, Any] = {}
    partial: dict[Node, Any] = {}
    wanted = None if targets is None else frozenset(targets)
    if uses is not None:
        uses = dict(uses)
    else:
        uses = uses_of(roots) if wanted is None else uses_towards(roots, wanted)
    if single:
        ready = [(roots[0], seeds[0])]
    else:
        ready = _started(roots, seeds, uses, partial, result)
    if usual and roots[0].fit is not None:
        _descend_arrays(ready, uses, partial, result, wanted, freed)
    else:
        for observer in observers:
            observer.begin(roots)
        try:
            _descend(ready, uses, partial, result, wanted, observers, create_graph, freed)
        finally:
            for observer in observers:
                observer.end()
    return result


def _backward(root: Node, seed: Any, freed: Freed | None) -> dict[Node, Any] | None:
    """The usual pass: from one root to all leaves, with payloads, and nobody looks on."""
    if root.fit is None:
        found = sweep_numbers(root, seed, freed)
        if found is not None:
            _watch_leaves(found)
        return found
    result: dict[Node, Any] = {}
    _descend_arrays([(root, seed)], None, {}, result, None, freed)
    return result


def _descend_arrays(  # noqa: PLR0912, PLR0915  (hot: a call costs more than what it would hide)
    ready: list[tuple[Node, Any]],
    uses: dict[Node, int] | None,
    partial: dict[Node, Any],
    result: dict[Node, Any],
    wanted: frozenset[Node] | None,
    freed: Freed | None,
) -> None:
    """Hand arrays down to the leaves or to what is wanted: the usual pass of `Tensor`.

    Without `uses` from one root alone. As long as that leads on to one result only, all other
    uses of that one are above: they are counted at the first fork, of what is below it.
    """
    owned: set[Node] = set()
    fit = ready[0][0].fit if ready else None
    while ready:
        node, g = ready.pop()
        if node.extra is not None:
            g = _watched(node, g, (), create_graph=False, keep=wanted is None)
        if wanted is not None and node in wanted:
            result[node] = g
        op: Op = node.op  # type: ignore[assignment]  # only what has an operation is reached
        try:
            edges = op.reverse(node, g)
        except Exception as error:
            edges = failed(node, g, error)
        epoch = node.epoch
        if uses is None:
            if type(node.a) is Freed:
                raise freed_before(node)
            if len(edges) > 1:
                inner = 0
                for p, _ in edges:
                    if p.a is not None:
                        inner += 1
                if inner > 1:
                    uses = uses_of((node,))
        for p, h in edges:
            if uses is None:
                count = None if p.a is None else 1
            else:
                count = uses.get(p)
                if count is not None:
                    uses[p] = count - 1
            if count is not None:
                sums = partial
            elif p.epoch > epoch:
                raise mutated(node, p)
            elif wanted is None or p in wanted:
                sums = result
            else:
                continue
            payload = p._data
            if h.shape != payload.shape or h.dtype is not payload.dtype:
                h = fit(h, payload)  # type: ignore[misc]  # noqa: PLW2901
            if sums and p in sums:
                if p in owned:
                    sums[p] += h
                    h = sums[p]  # noqa: PLW2901
                else:
                    h = sums[p] + h  # noqa: PLW2901
                    owned.add(p)
            if count == 1:
                sums.pop(p, None)
                ready.append((p, h))
            else:
                sums[p] = h
        if freed is not None:
            node.op, node.a, node.b = op.freed, freed, None
    for end, g in result.items():
        if end.extra is not None and (uses is None or end not in uses):
            result[end] = _watched(end, g, (), create_graph=False, keep=False)


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
    kept: list[tuple[Node, Any]] = []
    fit = ready[0][0].fit if ready else None
    while ready:
        node, g = ready.pop()
        if node.extra is not None or observers:
            g = _watched(node, g, observers, create_graph, keep=wanted is None)
        if wanted is None:
            if node.keeps_gradients:
                kept.append((node, g))
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
            edges = failed(node, g, error)
        for p, h in edges:
            count = uses.get(p)
            if count is not None:
                sums, more = partial, count > 1
                if more:
                    uses[p] = count - 1
            elif p.epoch > node.epoch:
                raise mutated(node, p)
            elif wanted is None or p in wanted:
                sums, more = result, True
            else:
                continue
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
    keep(kept)
    for end, g in result.items():
        if (end.extra is not None or observers) and end not in uses:
            result[end] = _watched(end, g, observers, create_graph, keep=False)


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


def _watched(
    node: Node, g: Any, observers: Sequence[Observer], create_graph: bool, *, keep: bool
) -> Any:
    """Gradient after the hooks of `node`; tells the observers, and may `keep` it on request."""
    extra = node.extra  # once: that may be the mark of a pass in another thread, which takes it off
    if extra is not None:
        for hook in tuple(extra.hooks):
            replacement = hook(g if isinstance(g, Node) else type(node).wrap(g))
            if replacement is not None:
                g = _replaced(node, replacement, g, create_graph)
        if keep and extra.retains:
            node._grad = g
    for observer in observers:
        observer.gradient(node, g)
    return g


def _watch_leaves(found: dict[Node, Any]) -> None:
    """Let the hooks of leaves see and replace their gradients."""
    for leaf, g in found.items():
        if leaf.extra is not None:
            found[leaf] = _watched(leaf, g, (), create_graph=False, keep=False)


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
            f"hook on {told(node)}: got a gradient of shape {got}, expected {expected}; "
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
