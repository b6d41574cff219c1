"""Which groups of a trace stay closed: a cut through the tree, by level and budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

from tinygrad_nn.viz.notation.traits import PLUMBING
from tinygrad_nn.viz.view.links import LinkCount, allowed
from tinygrad_nn.viz.view.model import Group
from tinygrad_nn.viz.view.tree import Tree

__all__ = ["COMFORT", "MODULES", "Costs", "Opened", "cut"]

COMFORT = 100
"""Boxes of operations that can be read in one picture; beyond, repeats are folded."""

MODULES = 40
"""Boxes of modules that can be read in one picture; beyond, modules within others are folded."""


@dataclass(slots=True)
class Opened:
    """A cut.

    Attributes:
        opened: For each group whether it is open.
        steps: The open groups in the order in which they were opened, and the boxes then.
        links: The links between the parts.
        too_many_boxes, too_many_links: How many of those wanted open had to stay closed.
    """

    opened: list[bool]
    steps: list[tuple[int, int]]
    links: LinkCount
    too_many_boxes: int = 0
    too_many_links: int = 0

    def shorter(self, room: int) -> Opened:
        """What it was when there were at most `room` boxes."""
        kept = [step for step in self.steps[1:] if step[1] <= room]
        steps = [*self.steps[:1], *kept]
        opened = [False] * len(self.opened)
        for i, _ in steps:
            opened[i] = True
        self.links.show([i for i, _ in steps])
        missed = self.too_many_boxes + len(self.steps) - len(steps)
        return Opened(opened, steps, self.links, missed, self.too_many_links)


class Costs:
    """How many boxes each group brings if it is closed, and if it is open.

    At the level "scalar" a result is two boxes, its value and the operation that made it;
    elsewhere every node is one. What may fold into its neighbour is none, unless `all` are
    counted.

    Attributes:
        free: For each record whether it is no box.
        links: What counts the links while groups are opened.
    """

    def __init__(
        self, tree: Tree, level: str, hidden: set[int], *, plumbing: bool, all: bool
    ) -> None:
        self._tree = tree
        self.free: list[bool] = []
        of = []
        for r in tree.wiring.trace.records:
            made = level == "scalar" and r.op is not None
            folds = level != "scalar" and not plumbing and r.op in PLUMBING
            folding = level == "module" or (level == "op" and r.op is None)
            folds |= folding and r.key in tree.folding
            free = r.key in hidden or (folds and not all)
            self.free.append(free)
            of.append(0 if free else 1 + made + (r.left_out > 0))
        self.direct = [sum(of[k] for k in g.nodes) for g in tree.groups]
        follow = tree.followers if level == "module" and not all else set()
        self.links = LinkCount(tree, self.free)
        self.closed = [int(i not in follow) for i in range(len(tree.groups))]

    def opening(self, i: int) -> int:
        """Boxes that opening the group `i` adds."""
        return self.inside(i) - self.closed[i]

    def inside(self, i: int) -> int:
        """Boxes of the group `i` when it is open, those in it closed."""
        return self.direct[i] + sum(self.closed[j] for j in self._tree.children[i])


def cut(
    tree: Tree, level: str, budget: int, costs: Costs, *, fold_repeats: bool, tight: bool
) -> Opened:
    """Which groups are open: as many of those wanted as fit the budget of boxes and of links."""
    wanted = _wanted(tree, level, costs, fold_repeats=fold_repeats)
    return _opened(tree, wanted, budget, costs, tight=tight)


def _wanted(tree: Tree, level: str, costs: Costs, *, fold_repeats: bool) -> Callable[[Group], bool]:
    if level != "module":
        return lambda g: not (fold_repeats and g.kind == "repeat")
    depth = tree.deepest
    while depth > 1 and _drawn(tree, _modules(tree, depth), costs) > MODULES:
        depth -= 1
    return _modules(tree, depth)


def _modules(tree: Tree, depth: int) -> Callable[[Group], bool]:
    """Whether a group is opened at the level of modules, those below `depth` folded."""

    def opened(g: Group) -> bool:
        i = tree.index[g.key]
        if g.kind == "module":
            return tree.inner[i] and tree.depth[i] < depth
        return g.kind == "graph" or (g.kind == "rest" and not tree.leaves[i])

    return opened


def _drawn(tree: Tree, wanted: Callable[[Group], bool], costs: Costs) -> int:
    count, work = 0, [0]
    while work:
        i = work.pop()
        if i and not wanted(tree.groups[i]):
            count += costs.closed[i]
        else:
            count += costs.direct[i]
            work += tree.children[i]
    return count


def _opened(
    tree: Tree, wanted: Callable[[Group], bool], budget: int, costs: Costs, *, tight: bool
) -> Opened:
    """Open groups while there is room: first those around the root, then outer ones first."""
    links = costs.links
    links.show([])
    found = Opened([False] * len(tree.groups), [], links)
    drawn = costs.inside(0)
    if drawn > budget or not links.open(0, allowed(drawn, tight=tight)):
        found.too_many_boxes, found.too_many_links = int(drawn > budget), int(drawn <= budget)
        return found
    found.opened[0] = True
    found.steps.append((0, drawn))
    heap: list[tuple[int, int, int, int]] = []

    def offer(parent: int) -> None:
        for i in tree.children[parent]:
            if wanted(tree.groups[i]):
                rank = 0 if i in tree.around_root else 1
                heappush(heap, (rank, tree.depth[i], -tree.latest[i], i))

    offer(0)
    while heap:
        *_, i = heappop(heap)
        more = costs.opening(i)
        if drawn + more > budget:
            found.too_many_boxes += 1
        elif not links.open(i, allowed(drawn + more, tight=tight)):
            found.too_many_links += 1
        else:
            found.opened[i] = True
            drawn += more
            found.steps.append((i, drawn))
            offer(i)
    return found
