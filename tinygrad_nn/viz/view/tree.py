"""`Tree`: what the groups of a trace are to each other, and what in them folds."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_nn.viz.trace.model import Role
from tinygrad_nn.viz.view.model import Group
from tinygrad_nn.viz.view.wiring import Wiring

__all__ = ["Tree"]


class Tree:
    """The groups with what is known of each.

    Attributes:
        index: Position of each key.
        children: Positions of the groups directly in each.
        depth: Number of modules around each, itself counted.
        in_module: Whether a group is within a module.
        inner: Whether a group has modules in it.
        latest: The last key in it.
        around_root: Groups that hold the root.
        learned: Whether a group holds, or uses, parameters.
        followers: Modules without parameters: they fold into what comes before them.
        folding: Records that fold into a neighbour at the level of modules.
        leaves: Whether a group holds leaves only.
        deepest: The greatest depth of a module.
    """

    def __init__(self, wiring: Wiring, groups: Sequence[Group]) -> None:
        self.wiring, self.groups = wiring, tuple(groups)
        count = len(groups)
        self.index = {g.key: i for i, g in enumerate(groups)}
        self.children: list[list[int]] = [[] for _ in groups]
        self.depth, self.in_module = [0] * count, [False] * count
        for i, g in enumerate(groups):
            module = g.kind == "module"
            if g.parent is not None:
                self.children[g.parent].append(i)
                self.depth[i] = self.depth[g.parent] + module
                self.in_module[i] = module or self.in_module[g.parent]
        self.group_of = [0] * len(wiring.leaf)
        self.latest, self.learned, self.inner = [-1] * count, [False] * count, [False] * count
        self.leaves = [True] * count
        self._gather()
        self.around_root = self._around(len(wiring.leaf) - 1)
        self.deepest = max(self.depth, default=0)
        self.followers = {
            i for i, g in enumerate(groups) if g.kind == "module" and not self.learned[i]
        }
        self.folding = self._folding()

    def _gather(self) -> None:
        w = self.wiring
        for i in range(len(self.groups) - 1, -1, -1):
            g = self.groups[i]
            for key in g.nodes:
                self.group_of[key] = i
            self.latest[i] = max([self.latest[i], *g.nodes])
            self.learned[i] |= any(
                w.learned[k] or any(w.learned[s] for s in w.slots[k]) for k in g.nodes
            )
            self.leaves[i] &= all(w.leaf[k] for k in g.nodes)
            if g.parent is not None:
                self.leaves[g.parent] &= self.leaves[i]
                self.latest[g.parent] = max(self.latest[g.parent], self.latest[i])
                self.learned[g.parent] |= self.learned[i]
                self.inner[g.parent] |= g.kind == "module" or self.inner[i]

    def _around(self, key: int) -> set[int]:
        found = set()
        i: int | None = self.group_of[key]
        while i is not None:
            found.add(i)
            i = self.groups[i].parent
        return found

    def _folding(self) -> set[int]:
        """Numbers beside operations, and operations in modules that have one input."""
        w = self.wiring
        root = len(w.leaf) - 1
        found = set()
        for r in w.trace.records:
            if r.role is Role.CONSTANT and r.value.size < 2 and len(w.users[r.key]) == 1:
                if not r.named:
                    found.add(r.key)
            elif r.op is not None and r.key != root and self.in_module[self.group_of[r.key]]:
                if len({s for s in w.slots[r.key] if not w.leaf[s]}) == 1:
                    found.add(r.key)
        return found

    def modules_around(self, i: int | None) -> int | None:
        """The innermost module that is, or holds, the group `i`."""
        while i is not None and self.groups[i].kind != "module":
            i = self.groups[i].parent
        return i
