"""An instruction that threads share: each does some of its rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from tinygrad_nn.compiler.program import Program
from tinygrad_nn.threads import allowed, single, together

__all__ = ["Part", "Spread", "single_threaded", "wide"]

_WIDE = 1 << 18
"""Bytes of an array; OpenBLAS begins to use threads at products of three sides of 100 or so."""

Part = Callable[..., None]


class Spread:
    """An instruction that writes its results, done by as many threads as are allowed and pay.

    Args:
        whole: Does it in one go: `whole(*args, *results)`.
        part: Does rows from `start` to `stop`: `part(number of the piece, start, stop, *args,
            *results)`.
        total: Number of rows.
        grain: Rows that a piece is a multiple of.
        most: Pieces that its work is worth.
    """

    def __init__(
        self, whole: Callable[..., Any], part: Part, total: int, grain: int, most: int
    ) -> None:
        self.whole, self.part, self.total, self.grain = whole, part, total, grain
        self.most = min(most, total // grain)

    def bounds(self, count: int) -> list[tuple[int, int]]:
        """First and last row of each of at most `count` pieces."""
        grains = self.total // self.grain
        ends = [grains * k // count * self.grain for k in range(count)]
        return list(pairwise([*ends, self.total]))

    def __call__(self, *arrays: Any) -> None:
        """Arguments, and arrays for the results."""
        count = min(allowed(), self.most)
        if count < 2:
            self.whole(*arrays)
            return
        pieces = [
            partial(self.part, number, start, stop, *arrays)
            for number, (start, stop) in enumerate(self.bounds(count))
        ]
        together(pieces)


def wide(program: Program) -> bool:
    """Whether BLAS might use several threads within it, and 3 µs for a replay do not count.

    Where a neighbour is busy, its threads wait for one another: a step of an LSTM took 60 ms
    with two, and 17 with one.
    """
    found = program.instructions
    every = [x for i in found for x in (i, *i.inside)]
    return any(v.nbytes >= _WIDE for i in every for v in (*i.inputs, *i.results))


def single_threaded(run: Callable[..., Any]) -> Callable[..., Any]:
    """A replay during which NumPy's products have one thread each."""

    def shared(*args: Any) -> Any:
        if allowed() < 2:
            return run(*args)
        with single:
            return run(*args)

    return shared
