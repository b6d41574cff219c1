"""Our own check of an operation, whose kill rate the command prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_nn.errors import TinygradError
from tinygrad_nn.testing.check import gradcheck
from tinygrad_nn.testing.mutation.planting import operation_of
from tinygrad_nn.testing.mutation.samples import Called, calls_of, covering
from tinygrad_nn.testing.reports.report import Report
from tinygrad_nn.value import Value

__all__ = ["REASONS", "check_operation"]

REASONS: dict[tuple[str, str], str] = {}
"""Of mutants, by operation and kind, that are known to survive: why. They count as survivors."""

_CHANCE = 24
_COST, _COST_SECOND = 2000, 600
"""Elements of the Jacobian, of the gradient too, above which a call is left out."""
_DEAR, _CHEAP = 5000, 200
"""The same for the rest, which is asked of what survives all else."""
_NUMBERS, _SINGLE, _SECOND = 6, 2, 4
"""Calls that are checked with Values, in float32 and to second order."""


_check = partial(gradcheck, cap=1.0, timeout=None)
"""What cannot be told, or takes long on a busy machine, is no fault found."""


def check_operation(op: Any) -> None:
    """`gradcheck` an operation at its samples, to second order, in both precisions, of Values.

    Args:
        op: The operation, its name, or the public function.

    Raises:
        GradcheckError: A gradient is wrong.

    Example:
        >>> from tinygrad_nn.testing.mutation import check_operation
        >>> check_operation("tanh")
    """
    record = operation_of(op)
    for report in _reports(calls_of(record, _CHANCE)):
        report.assert_ok()


def _reports(calls: Sequence[Called]) -> Iterator[Report]:
    """Those that find most in the least time first."""
    chosen = covering([c for c in calls if c.cost <= _COST] or calls)
    several = [c for c in chosen if max(x.size for x in c.floats) > 1] or chosen
    first, *others = several
    twice = sorted((c for c in several if c.cost_of_second <= _COST_SECOND), key=_cost_of_second)
    twice = twice[:_SECOND] or [min(several, key=_cost_of_second)]
    yield _check(first, *first.floats)
    yield _check(twice[0], *twice[0].floats, order=2, laws=False)
    numbers = [c for c in calls if c.numbers and _runs_on_numbers(c)]
    for called in numbers[:_NUMBERS]:
        yield _check(called, *map(Value, map(float, called.floats)), order=2)
    for called in (first, *others[: _SINGLE - 1]):
        floats = [np.asarray(x, np.float32) for x in called.floats]
        yield _check(called, *floats, laws=False)
    for called in chosen:
        if called is not first:
            yield _check(called, *called.floats)
    for called in twice[1:]:
        yield _check(called, *called.floats, order=2, laws=False)
    # What is left is asked of what survived until here, which is little.
    done = {id(called) for called in chosen}
    for called in calls:
        if called.cost <= _DEAR and id(called) not in done:
            yield _check(called, *called.floats)
    for called in calls:
        if called.cost_of_second <= _CHEAP:
            yield _check(called, *called.floats, order=2, laws=False)
    yield from _along_directions(covering(calls), {id(called) for called in twice})


def _along_directions(calls: Sequence[Called], known: set[int]) -> Iterator[Report]:
    """For what no cheap call has, such as masks that are repeated."""
    for called in calls:
        if called.cost > _DEAR:
            yield _check(called, *called.floats, dense=False, laws=False)
    for called in calls:
        if called.cost_of_second > _CHEAP and id(called) not in known:
            yield _check(called, *called.floats, order=2, dense=False, laws=False)


def _cost_of_second(called: Called) -> int:
    return called.cost_of_second


def _runs_on_numbers(called: Called) -> bool:
    try:
        return isinstance(called(*(Value(float(x)) for x in called.floats)), Value)
    except (TinygradError, TypeError, AttributeError):
        return False
