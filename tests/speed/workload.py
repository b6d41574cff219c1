"""What a benchmark is: the same piece of work, done by several contenders, in several sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

OURS, CAPTURED, COMPILED = "ours", "ours, captured", "ours, compiled"
ALL_OURS = (OURS, CAPTURED, COMPILED)
COLUMNS = ("NumPy only", "compiled")


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
    counts all threads of the process, so that a workload of several threads is timed by the clock.
    The garbage collector is left in its default state, since what a library makes it do is a cost
    of that library.

    Args:
        step: The work.
        answer: Numbers to hold against the standard.
        units: How many units of work are in a step.
        kept: Measures that are taken once.
    """

    clock: Callable[[], float] = staticmethod(time.process_time)

    def __init__(
        self,
        step: Callable[[], Any],
        answer: Callable[[], Sequence[float]],
        units: int = 1,
        kept: Callable[[], dict[str, float]] = dict,
    ) -> None:
        self._step, self._answer, self._units, self._kept = step, answer, units, kept
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
        return self._kept()

    def _spent(self) -> float:
        step, count, clock = self._step, self._count, self.clock
        start = clock()
        for _ in range(count or 1):
            step()
        return clock() - start


def _nothing(**options: Any) -> Runner:
    raise NotImplementedError


@dataclass(frozen=True)
class Contender:
    """Who does the work.

    Attributes:
        name: As in the table.
        make: From the options of a case to a runner; imports its library itself.
        needs: Module that must be installed, if it is not ours.
        lacks: What else it lacks to take part, in words, or nothing.
        cases: Those that it takes part in; all if none is named.
    """

    name: str
    make: Callable[..., Runner] = _nothing
    needs: str = ""
    lacks: Callable[[], str] = str
    cases: Sequence[str] = ()

    def absent(self) -> str:
        """Why it takes no part; empty if it does."""
        if self.needs and find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        return self.lacks()


def left_out(name: str, why: str) -> Contender:
    """A peer that takes no part, for a reason that the table gives."""
    return Contender(name, lacks=lambda: why)


@dataclass(frozen=True)
class Goal:
    """What is aimed at, in one case.

    Attributes:
        case: Name of the case.
        how: "ratio" (ours over theirs, at most), "gain" (theirs over ours, at least), "value"
            (ours, at most) or "excess" (ours less theirs, at most).
        limit: The bound.
        against: The other contender, where there is one.
        contenders: Whose measure it is; the better one of several decides.
        measure: Which measure.
        column: "NumPy only", or "compiled" for what the extra `fast` has to reach.
    """

    case: str
    how: str
    limit: float
    against: str = ""
    contenders: tuple[str, ...] = (OURS,)
    measure: str = "time"
    column: str = COLUMNS[0]


def aims(
    case: str, plain: float, compiled: float, against: str = "PyTorch", how: str = "ratio"
) -> tuple[Goal, Goal]:
    """Goals of both columns: with NumPy only, eager or captured, and compiled."""
    return (
        Goal(case, how, plain, against, (OURS, CAPTURED)),
        Goal(case, how, compiled, against, (COMPILED,), column=COLUMNS[1]),
    )


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
        threads: How many each contender may use; with several the clock counts, and goals are
            judged by the fastest rounds.
        dear: Whether it is measured a few times only, and not warmed up.
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
    threads: int = 1
    dear: bool = False

    def quick_cases(self) -> Sequence[str]:
        return self.quick or (next(iter(self.cases)),)

    def present(self, case: str) -> list[Contender]:
        """Contenders of a case."""
        return [c for c in self.contenders if not c.cases or case in c.cases]

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
