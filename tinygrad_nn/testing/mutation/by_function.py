"""A test suite that is a function, called with one operation after another."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from typing import Any

from tinygrad_nn.core.record import OPS, Op
from tinygrad_nn.testing.mutation.kills import FAULTY, KILLED, SURVIVED, Outcome
from tinygrad_nn.testing.mutation.mutants import MUTANTS, Mutant
from tinygrad_nn.testing.mutation.planting import mutated
from tinygrad_nn.testing.mutation.targets import Target, no_fault, unseen

__all__ = ["by_function"]

_LONGEST = 160


def by_function(
    suite: Callable[[Op], Any], targets: list[Target], mutants: dict[str, Mutant], jobs: int
) -> Generator[Outcome]:
    """The outcomes for each target, in their order, of a suite that is a function."""
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
        return [t.outcome(FAULTY, why) for t in targets]
    return [_outcome(suite, op, (mutants or MUTANTS)[t.mutant], t) for t in targets]


def _outcome(suite: Callable[[Op], Any], op: Op, mutant: Mutant, target: Target) -> Outcome:
    same = no_fault(target, mutant)
    if same is not None:
        return same
    with mutated(op, mutant, target.argument) as planted:
        try:
            suite(op)
        except Exception as error:
            return target.outcome(KILLED, _line(error))
    return target.outcome(SURVIVED, unseen(mutant, planted.reached, planted.differed))


def _line(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:_LONGEST]}"
