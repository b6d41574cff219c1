"""Repeats in a row of things, for people who read programs: three layers, twenty parameters."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Any

from tinygrad_nn.compiler.program import Instruction, Program, Var
from tinygrad_nn.compiler.show.notation import constant_names

__all__ = ["likeness", "repeats"]

_LONGEST = 400
_MOST = 20_000


def repeats(keys: Sequence[Hashable], ends: Collection[int] = ()) -> list[tuple[int, int, int]]:
    """Rows of equal runs: where each begins, how long a run is, and how often it stands there.

    Together they cover all of `keys`, in order; what is not repeated comes as runs of one that
    stand once. What is behind the first 20,000 is not looked through.

    Args:
        keys: What is equal has equal keys.
        ends: Places where something is over: a run begins behind one, if it stands there as often.

    Example:
        >>> repeats("xababab")
        [(0, 1, 1), (1, 2, 3)]
        >>> repeats("xabababa", ends={1, 3, 5, 7})
        [(0, 1, 1), (1, 1, 1), (2, 2, 3)]
    """
    ids: dict[Hashable, int] = {}
    row = [ids.setdefault(key, len(ids)) for key in keys]
    found = []
    at, end = 0, len(row)
    while at < end:
        length, count = _best(row, at) if at < _MOST else (1, 1)
        if count > 1:
            later = _begins(row, at, length, count, ends)
            found += [(k, 1, 1) for k in range(at, later)]
            at = later
        found.append((at, length, count))
        at += length * count
    return found


def likeness(program: Program, instructions: Sequence[Instruction]) -> list[Any]:
    """For each instruction something that is equal for those that do the same with other arrays.

    Numbers must be the same, and an argument that the instruction before made must be so too:
    `b = a * 2.0` and `c = b * b` are two things.
    """
    numbers = {v: n for v, n in constant_names(program).items() if not n.startswith("c")}
    found: list[Any] = []
    before: tuple[Var, ...] = ()
    phase = ""
    for i in instructions:
        if i.phase != phase:
            phase, before = i.phase, ()
        args = [_argument(x, numbers, before) for x in (*i.args, *i.params.values())]
        found.append((i.name, i.kernel, *args, *i.params, len(i.inside)))
        before = i.results
    return found


def _argument(x: Any, numbers: dict[Var, str], before: tuple[Var, ...]) -> Any:
    if isinstance(x, Var):
        return numbers.get(x, x in before)
    if isinstance(x, (int, float, str, slice, type(None), type(Ellipsis))):
        return repr(x)
    if isinstance(x, tuple):
        return tuple([_argument(y, numbers, before) for y in x])
    return None


def _best(row: list[int], at: int) -> tuple[int, int]:
    """The run that begins at `at` and covers most with its repeats."""
    best, most = (1, 1), 0
    for length in range(1, min(_LONGEST, (len(row) - at) // 2) + 1):
        if row[at + length] != row[at] or (most and length % best[0] == 0):
            continue
        run, count = row[at : at + length], 1
        while row[at + count * length : at + (count + 1) * length] == run:
            count += 1
        if (count - 1) * length > most:
            best, most = (length, count), (count - 1) * length
    # What saves less than the line that says so stays as it is.
    return best if most > 1 else (1, 1)


def _begins(row: list[int], at: int, length: int, count: int, ends: Collection[int]) -> int:
    """Where the run had better begin: `abcabcab` is also `a`, `bca` twice, `b`."""
    last = at + length * count
    while last < len(row) and last < at + length * (count + 1) and row[last] == row[last - length]:
        last += 1
    places = range(at, last - length * count + 1)
    return next((k for k in places if k == 0 or k - 1 in ends), at)
