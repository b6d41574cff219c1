"""How many links a cut through the tree brings, counted while it is being chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.viz.view.tree import Tree

__all__ = ["FEW", "MOST", "RATIO", "LinkCount", "allowed", "crossing"]

MOST = 400
"""Links of one picture, at most."""
RATIO = 2
"""Links for each box, at most, where nobody asked for a level: networks have 1.3."""
FEW = 60
"""So many links are fine in any picture."""


def allowed(boxes: int, *, tight: bool = False) -> int:
    """Links that a picture of so many boxes may have; `tight` where nobody asked for them all."""
    return min(MOST, max(FEW, RATIO * boxes)) if tight else MOST


def crossing(tree: Tree, part_of: Any, is_node: Any) -> tuple[Any, int]:
    """Positions of the edges between parts, and how many links they are.

    Args:
        tree: The groups.
        part_of: For each record the number of its part, -1 where it is in none.
        is_node: For each part whether it is a single node: between two of them each use is a
            link of its own.
    """
    source, target = tree.wiring.ends
    one, other = part_of[source], part_of[target]
    edges = np.flatnonzero((one != other) & (one >= 0) & (other >= 0))
    one, other = one[edges], other[edges]
    single = is_node[one] & is_node[other]
    keys = one[~single] * len(is_node) + other[~single]
    return edges, int(np.count_nonzero(single)) + len(np.unique(keys))


class LinkCount:
    """The links of a cut while its groups are opened one after the other.

    The records of a group stand in a row, so that its edges are two slices of the sorted edges:
    opening a group costs what it holds, and all of them together the edges times the depth of
    the tree. With 200,000 edges that is 0.1 s, where counting anew each time took 20 s.

    Args:
        tree: The groups; all of them are closed at first.
        free: Records that fold into a neighbour: what leads there is not counted.
    """

    def __init__(self, tree: Tree, free: Sequence[bool]) -> None:
        groups = len(tree.groups)
        group_of = np.array(tree.group_of, np.int64)
        self.order = np.argsort(group_of, kind="stable")
        count = len(group_of)
        rank = np.empty(count, np.int64)
        rank[self.order] = np.arange(count)
        own = np.bincount(group_of, minlength=groups)
        self.first = np.concatenate([[0], np.cumsum(own)]).tolist()
        # A group comes before those in it, so that these end where the last of them does.
        self.last_group = list(range(groups))
        for i in range(groups - 1, 0, -1):
            parent = tree.groups[i].parent or 0
            self.last_group[parent] = max(self.last_group[parent], self.last_group[i])
        self.groups, self.children = groups, tree.children
        source, target = tree.wiring.ends
        skipped = np.array(free, bool)
        leaf = np.array(tree.wiring.leaf, bool)
        kept = ~(skipped[target] | (skipped & leaf)[source])
        a, b = rank[source[kept]], rank[target[kept]]
        by_target, by_source = np.argsort(b, kind="stable"), np.argsort(a, kind="stable")
        self.into, self.out = (a[by_target], b[by_target]), (a[by_source], b[by_source])
        self.show([])

    def show(self, opened: Sequence[int]) -> None:
        """Let `opened` be the open groups, each after the one around it."""
        # The part of each record in the order of ranks: a group, or `groups` and its rank.
        self.part = np.zeros(len(self.order), np.int64)
        self.links = 0
        for i in opened:
            self._paint(i)

    def _paint(self, i: int) -> None:
        start, own = self.first[i], self.first[i + 1]
        self.part[start:own] = self.groups + np.arange(start, own)
        for j in self.children[i]:
            low, high = self._span(j)
            self.part[low:high] = j

    def layers(self) -> int:
        """Parts on the longest way through the picture."""
        size = self.groups + len(self.part)
        one, other = self.part[self.into[0]], self.part[self.into[1]]
        users: dict[int, list[int]] = {}
        waiting: dict[int, int] = {}
        for key in np.unique((one * size + other)[one != other]).tolist():
            a, b = divmod(key, size)
            users.setdefault(a, []).append(b)
            waiting[b] = waiting.get(b, 0) + 1
        ready = [a for a in users if a not in waiting]
        depth = dict.fromkeys(ready, 1)
        for a in ready:
            for b in users.get(a, ()):
                depth[b] = max(depth.get(b, 1), depth[a] + 1)
                waiting[b] -= 1
                if not waiting[b]:
                    ready.append(b)
        return max(depth.values(), default=1)

    def _span(self, i: int) -> tuple[int, int]:
        return self.first[i], self.first[self.last_group[i] + 1]

    def _around(self, i: int) -> int:
        """Links that begin or end in the group `i`, or lie between parts in it."""
        start, stop = self._span(i)
        low, high = np.searchsorted(self.into[1], (start, stop))
        one, other = self.into[0][low:high], self.into[1][low:high]
        low, high = np.searchsorted(self.out[0], (start, stop))
        away = (self.out[1][low:high] < start) | (self.out[1][low:high] >= stop)
        one = np.concatenate([one, self.out[0][low:high][away]])
        other = np.concatenate([other, self.out[1][low:high][away]])
        one, other = self.part[one], self.part[other]
        one, other = one[one != other], other[one != other]
        single = (one >= self.groups) & (other >= self.groups)
        keys = one[~single] * (self.groups + len(self.part)) + other[~single]
        return int(np.count_nonzero(single)) + len(np.unique(keys))

    def open(self, i: int, most: int) -> bool:
        """Open the group `i`, unless there would be more than `most` links."""
        start, stop = self._span(i)
        before = self._around(i)
        self._paint(i)
        links = self.links + self._around(i) - before
        if links > most:
            self.part[start:stop] = i
            return False
        self.links = links
        return True
