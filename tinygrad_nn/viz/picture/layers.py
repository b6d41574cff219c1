"""Layers of boxes, and the order within each: the first half of the built-in layout."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Layers", "Size", "straight"]


@dataclass(frozen=True)
class Size:
    """Of a box to be placed."""

    width: int
    height: int
    is_round: bool = False


def straight(count: int, links: Sequence[tuple[int, int]], spine: Sequence[int] = ()) -> list[bool]:
    """Which links ought to run straight: the spine, and where one thing alone goes on.

    The latter is a link that is the only one to leave its start, and the only one to arrive at its
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
    pairs = set(pairwise(spine))
    for arriving in into:
        pinned = [k for k in arriving if links[k] in pairs]
        if pinned:
            found[pinned[0]] = True
            continue
        onward = arriving if len(arriving) == 1 else [k for k in arriving if not brings_leaf(k)]
        if len(onward) == 1 and leaving[links[onward[0]][0]] == 1:
            found[onward[0]] = True
    return found


class Layers:
    """Boxes and the bends of long links, in layers from the top down.

    Items are the boxes, then the bends: a link over several layers bends in each between.

    Attributes:
        sizes: Of each item.
        boxes: How many items are boxes.
        layer: Layer of each item.
        chains: For each link the items that it runs through, its ends included.
        above, below: Items that each item is linked to, one layer up and down.
        rows: Items of each layer from left to right.
        spine: Boxes that ought to stand in one straight line.
        inner: How many boxes are not bounds.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        links: Sequence[tuple[int, int]],
        spine: Sequence[int] = (),
        *,
        is_bounded: bool = False,
    ) -> None:
        """Lay `sizes` in layers; bounded, the last two stand before and behind all others."""
        self.sizes = list(sizes)
        self.links = links
        self.spine = spine
        self.boxes = len(sizes)
        self.inner = self.boxes - 2 if is_bounded else self.boxes
        repeats = Counter(links)
        # A repeated link is bent once, so that its copies run side by side.
        self.spans = [2 if repeats[k] > 1 and max(k) < self.inner else 1 for k in links]
        self.layer = self._layers()
        self.chains = [self._chain(a, b) for a, b in links]
        self.above: list[list[int]] = [[] for _ in self.sizes]
        self.below: list[list[int]] = [[] for _ in self.sizes]
        for chain in self.chains:
            for a, b in pairwise(chain):
                self.below[a].append(b)
                self.above[b].append(a)
        self.rows = self._ordered()

    def _layers(self) -> list[int]:
        """Layer of each box: as low as the boxes that follow it permit."""
        out: list[list[tuple[int, int]]] = [[] for _ in range(self.boxes)]
        waiting = [0] * self.boxes
        into: list[list[int]] = [[] for _ in range(self.boxes)]
        for (a, b), span in zip(self.links, self.spans, strict=True):
            out[a].append((b, span))
            into[b].append(a)
            waiting[a] += 1
        bounded = self.inner < self.boxes
        height = [int(bounded and i != self.boxes - 1) for i in range(self.boxes)]
        ready = [i for i in range(self.boxes) if not waiting[i]]
        while ready:
            i = ready.pop()
            height[i] = max((height[j] + span for j, span in out[i]), default=height[i])
            for a in into[i]:
                waiting[a] -= 1
                if not waiting[a]:
                    ready.append(a)
        if bounded:
            height[self.inner] = max(height[: self.inner], default=0) + 1
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
