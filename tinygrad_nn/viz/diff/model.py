"""`Diff`: two passes, node by node, as plain data."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.diff.figures import Change
from tinygrad_nn.viz.diff.words import change_words, label
from tinygrad_nn.viz.trace.model import Edge, Record, Trace

__all__ = ["MARKS", "Comparison", "Pair", "Rewired"]

MARKS = {"same": "= same", "changed": "± changed", "new": "+ new", "absent": "− absent"}
"""Words of each class of nodes, each with a sign of its own."""


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """One node in both passes.

    Attributes:
        before, after: What each trace knows of it.
        value, gradient: What became of them; None where neither pass has one.
        is_changed: Whether one of them differs by more than the tolerance.
        rewired: Whether it is computed from other nodes, or they come in other places.
    """

    before: Record
    after: Record
    value: Change | None
    gradient: Change | None
    is_changed: bool
    rewired: bool

    @property
    def relative(self) -> float:
        """The larger relative change of its value and its gradient."""
        return max((c.relative for c in (self.value, self.gradient) if c is not None), default=0.0)

    def __repr__(self) -> str:
        words = [
            f"{what} by {change_words(c)}"
            for what, c in (("value", self.value), ("gradient", self.gradient))
            if c is not None and not c.is_same
        ]
        changed = ", ".join([*words, *(["rewired"] if self.rewired else [])])
        return f"<Pair {label(self.after)!r}: {changed or 'same'}>"


@dataclass(frozen=True, slots=True)
class Rewired:
    """One use of a node that is in both passes, and leads from somewhere else in one of them.

    Attributes:
        pair: The node whose input it is.
        slot: Position among the inputs of its operation.
        before, after: The edge in each trace; None where there is none.
    """

    pair: Pair
    slot: int
    before: Edge | None
    after: Edge | None


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two passes, node by node.

    Attributes:
        before, after: The traces.
        pairs: What is in both, in the order of `after`.
        new: What is in `after` only.
        absent: What is in `before` only.
        rewired: Uses between nodes of `pairs` that lead from somewhere else.
        notes: What a reader has to know, in whole sentences.
        rtol, atol: Up to which differences count as none.
    """

    before: Trace
    after: Trace
    pairs: tuple[Pair, ...]
    new: tuple[Record, ...]
    absent: tuple[Record, ...]
    rewired: tuple[Rewired, ...]
    notes: tuple[str, ...]
    rtol: float = 0.0
    atol: float = 0.0

    @cached_property
    def changed(self) -> tuple[Pair, ...]:
        """Pairs whose value or gradient differs, the largest relative change first."""
        found = [pair for pair in self.pairs if pair.is_changed]
        return tuple(sorted(found, key=lambda pair: (-pair.relative, pair.after.key)))

    @cached_property
    def unchanged(self) -> tuple[Pair, ...]:
        """Pairs with the same numbers."""
        return tuple(pair for pair in self.pairs if not pair.is_changed)

    @property
    def is_same(self) -> bool:
        """Whether there is no difference."""
        return not (self.changed or self.new or self.absent or self.rewired)

    def first_difference(self, rtol: float | None = None, atol: float | None = None) -> Pair | None:
        """The first node, in the order of the computation, whose value differs; None if none does.

        An array differs where an element of it does so by more than `atol` plus `rtol` times
        its largest one, by default those of the comparison. If all values are equal, it is the
        node whose gradient is the first to differ in the order of the backward pass.

        Raises:
            OptionError: A tolerance is negative or NaN.
        """
        rtol = self.rtol if rtol is None else rtol
        atol = self.atol if atol is None else atol
        checked_tolerances(rtol, atol)
        for pair in self.pairs:
            if pair.value is not None and not pair.value.within(rtol, atol):
                return pair
        for pair in reversed(self.pairs):
            if pair.gradient is not None and not pair.gradient.within(rtol, atol):
                return pair
        return None


def checked_tolerances(rtol: float, atol: float) -> None:
    """Raise OptionError unless both are 0 or more."""
    for name, got in (("rtol", rtol), ("atol", atol)):
        # Whole numbers may be larger than any float.
        is_number = isinstance(got, Real)
        if not is_number or not (0 <= got <= sys.float_info.max or got == math.inf):
            raise OptionError(f"compare: got {name}={got!r:.60}, expected 0 or a positive number")
