"""One mutant to be planted, and what is known of it whatever the test suite."""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_nn.core.record import OPS
from tinygrad_nn.testing.mutation.kills import EQUIVALENT, Outcome
from tinygrad_nn.testing.mutation.mutants import Mutant
from tinygrad_nn.testing.mutation.probing import difference

__all__ = ["Target", "no_fault", "unseen"]


class Target(NamedTuple):
    """One mutant to be planted: names, so that it can be handed to another process."""

    op: str
    mutant: str
    argument: int

    def outcome(self, status: str, why: str = "", proved: bool = False) -> Outcome:
        """What became of it."""
        op, place = OPS[self.op], self.argument
        if op.variadic and (place < 0 or place >= len(op.data)):
            name = "last" if place < 0 else str(place)
        else:
            name = op.data[place]
        return Outcome(self.op, name, self.mutant, status, why, proved)


def no_fault(target: Target, mutant: Mutant) -> Outcome | None:
    """The outcome for what is no fault; None for others."""
    op = OPS[target.op]
    why = mutant.same(op, target.argument)
    proved = bool(why)
    why = why or difference(op, mutant, target.argument)
    return target.outcome(EQUIVALENT, why, proved) if why else None


def unseen(mutant: Mutant, reached: int, differed: int) -> str:
    """Why a suite cannot have seen a fault; "" where it could."""
    if not reached:
        return "the suite never asks for this gradient"
    if differed:
        return ""
    if mutant.second:
        return "the suite never asks for the gradient of this gradient where it differs"
    return "the suite asks only where nothing differs"
