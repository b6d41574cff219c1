"""Where the items of each layer stand: the second half of the built-in layout.

Two steps. Rows are swept down and up, each moved to where its neighbours pull it; then whole
straight lines are moved, which the first step alone would bend a little everywhere. Both
keep the order and the distances, by pooling what would come too close.
"""

from __future__ import annotations

from itertools import pairwise
from operator import sub

from tinygrad_nn.viz.picture.layers import Layers, straight

__all__ = ["columns"]

_GAP = 24
_THIN = 12
_STRAIGHT = 32.0
"""Pull within a straight line; that of any other link is 1."""
_SWEEPS = 24
_STILL = 0.05
"""Movement of all lines in a turn below which they stay."""


def columns(layers: Layers) -> list[float]:
    """Centre of each item, across the layers."""
    return _Columns(layers).x


class _Columns:
    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.boxes = layers.boxes
        self.next_in_run: dict[int, int] = {}
        lines = straight(layers.boxes, layers.links, layers.spine)
        for chain, is_straight in zip(layers.chains, lines, strict=True):
            self.next_in_run.update(pairwise(chain if is_straight else chain[1:-1]))
        self.offsets = [self._packed(row) for row in layers.rows]
        self.x = [0.0] * len(layers.sizes)
        for row, offset in zip(layers.rows, self.offsets, strict=True):
            for item, start in zip(row, offset, strict=True):
                self.x[item] = start - offset[-1] / 2
        self._sweep()
        self._straighten()

    def _packed(self, row: list[int]) -> list[float]:
        """Centres of a row set as tightly as possible, from 0."""
        centres = [0.0] * len(row)
        sizes = self.layers.sizes
        for k in range(1, len(row)):
            a, b = row[k - 1], row[k]
            gap = _GAP if a < self.boxes and b < self.boxes else _THIN
            centres[k] = centres[k - 1] + sizes[a].width // 2 + sizes[b].width // 2 + gap
        return centres

    # ── Rows ────────────────────────────────────────────────────────────────────────────

    def _weight(self, i: int, j: int) -> float:
        """Pull between linked items: the parts of a straight line hold together."""
        a, b = (i, j) if self.layers.layer[i] < self.layers.layer[j] else (j, i)
        return _STRAIGHT if self.next_in_run.get(a) == b else 1.0

    def _sweep(self) -> None:
        """Let the rows follow those above, then those below, and so on; at last both."""
        above, below, rows = self.layers.above, self.layers.below, self.layers.rows
        for turn in range(_SWEEPS):
            downward = turn % 2 == 0
            for k in range(len(rows)) if downward else range(len(rows) - 1, -1, -1):
                if turn >= _SWEEPS / 2:
                    pulls = [above[i] + below[i] for i in rows[k]]
                else:
                    pulls = [(above if downward else below)[i] for i in rows[k]]
                self._settle(rows[k], self.offsets[k], pulls)

    def _settle(self, row: list[int], offset: list[float], pulls: list[list[int]]) -> None:
        """Move a row to where its neighbours pull it, by least squares under its distances.

        With the packed position taken off, "not closer than packed" is "not decreasing", and
        pooling adjacent violators solves that exactly.
        """
        x = self.x
        pools: list[tuple[float, float, int]] = []
        for item, start, neighbours in zip(row, offset, pulls, strict=True):
            weights = [self._weight(item, j) for j in neighbours]
            weight = sum(weights) or 0.01
            wish = sum(w * x[j] for w, j in zip(weights, neighbours, strict=True)) / weight
            pool = ((wish if neighbours else x[item]) - start, weight, 1)
            while pools and pools[-1][0] > pool[0]:
                mean, heavy, count = pools.pop()
                total = heavy + pool[1]
                pool = ((mean * heavy + pool[0] * pool[1]) / total, total, count + pool[2])
            pools.append(pool)
        k = 0
        for mean, _, count in pools:
            for _ in range(count):
                x[row[k]] = mean + offset[k]
                k += 1

    # ── Lines ───────────────────────────────────────────────────────────────────────────

    def _runs(self) -> list[list[int]]:
        """All items, those that are to be one below the other together."""
        starts = set(range(len(self.x))) - set(self.next_in_run.values())
        runs = []
        for i in sorted(starts):
            run = [i]
            while run[-1] in self.next_in_run:
                run.append(self.next_in_run[run[-1]])
            runs.append(run)
        return runs

    def _straighten(self) -> None:
        """Make the lines straight, and move them to where their neighbours pull them.

        A turn is a step of projected gradient descent on the squared widths of all links. With
        half the way to the mean of the neighbours the sum cannot grow.
        """
        above, below, rows = self.layers.above, self.layers.below, self.layers.rows
        runs = self._runs()
        while len(order := self._left_to_right(runs)) < len(runs):
            runs = self._split(runs, set(order))
        runs = [runs[k] for k in order]
        number = {i: k for k, run in enumerate(runs) for i in run}
        lefts: list[dict[int, float]] = [{} for _ in runs]
        for row, offset in zip(rows, self.offsets, strict=True):
            for k, (a, b) in enumerate(pairwise(row)):
                left, distance = number[a], offset[k + 1] - offset[k]
                lefts[number[b]][left] = max(distance, lefts[number[b]].get(left, 0.0))
        pulls = [[number[j] for i in run for j in (*above[i], *below[i]) if number[j] != number[i]]
                 for run in runs]  # fmt: skip
        masses = [max(len(pull), 0.01) for pull in pulls]
        at = [sum(self.x[i] for i in run) / len(run) for run in runs]
        for _ in range(160 if len(runs) < 200 else 16):
            wish = [(at[k] + sum(at[j] for j in pull) / len(pull)) / 2 if pull else at[k]
                    for k, pull in enumerate(pulls)]  # fmt: skip
            before, at = at, _apart(wish, masses, lefts)
            if max(map(abs, map(sub, at, before)), default=0.0) < _STILL:
                break
        for k, run in enumerate(runs):
            for i in run:
                self.x[i] = at[k]

    def _left_to_right(self, runs: list[list[int]]) -> list[int]:
        """Runs so that each follows all on its left; without those that cross one another."""
        number = {i: k for k, run in enumerate(runs) for i in run}
        rights: list[list[int]] = [[] for _ in runs]
        waiting = [0] * len(runs)
        for row in self.layers.rows:
            for a, b in pairwise(row):
                rights[number[a]].append(number[b])
                waiting[number[b]] += 1
        order = []
        ready = [k for k in range(len(runs)) if not waiting[k]]
        while ready:
            k = ready.pop()
            order.append(k)
            for j in rights[k]:
                waiting[j] -= 1
                if not waiting[j]:
                    ready.append(j)
        return order

    def _split(self, runs: list[list[int]], done: set[int]) -> list[list[int]]:
        """Take one run apart that may cross another: rather a bent link than a bent computation."""
        crossing = [k for k in range(len(runs)) if k not in done and len(runs[k]) > 1]
        worst = min(crossing, key=lambda k: (sum(i < self.boxes for i in runs[k]), len(runs[k])))
        return [*runs[:worst], *([i] for i in runs[worst]), *runs[worst + 1 :]]


def _apart(wish: list[float], masses: list[float], lefts: list[dict[int, float]]) -> list[float]:
    """Positions near `wish` with each at least the given distances from those on its left.

    Variables come from left to right. Those that press on one another form a group, which
    stands where the weighted mean of the wishes of its members puts it (after Dwyer, Marriott
    and Stuckey, 2006, without their second pass).

    Args:
        wish: Position that each would have alone.
        masses: Weight of that wish.
        lefts: For each the distances from others, all of which come earlier.
    """
    group = list(range(len(wish)))
    members = [[k] for k in group]
    position = list(wish)
    mass = list(masses)
    offset = [0.0] * len(wish)
    for k in range(len(wish)):
        while True:
            own = group[k]
            worst, other, gap = 1e-9, -1, 0.0
            for v in members[own]:
                here = position[own] + offset[v]
                for u, distance in lefts[v].items():
                    if group[u] != own:
                        overlap = position[group[u]] + offset[u] + distance - here
                        if overlap > worst:
                            worst, other = overlap, group[u]
                            gap = offset[u] + distance - offset[v]
            if other < 0:
                break
            # Members of `own` move by `gap` in the frame of `other`.
            total = mass[other] + mass[own]
            position[other] = (
                position[other] * mass[other] + (position[own] - gap) * mass[own]
            ) / total
            mass[other] = total
            for v in members[own]:
                group[v] = other
                offset[v] += gap
            members[other] += members[own]
            members[own] = []
    return [position[group[k]] + offset[k] for k in range(len(wish))]
