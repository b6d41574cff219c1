"""Frames around parts: the open modules that are worth one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tinygrad_nn.viz.view.model import Cluster
from tinygrad_nn.viz.view.tree import Tree

__all__ = ["framed"]


def framed(
    tree: Tree, homes: Sequence[int | None], level: str
) -> tuple[tuple[Cluster, ...], dict[int | None, str | None]]:
    """The frames, and for each module around a part the key of the innermost frame there.

    Args:
        tree: The groups.
        homes: Of each part the innermost module around it, or None.
        level: At that of modules a frame has two parts at least, and none is around all modules.

    Of modules that hold the same parts only the innermost is framed, unless it was called.
    """
    counts: Counter[int] = Counter()
    for home in homes:
        around = home
        while around is not None:
            counts[around] += 1
            around = tree.modules_around(tree.groups[around].parent)
    inside: dict[int, int] = {}
    for i in counts:
        above = tree.modules_around(tree.groups[i].parent)
        if above is not None:
            inside[above] = max(inside.get(above, 0), counts[i])
    outermost = sum(g.kind == "module" and tree.depth[i] == 1 for i, g in enumerate(tree.groups))
    found: list[Cluster] = []
    key: dict[int | None, str | None] = {None: None}
    for i in sorted(counts):
        g = tree.groups[i]
        outer = key[tree.modules_around(g.parent)]
        worth = level != "module" or (counts[i] > 1 and (tree.depth[i] > 1 or outermost > 1))
        if inside.get(i) == counts[i] and (g.scope is None or level == "module"):
            worth = False
        key[i] = g.key if worth else outer
        if worth:
            found.append(Cluster(g.key, g.title, g.about, outer))
    return tuple(found), key
