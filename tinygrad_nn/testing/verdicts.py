"""Verdicts on gradients: of one element, of a law, of a whole check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf, nan

__all__ = ["DOUBTFUL", "Element", "Law", "Verdict", "worst"]


class Verdict(Enum):
    """What a check found.

    Ordered by severity: `worst` of several is the one that counts.
    """

    PASS = "pass"
    """The gradient is the slope of the function, as far as its own noise lets one see."""
    KINK = "kink"
    """The function has no derivative here, and the gradient lies between its one-sided slopes."""
    INCONCLUSIVE = "inconclusive"
    """The function is too noisy or too wild here for its slope to be known well enough."""
    FAIL = "fail"
    """The gradient is not the slope of the function."""

    @property
    def severity(self) -> int:
        """0 for `PASS` up to 3 for `FAIL`."""
        return _SEVERITY[self]

    def __str__(self) -> str:
        return self.value


_SEVERITY = {v: n for n, v in enumerate(Verdict)}
DOUBTFUL = (Verdict.FAIL, Verdict.INCONCLUSIVE)
"""Verdicts on what is not known to be right: it is looked at once more, and told."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most severe; `PASS` of none."""
    return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.PASS)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a Jacobian, as claimed and as measured.

    Attributes:
        verdict: What was found.
        analytic: The gradient's value.
        numeric: The slope that was measured; nan if there is none.
        bar: How far the true slope may be from `numeric`.
        why: What decided, in words, where that is not plain.
        left, right: One-sided slopes, where they differ.
        input, index: Which input, and where in it. An empty `index` of an input with axes: the
            check went along a direction through all of its elements.
        output, output_index: Which output, and where in it.
    """

    verdict: Verdict
    analytic: float
    numeric: float = nan
    bar: float = inf
    why: str = ""
    left: float | None = None
    right: float | None = None
    input: int = 0
    index: tuple[int, ...] = ()
    output: int = 0
    output_index: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Law:
    """A property that every gradient has, and whether this one has it.

    Attributes:
        name: Of the law, such as "linear in the cotangent".
        verdict: `PASS` or `FAIL`.
        text: What was got and what was expected.
    """

    name: str
    verdict: Verdict
    text: str = ""
