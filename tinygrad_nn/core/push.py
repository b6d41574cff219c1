"""Forward mode: the sweep that carries tangents from inputs to results.

No operation has a forward rule of its own to keep in step: it follows from the kind.
An elementwise operation's gradient rule multiplies by a diagonal, which is its own
transpose, so the rule applied to the tangent is the tangent. A linear operation is its
own derivative; a multilinear one is linear in each argument. For anything else the
gradient rule, linear in the incoming gradient, is itself swept back ("double pull").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_nn.core.node import Node, enable_grad
from tinygrad_nn.core.op import LEAF, Kind, Op
from tinygrad_nn.core.order import reverse_order
from tinygrad_nn.core.reverse import gradients
from tinygrad_nn.core.sweep import pull
from tinygrad_nn.errors import GradientError

__all__ = ["push"]


def push(
    roots: Sequence[Node], tangents: Mapping[Node, Any], *, create_graph: bool = False
) -> list[Any]:
    """Tangent of each root, given those of some nodes below; None where it is zero.

    Args:
        roots: Nodes whose tangents are wanted.
        tangents: Tangent (payload, or Node) of the nodes that vary.
        create_graph: Give nodes to the rules, so that the tangents are in the graph.
    """
    known: dict[Node, Any] = dict(tangents)
    for node in reversed(reverse_order(roots)):
        if node in known or node.is_leaf:
            continue
        inputs = node.inputs
        moving = [known.get(p) if isinstance(p, Node) else None for p in inputs]
        if any(t is not None for t in moving):
            known[node] = _tangent(node, moving, create_graph)
    return [known.get(root) for root in roots]


def _tangent(node: Node, moving: list[Any], create_graph: bool) -> Any:
    op: Op = node.op  # type: ignore[assignment]
    params = node.params or {}
    y, args = (node, node.inputs) if create_graph else (node._data, node.values)
    if op.jvp is not None:
        out = op.jvp(tuple(moving), y, *args, **params)
    elif op.kind is Kind.ELEMENTWISE:
        terms = [
            rule(t, y, *args, **params)
            for t, rule in zip(moving, op.rules, strict=True)
            if t is not None and rule is not None
        ]
        out = _sum(terms)
    elif op.kind is Kind.LINEAR:
        cls = type(node)
        filled = [cls.zero(_raw(x)) if t is None else t for t, x in zip(moving, args, strict=True)]
        out = op.call(*filled, **params)
    elif op.kind is Kind.MULTILINEAR:
        out = _sum(
            op.call(*args[:i], t, *args[i + 1 :], **params)
            for i, t in enumerate(moving)
            if t is not None
        )
    else:
        out = _double_pull(node, moving, y, args, create_graph)
    return None if out is None else type(node).spread(out, node._data)


def _sum(terms: Any) -> Any:
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total


def _raw(x: Any) -> Any:
    return x._data if isinstance(x, Node) else x


def _double_pull(
    node: Node, moving: list[Any], y: Any, args: Sequence[Any], create_graph: bool
) -> Any:
    """Transpose of the gradient rule: d/dg of <rule(g), tangents>."""
    cls = type(node)
    op: Op = node.op  # type: ignore[assignment]
    g = cls.wrap(cls.one(node._data), LEAF)
    params = node.params or {}
    needs = tuple(t is not None for t in moving)
    with enable_grad():
        found = gradients(op, g, y, args, needs, params)
        pairs = [
            (cls.fit(h, _raw(x)) if cls.fit is not None else h, t)
            for h, t, x in zip(found, moving, args, strict=True)
            if isinstance(h, Node) and h.op is not None and t is not None
        ]
        if not pairs:
            return None
        roots, seeds = [h for h, _ in pairs], [t for _, t in pairs]
        try:
            return pull(roots, seeds, targets=[g], create_graph=create_graph).get(g)
        except GradientError as error:
            error.add_note(f"in the forward mode of {op.name}, by sweeping its rule back")
            raise
