"""A small layered layout, for when Graphviz cannot be had.

After Sugiyama, Tagawa and Toda (1981), in four steps: layers by the longest way to the end,
places within a layer by barycentres, coordinates by least squares with the order kept, and
curves that bend only between layers. Everything is deterministic.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, sqrt

__all__ = ["Placement", "Point", "Size", "place", "straight"]

Point = tuple[float, float]

GAP = 24
"""Least distance of two boxes of a layer."""
LAYER_GAP = 20
"""Least distance of two layers."""
_MAX_LAYER_GAP = 70
_THIN = 12


@dataclass(frozen=True)
class Size:
    """Of a box to be placed."""

    width: int
    height: int
    is_round: bool = False


@dataclass(frozen=True)
class Placement:
    """Where everything goes.

    Attributes:
        centres: Of each box.
        curves: For each link the points of its cubic Bézier pieces: 3 k + 1 of them.
        width, height: Of the whole; everything lies within.
    """

    centres: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def place(sizes: Sequence[Size], links: Sequence[tuple[int, int]], direction: str) -> Placement:
    """Place boxes so that every link runs onward.

    Args:
        sizes: Of the boxes.
        links: Pairs (from, to) of positions in `sizes`; without cycles, repeats allowed.
        direction: "TB" for downward, "LR" for rightward.
    """
    if direction == "TB":
        return _Layout(sizes, links).placement()
    flipped = [Size(s.height, s.width, s.is_round) for s in sizes]
    p = _Layout(flipped, links).placement()
    return Placement(
        tuple((y, x) for x, y in p.centres),
        tuple(tuple((y, x) for x, y in curve) for curve in p.curves),
        p.height,
        p.width,
    )


def straight(count: int, links: Sequence[tuple[int, int]]) -> list[bool]:
    """Which links ought to run straight: those along which one thing alone goes on.

    That is a link that is the only one to leave its start, and the only one to arrive at its
    end or the only one there that does more than bring a leaf: a long computation becomes a
    straight line, and what it uses on the way hangs at its sides.
    """
    into: list[list[int]] = [[] for _ in range(count)]
    leaving = [0] * count
    for k, (a, b) in enumerate(links):
        into[b].append(k)
        leaving[a] += 1

    def brings_leaf(k: int) -> bool:
        start = links[k][0]
        while len(into[start]) == 1:
            start = links[into[start][0]][0]
        return not into[start]

    found = [False] * len(links)
    for arriving in into:
        onward = arriving if len(arriving) == 1 else [k for k in arriving if not brings_leaf(k)]
        if len(onward) == 1 and leaving[links[onward[0]][0]] == 1:
            found[onward[0]] = True
    return found


class _Layout:
    """The downward case. Items are the boxes, then the bends of links over several layers."""

    def __init__(self, sizes: Sequence[Size], links: Sequence[tuple[int, int]]) -> None:
        self.sizes = list(sizes)
        self.links = links
        self.boxes = len(sizes)
        repeats = Counter(links)
        # A repeated link is bent once, so that its copies run side by side.
        self.spans = [2 if repeats[link] > 1 else 1 for link in links]
        self.layer = self._layers()
        self.chains = [self._chain(a, b) for a, b in links]
        self.above: list[list[int]] = [[] for _ in self.sizes]
        self.below: list[list[int]] = [[] for _ in self.sizes]
        for chain in self.chains:
            for a, b in pairwise(chain):
                self.below[a].append(b)
                self.above[b].append(a)
        self.rows = self._ordered()
        self.next_in_run: dict[int, int] = {}
        for chain, is_straight in zip(self.chains, straight(self.boxes, links), strict=True):
            self.next_in_run.update(pairwise(chain if is_straight else chain[1:-1]))
        self.x = self._columns()

    # ── Layers ──────────────────────────────────────────────────────────────────────────

    def _layers(self) -> list[int]:
        """Layer of each box: as low as the boxes that follow it permit."""
        out: list[list[tuple[int, int]]] = [[] for _ in range(self.boxes)]
        waiting = [0] * self.boxes
        into: list[list[int]] = [[] for _ in range(self.boxes)]
        for (a, b), span in zip(self.links, self.spans, strict=True):
            out[a].append((b, span))
            into[b].append(a)
            waiting[a] += 1
        height = [0] * self.boxes
        ready = [i for i in range(self.boxes) if not waiting[i]]
        while ready:
            i = ready.pop()
            height[i] = max((height[j] + span for j, span in out[i]), default=0)
            for a in into[i]:
                waiting[a] -= 1
                if not waiting[a]:
                    ready.append(a)
        top = max(height, default=0)
        return [top - h for h in height]

    def _chain(self, a: int, b: int) -> list[int]:
        """Items that a link runs through: its ends, and a bend in each layer between."""
        chain = [a]
        for layer in range(self.layer[a] + 1, self.layer[b]):
            chain.append(len(self.sizes))
            self.sizes.append(Size(0, 0))
            self.layer.append(layer)
        return [*chain, b]

    # ── Order within the layers ─────────────────────────────────────────────────────────

    def _ordered(self) -> list[list[int]]:
        """Rows of items, in an order with few crossings."""
        rows = self._first_order()
        best, fewest = [list(row) for row in rows], self._crossings(rows)
        for turn in range(12):
            if not fewest:
                break
            downward = turn % 2 == 0
            neighbours = self.above if downward else self.below
            for k in range(1, len(rows)):
                row, fixed = (k, k - 1) if downward else (-k - 1, -k)
                self._sort(rows[row], rows[fixed], neighbours)
            crossings = self._crossings(rows)
            if crossings < fewest:
                best, fewest = [list(row) for row in rows], crossings
        return best

    def _first_order(self) -> list[list[int]]:
        """As a reader would write it: from the end upward, first inputs first."""
        rows: list[list[int]] = [[] for _ in range(max(self.layer, default=0) + 1)]
        seen: set[int] = set()
        stack = [i for i in range(len(self.sizes) - 1, -1, -1) if not self.below[i]]
        while stack:
            i = stack.pop()
            if i not in seen:
                seen.add(i)
                rows[self.layer[i]].append(i)
                stack.extend(reversed(self.above[i]))
        return rows

    @staticmethod
    def _sort(row: list[int], fixed: list[int], neighbours: list[list[int]]) -> None:
        at = {item: k for k, item in enumerate(fixed)}
        mean = {
            i: sum(at[j] for j in neighbours[i]) / len(neighbours[i]) if neighbours[i] else k
            for k, i in enumerate(row)
        }
        row.sort(key=mean.__getitem__)

    def _crossings(self, rows: list[list[int]]) -> int:
        total = 0
        for upper, lower in pairwise(rows):
            at = {item: k for k, item in enumerate(lower)}
            passed: list[int] = []
            for item in upper:
                ends = sorted(at[j] for j in self.below[item])
                total += sum(len(passed) - bisect_right(passed, end) for end in ends)
                for end in ends:
                    insort(passed, end)
        return total

    # ── Coordinates ─────────────────────────────────────────────────────────────────────

    def _weight(self, i: int, j: int) -> float:
        """Pull between linked items: the parts of a straight line hold together."""
        a, b = (i, j) if self.layer[i] < self.layer[j] else (j, i)
        return 32.0 if self.next_in_run.get(a) == b else 1.0

    def _columns(self) -> list[float]:
        """Centre of each item across the layers."""
        x = [0.0] * len(self.sizes)
        offsets = [self._packed(row) for row in self.rows]
        for row, offset in zip(self.rows, offsets, strict=True):
            for item, start in zip(row, offset, strict=True):
                x[item] = start - offset[-1] / 2
        layers = range(len(self.rows))
        for turn in range(24):
            last = turn >= 12
            for k in layers if turn % 2 == 0 else reversed(layers):
                if last:
                    pulls = [self.above[i] + self.below[i] for i in self.rows[k]]
                else:
                    side = self.above if turn % 2 == 0 else self.below
                    pulls = [side[i] for i in self.rows[k]]
                self._settle(self.rows[k], offsets[k], pulls, x)
        self._straighten(offsets, x)
        left = min((x[i] - self.sizes[i].width / 2 for i in range(len(x))), default=0.0)
        # Rounding down from the half keeps whole distances whole, so nothing comes closer.
        return [float(floor(v - left + 0.5)) for v in x]

    def _packed(self, row: list[int]) -> list[float]:
        """Centres of a row set as tightly as possible, from 0."""
        centres = [0.0] * len(row)
        for k in range(1, len(row)):
            a, b = row[k - 1], row[k]
            gap = GAP if a < self.boxes and b < self.boxes else _THIN
            centres[k] = centres[k - 1] + self.sizes[a].width // 2 + self.sizes[b].width // 2 + gap
        return centres

    def _settle(
        self, row: list[int], offset: list[float], pulls: list[list[int]], x: list[float]
    ) -> None:
        """Move a row to where its neighbours pull it, by least squares under its distances.

        With the packed position taken off, "not closer than packed" is "not decreasing", and
        pooling adjacent violators solves that exactly.
        """
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

    def _runs(self) -> list[list[int]]:
        """All items, those that are to be one below the other together."""
        starts = set(range(len(self.sizes))) - set(self.next_in_run.values())
        runs = []
        for i in sorted(starts):
            run = [i]
            while run[-1] in self.next_in_run:
                run.append(self.next_in_run[run[-1]])
            runs.append(run)
        return runs

    def _straighten(self, offsets: list[list[float]], x: list[float]) -> None:
        """Make the runs straight, and move them to where their neighbours pull them.

        Each turn pushes the runs off one another once rightward and once leftward. Both answers
        keep the distances, thus so does their mean, which favours no side.
        """
        runs = self._runs()
        while len(order := self._left_to_right(runs)) < len(runs):
            runs = self._split(runs, set(order))
        runs = [runs[k] for k in order]
        number = {i: k for k, run in enumerate(runs) for i in run}
        lefts: list[list[tuple[int, float]]] = [[] for _ in runs]
        for row, offset in zip(self.rows, offsets, strict=True):
            for k, (a, b) in enumerate(pairwise(row)):
                lefts[number[b]].append((number[a], offset[k + 1] - offset[k]))
        pulls = [
            [number[j] for i in run for j in (*self.above[i], *self.below[i])
             if number[j] != number[i]]
            for run in runs
        ]  # fmt: skip
        at = [sum(x[i] for i in run) / len(run) for run in runs]
        for _ in range(80 if len(x) < 800 else 20):
            wish = [
                (at[k] + sum(at[j] for j in pull) / len(pull)) / 2 if pull else at[k]
                for k, pull in enumerate(pulls)
            ]
            low, high = list(wish), list(wish)
            for k, near in enumerate(lefts):
                for j, distance in near:
                    low[k] = max(low[k], low[j] + distance)
            for k in range(len(runs) - 1, -1, -1):
                for j, distance in lefts[k]:
                    high[j] = min(high[j], high[k] - distance)
            at = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        for k, run in enumerate(runs):
            for i in run:
                x[i] = at[k]

    def _left_to_right(self, runs: list[list[int]]) -> list[int]:
        """Runs so that each follows all on its left; without those that cross one another."""
        number = {i: k for k, run in enumerate(runs) for i in run}
        rights: list[list[int]] = [[] for _ in runs]
        waiting = [0] * len(runs)
        for row in self.rows:
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

    # ── Curves ──────────────────────────────────────────────────────────────────────────

    def placement(self) -> Placement:
        """Positions and curves, measured from the corner of the whole."""
        if not self.sizes:
            return Placement((), (), 0.0, 0.0)
        heights = [max(self.sizes[i].height for i in row) for row in self.rows]
        tops, y = [], 0.0
        for k, height in enumerate(heights):
            tops.append(y)
            y += height + self._gap_below(k)
        bottom = tops[-1] + heights[-1]
        middles = [top + height / 2 for top, height in zip(tops, heights, strict=True)]
        centres = [(self.x[i], middles[self.layer[i]]) for i in range(len(self.sizes))]
        ends = self._ends()
        curves = []
        for number, chain in enumerate(self.chains):
            points: list[Point] = []
            for a, b in pairwise(chain):
                shift = ends[number] if b < self.boxes else 0.0
                self._piece(points, centres, tops, heights, a, b, shift)
            curves.append(tuple(points))
        right = max(self.x[i] + self.sizes[i].width / 2 for i in range(len(self.sizes)))
        return Placement(tuple(centres[: self.boxes]), tuple(curves), right, bottom)

    def _gap_below(self, k: int) -> float:
        """Room for the curves below a row: steep where they go far."""
        far = max((abs(self.x[i] - self.x[j]) for i in self.rows[k] for j in self.below[i]),
                  default=0.0)  # fmt: skip
        return float(floor(min(_MAX_LAYER_GAP, max(LAYER_GAP, 0.16 * far))))

    def _ends(self) -> list[float]:
        """How far from the middle of its target's edge each link arrives, so that none meet."""
        arriving: dict[int, list[int]] = {}
        for number, (_, b) in enumerate(self.links):
            arriving.setdefault(b, []).append(number)
        shift = [0.0] * len(self.links)
        for b, numbers in arriving.items():
            numbers.sort(key=lambda n: self.x[self.chains[n][-2]])
            before = [self.chains[n][-2] for n in numbers]
            last = len(numbers) - 1
            # A straight line ends in the middle, whatever arrives beside it.
            middle: float = next(
                (k for k, i in enumerate(before)
                 if self.next_in_run.get(i) == b and self.x[i] == self.x[b]),
                last / 2,
            )  # fmt: skip
            room = max(0, self.sizes[b].width / 2 - 7)
            step = min(10.0, room / max(middle, last - middle, 1))
            for k, n in enumerate(numbers):
                shift[n] = (k - middle) * step
        return shift

    def _piece(
        self,
        points: list[Point],
        centres: list[Point],
        tops: list[float],
        heights: list[float],
        a: int,
        b: int,
        shift: float,
    ) -> None:
        """Add the way from item `a` to item `b`: straight out, a bend between layers, straight in."""
        ax, ay = centres[a]
        bx, by = centres[b]
        layer = self.layer[a]
        start = ay + self.sizes[a].height / 2
        leave = tops[layer] + heights[layer]
        enter = tops[layer + 1]
        end = by - self.sizes[b].height / 2
        bx += shift
        if self.sizes[b].is_round:
            radius = self.sizes[b].width / 2
            end += radius - sqrt(radius * radius - shift * shift)
        if not points:
            points.append((ax, start))
        if leave > points[-1][1]:
            _line(points, (ax, leave))
        middle = (leave + enter) / 2
        points += [(ax, middle), (bx, middle), (bx, enter)]
        if end > enter:
            _line(points, (bx, end))


def _line(points: list[Point], end: Point) -> None:
    x, y = points[-1]
    points += [(x, y + (end[1] - y) / 3), (x, y + 2 * (end[1] - y) / 3), end]
