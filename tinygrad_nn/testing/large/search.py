"""What a check by directions works on, and how what is off by most is found: by halving.

A direction sums over all coordinates at once, and a row over outputs: a wrong element makes its sum
wrong, and the half that is more off has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from tinygrad_nn.testing.dense import of_row, rows_of
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import flat, sizes, summed
from tinygrad_nn.testing.problem.nearby import moved_by
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.rounding import OwnRounding, wholes_of
from tinygrad_nn.testing.verdicts import Element

__all__ = ["Search", "more_off", "part_of"]


@dataclass
class Search:
    """What a check by directions works on.

    Attributes:
        checked: The problem.
        allowed: Tolerance.
        cotangents: One for each row that is looked at, over all outputs end to end.
        rows: Their gradients, each flat over all active inputs.
        sizes: What each coordinate is moved by for a step of 1: its own size, as a power of 2.
        rounding: Of the gradients themselves.
    """

    checked: Checked
    allowed: Tolerance
    cotangents: Any
    rows: Any
    sizes: Any
    rounding: OwnRounding

    @classmethod
    def along_rows(cls, checked: Checked, allowed: Tolerance, cotangents: Any) -> Self:
        """Of these cotangents."""
        rows = np.array([flat(r) for r in rows_of(checked, cotangents)])
        own = sizes(flat([checked.inputs[i] for i in checked.active]))
        return cls(checked, allowed, cotangents, rows, own, OwnRounding(checked))

    def of(self, rows: Any) -> Self:
        """The same for some rows."""
        return replace(self, cotangents=self.cotangents[rows], rows=self.rows[rows])

    def directions(self, rng: np.random.Generator, count: int) -> Iterator[Any]:
        """Directions through all coordinates, of random signs.

        The last one moves all coordinates alike, and the largest by more than its rounding:
        relative steps hardly move the small ones.
        """
        halved = 2.0 ** np.round(np.log2(self.checked.unit) / 2)
        alike = max(1.0, float(self.sizes.max()) * halved)
        for n in range(count):
            signs = rng.choice([-1.0, 1.0], self.sizes.size)
            yield signs * (self.sizes if n < count - 1 else alike)

    def line(self, direction: Any, cotangents: Any) -> Line:
        """The line along a direction, its values summed up by these cotangents; None: as is."""
        checked = self.checked

        def move(t: float) -> Any:
            values = checked.values(moved_by(checked, t * direction))
            return values if cotangents is None else summed(cotangents, values)

        if cotangents is None:
            return Line(move, checked.center, 1.0, checked.unit)
        wholes = np.abs(cotangents) @ wholes_of(checked)
        center = summed(cotangents, checked.center)
        return Line(move, center, 1.0, checked.unit, wholes=wholes)

    def placed(self, element: Element, k: int) -> Element:
        """The element with the output that its row is of, if it is of one alone."""
        return of_row(self.checked, self.cotangents[k], element)


def more_off(chosen: Any, off: Callable[[Any], float], whole: float | None = None) -> Any:
    """The half of what was chosen that is off by more.

    Args:
        chosen: Places, at least two.
        off: By how much these are off together; nan is more than any number.
        whole: The same of all, where what parts are off by adds up: one half tells of both then.

    Returns:
        The half, and by how much it is off.
    """
    left, right = np.array_split(chosen, 2)
    of_left = off(left)
    of_right = off(right) if whole is None else whole - of_left
    sizes = [np.nan_to_num(abs(x), nan=np.inf) for x in (of_left, of_right)]
    return (left, of_left) if sizes[0] >= sizes[1] else (right, of_right)


def part_of(whole: Any, chosen: Any) -> Any:
    """A direction or a cotangent that is 0 but at these places."""
    part = np.zeros_like(whole)
    part[chosen] = whole[chosen]
    return part
