"""`grouped`: a trace as a tree of modules, repeats, chains and rests.

All groups are intervals of one order in which every edge runs onward. So whatever set of them
is closed, no parts of the picture lead to each other in a circle. A module whose operations
cannot stand together in such an order is split into several groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.viz.view.calls import module_calls
from tinygrad_nn.viz.view.knots import Knot, Unit, bundled, chain, untied
from tinygrad_nn.viz.view.model import Group
from tinygrad_nn.viz.view.order import cycles, onward
from tinygrad_nn.viz.view.repeats import FEWEST, Repeats
from tinygrad_nn.viz.view.wiring import Wiring
from tinygrad_nn.viz.view.words import row_words
from tinygrad_nn.viz.wording import counted, shorten

__all__ = ["grouped"]

_SEVERAL = 5
"""Leaves that are one box where the same things use them."""


def grouped(wiring: Wiring) -> tuple[Group, ...]:
    """The tree of groups of a trace, as `groups` gives it."""
    return _numbered(_Builder(wiring).tree(), wiring)


class _Builder:
    """Arranges the records below one knot after the other, from the whole graph inward."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.calls, self.home = module_calls(wiring)
        self.repeats = Repeats(wiring)
        self.words = {r.key: r.op or "" for r in wiring.trace.records}
        # Groups of what has no better name are called after the results in them.
        self.names = {r.key: r.name for r in wiring.trace.records if r.op is not None}
        # For each record the serial number of its knot and its place among the knot's children.
        count = len(wiring.leaf)
        self.serial, self.knot_of, self.child = 0, [-1] * count, [0] * count

    def tree(self) -> Knot:
        """The whole graph as one knot."""
        root = Knot("graph", "", "")
        everything = self.wiring.sorted(range(len(self.wiring.leaf)))
        work: list[tuple[Knot, list[int]]] = [(root, everything)]
        while work:
            knot, keys = work.pop()
            units, inner = self._units(knot, keys)
            work += inner
            knot.items = self._arranged(units, keys)
        return root

    # ── Children in order ───────────────────────────────────────────────────────────────

    def _units(
        self, knot: Knot, keys: list[int]
    ) -> tuple[list[Unit], list[tuple[Knot, list[int]]]]:
        """The records and modules directly in `knot`, each edge running onward."""
        depth = len(self.calls[knot.call].above) + 1 if knot.call >= 0 else 0
        below = [self._below(self.home[key], depth) for key in keys]
        if all(call < 0 for call in below):
            return [self._unit(key) for key in keys], []
        children, pieces = self._ordered(keys, below)
        units, inner = [], []
        for call, members in children:
            if call < 0:
                units.append(self._unit(members[0]))
                continue
            part = self._module(call, members, pieces)
            inner.append((part, members))
            units.append(Unit([part], members, part.title))
        return units, inner

    def _below(self, home: int, depth: int) -> int:
        """The call at `depth` that holds one at home in `home`; -1 if that is further out."""
        if home < 0:
            return -1
        above = self.calls[home].above
        return above[depth] if depth < len(above) else home if depth == len(above) else -1

    def _unit(self, key: int) -> Unit:
        return Unit([key], [key], self.words[key])

    def _module(self, call: int, members: list[int], pieces: dict[int, list[int]]) -> Knot:
        found = self.calls[call]
        title = found.title
        if len(parts := pieces.get(call, [])) > 1:
            title += f" (part {parts.index(members[0]) + 1} of {len(parts)})"
        about = found.about
        if found.scope is None:
            about = row_words(self.wiring.operations(members), 3)
        return Knot("module", title, about, found.scope, call, found.kind)

    def _ordered(
        self, keys: list[int], below: list[int]
    ) -> tuple[list[tuple[int, list[int]]], dict[int, list[int]]]:
        """(call, records) of each child in order, and of split calls their first records."""
        self.serial += 1
        numbers: dict[int, int] = {}
        for key, call in zip(keys, below, strict=True):
            self.knot_of[key] = self.serial
            self.child[key] = numbers.setdefault(call if call >= 0 else ~key - 1, len(numbers))
        edges = self._edges(keys)
        split = cycles(len(numbers), edges)
        count = len(numbers)
        for circle in split:
            count = self._split(keys, set(circle), count)
        if split:
            edges = self._edges(keys)
        members: list[list[int]] = [[] for _ in range(count)]
        call_of = [-1] * count
        for key, call in zip(keys, below, strict=True):
            members[self.child[key]].append(key)
            call_of[self.child[key]] = call
        first = [self._first(m) for m in members]
        order = [i for i in onward(count, edges, first) if members[i]]
        pieces: dict[int, list[int]] = {}
        for i in order:
            if call_of[i] >= 0:
                pieces.setdefault(call_of[i], []).append(members[i][0])
        return [(call_of[i], members[i]) for i in order], pieces

    def _first(self, members: Sequence[int]) -> int:
        """Where the first operation stands, or the first leaf where there is none."""
        w = self.wiring
        ops = (w.position[k] for k in members if not w.leaf[k])
        return next(ops, w.position[members[0]] if members else 0)

    def _edges(self, keys: Sequence[int]) -> set[tuple[int, int]]:
        """Edges between the children of the knot at hand."""
        child, knot_of, serial = self.child, self.knot_of, self.serial
        return {
            (child[s], child[key])
            for key in keys
            for s in self.wiring.slots[key]
            if knot_of[s] == serial and child[s] != child[key]
        }

    def _split(self, keys: Sequence[int], circle: set[int], count: int) -> int:
        """Cut the children of a circle into runs of operations that can be done in a row."""
        w, child = self.wiring, self.child
        inside = [k for k in keys if child[k] in circle]
        ops = [k for k in inside if not w.leaf[k]]
        own = set(ops)
        waiting = {k: len({s for s in w.slots[k] if s in own}) for k in ops}
        ready: dict[int, list[int]] = {}
        for k in reversed(ops):
            if not waiting[k]:
                ready.setdefault(child[k], []).append(k)
        piece: dict[int, int] = {}
        order: dict[int, int] = {}
        while any(ready.values()):
            now = min((c for c in ready if ready[c]), key=lambda c: w.position[ready[c][-1]])
            number, count = (now, count) if now not in order else (count, count + 1)
            order[number] = len(order)
            while ready[now]:
                k = ready[now].pop()
                piece[k] = number
                for user in w.users[k]:
                    if user in own:
                        waiting[user] -= 1
                        if not waiting[user]:
                            ready.setdefault(child[user], []).append(user)
        apart: dict[int, int] = {}
        for k in inside:
            if not w.leaf[k]:
                continue
            users = [u for u in w.users[k] if u in own]
            piece[k] = min((piece[u] for u in users), key=order.__getitem__, default=child[k])
            if users and child[k] not in {child[u] for u in users if piece[u] == piece[k]}:
                # Its module comes later than this use, so the leaf stands alone before both.
                if child[k] not in apart:
                    apart[child[k]], count = count, count + 1
                piece[k] = apart[child[k]]
        for k, number in piece.items():
            child[k] = number
        return count

    # ── Repeats, chains, and what is between ────────────────────────────────────────────

    def _arranged(self, units: list[Unit], keys: Sequence[int]) -> list[int | Knot]:
        """The things directly in a knot, with what is equal or in a row put together."""
        w = self.wiring
        root = len(w.leaf) - 1
        rows, free = self._with_leaves(units)
        last = rows.pop() if rows and rows[-1].records[-1] == root else None
        rows = _chained(self.repeats.fold(rows), w)
        rows = rows if last is None else [*rows, last]
        items = self._inserted(rows, free)
        held = {id(u.knot): u.records for u in rows if u.knot is not None}
        return self._bundled(items, held)

    def _with_leaves(self, units: Sequence[Unit]) -> tuple[list[Unit], list[int]]:
        """Operations with the leaves that they alone use, and the leaves of several."""
        w = self.wiring
        at = {u.records[0]: u for u in units if u.knot is None and not w.leaf[u.records[0]]}
        rows, free = [], []
        for unit in units:
            key = unit.records[-1]
            if unit.knot is not None or not w.leaf[key]:
                rows.append(unit)
                continue
            user = at.get(w.users[key][0]) if len(w.users[key]) == 1 else None
            if user is None:
                free.append(key)
            else:
                user.items.insert(-1, key)
                user.records.insert(-1, key)
        return rows, free

    def _inserted(self, rows: Sequence[Unit], free: Sequence[int]) -> list[int | Knot]:
        """All things of `rows`, and each free leaf before the first that uses it."""
        row_of = {key: i for i, unit in enumerate(rows) for key in unit.records}
        before: dict[int, list[int]] = {}
        for key in free:
            places = [row_of[u] for u in self.wiring.users[key] if u in row_of]
            before.setdefault(min(places, default=len(rows)), []).append(key)
        found: list[int | Knot] = []
        for i, unit in enumerate(rows):
            found += [*self._alike(before.get(i, []), row_of), *unit.items]
        return found + list(before.get(len(rows), ()))

    def _alike(self, leaves: list[int], row_of: dict[int, int]) -> list[int | Knot]:
        """Leaves, those together that the same modules use: the numbers of one input."""
        w = self.wiring
        users: dict[frozenset[int], list[int]] = {}
        for key in leaves:
            rows = frozenset(row_of[u] for u in w.users[key] if u in row_of)
            users.setdefault(rows if not w.learned[key] else frozenset((~key,)), []).append(key)
        found: list[int | Knot] = []
        for keys in users.values():
            if len(keys) < _SEVERAL:
                found += keys
                continue
            names = [w.trace.records[key].name for key in keys]
            title = " … ".join(dict.fromkeys(shorten(n, 16) for n in (names[0], names[-1]) if n))
            items: list[int | Knot] = list(keys)
            found.append(Knot("rest", title, counted(len(keys), "input"), items=items))
        return found

    def _bundled(self, items: list[int | Knot], held: dict[int, list[int]]) -> list[int | Knot]:
        """The same with no more than 30 things anywhere; modules are arranged on their own."""
        wires = self._wires(items, held)
        work = [item for item in items if isinstance(item, Knot)]
        while work:
            knot = work.pop()
            if knot.kind != "module":
                work += [item for item in knot.items if isinstance(item, Knot)]
                knot.items = bundled(knot.items, self.names)
        return untied(items, self.names, wires)

    def _wires(self, items: Sequence[int | Knot], held: dict[int, list[int]]) -> Any:
        """Pairs of places in `items` with an edge from the first to the second, each once."""
        self.serial += 1
        serial, knot_of, child = self.serial, self.knot_of, self.child
        inside = [self._records(item, held) for item in items]
        for i, keys in enumerate(inside):
            for key in keys:
                knot_of[key], child[key] = serial, i
        pairs = {
            (child[s], i)
            for i, keys in enumerate(inside)
            for key in keys
            for s in self.wiring.slots[key]
            if knot_of[s] == serial and child[s] != i
        }
        return np.array(sorted(pairs), np.int64).reshape(-1, 2)

    @staticmethod
    def _records(item: int | Knot, held: dict[int, list[int]]) -> Sequence[int]:
        """Keys in one thing; a knot that no row holds has leaves only."""
        if not isinstance(item, Knot):
            return (item,)
        return held.get(id(item)) or [key for key in item.items if not isinstance(key, Knot)]


def _chained(units: list[Unit], wiring: Wiring) -> list[Unit]:
    """Rows of operations each of which has the one before it alone, as one unit each."""
    found: list[Unit] = []
    row: list[Unit] = []
    for unit in units:
        if row and not _follows(unit, row[-1], wiring):
            found += _closed(row)
            row = []
        row.append(unit)
    found += _closed(row)
    return found if len(found) > 1 else units


def _closed(row: list[Unit]) -> list[Unit]:
    if len(row) < FEWEST or any(u.knot is not None for u in row):
        return row
    knot = chain(row)
    return [Unit([knot], [k for u in row for k in u.records], knot.title)]


def _follows(unit: Unit, before: Unit, wiring: Wiring) -> bool:
    if unit.knot is not None or before.knot is not None:
        return False
    one, other = before.records[-1], unit.records[-1]
    flow = {s for s in wiring.slots[other] if not wiring.leaf[s]}
    return flow == {one} and wiring.users[one] == [other]


# ── Knots to groups ─────────────────────────────────────────────────────────────────────


def _numbered(root: Knot, wiring: Wiring) -> tuple[Group, ...]:
    """The tree as a list, each group before those in it."""
    knots: list[tuple[Knot, int | None]] = []
    work: list[tuple[Knot, int | None]] = [(root, None)]
    while work:
        knot, parent = work.pop()
        at = len(knots)
        knots.append((knot, parent))
        work += [(item, at) for item in reversed(knot.items) if isinstance(item, Knot)]
    counts = [0] * len(knots)
    for at in range(len(knots) - 1, -1, -1):
        knot, parent = knots[at]
        counts[at] += sum(not isinstance(item, Knot) for item in knot.items)
        if parent is not None:
            counts[parent] += counts[at]
    return tuple(
        Group(
            key=f"g{at}",
            kind=knot.kind,
            title=knot.title or ("nodes" if knot.kind == "rest" else ""),
            about=knot.about or (counted(counts[at], "node") if knot.kind == "rest" else ""),
            parent=parent,
            scope=knot.scope,
            nodes=tuple(item for item in knot.items if not isinstance(item, Knot)),
            count=counts[at],
        )
        for at, (knot, parent) in enumerate(knots)
    )
