"""The seam at which a step is captured: who is told what an operation, a layer, an optimiser does.

While a step is captured (`tinygrad_nn.jit`) the mode has the bit `CAPTURE`, and `capturing()` is
the capture. It makes the payloads of leaves *traced*: objects that stand for an array, compute
with it, and write down each computation. The engine, the rules and the formulas of optimisers are
the same text as always; only the payloads differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tinygrad_nn.core.node import CAPTURE, CAPTURING, MODE, Node

__all__ = [
    "CAPTURE",
    "CAPTURING",
    "Capturing",
    "Traced",
    "capturing",
    "item",
    "looked",
    "refuse_captured",
    "wrong",
]


class Traced:
    """What stands for an array or a number while a step is captured: its own class."""

    __slots__ = ()
    __array_priority__ = 0

    capture: Any
    value: Any
    var: Any


class Capturing(Protocol):
    """What the engine tells the capture of a step."""

    def lift(self, args: Sequence[Any]) -> Sequence[Any]:
        """`args`, with the payloads of leaves made traced, and arrays in traced form."""

    def seeds(self, roots: Sequence[Node], seeds: Sequence[Any]) -> Sequence[Any]:
        """Gradients that a sweep from `roots` begins with, in traced form."""

    def own(self, array: Any) -> Any:
        """`array`, which nobody else has: what follows from it alone is the same each time."""

    def read(self, node: Node, conversion: str) -> None:
        """Raise where a number of `node` is read that another call may have different."""

    def payload(self, node: Node) -> Any:
        """Payload of `node` in traced form."""

    def shared(self, node: Node) -> Any:
        """What stands for the array that `node.data` gives, which may be written into."""

    def replaced(self, node: Node) -> None:
        """`node.data` is set: what stands for the array that it gave is no more the node's."""

    def copied(self, data: Any, make: Callable[[Any, Any], Any], dtype: Any) -> Any:
        """What `make(data, dtype)` makes of an array or of something traced, as a payload."""

    def number(self, data: Any) -> Any:
        """Payload of a `Value` for something traced."""

    def looked(self, condition: Any, failing: bool = False) -> bool:
        """Outcome of a question, which is asked again in each replay."""

    def generator(self, rng: Any, make: Callable[[Any], Any]) -> Any:
        """What stands for the random generator `make(rng)`: what it draws is drawn anew."""

    def item(self, node: Node) -> Any:
        """What stands for the number of `node`."""

    def forget_gradient(self, leaf: Node) -> None:
        """The step sets the gradient of `leaf` to None, whatever it was before."""

    def entered(self, module: Any) -> None:
        """A layer is called, whose result depends on its mode (training or evaluation)."""

    def stepped(self, optimizer: Any) -> None:
        """An optimiser makes its step, from the gradients of this moment."""

    def refused(self, what: str, instead: str) -> Exception:
        """The error for something that cannot be captured, with the user's line."""


def capturing() -> Capturing | None:
    """The capture under way in this thread, or None."""
    return CAPTURING.get() if MODE.get() & CAPTURE else None


def item(x: Node) -> Any:
    """The number of a node with one element, or what stands for it in a captured step.

    For code of this package that computes on with it in Python, and does not look at it.
    """
    capture = capturing()
    return x.synced().item() if capture is None else capture.item(x)


def looked(condition: Any) -> bool:
    """`bool(condition)`; a captured step looks again in each replay.

    With another outcome it is captured anew: for questions that nearly always have one answer.
    """
    if isinstance(condition, Traced):
        return CAPTURING.get().looked(condition)  # type: ignore[no-any-return]
    return bool(condition)


def wrong(condition: Any) -> bool:
    """The same for what is to raise an error, whose text may name numbers."""
    if isinstance(condition, Traced):
        return CAPTURING.get().looked(condition, failing=True)  # type: ignore[no-any-return]
    return bool(condition)


def refuse_captured(what: str, instead: str) -> None:
    """Raise while a step is captured, since `what` cannot be; `instead` says what to do."""
    capture = capturing()
    if capture is not None:
        raise capture.refused(what, instead)
