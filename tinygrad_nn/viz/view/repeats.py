"""Equal parts in a row, found by comparing each sequence with itself some way further on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.viz.view.knots import Unit, repeat
from tinygrad_nn.viz.view.wiring import Wiring

__all__ = ["Repeats"]

FEWEST = 3
"""Equal parts in a row that are worth one box."""

_FEWEST_OPERATIONS = 6

_Read = tuple[int, int, int]
"""How many units back (0: from outside), at which place in that unit, and the record's key."""

_PASSES = 8
_CANDIDATES = 12
_APART = 4


class Repeats:
    """Finds repeats; one for a whole trace, since it numbers the structures it has met."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._known: dict[object, int] = {}
        count = len(wiring.leaf)
        # Where each record is in the sequence at hand: number of its unit, and place in it.
        self._unit = [-1] * count
        self._place = [0] * count

    def fold(self, units: list[Unit]) -> list[Unit]:
        """The sequence with every row of three or more equal parts as one unit."""
        for unit in units:
            self._number(unit)
        for _ in range(_PASSES):
            if len(units) < FEWEST:
                break
            runs = self._runs(units)
            if not runs:
                break
            units = self._folded(units, runs)
        return units

    # ── Structure ───────────────────────────────────────────────────────────────────────

    def _number(self, unit: Unit) -> None:
        """Set `same` and `alike`, by operations, shapes and wiring; parameters count nowhere."""
        w = self.wiring
        own = [k for k in unit.records if not w.learned[k]]
        place = {k: i for i, k in enumerate(own)}
        knot = unit.knot
        word = "" if knot is None else f"{knot.kind} {knot.word}"
        kinds = tuple(w.kinds[k] for k in own)
        wires = tuple(place.get(s, -2 if w.leaf[s] else -1) for k in own for s in w.slots[k])
        unit.same = self._known.setdefault((word, kinds, wires), len(self._known))
        ops = tuple(w.kinds[k] for k in own if not w.leaf[k])
        unit.alike = self._known.setdefault((word, ops), len(self._known))

    # ── Runs ────────────────────────────────────────────────────────────────────────────

    def _runs(self, units: Sequence[Unit]) -> list[tuple[int, int, int]]:
        """(start, period, copies) of runs that do not overlap, in order."""
        same = np.array([u.same for u in units])
        periods = _periods(same)
        if not periods:
            return []
        for i, unit in enumerate(units):
            for place, key in enumerate(k for k in unit.records if not self.wiring.leaf[k]):
                self._unit[key], self._place[key] = i, place
        reads = [self._reads(unit, i) for i, unit in enumerate(units)]
        wires = _Wires(reads)
        used = np.zeros(len(units), bool)
        found = []
        for period in periods:
            equal = wires.equal(same, period) & ~used[:-period] & ~used[period:]
            for begin, stop in _stretches(equal, period):
                if used[begin : stop + period].any():
                    continue
                start = _extended(units, reads, begin, period, used)
                copies = (stop + period - start) // period
                if copies >= FEWEST and _is_worth(units[start : start + copies * period]):
                    found.append((start, period, copies))
                    used[start : start + copies * period] = True
        for unit in units:
            for key in unit.records:
                self._unit[key] = -1
        return sorted(found)

    def _reads(self, unit: Unit, i: int) -> list[_Read]:
        """What a unit reads from elsewhere, leaves not counted."""
        w = self.wiring
        return [
            (i - self._unit[s] if self._unit[s] >= 0 else 0, self._place[s], s)
            for key in unit.records
            for s in w.slots[key]
            if not w.leaf[s] and self._unit[s] != i
        ]

    def _folded(self, units: list[Unit], runs: Sequence[tuple[int, int, int]]) -> list[Unit]:
        """The sequence with each run as one unit."""
        found, done = [], 0
        for start, period, copies in runs:
            found += units[done:start]
            done = start + period * copies
            inner = units[start:done]
            knot = repeat(inner, period)
            unit = Unit([knot], [k for u in inner for k in u.records], knot.title)
            self._number(unit)
            found.append(unit)
        return found + units[done:]


def _is_worth(units: Sequence[Unit]) -> bool:
    """Whether folding says something: three operations in a row are no repeat yet."""
    return len(units) >= _FEWEST_OPERATIONS or any(u.knot is not None for u in units)


class _Wires:
    """What all units of a sequence read, as arrays, to compare the units with later ones."""

    def __init__(self, reads: Sequence[Sequence[_Read]]) -> None:
        self.counts = np.array([len(r) for r in reads], np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.owner = np.repeat(np.arange(len(reads)), self.counts)
        every = np.array([read for r in reads for read in r], np.int64).reshape(-1, 3)
        self.back, self.place, self.source = every.T

    def equal(self, same: Any, period: int) -> Any:
        """Of each unit, whether the one `period` further on is the same and wired alike."""
        equal = same[:-period] == same[period:]
        equal &= self.counts[:-period] == self.counts[period:]
        owner = self.owner
        mine = np.flatnonzero(owner < len(equal))
        mine = mine[equal[owner[mine]]]
        if not len(mine):
            return equal
        unit = owner[mine]
        other = mine - self.starts[unit] + self.starts[unit + period]
        near = (self.back[mine] == self.back[other]) & (self.back[mine] != 0)
        near &= self.place[mine] == self.place[other]
        wrong = mine[~(near | (self.source[mine] == self.source[other]))]
        equal[owner[wrong]] = False
        return equal


def _periods(same: Any) -> list[int]:
    """Distances at which equal units stand most often, the smallest first."""
    order = np.argsort(same, kind="stable")
    most = len(same) // FEWEST
    counts = np.zeros(most + 1, np.int64)
    for apart in range(1, _APART + 1):
        far = order[apart:] - order[:-apart]
        far = far[(same[order[apart:]] == same[order[:-apart]]) & (far <= most)]
        counts += np.bincount(far, minlength=most + 1)
    counts[counts < FEWEST - 1] = 0
    best = np.argsort(-counts, kind="stable")[:_CANDIDATES]
    return sorted(int(p) for p in best if counts[p])


def _stretches(equal: Any, period: int) -> list[tuple[int, int]]:
    """(start, stop) of rows of True that are at least a period long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]]).astype(np.int8)))
    long = edges[1::2] - edges[::2] >= period
    return list(zip(edges[::2][long].tolist(), edges[1::2][long].tolist(), strict=True))


def _extended(
    units: Sequence[Unit], reads: Sequence[Sequence[_Read]], start: int, period: int, used: Any
) -> int:
    """Start of a run with its first copy, which may read from before it what it likes."""
    best, latest = start, -1
    for i in range(start - 1, max(start - period, 0) - 1, -1):
        if used[i] or units[i].alike != units[i + period].alike:
            break
        near = {(back, place) for back, place, _ in reads[i + period] if back}
        same = {source for _, _, source in reads[i + period]}
        strange = [i - b for b, p, s in reads[i] if b and (b, p) not in near and s not in same]
        latest = max([latest, *strange])
        if latest < i:
            best = i
    return best
