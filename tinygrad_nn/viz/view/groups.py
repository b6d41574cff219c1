"""`groups`: the tree of groups of a trace, found once however often it is drawn."""

from __future__ import annotations

from dataclasses import fields
from weakref import ref

from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.trace.unswept import unswept
from tinygrad_nn.viz.view.grouping import grouped
from tinygrad_nn.viz.view.model import Group
from tinygrad_nn.viz.view.tree import Tree
from tinygrad_nn.viz.view.wiring import Wiring

__all__ = ["groups", "tree_of"]

_MOST = 4
"""Traces whose groups are kept: a tree is about as large as its trace."""

_KNOWN: dict[int, tuple[ref[Trace], Tree]] = {}


def groups(trace: Trace) -> tuple[Group, ...]:
    """The tree of groups of a trace: the same for every pass over the same graph.

    The first group is the whole graph; a group comes before those in it, and groups beside each
    other come in the order of the computation. No group holds more than 30 things directly, so
    opening one never makes a picture large at once.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.viz.trace.recorder import record
        >>> x = tg.Value(0.5, name="x")
        >>> for _ in range(4):
        ...     x = (x * 2.0).tanh()
        >>> [(g.kind, g.title, g.about) for g in groups(record(x))][:2]
        [('graph', '', ''), ('repeat', 'multiply → tanh', 'steps ×3')]
    """
    return tree_of(trace).groups


@unswept()
def tree_of(trace: Trace) -> Tree:
    """Groups of `trace`, with its wiring.

    They are kept for the last few traces as long as these live: the picture, the text and the
    page of a trace of 100,000 operations took 1.5 s each to find them anew.
    """
    key = id(trace)
    found = _KNOWN.get(key)
    if found is not None and found[0]() is trace:
        return found[1]
    # A copy shares all records, and the tree that holds it does not keep `trace` alive.
    copy = Trace(**{f.name: getattr(trace, f.name) for f in fields(Trace)})
    wiring = Wiring(copy)
    tree = Tree(wiring, grouped(wiring))
    while len(_KNOWN) >= _MOST:
        _KNOWN.pop(next(iter(_KNOWN)), None)

    def forget(dead: ref[Trace]) -> None:
        entry = _KNOWN.get(key)
        if entry is not None and entry[0] is dead:
            del _KNOWN[key]

    _KNOWN[key] = (ref(trace, forget), tree)
    return tree
