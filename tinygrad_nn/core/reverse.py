"""How the sweep asks an operation for the gradients of its inputs.

One function for each common form of operation, without loops where the number of inputs is
known; `general_gradients` for every form, and for sweeps that record themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_nn.core.node import Node

if TYPE_CHECKING:
    from tinygrad_nn.core.record import Op

__all__ = ["general_gradients", "gradients", "reverser_of"]


def reverser_of(op: Op) -> Callable[[Node, Any], Sequence[tuple[Node, Any]]]:
    """Function `(node, g) -> ((input, gradient), ...)` for payloads, without loops if it can."""
    rules = op.rules
    if op.arity == 1 and len(rules) == 1 and rules[0]:
        if op.quick:
            return _reverse_unary_quick(op, rules[0])
        return _reverse_unary_static(rules[0]) if op.static else _reverse_unary(rules[0])
    if op.arity == 2 and len(rules) == 2 and rules[0]:
        if rules[1] is None:
            return _reverse_first(op, rules[0])
        if not op.static:
            return _reverse_binary(rules[0], rules[1])
    if op.variadic and op.pullback is not None and not op.static:
        return _reverse_many(op, op.pullback)
    return lambda node, g: general_gradients(op, node, g, create_graph=False)


def _reverse_unary(rule: Callable[..., Any]) -> Callable[[Node, Any], Any]:
    def reverse(node: Node, g: Any) -> Any:
        p = node.a
        return ((p, rule(g, node._data, p._data)),)

    return reverse


def _reverse_unary_static(rule: Callable[..., Any]) -> Callable[[Node, Any], Any]:
    def reverse(node: Node, g: Any) -> Any:
        p = node.a
        return ((p, rule(g, node._data, p._data, **node.params)),)  # type: ignore[arg-type]

    return reverse


def _reverse_unary_quick(op: Op, rule: Callable[..., Any]) -> Callable[[Node, Any], Any]:
    slopes = op.slopes

    def reverse(node: Node, g: Any) -> Any:
        p, y, params = node.a, node._data, node.params
        slope = slopes[type(y)] if type(g) is type(y) else rule
        if params is None:
            return ((p, slope(g, y, p._data)),)
        return ((p, slope(g, y, p._data, **params)),)

    return reverse


def _reverse_first(op: Op, rule: Callable[..., Any]) -> Callable[[Node, Any], Any]:
    """Of two inputs the second, to which no gradient flows, is kept as a payload."""
    slopes = op.slopes

    def reverse(node: Node, g: Any) -> Any:
        p, y = node.a, node._data
        slope = slopes[type(y)] if type(g) is type(y) else rule
        return ((p, slope(g, y, p._data, node.b, **node.params or {})),)

    return reverse


def _reverse_binary(rule_a: Callable[..., Any], rule_b: Callable[..., Any]) -> Callable[..., Any]:
    def reverse(node: Node, g: Any) -> Any:
        a, b = node.a, node.b
        if isinstance(a, Node):
            x = a._data
            if isinstance(b, Node):
                y = b._data
                return (a, rule_a(g, node._data, x, y)), (b, rule_b(g, node._data, x, y))
            return ((a, rule_a(g, node._data, x, b)),)
        return ((b, rule_b(g, node._data, a, b._data)),)

    return reverse


def _reverse_many(op: Op, rule: Callable[..., Any]) -> Callable[[Node, Any], Any]:
    slopes = op.slopes

    def reverse(node: Node, g: Any) -> Any:
        inputs, y = node.a, node._data
        pullback = slopes[type(y)] if type(g) is type(y) else rule
        # A plain loop, since a comprehension costs as much as four turns of it.
        values: list[Any] = []
        needs: list[bool] = []
        for p in inputs:
            if isinstance(p, Node):
                values.append(p._data)
                needs.append(True)
            else:
                values.append(p)
                needs.append(False)
        found = pullback(g, y, *values, needs=needs)
        edges = []
        for p, h, need in zip(inputs, found, needs, strict=True):
            if need:
                edges.append((p, p.zero(p._data) if h is None else h))
        return edges

    return reverse


def gradients(
    op: Op, g: Any, y: Any, args: Sequence[Any], needs: Sequence[bool], params: dict[str, Any]
) -> Sequence[Any]:
    """What the rules give for each input, None where nothing is needed or flows."""
    if op.pullback is not None:
        return op.pullback(g, y, *args, needs=needs, **params)  # type: ignore[no-any-return]
    return [
        rule(g, y, *args, **params) if rule is not None and need else None
        for rule, need in zip(op.rules, needs, strict=True)
    ]


def general_gradients(op: Op, node: Node, g: Any, *, create_graph: bool) -> Sequence[Any]:
    """The same for any operation; with `create_graph` the rules are given nodes."""
    inputs: Sequence[Any] = node.inputs
    params = node.params or {}
    needs = [isinstance(p, Node) for p in inputs]
    y = node if create_graph else node._data
    args = inputs if create_graph else [p._data if isinstance(p, Node) else p for p in inputs]
    found = gradients(op, g, y, args, needs, params)
    # A node that is counted as used must be handed something, or it would wait for ever.
    return [
        (p, p.zero(p._data) if h is None else h)
        for p, need, h in zip(inputs, needs, found, strict=True)
        if need
    ]
