"""What a test suite found of the mutants that were planted, and how that is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["EQUIVALENT", "FAULTY", "KILLED", "SURVIVED", "Kills", "Outcome"]

KILLED, SURVIVED, EQUIVALENT = "killed", "survived", "equivalent"
FAULTY = "faulty"
"""Of mutants of operations in which the suite finds a fault without them: nothing is known."""
_MOST = 40
"""Survivors that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant.

    Attributes:
        op: Name of the operation.
        argument: Name of the argument whose gradient was wrong.
        mutant: Name of the kind of fault.
        status: "killed", "survived", "equivalent"; "faulty" where the suite finds a fault in the
            operation without a mutant.
        why: What the suite said; why it survived, "" where that is open; why it is no fault.
        proved: Of an equivalent one whether that follows from the operation's record. Else
            nothing differed at any of its samples.
    """

    op: str
    argument: str
    mutant: str
    status: str
    why: str = ""
    proved: bool = False

    def __str__(self) -> str:
        return f"{self.op}({self.argument}) {self.mutant}"


@dataclass(frozen=True, repr=False)
class Kills:
    """How many wrong gradients a test suite found.

    Attributes:
        outcomes: One for each mutant.
        seconds: It took.
        of: How many there are, of which these are a sample.

    Example:
        >>> found = Kills([Outcome("tanh", "x", "sign", "killed")])
        >>> found.rate, found.survivors
        (1.0, [])
    """

    outcomes: Sequence[Outcome]
    seconds: float = 0.0
    of: int = 0

    @property
    def killed(self) -> list[Outcome]:
        """Those that the suite found."""
        return self._with(KILLED)

    @property
    def survivors(self) -> list[Outcome]:
        """Those that it did not, though they are faults."""
        return self._with(SURVIVED)

    @property
    def equivalent(self) -> list[Outcome]:
        """Those that are no faults."""
        return self._with(EQUIVALENT)

    @property
    def faulty(self) -> list[Outcome]:
        """Those of operations in which the suite finds a fault without them."""
        return self._with(FAULTY)

    @property
    def open(self) -> list[Outcome]:
        """Survivors of which no reason is known."""
        return [o for o in self.survivors if not o.why]

    @property
    def rate(self) -> float:
        """Part of the faults that the suite found; 1 of none."""
        count = len(self.killed) + len(self.survivors)
        return len(self.killed) / count if count else 1.0

    def _with(self, status: str) -> list[Outcome]:
        return [o for o in self.outcomes if o.status == status]

    def __repr__(self) -> str:
        return f"<{_summary(self)}>"

    def __str__(self) -> str:
        parts = [_summary(self), "", *_kinds(self)]
        if self.survivors:
            parts += ["", "Survivors:", *_survivors(self.survivors)]
        if self.faulty:
            parts += ["", "The suite finds a fault:", *_faults(self.faulty)]
        if self.equivalent:
            parts += ["", "No faults:", *_reasons(self.equivalent)]
        return "\n".join(parts)


def _summary(kills: Kills) -> str:
    killed, alive = len(kills.killed), len(kills.survivors)
    text = f"{killed} of {killed + alive} mutants killed ({_percent(kills.rate)})"
    if alive:
        text += f", {len(kills.open)} of the survivors without a known reason"
    if kills.equivalent:
        text += f"; {len(kills.equivalent)} more are no faults"
    if kills.faulty:
        text += f"; {len(kills.faulty)} are in operations that fail without them"
    if kills.of > len(kills.outcomes):
        text += f"; a sample of {kills.of:,}"
    return f"{text}; {kills.seconds:.1f} s"


def _percent(rate: float) -> str:
    """Rounded down, so that 100 % are all."""
    return f"{int(rate * 1000) / 10:g} %"


def _kinds(kills: Kills) -> list[str]:
    counts = {
        kind: Counter(o.mutant for o in kills.outcomes if o.status == kind) for kind in _KINDS
    }
    names = list(dict.fromkeys(o.mutant for o in kills.outcomes))
    width = max([6, *map(len, names)])
    rows = [f"{'mutant':{width}}  killed  survived  no fault"]
    for name in names:
        killed, alive, same = (counts[kind][name] for kind in _KINDS)
        rows.append(f"{name:{width}}  {killed:6}  {alive:8}  {same:8}")
    return rows


_KINDS = (KILLED, SURVIVED, EQUIVALENT)


def _survivors(found: Sequence[Outcome]) -> list[str]:
    width = max(len(str(o)) for o in found[:_MOST])
    rows = [f"  {o!s:{width}}  {o.why or 'open'}" for o in found[:_MOST]]
    return rows + ([f"  and {len(found) - _MOST} more"] if len(found) > _MOST else [])


def _faults(found: Iterable[Outcome]) -> list[str]:
    return [f"  {op} {why}" for op, why in dict.fromkeys((o.op, o.why) for o in found)]


def _reasons(found: Iterable[Outcome]) -> list[str]:
    counts = Counter((not o.proved, o.why) for o in found)
    return [f"  {n:5}  {why}" for (_, why), n in sorted(counts.items())]
