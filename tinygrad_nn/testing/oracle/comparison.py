"""The result of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_nn.testing.reports.report import GradcheckError

__all__ = ["Comparison", "Difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two numbers that should be the same.

    Attributes:
        part: "value", "gradient" or "second order".
        where: Which output or input, and where in it, in words.
        got: By the first function.
        expected: By the other one.
        ulp: How many floating-point numbers lie between them.
    """

    part: str
    where: str
    got: float
    expected: float
    ulp: float

    def __str__(self) -> str:
        return (
            f"{self.part}, {self.where}: got {self.got!r}, expected {self.expected!r}, "
            f"{self.ulp:.3g} ulp apart"
        )


@dataclass(frozen=True)
class Comparison:
    """Two functions at the same inputs.

    Attributes:
        name: Of the first function.
        other: Of the other one, with its library.
        inputs: What was given, in words.
        parts: What was compared: "value", "gradient", "second order".
        differences: The worst of each output or input that differs by more than rounding.
        ulp: The largest distance seen, in units in the last place of the larger elements.
        refused: Why nothing was compared, if so: what the other function raised.
    """

    name: str
    other: str
    inputs: str
    parts: Sequence[str] = ()
    differences: Sequence[Difference] = ()
    ulp: float = 0.0
    refused: str = ""

    @property
    def ok(self) -> bool:
        """Nothing differs. Also where nothing was compared: `parts` is empty then."""
        return not self.differences

    def __bool__(self) -> bool:
        return self.ok

    def assert_ok(self) -> None:
        """Raise unless `ok`.

        Raises:
            GradcheckError: With every difference.
        """
        if not self.ok:
            raise GradcheckError(str(self))

    def __str__(self) -> str:
        head = f"{self.name} beside {self.other} at {self.inputs}: "
        if self.refused:
            return head + f"not compared: {self.refused}"
        if self.ok:
            return head + f"the same {', '.join(self.parts)} ({self.ulp:.3g} ulp at most)"
        return "\n  ".join([head.rstrip(), *map(str, self.differences)])
