"""What a graph keeps in memory for its backward pass, and why.

reads.py    which numbers a gradient rule reads, found by running it
account.py  the engine's nodes -> Ledger
model.py    Ledger, as text
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.viz.ledger.account import account
from tinygrad_nn.viz.ledger.model import Holding as Holding
from tinygrad_nn.viz.ledger.model import Ledger as Ledger
from tinygrad_nn.viz.ledger.model import Saving as Saving
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.trace.recorder import record
from tinygrad_nn.viz.view import groups
from tinygrad_nn.viz.view.model import Group

__all__ = ["EVERYTHING", "Holding", "Ledger", "Saving", "ledger"]

EVERYTHING = "everything before the result"
"""Title of the group that is the whole graph."""


def ledger(x: Any, *, model: Any = None) -> Ledger:
    """Which array the graph of `x` keeps, how many bytes, why, and what checkpointing would save.

    An array is kept between the forward and the backward pass since a gradient rule reads it,
    or only since the graph keeps every result; which of both is found by running the rules.

    Args:
        x: Value or Tensor, before its backward pass.
        model: Module, or a list of several: arrays and savings are told by its parts.

    Returns:
        Table when printed; `holdings`, `savings`, `total`, `by_op()`, `by_module()` as data.

    Raises:
        OperandError: `x` is no Value or Tensor, or `model` no module.
        FreedGraphError: A backward pass freed the graph.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> x = tg.tensor(np.ones(1000), requires_grad=True, name="x")
        >>> print(tg.ledger(tg.exp(x).sum()))  # doctest: +ELLIPSIS
        memory kept for the backward pass of sum_1: 7.82 KiB by the graph, of which no ...
        <BLANKLINE>
            bytes  what   shape          made by  why it is kept
        7.812 KiB  x      1000 elements  input    yours; no gradient rule reads it
        7.812 KiB  exp_1  1000 elements  exp      read by exp_1 for x
          8 bytes  sum_1                 sum      no gradient rule reads it; ...
    """
    keys: dict[Node, int] = {}
    trace = record(x, model=model, keys=keys, asks="ledger")
    order = list(keys)
    names = {node: trace.records[key].name for node, key in keys.items()}
    node_of = {key: node for node, key in keys.items()}
    tree = groups(trace)
    return account(
        trace.root.name, order, names, _modules(tree, node_of), list(_sets(tree, node_of, trace))
    )


def _modules(tree: Sequence[Group], node_of: dict[int, Node]) -> dict[Node, str]:
    """Path of the innermost module around each node."""
    path: list[str] = []
    found: dict[Node, str] = {}
    for group in tree:
        above = path[group.parent] if group.parent is not None else ""
        path.append(group.title if group.kind == "module" else above)
        found.update({node_of[k]: path[-1] for k in group.nodes if k in node_of and path[-1]})
    return found


def _sets(
    tree: Sequence[Group], node_of: dict[int, Node], trace: Trace
) -> Iterator[tuple[str, frozenset[Node]]]:
    """Nodes below each group, without the root of the graph, which is wanted itself."""
    below: list[set[Node]] = [{node_of[k] for k in g.nodes if k in node_of} for g in tree]
    for i in range(len(tree) - 1, 0, -1):
        parent = tree[i].parent
        assert parent is not None
        below[parent] |= below[i]
    root = node_of[trace.root.key]
    for group, nodes in zip(tree, below, strict=True):
        title = f"{group.title} {group.about}".strip()
        if group.kind == "graph":
            title = EVERYTHING
        yield title, frozenset(nodes - {root})
