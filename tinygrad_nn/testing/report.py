"""The result of a check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tinygrad_nn.testing.verdicts import Element, Law, Verdict, worst

__all__ = ["GradcheckError", "Report"]


class GradcheckError(AssertionError):
    """A gradient is wrong, or too little of it could be checked."""


@dataclass(frozen=True)
class Report:
    """What was found of a gradient.

    Attributes:
        name: Of the function.
        elements: A verdict for each element of the Jacobian that was looked at.
        laws: Properties of every gradient, and whether this one has them.
        cap: Part of the elements that may be inconclusive.
        seed: What random choices were drawn from.
        dense: Whether every element was looked at; else directions and spot checks.
        calls: Evaluations of the function.
        pulls: Evaluations of its gradient.
        seconds: It took.
    """

    name: str
    elements: Sequence[Element]
    laws: Sequence[Law] = ()
    cap: float = 0.03
    seed: int = 0
    dense: bool = True
    calls: int = 0
    pulls: int = 0
    seconds: float = 0.0
    known: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return worst([*(e.verdict for e in self.elements), *(law.verdict for law in self.laws)])

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of elements with each verdict."""
        found = Counter(e.verdict for e in self.elements)
        return {v: found[v] for v in Verdict}

    @property
    def ok(self) -> bool:
        """No failure, and not more inconclusive elements than `cap` allows."""
        inconclusive = self.counts[Verdict.INCONCLUSIVE]
        return self.verdict is not Verdict.FAIL and inconclusive <= self.cap * len(self.elements)

    def assert_ok(self) -> None:
        """Raise unless `ok`.

        Raises:
            GradcheckError: With all that is needed to find the fault.
        """
        if not self.ok:
            raise GradcheckError(str(self))

    def __bool__(self) -> bool:
        return self.ok
