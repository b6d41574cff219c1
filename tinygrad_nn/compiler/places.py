"""Places that a program reads from before it runs, and writes to afterwards.

`read(call)` gives what is there now, `write(call, value)` puts another value there; `call` is what
is known of one call of the step: its arguments and the numbers worked out for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygrad_nn.compiler.program import Var
from tinygrad_nn.core.node import CLOCK, Node

__all__ = [
    "Argument",
    "Call",
    "Entry",
    "Gradient",
    "Leaf",
    "Payload",
    "Returned",
    "Unfit",
    "Worked",
    "key_of",
    "lasting",
]


class Unfit(Exception):  # noqa: N818  (no error: the step is captured anew)
    """The program is not for this call: what it reads has another form, or an answer is another."""


class Call:
    """One call of a step: leaves of its arguments, numbers worked out, results."""

    __slots__ = ("begun", "leaves", "numbers", "results")

    def __init__(self, leaves: list[Any]) -> None:
        self.leaves = leaves
        self.numbers: list[Any] = []
        self.begun: list[Any] = []
        self.results: dict[int, Any] = {}


@dataclass(frozen=True, slots=True)
class Argument:
    """Numbers of the i-th leaf of the arguments: an array, a tensor or a number."""

    index: int

    def read(self, call: Call) -> Any:
        """Its payload."""
        leaf = call.leaves[self.index]
        return leaf.synced() if isinstance(leaf, Node) else leaf

    def node(self, call: Call) -> Any:
        """The node itself."""
        return call.leaves[self.index]


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A node that the step uses without being given it: a parameter, a buffer."""

    leaf: Node

    def node(self, call: Call) -> Node:
        """The node."""
        return self.leaf

    def read(self, call: Call) -> Any:
        """Its payload."""
        return self.leaf.synced()


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """The numbers of a leaf: a parameter or buffer that the step uses, or one of its arguments.

    Attributes:
        holder: Where the leaf is.
        replaced: Whether the step set `leaf.data`: an array that it gave before is no more its.
    """

    holder: Any
    replaced: bool = False

    def read(self, call: Call) -> Any:
        """Its payload now."""
        return self.holder.read(call)

    def write(self, call: Call, value: Any) -> None:
        """Give the leaf other numbers, as an optimiser does."""
        leaf = self.holder.node(call)
        leaf._data = value
        leaf.epoch = CLOCK.tick()
        if leaf.extra is not None:
            if self.replaced:
                leaf.extra.shared = None
            leaf.show_shared()


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """The gradient of a leaf; None is a value too."""

    holder: Any

    def read(self, call: Call) -> Any:
        """Its gradient's payload now, or None."""
        g = self.holder.node(call)._grad
        return g.synced() if isinstance(g, Node) else g

    def write(self, call: Call, value: Any) -> None:
        """Replace it."""
        self.holder.node(call)._grad = value


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What an optimiser remembers of a parameter under a key."""

    state: Any
    parameter: Any
    key: str

    def read(self, call: Call) -> Any:
        """What is remembered now."""
        return self.state()[self.parameter][self.key]

    def write(self, call: Call, value: Any) -> None:
        """Remember something else."""
        self.state()[self.parameter][self.key] = value


@dataclass(frozen=True, slots=True)
class Worked:
    """The i-th number worked out in Python before the program runs: a rate, a correction."""

    index: int

    def read(self, call: Call) -> Any:
        """The number."""
        return call.numbers[self.index]


@dataclass(frozen=True, slots=True)
class Returned:
    """The i-th leaf of what the step returns."""

    index: int

    def write(self, call: Call, value: Any) -> None:
        """Return it."""
        call.results[self.index] = value


def lasting(place: Any, var: Var) -> bool:
    """Whether the same array is likely to be there at the next call too."""
    if var.dtype is None or not var.shape:
        return False
    return isinstance(place, Entry) or (
        isinstance(place, Payload) and isinstance(place.holder, Leaf)
    )


def key_of(place: Any) -> Any:
    """The same for places that are the same."""
    if isinstance(place, Entry):
        return "entry", id(place.state()), id(place.parameter), place.key
    if isinstance(place, (Payload, Gradient)):
        inner = place.holder
        inner_key = id(inner.leaf) if isinstance(inner, Leaf) else inner
        return type(place), inner_key
    return type(place), place
