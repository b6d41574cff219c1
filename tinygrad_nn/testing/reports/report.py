"""The result of a check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from tinygrad_nn.testing.reports.call import Call
from tinygrad_nn.testing.reports.text import as_dict, line, text
from tinygrad_nn.testing.verdicts import Element, Law, Verdict, worst

__all__ = ["GradcheckError", "Report"]


class GradcheckError(AssertionError):
    """A gradient is wrong, or too little of it could be checked."""


@dataclass(frozen=True, repr=False)
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
        labels: What the inputs are called: names of arguments or parameters.
        notes: What else was seen, such as inputs that the function wrote into.
        shapes: Of the inputs.
        output_shapes: Of the outputs.
        unit: Rounding unit of the coarsest dtype among them.
        call: How the check was called.
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
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    output_shapes: tuple[tuple[int, ...], ...] = ()
    unit: float = 2.0**-53
    call: Call | None = None

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
            raise GradcheckError(text(self))

    def save_inputs(self, path: str | PathLike[str]) -> None:
        """Save the inputs that were checked at, named "0", "1"..., as an .npz file.

        For the test that the text of a failure ends with, where they are too large for it.
        """
        given = self.call.inputs if self.call else ()
        arrays = {str(i): x.value for i, x in enumerate(given) if isinstance(x.value, np.ndarray)}
        np.savez(path, allow_pickle=False, **arrays)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it; numbers that are not finite are None."""
        return as_dict(self)

    def __str__(self) -> str:
        return text(self)

    def __repr__(self) -> str:
        return f"<{line(self)}>"

    def __bool__(self) -> bool:
        return self.ok
