"""A cut through the tree as parts: closed groups, single nodes, and what folds into them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tinygrad_nn.viz.notation.traits import PLUMBING
from tinygrad_nn.viz.trace.model import Role, Summary
from tinygrad_nn.viz.view.model import Part
from tinygrad_nn.viz.view.order import onward
from tinygrad_nn.viz.view.tree import Tree
from tinygrad_nn.viz.wording import counted

__all__ = ["Draft", "drafts", "folded", "in_order", "part"]


@dataclass(slots=True, eq=False)
class Draft:
    """A part while others may still fold into it.

    Attributes:
        main: Key of the record that it shows, or None for a group.
        group: Position of the group that it is, or that holds its record.
        nodes: Keys of its records.
        after: Words for what was folded in behind it.
        inputs, users: Numbers of the parts before and behind it.
    """

    main: int | None
    group: int
    nodes: list[int]
    after: list[str] = field(default_factory=list)
    inputs: set[int] = field(default_factory=set)
    users: set[int] = field(default_factory=set)


def drafts(tree: Tree, opened: list[bool], hidden: set[int]) -> list[Draft | None]:
    """Parts of a cut and their neighbours; records in `hidden` only where a group holds them."""
    found: list[Draft | None] = []
    box = [-1] * len(tree.groups)
    of = [-1] * len(tree.wiring.leaf)
    for i, g in enumerate(tree.groups):
        if g.parent is not None and box[g.parent] >= 0:
            box[i] = box[g.parent]
        elif not opened[i]:
            box[i] = len(found)
            found.append(Draft(None, i, []))
        for key in g.nodes:
            if box[i] >= 0:
                of[key] = box[i]
                found[box[i]].nodes.append(key)  # type: ignore[union-attr]
            elif key not in hidden:
                of[key] = len(found)
                found.append(Draft(key, i, [key]))
    for edge in tree.wiring.trace.edges:
        a, b = of[edge.source], of[edge.target]
        if a != b and a >= 0:
            found[a].users.add(b)  # type: ignore[union-attr]
            found[b].inputs.add(a)  # type: ignore[union-attr]
    return found


class _Folder:
    """Puts parts into neighbours that are their only ones on one side: that makes no circle."""

    def __init__(self, tree: Tree, found: list[Draft | None]) -> None:
        self.tree, self.found = tree, found
        self.records = tree.wiring.trace.records

    def at(self, i: int) -> Draft:
        draft = self.found[i]
        assert draft is not None
        return draft

    def order(self) -> list[int]:
        return in_order(self.found)

    def fold(self, i: int, into: int) -> None:
        one, other = self.at(i), self.at(into)
        other.nodes += one.nodes
        for j in one.inputs:
            self.at(j).users.discard(i)
            if j != into:
                self.at(j).users.add(into)
                other.inputs.add(j)
        for j in one.users:
            self.at(j).inputs.discard(i)
            if j != into:
                self.at(j).inputs.add(into)
                other.users.add(j)
        other.inputs.discard(into)
        other.users.discard(into)
        self.found[i] = None

    def op(self, i: int) -> str:
        """Name of the operation of a single node, else the empty text."""
        draft = self.at(i)
        return (self.records[draft.main].op or "") if draft.main is not None else ""

    def is_root(self, i: int) -> bool:
        return self.at(i).main == len(self.records) - 1

    def plumbing(self) -> None:
        """Fold what only changes the form into its user, else into where it comes from."""
        for i in reversed(self.order()):
            if self.op(i) not in PLUMBING or self.is_root(i):
                continue
            draft = self.at(i)
            if len(draft.users) == 1:
                self.fold(i, next(iter(draft.users)))
            elif len(draft.inputs) == 1:
                self.fold(i, next(iter(draft.inputs)))

    def numbers(self) -> None:
        """Fold single constant numbers without names into the operation that uses them."""
        for i in self.order():
            main = self.at(i).main
            if main is None or self.records[main].role is not Role.CONSTANT:
                continue
            if self.records[main].named:
                continue
            if self.records[main].value.size < 2 and len(self.at(i).users) == 1:
                self.fold(i, next(iter(self.at(i).users)))

    def activations(self) -> None:
        """Fold what has no parameters and one input into the module before it."""
        tree = self.tree
        for i in self.order():
            draft = self.at(i)
            if len(draft.inputs) != 1 or self.is_root(i):
                continue
            before = next(iter(draft.inputs))
            target = self.at(before)
            g = tree.groups[target.group]
            if target.main is not None or g.kind != "module" or not tree.learned[target.group]:
                continue
            words = self.follower(draft)
            if words:
                target.after += [words, *draft.after]
                self.fold(i, before)

    def follower(self, draft: Draft) -> str:
        """What a part that may be folded into the module before it is called, or nothing."""
        tree = self.tree
        g = tree.groups[draft.group]
        if draft.main is not None:
            inside = tree.in_module[draft.group] and not tree.wiring.leaf[draft.main]
            return (self.records[draft.main].op or "") if inside else ""
        if draft.group in tree.followers and draft.group not in tree.around_root:
            return g.about or g.title
        if g.kind == "chain" and tree.in_module[draft.group] and not tree.learned[draft.group]:
            return g.title
        return ""


def folded(tree: Tree, found: list[Draft | None], level: str, *, plumbing: bool) -> list[Draft]:
    """The parts that are left once small ones are folded into neighbours, in order."""
    folder = _Folder(tree, found)
    if level != "scalar":
        folder.numbers()
    if level != "scalar" and not plumbing:
        folder.plumbing()
    if level == "module":
        folder.activations()
    return [folder.at(i) for i in folder.order()]


def in_order(found: list[Draft | None]) -> list[int]:
    """Positions of the parts so that every link runs onward, early ones first."""
    alive = [i for i, draft in enumerate(found) if draft is not None]
    place = {i: n for n, i in enumerate(alive)}
    edges, first = set(), []
    for i in alive:
        draft = found[i]
        assert draft is not None
        edges |= {(place[i], place[j]) for j in draft.users}
        first.append(min(draft.nodes))
    return [alive[n] for n in onward(len(alive), edges, first)]


# ── Parts ───────────────────────────────────────────────────────────────────────────────


def part(tree: Tree, draft: Draft, cluster: str | None) -> Part:
    """A draft as it is handed out; the record that a node shows comes first in `nodes`."""
    w = tree.wiring
    if draft.main is not None:
        r = w.trace.records[draft.main]
        others = w.sorted(k for k in draft.nodes if k != draft.main)
        about = r.op or r.role.words
        return Part(f"n{r.key}", "node", r.name, about, (r.key, *others), (), (), cluster)
    g = tree.groups[draft.group]
    about = " → ".join([*filter(None, [g.about]), *draft.after])
    nodes = tuple(w.sorted(draft.nodes))
    copies = _copies(tree, draft.group) if g.kind == "repeat" else ()
    rows = tuple(k for k in nodes if w.learned[k])
    if g.kind == "repeat" and tree.inner[draft.group] and _copied(tree, draft.group):
        # Its title says which modules they are, and its strip how large their gradients.
        rows = ()
    if g.kind != "module":
        # A user looks for the names that he gave.
        named = (k for k in nodes if w.leaf[k] and w.trace.records[k].named)
        rows = tuple(w.sorted({*rows, *(k for k in named if not w.learned[k])}))
    if g.kind == "graph":
        return Part(g.key, "rest", "graph", counted(len(nodes), "node"), nodes, rows)
    return Part(g.key, g.kind, g.title, about, nodes, rows, copies, cluster)


def _each(tree: Tree, group: int) -> list[list[int]]:
    """Keys in each of the equal parts of a repeat."""
    found: list[list[int]] = []
    work: list[tuple[int, int | None]] = [(group, None)]
    while work:
        i, copy = work.pop()
        g = tree.groups[i]
        if copy is None and (i == group or g.kind == "rest"):
            # A copy is a group, or a single record.
            found += [[k] for k in g.nodes if i == group or g.kind == "rest"]
            work += [(j, None) for j in reversed(tree.children[i])]
            continue
        if copy is None:
            copy = len(found)
            found.append([])
        found[copy] += g.nodes
        work += [(j, copy) for j in tree.children[i]]
    return sorted(found, key=lambda keys: min(keys, default=0))


def _copied(tree: Tree, group: int) -> bool:
    """Whether the equal parts have parameters of their own."""
    learned = tree.wiring.learned
    return sum(any(learned[k] for k in keys) for keys in _each(tree, group)) > 1


def _copies(tree: Tree, group: int) -> tuple[float, ...]:
    """Of each equal part the largest gradient norm: of its parameters, else of its use of them."""
    w = tree.wiring
    records = w.trace.records
    each = _each(tree, group)
    own = [[_norm(records[k].gradient) for k in keys if w.learned[k]] for keys in each]
    if sum(map(bool, own)) > 1:
        return _largest(own)
    uses = w.uses
    used = [
        [_norm(e.contribution) for k in keys for e in uses[k] if w.learned[e.source]]
        for keys in each
    ]
    if any(any(n is not None for n in norms) for norms in used):
        return _largest(used)
    return _largest([[_norm(records[k].gradient) for k in keys] for keys in each])


def _largest(norms: list[list[float | None]]) -> tuple[float, ...]:
    if all(n is None for one in norms for n in one):
        return ()
    found = []
    for one in norms:
        finite = [n for n in one if n is not None and math.isfinite(n)]
        odd = any(n is not None and not math.isfinite(n) for n in one)
        found.append(max(finite) if finite else math.nan if odd else 0.0)
    return tuple(found)


def _norm(gradient: float | Summary | None) -> float | None:
    if gradient is None or isinstance(gradient, (int, float)):
        return None if gradient is None else abs(gradient)
    return gradient.norm if gradient.is_finite or gradient.norm else math.nan
