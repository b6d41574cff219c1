"""Graph to `Trace`: what a drawing may know of the engine is all in here."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.observe import Observer, observe
from tinygrad_nn.core.reverse import gradients
from tinygrad_nn.core.sweep import pull, reverse_order
from tinygrad_nn.errors import FreedGraphError, GradientError, OperandError, OptionError
from tinygrad_nn.tensor import Parameter
from tinygrad_nn.viz.trace.model import Edge, Record, Role, Trace, Summary
from tinygrad_nn.viz.wording import shape_text

__all__ = ["LIMIT", "record"]

LIMIT = 300
"""Nodes that one drawing shows at most; beyond that it is a texture, not a picture."""

_KEPT_ELEMENTS = 64
_EDGES_PER_NODE = 4


def record(root: Any, *, backward: bool = False, limit: int = LIMIT, model: Any = None) -> Trace:
    """Trace of the graph below `root`.

    Args:
        root: Value or Tensor.
        backward: Run a backward pass from `root` and record its gradients. No `grad` is
            changed and the graph is kept; hooks run, since they shape the gradient.
        limit: Keep this many nodes, those nearest to the root, and count the rest.
        model: Module, or several, whose parameters bear their dotted paths as names.

    Raises:
        OperandError: `root` is no Value or Tensor, or `model` no module.
        OptionError: `limit` is below 1.
        FreedGraphError: An earlier backward pass freed the graph.
        GradientError: `backward` of something that requires no gradient, or of an array.
    """
    if not isinstance(root, Node):
        raise OperandError(
            f"draw: got {type(root).__name__}, expected a Value or Tensor; "
            "draw what a computation returned, for example its loss"
        )
    if limit < 1:
        raise OptionError(f"draw: got limit={limit}, expected at least 1")
    names = _paths(model)
    order = _order(root)
    gradients = _observed(root, order) if backward else _stored(order)
    return _Recorder(root, order, gradients, limit, names, observed=backward).trace()


def _paths(model: Any) -> dict[Node, str]:
    """Dotted path of each parameter; of several models the number of the model comes first."""
    if model is None:
        return {}
    several = isinstance(model, (list, tuple))
    found: dict[Node, str] = {}
    for i, one in enumerate(model if several else (model,)):
        if not hasattr(one, "named_parameters"):
            raise OperandError(
                f"draw: got a model of type {type(one).__name__}, expected a Module, or a list of "
                "them"
            )
        prefix = f"{i}." if several else ""
        for name, parameter in one.named_parameters():
            found.setdefault(parameter, prefix + name)
    return found


# ── Reading the engine ──────────────────────────────────────────────────────────────────


def _order(root: Node) -> list[Node]:
    try:
        return [root] if root.op is None else reverse_order(root)
    except FreedGraphError as error:
        # The engine's advice is for a second backward pass, which nobody asked for here.
        why = str(error).partition("; ")[0].removeprefix("backward through ")
        raise FreedGraphError(
            f"draw: nothing is left to draw below {why}; draw before it, or call that backward "
            "with retain_graph=True; draw(x, backward=True) shows gradients without either"
        ) from error


def _payload(node: Node) -> Any:
    """What the node holds. Unlike `Tensor.data` it hands nothing out, so it costs no copy."""
    return node._data


def _stored(order: Sequence[Node]) -> dict[Node, Any]:
    """Gradients that earlier passes left in the nodes."""
    found = ((node, node._grad) for node in order)
    return {n: _payload(g) if isinstance(g, Node) else g for n, g in found if g is not None}


class _Collector(Observer):
    """Observer that keeps every gradient of a pass."""

    def __init__(self) -> None:
        self.found: dict[Node, Any] = {}

    def gradient(self, node: Node, gradient: Any) -> None:
        """Keep it; the sweep adds nothing to a gradient that is complete."""
        self.found[node] = gradient


def _observed(root: Node, order: Sequence[Node]) -> dict[Node, Any]:
    """Gradients of `root` by a pass that leaves every `grad` as it is."""
    payload = _payload(root)
    if root.op is None:
        raise GradientError(
            "draw: backward=True of something that requires no gradient; expected at least one "
            "input made with requires_grad=True, or draw it without backward"
        )
    if np.size(payload) != 1:
        raise GradientError(
            f"draw: backward=True of a tensor of shape {payload.shape}, expected one element, "
            "for example loss.sum()"
        )
    before = [(node, node._grad) for node in order]
    collector = _Collector()
    try:
        with observe(collector):
            pull((root,), (_one(payload),))
    finally:
        for node, gradient in before:
            node._grad = gradient
    return collector.found


def _one(payload: Any) -> Any:
    return 1.0 if isinstance(payload, float) else np.ones(payload.shape, payload.dtype)


def _shares(node: Node, g: Any) -> list[float | None]:
    """What each input of `node` gets of its gradient `g`, by the operation's own rules."""
    with np.errstate(all="ignore"):
        try:
            found = _pulled(node, g, lambda x: x)
        except ArithmeticError:
            # Python floats raise where arrays give infinity; NumPy's floats do as arrays do.
            found = _pulled(node, g, np.float64)
    return [None if h is None else np.nan if isinstance(h, complex) else float(h) for h in found]


def _pulled(node: Node, g: Any, convert: Callable[[Any], Any]) -> Sequence[Any]:
    op, params = node.op, node.params or {}
    assert op is not None
    needs = tuple(isinstance(p, Node) for p in node.inputs)
    g, y, *values = map(convert, (g, _payload(node), *node.values))
    found = gradients(op, g, y, values, needs, params)
    return [h if needed else None for h, needed in zip(found, needs, strict=True)]


# ── Writing it down ─────────────────────────────────────────────────────────────────────


class _Recorder:
    """Walks the nodes that are kept, inputs first, and writes a record of each."""

    def __init__(
        self,
        root: Node,
        order: Sequence[Node],
        gradients: dict[Node, Any],
        limit: int,
        names: dict[Node, str],
        *,
        observed: bool,
    ) -> None:
        self.root = root
        self.order = order
        self.kept = _nearest(root, limit)
        self.gradients = gradients
        self.observed = observed
        self.room = {"constants": limit, "edges": _EDGES_PER_NODE * limit}
        self.scalar = all(np.shape(_payload(node)) == () for node in self.kept)
        self.keys: dict[Node, int] = {}
        self.records: list[Record] = []
        self.edges: list[Edge] = []
        self.counts: Counter[str] = Counter()
        # A name that the user gave comes before the path within the model.
        self.names = {node: node.name or names.get(node) for node in self.kept}
        self.taken = set(self.names.values())
        # Leaves with another number than the one that the results were computed from.
        self.changed = {p for n in self.kept for p in _nodes(n.inputs) if p.epoch > n.epoch}

    def trace(self) -> Trace:
        for node in _inputs_first(self.root, self.kept):
            self._add(node)
        return Trace(
            tuple(self.records), tuple(self.edges), len(self.order), len(self.kept), self.observed
        )

    def _add(self, node: Node) -> None:
        """Write the record of `node`, after those of its constants."""
        sources = [self._source(p) for p in node.inputs]
        name = self.names[node]
        key = self.keys[node] = len(self.records)
        left_out = sum(source is None for source in sources)
        op = None if node.is_leaf else node.op
        self.records.append(Record(
            key=key,
            name=str(name)[:500] if name else self._generated(node),
            named=bool(name),
            role=self._role(node),
            op=None if op is None else op.name,
            params=tuple((k, _static_text(v)) for k, v in (node.params or {}).items()),
            arguments=() if op is None or op.variadic else op.data,
            value=_summary(_payload(node)),
            gradient=_summary(self.gradients[node]) if node in self.gradients else None,
            missing=self._missing(node),
            left_out=left_out,
            changed=node in self.changed,
        ))  # fmt: skip
        local: Sequence[float | None] = [None] * len(sources)
        share = local
        if op is not None and self.scalar and self.changed.isdisjoint(_nodes(node.inputs)):
            local = _shares(node, _one(_payload(node)))
            if node in self.gradients:
                share = _shares(node, self.gradients[node])
        self.edges += [
            Edge(source, key, slot, local[slot], share[slot])
            for slot, source in enumerate(sources)
            if source is not None
        ]

    def _source(self, p: Any) -> int | None:
        """Key of an input, None for one that is left out."""
        self.room["edges"] -= 1
        if self.room["edges"] < 0:
            return None
        if isinstance(p, Node):
            return self.keys.get(p)
        self.room["constants"] -= 1
        if self.room["constants"] < 0:
            return None
        self.records.append(
            Record(len(self.records), "", False, Role.CONSTANT, None, (), (), _summary(p),
                   None, "", 0, False)
        )  # fmt: skip
        return len(self.records) - 1

    def _generated(self, node: Node) -> str:
        kind = "parameter" if isinstance(node, Parameter) else "leaf"
        stem = "constant" if node.op is None else kind if node.is_leaf else node.op.name
        while True:
            self.counts[stem] += 1
            name = f"{stem}_{self.counts[stem]}"
            if name not in self.taken:
                return name

    def _role(self, node: Node) -> Role:
        if node.op is None:
            return Role.CONSTANT
        if node.is_leaf:
            return Role.PARAMETER if isinstance(node, Parameter) else Role.INPUT
        return Role.RESULT if node is self.root else Role.VALUE

    def _missing(self, node: Node) -> str:
        if node in self.gradients:
            return ""
        if node.op is None:
            return "requires no gradient"
        if self.observed:
            return "no gradient arrives"
        if not node.is_leaf and self.gradients:
            return "gradient not kept"
        return "not yet run backward"


def _nodes(inputs: Sequence[Any]) -> set[Node]:
    return {p for p in inputs if isinstance(p, Node)}


def _nearest(root: Node, limit: int) -> set[Node]:
    """The first `limit` nodes by their steps from the root."""
    found, queue = {root}, deque([root])
    while queue:
        for p in queue.popleft().inputs:
            if len(found) < limit and isinstance(p, Node) and p not in found:
                found.add(p)
                queue.append(p)
    return found


def _inputs_first(root: Node, kept: set[Node]) -> Iterator[Node]:
    """Nodes of `kept`, each after its inputs, the first input's side first."""
    seen = {root}
    stack = [(root, iter(root.inputs))]
    while stack:
        node, rest = stack[-1]
        for p in rest:
            if isinstance(p, Node) and p in kept and p not in seen:
                seen.add(p)
                stack.append((p, iter(p.inputs)))
                break
        else:
            stack.pop()
            yield node


def _summary(payload: Any) -> Summary:
    array = np.asarray(payload)
    finite = array[np.isfinite(array)].astype(np.float64)
    nans = int(np.isnan(array).sum())
    some = finite if finite.size else np.zeros(1)
    with np.errstate(all="ignore"):
        return Summary(
            shape=array.shape,
            dtype=type(payload).__name__ if isinstance(payload, (bool, int, float))
            else str(array.dtype),
            size=array.size,
            elements=tuple(array.ravel().tolist()) if array.size <= _KEPT_ELEMENTS else None,
            mean=float(some.mean()),
            deviation=float(some.std()),
            low=float(some.min()),
            high=float(some.max()),
            norm=float(np.sqrt((some * some).sum())),
            nans=nans,
            infs=array.size - finite.size - nans,
        )  # fmt: skip


def _static_text(value: Any) -> str:
    """A static argument's value; of an array only the shape, of a function the name."""
    if isinstance(value, Node):
        value = _payload(value)
    if isinstance(value, np.ndarray):
        return f"array {shape_text(value.shape)}".strip()
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return repr(value)[:200]
