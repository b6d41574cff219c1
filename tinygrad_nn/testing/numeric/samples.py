"""Values of a function along a line through a point, all outputs of each at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.testing.numeric.grid import steps
from tinygrad_nn.testing.numeric.sweep import Sweep

__all__ = ["FARTHER", "Samples"]

FARTHER = np.array([2.0, 1.0, 0.5])
"""Where, in sizes of x, it is looked how large f is farther out."""


class Samples:
    """Values of f(x + t u) for steps t, each evaluated once.

    Args:
        move: Function that gives all outputs for a step.
        center: Outputs at x.
        size: Absolute value of what is stepped from, in units of u: the coordinate for a line
            along a coordinate, 1 for a direction that is scaled to its inputs.
        unit: Rounding unit of the coarsest dtype at work.
        wholes: Sizes of what each output is a part of, whose rounding may be in it.
        beside: Size of the numbers beside the one that is stepped from.

    Attributes:
        bits: Of precision.
        own: The size of what is stepped from, of the numbers beside a 0, or 1.
        beside: Size of the largest number that x is among.
        grid: The usual steps.
    """

    def __init__(
        self,
        move: Callable[[float], Any],
        center: Any,
        size: float,
        unit: float,
        wholes: Any = None,
        beside: float = 0.0,
    ) -> None:
        self.center, self.size, self.unit = center, size, unit
        self._move, self._wholes = move, wholes
        self.bits = round(-np.log2(unit)) - 1
        self.own = size or beside or 1.0
        self.beside = max(size, beside)
        self.grid = steps(size, self.bits, beside)
        self._tables: dict[bytes, Any] = {}
        self._seen: dict[float, Any] = {}

    def at(self, t: float) -> Any:
        """Outputs at a step."""
        if t not in self._seen:
            self._seen[t] = self._move(t)
        return self._seen[t]

    def table(self, ts: Any) -> Any:
        """All outputs at these steps, a row for each step."""
        key = ts.tobytes()
        if key not in self._tables:
            self._tables[key] = np.array([self.at(t) for t in ts.tolist()])
        return self._tables[key]

    def sweep(self, grid: Any, output: int, steepest: float = 0.0) -> Sweep:
        """Values of one output on both sides, where slopes are at most so steep."""
        above, below = self.table(grid)[:, output], self.table(-grid)[:, output]
        return Sweep(
            grid,
            above,
            below,
            float(self.center[output]),
            self.unit,
            self.whole(output),
            steepest,
            self.beside,
        )

    def large(self, output: int) -> float:
        """Size of f farther out, or of the numbers that x is among."""
        ts = self.own * FARTHER
        far = np.abs(self.table(np.concatenate([ts, -ts]))[:, output])
        return max(float(far[np.isfinite(far)].max(initial=0.0)), self.beside)

    def whole(self, output: int) -> float:
        """Size of what an output is a part of; 0 if it is of nothing."""
        return 0.0 if self._wholes is None else float(self._wholes[output])

    def wholes(self) -> Any:
        """The same of all outputs."""
        return np.zeros(np.shape(self.center)) if self._wholes is None else self._wholes
