"""The local derivatives of one small operation, one number for each pair of elements.

By the operation's own gradient rule on basis vectors, so that they are what the sweep uses.
Of an elementwise operation one call is enough, and a NaN at one element stays there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind
from tinygrad_nn.core.reverse import gradients
from tinygrad_nn.viz.trace.model import Summary
from tinygrad_nn.viz.trace.steps import Fact

__all__ = ["MOST_ENTRIES", "MOST_NODES", "MOST_ROWS", "Entries", "local_derivatives", "pulled"]

MOST_ROWS = 64
"""Elements of a result up to which its derivatives are worked out."""
MOST_ENTRIES = 200
"""Derivatives other than 0 that one operation may have."""
MOST_NODES = 200
"""Nodes of a trace up to which it is done at all."""
_MOST_COLUMNS = 4096

Entries = tuple[tuple[int, int, float], ...]


def local_derivatives(
    node: Node, fact: Fact | None = None, limit: int = MOST_ENTRIES
) -> tuple[Entries | None, ...] | None:
    """For each input of `node` the derivatives of its result that are not 0.

    Args:
        node: Result of an operation.
        fact: How it was computed, if the graph does not say so any more.
        limit: So many derivatives there may be in all.

    Returns:
        For each input (element of the result, element of the input, derivative), both in
        row-major order; None in the place of a constant. None for all where there are too
        many, where an input was written since, or where they cannot be told apart because
        some of them are not finite.

    Example:
        >>> import tinygrad_nn as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> local_derivatives(x * x)[0]
        ((0, 0, 1.0), (1, 1, 2.0))
    """
    if fact is None:
        if node.op is None:
            return None
        fact = Fact(node.op, node.inputs, node.params)
    # A constant may be there as a node of its own; nothing is handed to it.
    op, inputs, _ = fact = fact._replace(inputs=tuple(map(_moving, fact.inputs)))
    rows = int(np.size(node._data))
    sources = [p for p in inputs if isinstance(p, Node)]
    columns = sum(np.size(p._data) for p in sources)
    if op is op.freed or not sources or rows > MOST_ROWS or columns > _MOST_COLUMNS:
        return None
    if any(isinstance(p, Summary) for p in inputs) or any(p.epoch > node.epoch for p in sources):
        return None
    try:
        with np.errstate(all="ignore"):
            if op.kind is Kind.ELEMENTWISE:
                found: tuple[Entries | None, ...] | None = _diagonal(node, fact)
            else:
                found = _by_rows(node, fact, rows, limit)
    except Exception:  # the pass comes to this rule too, and says what is wrong with it
        return None
    if found is None or sum(len(e) for e in found if e is not None) > limit:
        return None
    return found


def _moving(p: Any) -> Any:
    return p._data if isinstance(p, Node) and p.op is None else p


def pulled(node: Node, fact: Fact, g: Any) -> list[Any]:
    """What each input gets of the gradient `g` of the result `node`; None for constants."""
    return [
        _fitted(h, p) if isinstance(p, Node) else None
        for h, p in zip(_raw(node, fact, g), fact.inputs, strict=True)
    ]


def _raw(node: Node, fact: Fact, g: Any) -> Sequence[Any]:
    op, inputs, params = fact
    needs = tuple(isinstance(p, Node) for p in inputs)
    args: list[Any] = [p._data if isinstance(p, Node) else p for p in inputs]
    try:
        return gradients(op, g, node._data, args, needs, params or {})
    except ArithmeticError:
        # Python floats raise where arrays give infinity; NumPy's floats do as arrays do.
        wide: list[Any] = [np.float64(x) if type(x) is float else x for x in (g, node._data, *args)]
        return gradients(op, wide[0], wide[1], wide[2:], needs, params or {})


def _fitted(h: Any, p: Any) -> Any:
    """A contribution in the shape and dtype of the input, as the sweep adds it."""
    payload = p._data
    if h is None:
        return type(p).zero(payload)
    if p.fit is None:
        return np.nan if isinstance(h, complex) else float(h)
    return p.fit(np.asarray(h), payload)


def _basis(node: Node, i: int) -> Any:
    one = node._data
    if type(one) is float:
        return 1.0
    g = np.zeros(one.shape, one.dtype)
    g.reshape(-1)[i] = 1
    return g


def _by_rows(node: Node, fact: Fact, rows: int, limit: int) -> tuple[Entries | None, ...] | None:
    found: list[list[tuple[int, int, float]] | None] = [
        [] if isinstance(p, Node) else None for p in fact.inputs
    ]
    count = 0
    for i in range(rows):
        for entries, h in zip(found, pulled(node, fact, _basis(node, i)), strict=True):
            if entries is None:
                continue
            flat = np.ravel(h)
            # 0 · NaN is NaN: no element could be told from those that it has nothing to do with.
            if rows > 1 and not np.isfinite(flat).all():
                return None
            (used,) = np.nonzero(flat)
            count += len(used)
            if count > limit:
                return None
            entries += [(i, int(j), float(flat[j])) for j in used]
    return tuple(None if e is None else tuple(e) for e in found)


def _diagonal(node: Node, fact: Fact) -> tuple[Entries | None, ...]:
    """Of an elementwise operation: element i of the result depends on one of each input."""
    shape = np.shape(node._data)
    one = 1.0 if type(node._data) is float else np.ones(shape, node._data.dtype)
    found: list[Entries | None] = []
    for h, p in zip(_raw(node, fact, one), fact.inputs, strict=True):
        if not isinstance(p, Node):
            found.append(None)
            continue
        payload = p._data
        places = np.arange(np.size(payload)).reshape(np.shape(payload))
        where = np.broadcast_to(places, shape).ravel().tolist()
        slopes: Any = 0.0 if h is None else np.asarray(h)
        values = np.broadcast_to(slopes, shape).ravel().tolist()
        found.append(
            tuple((i, j, float(d)) for i, (j, d) in enumerate(zip(where, values, strict=True)) if d)
        )
    return tuple(found)
