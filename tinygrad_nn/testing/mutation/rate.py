"""The kill rate of a test suite: planting one mutant after another, and running it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from tinygrad_nn.core.record import Op
from tinygrad_nn.errors import CheckError, OptionError
from tinygrad_nn.testing.mutation.by_command import by_command
from tinygrad_nn.testing.mutation.by_function import by_function
from tinygrad_nn.testing.mutation.kills import FAULTY, SURVIVED, Kills, Outcome
from tinygrad_nn.testing.mutation.mutants import MUTANTS, Mutant
from tinygrad_nn.testing.mutation.planting import (
    arguments_of,
    differentiable,
    mutant_of,
    operation_of,
)
from tinygrad_nn.testing.mutation.targets import Target

__all__ = ["kill_rate"]

Suite = Callable[[Op], Any] | Sequence[str]
Tell = Callable[[Outcome, int], None]


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
            in processes of their own, with `-x` as you please; as its first word `python` is the
            interpreter that runs, whatever the path has: for another give its own path.
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
        found = by_function(suite, targets, own, jobs)
    else:
        found = by_command(list(suite), targets, own, jobs)
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
