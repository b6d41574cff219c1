"""Repeats in a row of things, for people who read programs: three layers, twenty parameters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

__all__ = ["repeats"]

_LONGEST = 400
_MOST = 20_000


def repeats(keys: Sequence[Hashable]) -> list[tuple[int, int, int]]:
    """Rows of equal runs: where each begins, how long a run is, and how often it stands there.

    Together they cover all of `keys`, in order; what is not repeated comes as runs of one that
    stand once. What is behind the first 20,000 is not looked through.

    Example:
        >>> repeats("xababab")
        [(0, 1, 1), (1, 2, 3)]
    """
    ids: dict[Hashable, int] = {}
    row = [ids.setdefault(key, len(ids)) for key in keys]
    found = []
    at, end = 0, len(row)
    while at < end:
        length, count = _best(row, at) if at < _MOST else (1, 1)
        found.append((at, length, count))
        at += length * count
    return found


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
