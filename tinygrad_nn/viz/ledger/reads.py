"""Which numbers a gradient rule reads: found by running it, never listed by hand.

The engine keeps the result and the inputs of every operation, since its rules may ask for
any of them. A rule is run here on nodes, with a watcher that notes which of them reach an
operation: those it needs; of the others at most the shape.
"""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import LEAF, Op
from tinygrad_nn.viz.trace.running import form_of, run_rule

__all__ = ["RESULT", "Reader"]

RESULT = -1
"""Stands for the operation's result where the others are positions of its inputs."""


class Reader:
    """Asks rules what they read, each form of an operation once."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[frozenset[int], ...]] = {}

    def reads(self, node: Node) -> tuple[frozenset[int], ...]:
        """For each input of `node` what the rule of its gradient reads: positions, `RESULT`.

        Where a rule cannot be run on nodes it is taken to read everything.
        """
        op = node.op
        assert op is not None
        form = form_of(op, node.inputs, node.params)
        known = self._known.get(form)
        if known is None:
            known = _reads(op, node)
            if form is not None:
                self._known[form] = known
        return known


def _reads(op: Op, node: Node) -> tuple[frozenset[int], ...]:
    cls, inputs = type(node), node.inputs
    everything = frozenset(range(RESULT, len(inputs)))
    g = cls.wrap(cls.one(node._data), LEAF)
    y = cls.wrap(node._data, LEAF)
    # A plain Python number, such as the exponent of x**2, stays one, and is taken to be read.
    args = [
        cls.wrap(value, LEAF) if isinstance(p, Node) or type(value) is type(node._data) else value
        for p, value in zip(inputs, node.values, strict=True)
    ]
    place = {y: RESULT, **{arg: slot for slot, arg in enumerate(args) if isinstance(arg, Node)}}
    plain = {slot for slot, arg in enumerate(args) if not isinstance(arg, Node)}
    found: list[frozenset[int]] = []
    for slot, p in enumerate(inputs):
        if not isinstance(p, Node):
            found.append(frozenset())
            continue
        read = set(plain)

        def note(_op: Op, result: Node, used: tuple[Any, ...], _params: Any) -> None:
            read.update(place[x] for x in used if isinstance(x, Node) and x in place)  # noqa: B023

        needs = [k == slot for k in range(len(inputs))]
        given = run_rule(op, g, y, args, needs, node.params, note)
        if given is None:
            found.append(everything)
            continue
        if isinstance(given[slot], Node) and given[slot] in place:
            read.add(place[given[slot]])
        found.append(frozenset(read))
    return tuple(found)
