"""`Steps`: an observer that writes down one backward pass, use by use, as it happens.

Figures are taken at once, so that no gradient is kept alive for the trace, and what a node
was computed from is read before a pass that frees the graph takes it away.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.observe import Observer
from tinygrad_nn.core.op import Op
from tinygrad_nn.viz.trace.failures import failure_of
from tinygrad_nn.viz.trace.figures import figure
from tinygrad_nn.viz.trace.model import Failure, Summary

__all__ = ["Fact", "Step", "Steps", "locals_of", "payload_of"]


class Fact(NamedTuple):
    """How a node was computed.

    Attributes:
        op: The operation.
        inputs: Its inputs: nodes, payloads, or figures of what could not be kept.
        params: Static arguments, or None.
    """

    op: Op
    inputs: tuple[Any, ...]
    params: dict[str, Any] | None


class Step(NamedTuple):
    """One event: its place in the pass, what was added, and the sum after it."""

    place: int
    contribution: float | Summary
    sum: float | Summary


class Steps(Observer):
    """Everything about the backward passes of a body; the last pass wins.

    Passes within a pass, as `checkpoint` makes them, belong to the rule that makes them.

    Attributes:
        root: Where the last pass began, None before the first.
        facts: How each result that it came to was computed.
        gradients: Of each node that it came to.
        steps: For each result a place for each input, None where the pass did not come.
        locals: Derivatives by the inputs of each result that is a single number.
        latest: The node that the pass came to last: where it broke, if it did.
        failure: How it broke, or None.
        passes: How many passes began.
        depth: How many passes are running, one within the other.
    """

    def __init__(self, *, pictures: bool = True) -> None:
        self.depth = self.passes = 0
        self._outside: BaseException | None = None
        self.pictures = pictures
        self._clear()

    def _clear(self) -> None:
        self.root: Node | None = None
        self.facts: dict[Node, Fact] = {}
        self.gradients: dict[Node, float | Summary] = {}
        self.steps: dict[Node, list[Step | None]] = {}
        self.locals: dict[Node, Sequence[float | None]] = {}
        self.latest: Node | None = None
        self.count = 0
        self._sums: dict[Node, Any] = {}
        self._figures: dict[Node, Summary] = {}
        self.failure: Failure | None = None
        self._row: list[Step | None] = []
        self._uses: Iterator[tuple[int, Any]] = iter(())

    def begin(self, roots: Sequence[Node]) -> None:
        """Forget the pass before."""
        self.depth += 1
        if self.depth == 1:
            self._clear()
            self.passes += 1
            self.root = roots[-1]
            self._outside = sys.exception()

    def end(self) -> None:
        """Let go of the gradients; the sweep tells its end also when a rule raised."""
        self.depth -= 1
        if self.depth:
            return
        self._sums, self._figures = {}, {}
        error = sys.exception()
        if error is not None and error is not self._outside:
            op = "" if self.latest is None else self.facts[self.latest].op.name
            self.failure = replace(failure_of(error), op=op, phase="backward")
        self._outside = None

    def gradient(self, node: Node, gradient: Any) -> None:
        """The gradient is complete: write it down, and how the node was computed."""
        if self.depth != 1:
            return
        number = node.fit is None
        self._sums.pop(node, None)
        known = self._figures.pop(node, None)
        if number:
            self.gradients[node] = _plain(payload_of(gradient))
        elif known is not None and (node.extra is None or not node.extra.hooks):
            self.gradients[node] = known
        else:
            self.gradients[node] = figure(payload_of(gradient), picture=self.pictures)
        if node.a is None:
            return
        self.latest = node
        inputs = node.inputs
        self.facts[node] = Fact(node.op, inputs, node.params)  # type: ignore[arg-type]
        self._row = self.steps[node] = [None] * len(inputs)
        self._uses = iter(enumerate(inputs))
        if number or _single(node, inputs):
            self.locals[node] = locals_of(node)

    def edge(self, node: Node, p: Node, contribution: Any) -> None:
        """Write down the contribution, in the next place of an input that takes gradients."""
        if self.depth != 1:
            return
        # In the order of the inputs, but a pass to chosen nodes leaves some out.
        for slot, x in self._uses:  # noqa: B007  (the first one, and the rest for later)
            if x is p:
                break
        h = payload_of(contribution)
        before = self._sums.get(p)
        if p.fit is None:
            total = self._sums[p] = h if before is None else before + h
            self._row[slot] = Step(self.count, _plain(h), _plain(total))
        else:
            h = type(p).fit(h, p._data) if _unfit(h, p._data) else h
            added = shown = figure(h, picture=self.pictures)
            if before is None:
                self._sums[p] = h
            else:
                with np.errstate(all="ignore"):  # the sweep adds up the same, and warns
                    self._sums[p] = before + h
                shown = figure(self._sums[p], picture=self.pictures)
            self._figures[p] = shown
            self._row[slot] = Step(self.count, added, shown)
        self.count += 1


def payload_of(x: Any) -> Any:
    """What a node holds. Unlike `Tensor.data` it hands nothing out, so it costs no copy."""
    return x._data if isinstance(x, Node) else x


def locals_of(node: Node, g: Any = None) -> Sequence[float | None]:
    """Derivatives of a single number by each of its inputs, by the operation's own rules.

    Args:
        node: The number.
        g: What to multiply them by, as the rules do: its gradient.
    """
    if node.fit is None:
        found = _handed(node, 1.0 if g is None else g)  # floats know no warnings
    else:
        with np.errstate(all="ignore"):
            found = _handed(node, np.ones(node._data.shape, node._data.dtype) if g is None else g)
    rest = iter(found)
    return [_local(next(rest, None)) if isinstance(p, Node) else None for p in node.inputs]


def _handed(node: Node, g: Any) -> list[Any]:
    try:
        return [h for _, h in node.op.reverse(node, g)]  # type: ignore[union-attr]
    except (ZeroDivisionError, OverflowError):
        # Python floats raise where arrays give infinity.
        return [h for _, h in node.ieee_gradients(g) or ()]
    except Exception:  # the pass itself comes to this rule, and says what is wrong
        return []


def _local(h: Any) -> float | None:
    if type(h) is float:
        return h
    if h is None or np.size(h) != 1:
        return None
    try:
        return _plain(payload_of(h))
    except (TypeError, ValueError):  # a rule gave no number; the pass says so
        return None


def _plain(x: Any) -> float:
    if type(x) is float:
        return x
    return float("nan") if isinstance(x, complex) else float(x)


def _single(node: Node, inputs: tuple[Any, ...]) -> bool:
    return not node._data.shape and all(np.shape(payload_of(p)) == () for p in inputs)


def _unfit(h: Any, payload: Any) -> bool:
    return h.shape != payload.shape or h.dtype is not payload.dtype
