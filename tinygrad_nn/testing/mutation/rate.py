"""The kill rate of a test suite: planting one mutant after another, and running it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.core.record import OPS, Op
from tinygrad_nn.errors import CheckError, OptionError
from tinygrad_nn.testing.mutation.kills import EQUIVALENT, FAULTY, KILLED, SURVIVED, Kills, Outcome
from tinygrad_nn.testing.mutation.mutants import MUTANTS, Mutant
from tinygrad_nn.testing.mutation.planting import (
    arguments_of,
    differentiable,
    mutant_of,
    mutated,
    operation_of,
)
from tinygrad_nn.testing.mutation.probing import difference
from tinygrad_nn.testing.mutation.variable import REPORT, VARIABLE, spelled

__all__ = ["kill_rate"]

Suite = Callable[[Op], Any] | Sequence[str]
Tell = Callable[[Outcome, int], None]
_PLUGIN = "tinygrad_nn.testing.mutation.plugin"
_FAILED = 1
"""What pytest exits with when tests failed."""
_LONGEST = 160
_PATIENCE = 10.0
"""How many times as long as without a mutant a command may take: a mutant may never end."""


class Target(NamedTuple):
    """One mutant to be planted: names, so that it can be handed to another process."""

    op: str
    mutant: str
    argument: int


def kill_rate(
    suite: Suite,
    operations: Iterable[Any] | None = None,
    mutants: Iterable[str | Mutant] | None = None,
    sample: int | None = None,
    jobs: int = 1,
    seed: int = 0,
    reasons: Mapping[tuple[str, str], str] | None = None,
    tell: Tell | None = None,
) -> Kills:
    """Plant wrong gradients, one after another, and count those that a test suite finds.

    Args:
        suite: A function that is called with the record of the operation, and raises where it
            sees a fault; or a command that runs pytest, as a list of words. The command is run
            in processes of their own, with `-x` as you please.
        operations: Operations, or their names; all with a gradient rule of their own.
        mutants: Kinds of fault, or their names; all of `MUTANTS`.
        sample: How many of all these are tried, chosen by chance; all.
        jobs: Processes at a time. With more than one the suite must be a function of a module.
        seed: For the choice.
        reasons: Why a mutant, by the names of the operation and the kind, is known to survive.
        tell: Called with each outcome as it is known, and with how many there will be.

    Returns:
        A `Kills`: `kills.rate`, `kills.survivors`, and printed a report.

    Raises:
        CheckError: The suite finds faults where no mutant is planted: a command at all, a function
            in every operation. Operations that it does so in alone are told in the report.
        OptionError: There is no such operation or mutant.

    Example:
        >>> from tinygrad_nn.testing.mutation import check_operation, kill_rate
        >>> kill_rate(check_operation, ["tanh"], ["sign", "swapped"]).rate
        1.0
    """
    start = perf_counter()
    kinds = [mutant_of(m) for m in (MUTANTS.values() if mutants is None else mutants)]
    records = [operation_of(op) for op in (differentiable() if operations is None else operations)]
    every = [Target(r.key, m.name, i) for r in records for m in kinds for i in arguments_of(r)]
    targets = _chosen(every, sample, seed)
    own, known = {m.name: m for m in kinds}, reasons or {}
    if callable(suite):
        found = _by_function(suite, targets, own, jobs)
    else:
        found = _by_command(list(suite), targets, own, jobs)
    outcomes = []
    with closing(found):
        for outcome in found:
            why = known.get((outcome.op, outcome.mutant), outcome.why)
            outcomes.append(replace(outcome, why=why) if outcome.status == SURVIVED else outcome)
            if tell is not None:
                tell(outcomes[-1], len(targets))
    _refuse_all_faulty(outcomes, suite)
    return Kills(outcomes, perf_counter() - start, len(every))


def _refuse_all_faulty(outcomes: Sequence[Outcome], suite: Suite) -> None:
    if callable(suite) and outcomes and all(o.status == FAULTY for o in outcomes):
        first = outcomes[0]
        raise CheckError(
            f"kill_rate: the suite finds a fault in {first.op!r} {first.why}; mend that first, or "
            "leave the operation out"
        )


def _chosen(targets: list[Target], sample: int | None, seed: int) -> list[Target]:
    if sample is None or sample >= len(targets):
        return targets
    if sample < 1:
        raise OptionError(f"kill_rate: got sample={sample!r}, expected at least 1, or None for all")
    places = np.random.default_rng(seed).choice(len(targets), sample, replace=False)
    return [targets[i] for i in sorted(places)]


# ── A function ─────────────────────────────────────────────────────────────────────────────


def _by_function(
    suite: Callable[[Op], Any], targets: list[Target], mutants: dict[str, Mutant], jobs: int
) -> Generator[Outcome]:
    groups = [(key, list(group)) for key, group in groupby(targets, key=lambda t: t.op)]
    work = partial(_of_operation, suite, mutants if jobs == 1 else None)
    if jobs == 1:
        for group in groups:
            yield from work(group)
        return
    # An interruption ends the workers at once, and without a word.
    quiet = (signal.SIGINT, signal.SIG_DFL)
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), signal.signal, quiet)
    try:
        for some in pool.map(work, groups):
            yield from some
    finally:
        pool.shutdown(cancel_futures=True)


def _of_operation(
    suite: Callable[[Op], Any],
    mutants: Mapping[str, Mutant] | None,
    group: tuple[str, list[Target]],
) -> list[Outcome]:
    """The outcomes for one operation."""
    key, targets = group
    op = OPS[key]
    try:
        suite(op)
    except Exception as error:
        why = f"where none is planted: {_line(error)}"
        return [Outcome(key, _argument(op, t.argument), t.mutant, FAULTY, why) for t in targets]
    return [_outcome(suite, op, (mutants or MUTANTS)[t.mutant], t) for t in targets]


def _outcome(suite: Callable[[Op], Any], op: Op, mutant: Mutant, target: Target) -> Outcome:
    name = _argument(op, target.argument)
    same = _no_fault(op, mutant, target.argument)
    if same is not None:
        return same
    with mutated(op, mutant, target.argument) as planted:
        try:
            suite(op)
        except Exception as error:
            return Outcome(op.key, name, mutant.name, KILLED, _line(error))
    why = _unseen(mutant, planted.reached, planted.differed)
    return Outcome(op.key, name, mutant.name, SURVIVED, why)


def _no_fault(op: Op, mutant: Mutant, argument: int) -> Outcome | None:
    """The outcome for what is no fault; None for others."""
    why = mutant.same(op, argument)
    proved = bool(why)
    why = why or difference(op, mutant, argument)
    if not why:
        return None
    return Outcome(op.key, _argument(op, argument), mutant.name, EQUIVALENT, why, proved)


def _argument(op: Op, place: int) -> str:
    if op.variadic and (place < 0 or place >= len(op.data)):
        return "last" if place < 0 else str(place)
    return op.data[place]


def _unseen(mutant: Mutant, reached: int, differed: int) -> str:
    """Why a suite cannot have seen a fault; "" where it could."""
    if not reached:
        return "the suite never asks for this gradient"
    if differed:
        return ""
    if mutant.second:
        return "the suite never asks for the gradient of this gradient where it differs"
    return "the suite asks only where nothing differs"


def _line(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:_LONGEST]}"


# ── A command ──────────────────────────────────────────────────────────────────────────────


def _by_command(
    command: list[str], targets: list[Target], mutants: dict[str, Mutant], jobs: int
) -> Generator[Outcome]:
    strange = [name for name, m in mutants.items() if MUTANTS.get(name) is not m]
    if strange:
        raise OptionError(
            f"kill_rate: got the mutant {strange[0]!r} of your own with a command, expected those "
            "of MUTANTS: another process does not know yours; give a function as the suite"
        )
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
        outcomes = [_no_fault(OPS[t.op], mutants[t.mutant], t.argument) for t in targets]
        futures = [
            None if o else pool.submit(_commanded, command, t, limit)
            for o, t in zip(outcomes, targets, strict=True)
        ]
        for outcome, future in zip(outcomes, futures, strict=True):
            yield outcome or future.result()  # type: ignore[union-attr]


def _commanded(command: list[str], target: Target, limit: float) -> Outcome:
    name = _argument(OPS[target.op], target.argument)
    code, text, counts = _run(command, target, limit)
    if code == 0:
        why = _unseen(MUTANTS[target.mutant], *counts)
        return Outcome(target.op, name, target.mutant, SURVIVED, why)
    if code not in (_FAILED, None):
        raise CheckError(
            f"kill_rate: {' '.join(command)} exits with {code} for {target}, expected 0 or "
            f"{_FAILED}, as pytest does after tests. Its last lines:\n{_last(text)}"
        )
    why = f"no end in {limit:.0f} s" if code is None else _last(text, 1)
    return Outcome(target.op, name, target.mutant, KILLED, why)


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
