"""A schedule of numbers run by one compiled loop over its groups."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.backends import scalar
from tinygrad_nn.compiler.numba.kept import outer
from tinygrad_nn.compiler.scalars.schedule import Schedule
from tinygrad_nn.compiler.scalars.tape import SUM

__all__ = ["CODES", "loop_run"]

CODES: dict[Any, int] = {
    SUM: 0,
    operator.sub: 1,
    operator.mul: 2,
    operator.truediv: 3,
    scalar.divide: 3,
    operator.neg: 4,
    operator.abs: 5,
    operator.lt: 6,
    operator.le: 7,
    operator.gt: 8,
    operator.ge: 9,
    operator.eq: 10,
    operator.ne: 11,
    scalar.sqrt: 12,
    scalar.relu: 13,
    scalar.relu_slope: 14,
    scalar.masked: 15,
    scalar.where: 16,
    scalar.tanh: 17,
    scalar.exp: 18,
    scalar.log: 19,
    scalar.pow: 20,
    operator.pow: 20,
    scalar.sigmoid: 21,
}
"""Number of each kind in `_run`."""


def loop_run(schedule: Schedule, values: Any) -> Callable[[], None] | None:
    """Function that computes all groups in the array `values`; None if a kind is not known."""
    groups = schedule.groups
    if not all(group.kind in CODES for group in groups):
        return None
    rows = np.zeros((len(groups), 5), np.int64)
    packed: list[Any] = []
    at = 0
    for n, group in enumerate(groups):
        length, count = group.args.shape
        rows[n] = CODES[group.kind], group.start, count, length, at
        # Terms of a sum side by side; of other kinds all first arguments, then all second ones.
        flat = group.args.T if group.kind is SUM and length > 2 else group.args
        packed.append(np.ascontiguousarray(flat, np.int32).ravel())
        at += packed[-1].size
    numbers = np.concatenate(packed) if packed else np.zeros(0, np.int32)
    return lambda: _run(values, rows, numbers)


@outer(no_cfunc_wrapper=True)
def _run(v: Any, rows: Any, numbers: Any) -> None:  # noqa: PLR0912, PLR0915  (one branch a kind)
    for n in range(rows.shape[0]):
        code, start, count, length, at = rows[n]
        if code == 0 and length > 2:
            for j in range(count):
                s = v[numbers[at]] + v[numbers[at + 1]]
                for k in range(at + 2, at + length):
                    s += v[numbers[k]]
                v[start + j] = s
                at += length
            continue
        a, b, c = at, at + count, at + 2 * count
        if code == 0:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] + v[numbers[b + j]]
        elif code == 1:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] - v[numbers[b + j]]
        elif code == 2:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] * v[numbers[b + j]]
        elif code == 3:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] / v[numbers[b + j]]
        elif code == 4:
            for j in range(count):
                v[start + j] = -v[numbers[a + j]]
        elif code == 5:
            for j in range(count):
                v[start + j] = abs(v[numbers[a + j]])
        elif code <= 11:
            for j in range(count):
                x, y = v[numbers[a + j]], v[numbers[b + j]]
                if code == 6:
                    holds = x < y
                elif code == 7:
                    holds = x <= y
                elif code == 8:
                    holds = x > y
                elif code == 9:
                    holds = x >= y
                elif code == 10:
                    holds = x == y
                else:
                    holds = x != y
                v[start + j] = 1.0 if holds else 0.0
        elif code == 12:
            for j in range(count):
                v[start + j] = np.sqrt(v[numbers[a + j]])
        elif code == 13:
            for j in range(count):
                x = v[numbers[a + j]]
                v[start + j] = 0.0 if x <= 0 else x
        elif code == 14:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] if v[numbers[c + j]] > 0 else 0.0
        elif code == 15:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] if v[numbers[b + j]] != 0 else 0.0
        elif code == 16:
            for j in range(count):
                chosen = b if v[numbers[a + j]] != 0 else c
                v[start + j] = v[numbers[chosen + j]]
        elif code == 17:
            for j in range(count):
                v[start + j] = math.tanh(v[numbers[a + j]])
        elif code == 18:
            for j in range(count):
                v[start + j] = np.exp(v[numbers[a + j]])
        elif code == 19:
            for j in range(count):
                v[start + j] = np.log(v[numbers[a + j]])
        elif code == 20:
            for j in range(count):
                v[start + j] = v[numbers[a + j]] ** v[numbers[b + j]]
        else:
            for j in range(count):
                x = v[numbers[a + j]]
                e = np.exp(-abs(x))
                v[start + j] = 1.0 / (1.0 + e) if x >= 0 else e / (1.0 + e)
