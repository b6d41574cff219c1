"""A test suite that is a command, which runs pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from tinygrad_nn.errors import CheckError, OptionError
from tinygrad_nn.testing.mutation.kills import KILLED, SURVIVED, Outcome
from tinygrad_nn.testing.mutation.mutants import MUTANTS, Mutant
from tinygrad_nn.testing.mutation.targets import Target, no_fault, unseen
from tinygrad_nn.testing.mutation.variable import REPORT, VARIABLE, spelled

__all__ = ["by_command"]

_PLUGIN = "tinygrad_nn.testing.mutation.plugin"
_FAILED = 1
"""What pytest exits with when tests failed."""
_PATIENCE = 10.0
"""How many times as long as without a mutant a command may take: a mutant may never end."""


def by_command(
    command: list[str], targets: list[Target], mutants: dict[str, Mutant], jobs: int
) -> Generator[Outcome]:
    """The outcomes for each target, in their order, of a suite that is a command."""
    strange = [name for name, m in mutants.items() if MUTANTS.get(name) is not m]
    if strange:
        raise OptionError(
            f"kill_rate: got the mutant {strange[0]!r} of your own with a command, expected those "
            "of MUTANTS: another process does not know yours; give a function as the suite"
        )
    command = _in_this_environment(command)
    start = perf_counter()
    code, text, _ = _run(command, None, None)
    if code != 0:
        raise CheckError(
            f"kill_rate: {' '.join(command)} exits with {code} where no mutant is planted, "
            f"expected 0; mend that first. Its last lines:\n{_last(text)}"
        )
    limit = _PATIENCE * (perf_counter() - start) + _PATIENCE
    with ThreadPoolExecutor(jobs) as pool:
        # Probing plants mutants in this process: one at a time, and before the others start.
        outcomes = [no_fault(t, mutants[t.mutant]) for t in targets]
        futures = [
            None if o else pool.submit(_commanded, command, t, limit)
            for o, t in zip(outcomes, targets, strict=True)
        ]
        for outcome, future in zip(outcomes, futures, strict=True):
            yield outcome or future.result()  # type: ignore[union-attr]


def _in_this_environment(command: list[str]) -> list[str]:
    """The command, where `python` is the one that runs: that of the path may not know this package.

    One that is named in full is the user's choice.
    """
    if command[:1] in (["python"], ["python3"]) and sys.executable:
        return [sys.executable, *command[1:]]
    return command


def _commanded(command: list[str], target: Target, limit: float) -> Outcome:
    code, text, counts = _run(command, target, limit)
    if code == 0:
        return target.outcome(SURVIVED, unseen(MUTANTS[target.mutant], *counts))
    if code not in (_FAILED, None):
        raise CheckError(
            f"kill_rate: {' '.join(command)} exits with {code} for {target}, expected 0 or "
            f"{_FAILED}, as pytest does after tests. Its last lines:\n{_last(text)}"
        )
    why = f"no end in {limit:.0f} s" if code is None else _last(text, 1)
    return target.outcome(KILLED, why)


def _run(
    command: list[str], target: Target | None, limit: float | None
) -> tuple[int | None, str, tuple[int, int]]:
    """Exit code (None: no end), output, and how often the mutant was met and seen."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "counts"
        environment = {**os.environ, REPORT: str(report)}
        plugins = [p for p in (os.environ.get("PYTEST_PLUGINS"), _PLUGIN) if p]
        if target is not None:
            environment[VARIABLE] = spelled(*target)
            environment["PYTEST_PLUGINS"] = ",".join(plugins)
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, "", (0, 0)
        except OSError as error:
            raise OptionError(
                f"kill_rate: {command[0]!r:.80} cannot be run ({error}), expected a command, such "
                f"as [{sys.executable!r}, '-m', 'pytest', '-x', 'tests']"
            ) from error
        return done.returncode, done.stdout, _counts(report)


def _counts(report: Path) -> tuple[int, int]:
    """Sums over all processes that wrote into the report."""
    if not report.exists():
        return 0, 0
    rows = [line.split() for line in report.read_text().splitlines()]
    return sum(int(r[0]) for r in rows), sum(int(r[1]) for r in rows)


def _last(text: str, lines: int = 12) -> str:
    found: Iterator[str] = (line for line in text.splitlines() if line.strip())
    return "\n".join(list(found)[-lines:])
