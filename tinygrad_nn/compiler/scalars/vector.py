"""A schedule of numbers run in NumPy: one call for each group.

Only functions that round as Python's floats do stand in the table; the others (`tanh`, `exp`, whose
last bit differs between libraries) are called number by number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.backends import scalar
from tinygrad_nn.compiler.scalars.schedule import Group, Schedule
from tinygrad_nn.compiler.scalars.tape import SUM

__all__ = ["EXACT", "list_run", "vector_run"]

EXACT: dict[Any, Callable[..., Any]] = {
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    scalar.divide: np.divide,
    operator.neg: np.negative,
    operator.pos: np.positive,
    operator.abs: np.absolute,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    scalar.sqrt: np.sqrt,
    scalar.relu: lambda x: np.where(x <= 0, 0.0, x),
    scalar.relu_slope: lambda g, y, x: np.where(x > 0, g, 0.0),
    scalar.masked: lambda x, mask: np.where(mask != 0, x, 0.0),
    scalar.where: lambda condition, a, b: np.where(condition != 0, a, b),
}


def vector_run(schedule: Schedule, values: Any) -> Callable[[], None]:
    """Function that computes all groups in the array `values`."""
    steps = [_step(group, values) for group in schedule.groups]

    def run() -> None:
        with np.errstate(all="ignore"):
            for step in steps:
                step()

    return run


def _step(group: Group, values: Any) -> Callable[[], None]:
    args, take = group.args, values.take
    out = values[group.start : group.start + args.shape[1]]
    if group.kind is SUM:
        return _sum(args, values, out)
    exact = EXACT.get(group.kind)
    if isinstance(exact, np.ufunc):
        return _ufunc(exact, args, take, out)
    if exact is not None:

        def step() -> None:
            out[:] = exact(*[take(row) for row in args])

        return step
    kind = group.kind

    def one_by_one() -> None:
        out[:] = list(map(kind, *[take(row).tolist() for row in args]))

    return one_by_one


def _ufunc(ufunc: Any, args: Any, take: Any, out: Any) -> Callable[[], None]:
    if len(args) == 1:
        (a,) = args
        return lambda: ufunc(take(a), out)
    a, b = args
    return lambda: ufunc(take(a), take(b), out)


def _sum(args: Any, values: Any, out: Any) -> Callable[[], None]:
    """Sums from left to right."""
    take, add = values.take, np.add
    if len(args) == 2:
        return _ufunc(add, args, take, out)
    if args.shape[1] == 1:
        # NumPy adds a single row in pairs; what it accumulates is in order.
        row = args[:, 0]

        def accumulated() -> None:
            out[0] = add.accumulate(take(row))[-1]

        return accumulated
    gathered = np.empty(args.shape)

    def reduced() -> None:
        take(args, None, gathered, "clip")
        add.reduce(gathered, 0, None, out)

    return reduced


def list_run(schedule: Schedule, values: Any) -> Callable[[], None]:
    """The same number by number, for programs of long chains, which have few equal computations."""
    code: list[tuple[Any, Any, int, int]] = []
    for group in schedule.groups:
        for n, column in enumerate(group.args.T.tolist()):
            out = group.start + n
            if group.kind is SUM:
                code.append((SUM, column[0], column[1], out))
                code += [(SUM, out, term, out) for term in column[2:]]
            elif len(column) == 2:
                code.append((group.kind, *column, out))
            else:
                code.append((group.kind, column, -1, out))

    def run() -> None:
        v = values.tolist()
        for kind, a, b, out in code:
            v[out] = kind(v[a], v[b]) if b >= 0 else kind(*[v[x] for x in a])
        values[:] = v

    return run
