"""`view`: a trace at one level, with no more boxes than can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.choices import LEVELS, checked_choice
from tinygrad_nn.viz.notation.traits import PLUMBING
from tinygrad_nn.viz.trace.model import Role, Trace
from tinygrad_nn.viz.trace.unswept import unswept
from tinygrad_nn.viz.trace.words import node_words
from tinygrad_nn.viz.view.clusters import framed
from tinygrad_nn.viz.view.cut import COMFORT, Costs, Opened, cut
from tinygrad_nn.viz.view.groups import tree_of
from tinygrad_nn.viz.view.links import allowed, crossing
from tinygrad_nn.viz.view.model import Group, Link, Part, View
from tinygrad_nn.viz.view.parts import Draft, drafts, folded, part
from tinygrad_nn.viz.view.tree import Tree
from tinygrad_nn.viz.view.wiring import Wiring
from tinygrad_nn.viz.wording import clean, counted, shape_text, shorten

__all__ = ["BUDGET", "drawn", "opened", "view"]


BUDGET = 300
"""Boxes of one picture, at most."""

_SCALAR = 40
_NAMED = 3
_LONGEST = 48
_FEWEST = 24
"""Boxes that a picture is folded to, at least, so that it is not too high."""
_SCREENS = 28
"""Boxes one below the other that stand on about two screens."""


@unswept()
def view(
    trace: Trace,
    level: str = "auto",
    budget: int = BUDGET,
    groups: Sequence[Group] | None = None,
    plumbing: bool = False,
    constants: bool = True,
) -> View:
    """One cut through a trace: what of it is drawn, as which boxes.

    Args:
        trace: What to show.
        level: "scalar" for every node and operation with its numbers; "op" for one box each,
            within the frames of their modules; "module" for one box a module. "auto" takes
            the first up to 40 nodes, the last for networks and for more than 300 nodes.
        budget: Boxes at most. Where a level needs more, groups far from the root stay closed,
            and a note says which. A result at the level "scalar" is two boxes.
        groups: What `groups(trace)` gave, if that is at hand.
        plumbing: Show operations that only give the numbers another form, such as `reshape`.
        constants: Show numbers and arrays without names where no group holds them.

    Raises:
        OptionError: `level` is unknown, or `budget` below 1.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.viz.trace.recorder import record
        >>> a = tg.Value(2.0, name="a")
        >>> v = view(record(a * a, backward=True))
        >>> v.level, [p.key for p in v.parts], len(v.links)
        ('scalar', ['n0', 'n1'], 2)
    """
    checked_choice("draw", "level", level, LEVELS)
    if not hasattr(budget, "__index__") or budget < 1:
        raise OptionError(f"draw: got limit={budget!r:.60}, expected at least 1, a whole number")
    tree = tree_of(trace) if groups is None else Tree(Wiring(trace), groups)
    hidden = set() if constants else _unnamed(trace)
    chosen = _level(tree) if level == "auto" else level
    best = _best(tree, chosen, budget, hidden, plumbing=plumbing, auto=level == "auto")
    left = best.parts
    homes = [tree.modules_around(d.group if d.main is not None else tree.groups[d.group].parent)
             for d in left]  # fmt: skip
    clusters, around = framed(tree, homes, chosen)
    parts = tuple(part(tree, d, around[i]) for d, i in zip(left, homes, strict=True))
    links = _links(tree, left, parts, chosen)
    notes = _notes(tree, parts, best.missed, level == "auto", chosen, budget, plumbing, hidden)
    return View(trace, chosen, parts, links, clusters, _spine(parts, links, trace), tuple(notes))


@unswept()
def opened(trace: Trace, level: str = "auto", budget: int = BUDGET) -> tuple[str, list[int]]:
    """The level that `view` takes, and the positions of the groups that are open there.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.viz.trace.recorder import record
        >>> opened(record(tg.Value(2.0, name="a") ** 2.0))
        ('scalar', [0])
    """
    tree = tree_of(trace)
    chosen = _level(tree) if level == "auto" else level
    best = _best(tree, chosen, budget, set(), plumbing=False, auto=level == "auto")
    return chosen, [i for i, is_open in enumerate(best.opened) if is_open]


def drawn(view: View) -> int:
    """Number of boxes of a view: at the level "scalar" a result and its operation are two."""
    shown = [p.nodes[0] if p.kind == "node" else None for p in view.parts]
    return _boxes(view.trace, view.level, shown)


def _boxes(trace: Trace, level: str, shown: Sequence[int | None]) -> int:
    """Number of boxes for parts that each show one record, or None where they are groups."""
    count = len(shown)
    for r in (trace.records[k] for k in shown if k is not None):
        count += (level == "scalar" and r.op is not None) + (r.left_out > 0)
    return count


@dataclass(slots=True)
class _Cut:
    """The parts of one cut, and why it is not a finer one.

    Attributes:
        parts: Drafts of them.
        opened: For each group whether it is open.
        missed: Groups that had to stay closed for boxes, and for links.
        boxes, links: How many there are.
    """

    parts: list[Draft]
    opened: list[bool]
    missed: tuple[int, int]
    boxes: int
    links: int


def _best(
    tree: Tree, level: str, budget: int, hidden: set[int], *, plumbing: bool, auto: bool
) -> _Cut:
    """The best cut within the budgets of boxes and links.

    Where nobody asked for a level, a graph that does not fit is shown in fewer boxes, so that
    the picture is one or two screens high, and with fewer links for each.
    """
    trace = tree.wiring.trace

    costs = {False: Costs(tree, level, hidden, plumbing=plumbing, all=False)}

    def chosen(room: int, *, fold: bool, tight: bool, all: bool = False) -> Opened:
        if all not in costs:
            costs[all] = Costs(tree, level, hidden, plumbing=plumbing, all=all)
        return cut(tree, level, room, costs[all], fold_repeats=fold, tight=tight)

    def made(found: Opened) -> _Cut:
        left = folded(tree, drafts(tree, found.opened, hidden), level, plumbing=plumbing)
        boxes = _boxes(trace, level, [d.main for d in left])
        missed = (found.too_many_boxes, found.too_many_links)
        return _Cut(left, found.opened, missed, boxes, _wires(tree, left)[-1])

    found = chosen(budget, fold=False, tight=False)
    best = None if auto and _missed(found) else made(found)
    if best is None or (auto and level == "op" and best.boxes > COMFORT):
        room = min(budget, COMFORT)
        found = chosen(budget, fold=True, tight=True)
        best = None if _missed(found) else made(found)
        if best is None or best.boxes > room:
            found = chosen(room, fold=True, tight=True)
            while room > _FEWEST and found.links.layers() > _SCREENS:
                room = room * 2 // 3
                found = found.shorter(room)
            best = made(found)
    if best.boxes <= budget and best.links <= allowed(best.boxes):
        return best
    return made(chosen(budget, fold=auto, tight=auto, all=True))


def _missed(found: Opened) -> bool:
    return found.too_many_boxes + found.too_many_links > 0


def _wires(tree: Tree, left: Sequence[Draft]) -> tuple[Any, Any, Any, int]:
    """Positions of the edges between parts, the parts at their ends, and the number of links."""
    part_of = np.full(len(tree.wiring.leaf), -1, np.int64)
    for i, draft in enumerate(left):
        part_of[draft.nodes] = i
    single = np.array([d.main is not None for d in left], bool)
    edges, links = crossing(tree, part_of, single)
    source, target = tree.wiring.ends
    return edges, part_of[source[edges]], part_of[target[edges]], links


def _unnamed(trace: Trace) -> set[int]:
    """Keys of the constants without names."""
    records = trace.records[:-1]
    return {r.key for r in records if r.role is Role.CONSTANT and not r.name}


def _level(tree: Tree) -> str:
    records = tree.wiring.trace.records
    network = any(g.kind == "module" and tree.learned[i] for i, g in enumerate(tree.groups))
    scalar = tree.wiring.trace.is_scalar
    nodes = sum(r.role is not Role.CONSTANT for r in records)
    if nodes <= _SCALAR and (scalar or not network):
        return "scalar"
    return "module" if network or nodes > BUDGET else "op"


# ── Around the parts ────────────────────────────────────────────────────────────────────


def _links(
    tree: Tree, left: Sequence[Draft], parts: Sequence[Part], level: str
) -> tuple[Link, ...]:
    """Between two nodes one link for each use, else one for each pair of parts."""
    trace, wiring = tree.wiring.trace, tree.wiring
    pairs: dict[tuple[int, int], list[int]] = {}
    edges, one_end, other_end, _ = _wires(tree, left)
    for k, a, b in zip(edges.tolist(), one_end.tolist(), other_end.tolist(), strict=True):
        pairs.setdefault((a, b), []).append(k)
    found = []
    for a, b in sorted(pairs, key=lambda pair: (pair[1], pairs[pair][0])):
        one, other, uses = parts[a], parts[b], pairs[a, b]
        nodes = one.kind == other.kind == "node"
        label = _flow(trace, wiring, uses, one) if level == "module" or not nodes else ""
        # A parameter with a box of its own stands in the frame of its module.
        away = one.kind != "node" or (one.cluster is not None and one.cluster != other.cluster)
        shared = away and all(wiring.learned[trace.edges[k].source] for k in uses)
        for some in [(k,) for k in uses] if nodes else [tuple(uses)]:
            found.append(Link(one.key, other.key, some, label, shared))
    return tuple(found)


def _flow(trace: Trace, wiring: Wiring, edges: Sequence[int], source: Part) -> str:
    """What runs along: the shape of one array, or how many there are."""
    sources = dict.fromkeys(trace.edges[k].source for k in edges)
    values = [trace.records[s].value for s in sources]
    if all(wiring.learned[s] for s in sources):
        # Its own box has the figures already.
        return "" if source.kind == "node" else f"shares {counted(len(values), 'parameter')}"
    if len(values) == 1:
        return shape_text(values[0].shape)
    return counted(len(values), "number" if all(v.is_scalar for v in values) else "array")


def _spine(parts: Sequence[Part], links: Sequence[Link], trace: Trace) -> tuple[str, ...]:
    """Keys of the longest way to the root; of equally long ones that through more nodes."""
    at = {p.key: i for i, p in enumerate(parts)}
    best: list[tuple[int, int]] = [(1, len(p.nodes)) for p in parts]
    before: list[int | None] = [None] * len(parts)
    into: dict[int, list[int]] = {}
    for link in links:
        if not link.shared:
            into.setdefault(at[link.target], []).append(at[link.source])
    for i, p in enumerate(parts):
        for j in into.get(i, ()):
            way = (best[j][0] + 1, best[j][1] + len(p.nodes))
            if way > best[i]:
                best[i], before[i] = way, j
    root = trace.root.key
    at_root: int | None = next((i for i, p in enumerate(parts) if root in p.nodes), None)
    found: list[str] = []
    while at_root is not None:
        found.append(parts[at_root].key)
        at_root = before[at_root]
    return tuple(reversed(found))


# ── What a reader has to know ───────────────────────────────────────────────────────────


def _notes(
    tree: Tree, parts: Sequence[Part], missed: tuple[int, int], auto: bool, level: str,
    budget: int, plumbing: bool, hidden: set[int],
) -> Iterator[str]:  # fmt: skip
    records = tree.wiring.trace.records
    closed = [p for p in parts if p.kind != "node"]
    if closed:
        words = node_words([records[key] for p in parts for key in p.nodes])
        yield f"{words} in {counted(len(parts), 'box')}: {_folded_words(closed)}."
    boxes, links = missed
    if boxes:
        yield (
            f"Everything at level {level!r} would be too much to read: level= and limit= open more "
            f"(here up to {budget} boxes), a page of save_html any part."
        )
    if links:
        yield (
            f"{counted(links, 'part')} closed though there is room: what is in "
            f"{'it' if links == 1 else 'them'} is used all over, by more lines than can be told "
            f"apart{'; a level= of your choice opens more' if auto else ''}."
        )
    if level != "scalar" and not plumbing:
        inner = [k for p in parts if p.kind == "node" for k in p.nodes[1:]]
        names = [records[k].op or "" for k in inner if records[k].op in PLUMBING]
        if names:
            words = ", ".join(dict.fromkeys(names))
            yield f"{counted(len(names), 'operation')} folded into neighbours: {words}."
    if hidden:
        shown = {k for p in parts for k in p.nodes}
        if gone := len(hidden - shown):
            yield f"{counted(gone, 'constant')} not shown."


def _folded_words(closed: Sequence[Part]) -> str:
    words = []
    for kind, what in (("module", "module"), ("repeat", "repeat"), ("chain", "chain"),
                       ("rest", "part")):  # fmt: skip
        some = [p for p in closed if p.kind == kind]
        if not some:
            continue
        names = [shorten(clean(f"{p.title} {p.about}".strip()), _LONGEST) for p in some]
        more = " …" if len(names) > _NAMED else ""
        words.append(f"{counted(len(some), what)} folded ({', '.join(names[:_NAMED])}{more})")
    return "; ".join(words)
