"""The usual pass of `Value`: floats are handed down a graph of very many small nodes.

It is the sweep of `sweep.py`: the same order, the same bits. What differs is where it remembers
things. Looking a node up in a table costs more than what is computed there, and among a million
nodes each look misses the cache, so the marks are kept in slots of the nodes that are free:

    extra   of a result: how often it is yet to be met, until its gradient is complete
    _grad   of a result that is met several times: the sum of the gradients that arrived
    b       of a leaf: that sum

Everyone else takes a mark for an `Extra` without name and hooks, and nobody reads a leaf's `b`.
One pass at a time may mark nodes. A pass that finds another one under way, in another thread or
around it, is made with tables instead, and so is one over results that have names or hooks. What
such a pass leaves in `_grad` it writes by `keep`, which spares the nodes of the one under way.

With tables a node cost 0.98 µs in a network of numbers and 2.2 µs in a graph without locality,
where it now costs 0.58 and 1.3.
"""

from __future__ import annotations

from _thread import allocate_lock  # 1 ms less to import than threading
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from tinygrad_nn.core.faults import failed, mutated
from tinygrad_nn.core.forms import DIFFERENCE, PRODUCT, WEIGHTED, handed_through
from tinygrad_nn.core.node import CLOCK, Node
from tinygrad_nn.core.order import Freed, freed_before

if TYPE_CHECKING:
    from tinygrad_nn.core.record import Op

__all__ = ["keep", "sweep_numbers"]

_MARKING = allocate_lock()
# Held while nodes are marked, which calls nothing of the user's, and while others are written.
_COUNTING = allocate_lock()
_UNDER_WAY: list[list[Node]] = []


class _Uses:
    """How often a result is yet to be met: one of a chain that all results share.

    To step along it takes 0.03 µs less than to count, and that is done at each of their uses.
    """

    __slots__ = ("fewer", "more")

    # What an `Extra` has, for whoever looks at the node meanwhile.
    name: ClassVar[None] = None
    shared: ClassVar[None] = None
    retains: ClassVar[bool] = False
    hooks: ClassVar[tuple[Any, ...]] = ()

    def __init__(self, fewer: _Uses | None = None) -> None:
        self.fewer = fewer
        self.more: Any = None
        if fewer is not None:
            fewer.more = self


# Of all results that are used once, the common case: no gradient is kept for them.
_ONCE: Any = _Uses()
# Of those that are used more often, before and at the last of their uses.
_TWICE: Any = _Uses(_Uses())
_LONGEST: Any = _TWICE
for _ in range(254):
    _LONGEST = _Uses(_LONGEST)


def sweep_numbers(root: Node, seed: Any, freed: Freed | None) -> dict[Node, Any] | None:
    """Gradients of the leaves below `root`, a result; None if the sweep needs its tables."""
    if root.extra is not None or not _MARKING.acquire(blocking=False):
        return None
    # Where an interrupt leaves marks behind it stays locked: no pass takes them as its own.
    marked = [root]
    leaves: list[Node] = []
    mixed: set[Node] = set()
    try:
        with _COUNTING:
            _UNDER_WAY.append(marked)
            able = _count(marked, mixed)
        if able:
            root._grad = seed
            _descend(root, mixed, leaves, freed)
            found = {leaf: leaf.b for leaf in leaves}
    except BaseException:
        _unmark(marked, leaves)
        _MARKING.release()
        raise
    _unmark(() if able else marked, leaves)
    _MARKING.release()
    return found if able else None


def keep(gradients: Iterable[tuple[Node, Any]]) -> None:
    """Leave results their gradients, but for those of a pass under way, whose sums are there.

    That one ends later, and leaves its own.
    """
    with _COUNTING:
        theirs = frozenset(node for marked in _UNDER_WAY for node in marked)
        for node, g in gradients:
            if node not in theirs:
                node._grad = g


def _unmark(marked: Iterable[Node], leaves: Iterable[Node]) -> None:
    _UNDER_WAY.clear()
    for leaf in leaves:
        leaf.b = None
    for node in marked:
        extra: Any = node.extra
        if type(extra) is _Uses:
            node.extra = None
    _LONGEST.more = None  # a longer chain takes more memory than it saves time


def _count(marked: list[Node], mixed: set[Node]) -> bool:  # noqa: PLR0912  (hot: written out)
    """Mark each result below the first of `marked` with its uses, and list it; False on others.

    Those of any number of inputs of which some are plain numbers are `mixed`.
    """
    cls, once, again = type(marked[0]), _ONCE, _TWICE
    marks: Any = _Uses
    for node in marked:  # which grows meanwhile
        a, b = node.a, node.b
        inputs: Any
        if b is not None:
            inputs = a, b
        elif type(a) is not tuple:
            inputs = (a,)
        else:
            inputs = iter(a)
            try:
                # Without a look at the class, which would take as long as all the rest.
                for p in inputs:
                    if p.a is not None:
                        uses: Any = p.extra
                        if uses is None:
                            p.extra = once
                            marked.append(p)
                        elif uses is once:
                            p.extra, p._grad = again, None
                        elif type(uses) is marks:
                            p.extra = uses.more or marks(uses)
                        else:
                            return False
                continue
            except AttributeError:  # a number has no inputs; the rest is looked at as others are
                mixed.add(node)
        for p in inputs:
            # Asking for the very class first takes a third of the time.
            if type(p) is not cls and not isinstance(p, Node):
                if type(p) is Freed:
                    raise freed_before(node)
            elif p.a is not None:
                uses = p.extra
                if uses is None:
                    p.extra = once
                    marked.append(p)
                elif uses is once:
                    p.extra, p._grad = again, None
                elif type(uses) is marks:
                    p.extra = uses.more or marks(uses)
                else:
                    return False
    return True


def _descend(  # noqa: PLR0912  (hot: a call costs more than the branch it would hide)
    root: Node, mixed: Container[Node], leaves: list[Node], freed: Freed | None
) -> None:
    """Hand gradients down to the leaves, which are listed as they are reached."""
    cls, once, now = type(root), _ONCE, CLOCK.now
    ready = [root]
    unit = (cls.wrap(1.0),)
    # Not `while ready`: a loop that ends by a test is not made quick by CPython 3.11 before the
    # eighth call, and the first pass over a large graph takes twice as long.
    while True:
        node = ready.pop()
        g, epoch, op = node._grad, node.epoch, node.op
        form = op.form  # type: ignore[union-attr]  # only what has an operation is reached
        if form is None:
            _scatter(node, _edges(node, g), ready, leaves, now)
            p = None
        elif form is WEIGHTED:
            _weigh(node, g, unit, ready, leaves, mixed, now)
            p = None
        else:
            # h is for the input p, k for q; an input that is no node is a number.
            p, q = node.a, node.b
            h = k = g
            if form is PRODUCT:
                h = g * (q._data if type(q) is cls or isinstance(q, Node) else q)
                k = g * (p._data if type(p) is cls or isinstance(p, Node) else p)
            elif form is DIFFERENCE:
                k = -g
            if type(q) is not cls and not isinstance(q, Node):
                q = None
            elif type(p) is not cls and not isinstance(p, Node):
                p, h, q = q, k, None
        while p is not None:
            if p.a is None:
                if p.epoch > epoch:
                    raise mutated(node, p)
                if p.b is None:
                    p.b = h
                    leaves.append(p)
                else:
                    p.b = p.b + h
            else:
                uses = p.extra
                if uses is once:
                    p.extra, p._grad = None, h
                    ready.append(p)
                else:
                    total = p._grad
                    p._grad = h if total is None else total + h
                    p.extra = uses.fewer
                    if p.extra is None:
                        ready.append(p)
            p, h, q = q, k, None
        if freed is not None:
            node.op, node.a, node.b = op.freed, freed, None  # type: ignore[union-attr]
        if not ready:
            return


def _scatter(
    node: Node, edges: Iterable[tuple[Node, Any]], ready: list[Node], leaves: list[Node], now: int
) -> None:
    """Hand their gradients to the inputs of a node of any operation."""
    once, epoch = _ONCE, node.epoch
    if epoch != now:  # otherwise nothing was written since the node was made
        edges = tuple(edges)
        for p, _ in edges:
            if p.a is None and p.epoch > epoch:
                raise mutated(node, p)
    for p, h in edges:
        if h is None:
            h = 0.0  # noqa: PLW2901  (a pullback that leaves out what is zero)
        if p.a is None:
            total = p.b
            if total is None:
                p.b = h
                leaves.append(p)
            else:
                p.b = total + h
        else:
            uses: Any = p.extra
            if uses is once:
                p.extra, p._grad = None, h
                ready.append(p)
            else:
                total = p._grad
                p._grad = h if total is None else total + h
                p.extra = uses.fewer
                if p.extra is None:
                    ready.append(p)


def _edges(node: Node, g: Any) -> Iterable[tuple[Node, Any]]:
    """Inputs of a node of any operation, with their gradients."""
    op: Op = node.op  # type: ignore[assignment]  # only what has an operation is reached
    try:
        return op.reverse(node, g)  # type: ignore[no-any-return]
    except Exception as error:
        return failed(node, g, error)


def _edges_of_nodes(node: Node, g: Any) -> list[tuple[Node, Any]]:
    """Those of the inputs of b + w₁x₁ + … + wₙxₙ that are nodes, with their gradients."""
    inputs: tuple[Any, ...] = node.a
    n = len(inputs) // 2
    pairs = zip(inputs, (*inputs[n:-1], *inputs[:n], 1.0), strict=True)
    return [
        (p, g * (q._data if isinstance(q, Node) else q)) for p, q in pairs if isinstance(p, Node)
    ]


def _weigh(
    node: Node,
    g: Any,
    unit: tuple[Node],
    ready: list[Node],
    leaves: list[Node],
    mixed: Container[Node],
    now: int,
) -> None:
    """Hand their gradients to the inputs of f(b + w₁x₁ + … + wₙxₙ).

    3.3 µs for 16 inputs, where what the pullback gives takes 5.5. The loop is that of `_scatter`
    once more: one for both, over pairs, made a sweep take 1.3 to 1.4 times as long.
    """
    once, epoch = _ONCE, node.epoch
    function = node.op.pullback.functions[node.params["activation"]]  # type: ignore[union-attr, index]
    g = handed_through(function, g, node._data)
    if node in mixed:
        _scatter(node, _edges_of_nodes(node, g), ready, leaves, now)
        return
    inputs: tuple[Node, ...] = node.a
    n = len(inputs) // 2
    if epoch != now:  # otherwise nothing was written since the node was made
        for p in inputs:
            if p.a is None and p.epoch > epoch:
                raise mutated(node, p)
    for p, q in zip(inputs, inputs[n:-1] + inputs[:n] + unit, strict=True):
        h = g * q._data
        if p.a is None:
            total = p.b
            if total is None:
                p.b = h
                leaves.append(p)
            else:
                p.b = total + h
        else:
            uses: Any = p.extra
            if uses is once:
                p.extra, p._grad = None, h
                ready.append(p)
            else:
                total = p._grad
                p._grad = h if total is None else total + h
                p.extra = uses.fewer
                if p.extra is None:
                    ready.append(p)
