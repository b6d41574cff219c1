"""How far two numbers or arrays are apart, as far as their figures tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinygrad_nn.viz.trace.model import Summary

__all__ = ["Change", "change_of", "difference"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one number or array.

    Attributes:
        before, after: Its figures; one of them is None where there is none, as of a gradient that
            does not arrive.
        absolute: The largest change of an element; infinite where a NaN or an infinity came,
            went, or moved, where the shapes differ, and where one side has nothing.
        norm: Length of the change as one long vector.
        relative: That, as a share of what was before: 0.01 is a change by one percent, from 1 to 2
            it is 1.0. Infinite where that was 0, and where `absolute` is.
        exact: Whether those three are true numbers. Of a large array a trace keeps figures
            only, so there they are the least that the change can be.
    """

    before: Summary | None
    after: Summary | None
    absolute: float
    norm: float
    relative: float
    exact: bool

    @property
    def is_same(self) -> bool:
        """Whether nothing is known to differ."""
        return self.absolute == 0.0

    def within(self, rtol: float, atol: float) -> bool:
        """Whether no element differs by more than `atol` and `rtol` times the largest one."""
        if self.absolute == 0.0:
            return True
        sides = [s for s in (self.before, self.after) if s is not None]
        size = max((max(abs(s.low), abs(s.high)) for s in sides), default=0.0)
        return self.absolute <= atol + rtol * size


def change_of(before: Summary | None, after: Summary | None) -> Change | None:
    """Change from one to the other; None where there is neither."""
    if before is None and after is None:
        return None
    absolute, norm, exact = difference(before, after)
    size = 0.0 if before is None else before.norm
    relative = norm / size if norm and size else math.inf if norm else 0.0
    return Change(before, after, absolute, norm, relative, exact)


def difference(before: Summary | None, after: Summary | None) -> tuple[float, float, bool]:
    """Largest change of an element, length of the change, and whether both are exact."""
    if before is None or after is None or before.shape != after.shape:
        return math.inf, math.inf, True
    if before.elements is not None and after.elements is not None:
        return *_of_elements(before.elements, after.elements), True
    if (before.nans, before.infs) != (after.nans, after.infs):
        return math.inf, math.inf, True
    # No change is smaller than what it does to the lowest, the highest, the mean and the norm.
    ends = max(abs(after.low - before.low), abs(after.high - before.high))
    mean = abs(after.mean - before.mean)
    longer = abs(after.norm - before.norm)
    absolute = max(ends, mean, longer / math.sqrt(before.size))
    norm = max(ends, mean * math.sqrt(before.size), longer)
    if absolute == 0.0 and _looks(before) != _looks(after):
        absolute = norm = math.ulp(0.0)
    return absolute, norm, False


def _looks(s: Summary) -> tuple[object, ...]:
    return s.deviation, s.zeros, None if s.picture is None else (s.picture.limit, s.picture.cells)


def _of_elements(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, float]:
    if a == b:
        return 0.0, 0.0
    changes = []
    for x, y in zip(a, b, strict=True):
        if x == y or (math.isnan(x) and math.isnan(y)):
            continue
        change = abs(float(y) - float(x))
        if not math.isfinite(change):
            return math.inf, math.inf
        changes.append(change)
    return max(changes, default=0.0), math.hypot(*changes)
