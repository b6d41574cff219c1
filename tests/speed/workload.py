"""What a benchmark is: the same piece of work, done by several contenders, in several sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

OURS = "ours"


class Runner(Protocol):
    """A contender that is ready to work. Its answer is asked for once, before any round."""

    def answer(self) -> list[float]:
        """Numbers that every contender must agree on."""

    def round(self, seconds: float) -> dict[str, float]:
        """Work for about so long; measures by name, the smaller the better."""

    def once(self) -> dict[str, float]:
        """Measures that are too dear to repeat, or do not vary."""


class Timed:
    """Runner of a function: CPU seconds of a call, over the units of work in it.

    CPU time and not the clock: a neighbour that takes the processor away costs us nothing. It
    counts all threads of the process. The garbage collector is left in its default state, since
    what a library makes it do is a cost of that library.
    """

    def __init__(
        self,
        step: Callable[[], Any],
        answer: Callable[[], Sequence[float]],
        units: int = 1,
    ) -> None:
        self._step, self._answer, self._units = step, answer, units
        self._count: int | None = None

    def answer(self) -> list[float]:
        return [float(x) for x in self._answer()]

    def round(self, seconds: float) -> dict[str, float]:
        if self._count is None:  # First calls fill caches, and compile.
            self._count = 0
            self._step()
        if not self._count:
            self._count = 1
            while (spent := self._spent()) < seconds / 4:
                self._count *= 2 if spent > seconds / 32 else 8
            if self._count > 1 or not seconds:
                self._count = max(1, round(self._count * min(1.0, seconds / spent)))
            else:  # A single call is a round, and this was one.
                return {"time": spent / self._units}
        return {"time": self._spent() / self._count / self._units}

    def once(self) -> dict[str, float]:
        return {}

    def _spent(self) -> float:
        step, count = self._step, self._count
        start = time.process_time()
        for _ in range(count):
            step()
        return time.process_time() - start


@dataclass(frozen=True)
class Contender:
    """Who does the work.

    Attributes:
        name: As in the table.
        make: From the options of a case to a runner; imports its library itself.
        needs: Distribution that must be installed, if it is not ours.
    """

    name: str
    make: Callable[..., Runner]
    needs: str = ""


@dataclass(frozen=True)
class Goal:
    """What is aimed at, for one contender in one case.

    Attributes:
        case: Name of the case.
        how: "ratio" (ours over theirs, at most), "gain" (theirs over ours, at least), "value"
            (ours, at most) or "excess" (ours less theirs, at most).
        limit: The bound.
        against: The other contender, where there is one.
        contender: Whose measure it is.
        measure: Which measure.
    """

    case: str
    how: str
    limit: float
    against: str = ""
    contender: str = OURS
    measure: str = "time"


@dataclass(frozen=True)
class Workload:
    """One benchmark.

    Attributes:
        key: Short name for `--only`.
        title: What is done, in a line.
        cases: Options of each case, by its name.
        contenders: Who does it.
        standard: Options to the numbers that all must arrive at, from arithmetic of its own.
        reference: Contender whose cost is 1 in the table.
        tolerance: Relative to the largest number of the standard.
        goals: What is aimed at.
        units: Unit and factor by measure, for the table.
        quick: Cases of a quick run; the first if none is named.
        note: What a reader of the table has to know.
    """

    key: str
    title: str
    cases: Mapping[str, Mapping[str, Any]]
    contenders: Sequence[Contender]
    standard: Callable[..., Sequence[float]]
    reference: str
    tolerance: float = 1e-4
    goals: Sequence[Goal] = ()
    units: Mapping[str, tuple[str, float]] = field(default_factory=lambda: {"time": ("µs", 1e6)})
    quick: Sequence[str] = ()
    note: str = ""

    def quick_cases(self) -> Sequence[str]:
        return self.quick or (next(iter(self.cases)),)

    def contender(self, name: str) -> Contender:
        return next(c for c in self.contenders if c.name == name)


class DisagreementError(AssertionError):
    """A contender does other mathematics, so that its time means nothing."""


def check(got: Sequence[float], expected: Sequence[float], tolerance: float, who: str) -> None:
    """Hold the numbers of a contender against the standard.

    Raises:
        DisagreementError: They differ by more than `tolerance` times the largest expected number.
    """
    if len(got) != len(expected):
        raise DisagreementError(f"{who}: got {len(got)} numbers, expected {len(expected)}")
    size = max((abs(x) for x in expected), default=0.0)
    for place, (x, y) in enumerate(zip(got, expected, strict=True)):
        if not abs(x - y) <= tolerance * size:  # NaN fails too
            raise DisagreementError(
                f"{who}: number {place} is {x:.9g}, expected {y:.9g} within {tolerance:g} of "
                f"{size:.3g}"
            )
