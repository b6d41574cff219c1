"""Leaves that a step uses: their payloads are traced while it is captured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_nn.compiler.places import Gradient, Leaf, Payload
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture

__all__ = ["Leaves"]


class _Held:
    """A leaf as it was, and as it is while the step runs."""

    __slots__ = (
        "epoch", "forgotten", "gradient", "holder", "op", "outside", "payload", "seen", "shared",
        "traced",
    )  # fmt: skip

    def __init__(self, leaf: Node, holder: Any, outside: bool) -> None:
        self.holder, self.outside, self.op = holder, outside, leaf.op
        self.payload = leaf.taken_over()
        self.gradient = leaf._grad
        self.epoch = leaf.epoch
        self.shared = None if leaf.extra is None else leaf.extra.shared
        self.traced: Any = None
        self.seen: Any = None
        self.forgotten = False


class Leaves:
    """Nodes that a step found outside itself, or made of plain numbers."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._held: dict[Node, _Held] = {}
        self._arguments: dict[Node, Any] = {}
        self.kept: list[tuple[Node, Any]] = []

    def given(self, node: Node, place: Any) -> None:
        """`node` is an argument of the step: another call may bring another."""
        self._arguments.setdefault(node, place)
        self.lift(node)

    def outside(self, node: Node) -> bool:
        """Whether it was there before the step began, so that its numbers may change."""
        return node.epoch < self._capture.begun

    def is_own(self, node: Node) -> bool:
        """Whether the step found the leaf for itself, as it does its parameters."""
        held = self._held.get(node)
        return held is not None and held.outside and isinstance(held.holder, Leaf)

    def lift(self, node: Node) -> None:
        """Make the payload of a leaf traced, and its gradient."""
        if isinstance(node._data, Traced):
            return
        if not node.is_leaf:
            raise self._capture.refused(
                f"the result of {node.op.name} that was computed before the step began",  # type: ignore[union-attr]
                "compute it in the step, hand it over detached: x.detach(), or pass its inputs",
            )
        place = self._arguments.get(node) or Leaf(node)
        # Asked before what the user wrote is taken over, which counts as a write of now.
        held = self._held[node] = _Held(node, place, self.outside(node))
        if held.outside:
            held.traced = self._capture.read_from(Payload(place), held.payload)
        else:
            held.traced = self._capture.constant(held.payload)
        node._data = held.traced
        if node.extra is not None:
            self._capture.scope.follow_hooks(node.extra.hooks)
        if held.shared is not None:
            node.extra.shared = None  # type: ignore[union-attr]
        g = node._grad
        # Not by `synced`, which would make a leaf of the gradient, of another node at each call.
        payload = g.taken_over() if isinstance(g, Node) else g
        if isinstance(payload, Traced) and g in self._held:
            payload = self._held[g].payload
        if payload is not None and not isinstance(payload, Traced):
            held.seen = node._grad = self._capture.read_from(Gradient(place), payload)

    def forget(self, node: Node) -> None:
        """Its gradient is set to None, and did not count before."""
        self.lift(node)
        held = self._held.get(node)
        if held is not None and node._grad is held.seen:
            held.forgotten = True

    def finish(self) -> None:
        """Tell the capture what was written, and give real arrays to all."""
        capture = self._capture
        for node, held in self._held.items():
            if held.outside and node.op is not held.op:
                raise capture.refused(
                    "a step that changes whether a leaf requires a gradient",
                    "call requires_grad_ outside of it, or undo it before the end",
                )
        for node, held in self._held.items():
            if held.outside and isinstance(held.holder, Leaf):
                self.kept.append((node, held.op))
            # Of what was made in the step nobody knows at the next one.
            if held.outside and node._data is not held.traced:
                capture.write_to(Payload(held.holder, node in capture.replacing), node._data)
            payload, g = node._data.value, node._grad
            if held.forgotten or g is not held.seen:
                inner = g._data if isinstance(g, Node) else g
                if held.outside:
                    capture.write_to(Gradient(held.holder), inner)
                node._grad = inner.value if isinstance(inner, Traced) else inner
            else:
                node._grad = held.gradient
            if held.outside and not held.forgotten and node.op is not None:
                capture.numbers.has_gradient(held.holder, held.gradient is not None)
            if node._data is held.traced:
                payload = held.payload
            elif type(payload) is not type(held.payload):
                payload = node.coerce(payload)  # arithmetic on 0-d arrays gives NumPy scalars
            node._data = payload
            self._share(node, held)
        self._held.clear()

    def restore(self) -> None:
        """Everything as it was before the step."""
        for node, held in self._held.items():
            node._data, node._grad, node.epoch = held.payload, held.gradient, held.epoch
            node.op = held.op
            if held.shared is not None:
                node.extra.shared = held.shared  # type: ignore[union-attr]
        self._held.clear()

    def _share(self, node: Node, held: _Held) -> None:
        if held.shared is not None:
            replaced = node in self._capture.replacing
            node.extra.shared = None if replaced else held.shared  # type: ignore[union-attr]
            node.show_shared()
