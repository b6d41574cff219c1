"""Which node of one pass is which of another.

Nodes are lined up as the lines of two texts are: each has a label, and the longest common run
of labels is kept. First the labels say much, the module, the name, the shape and what is around,
so that what is nearly surely the same is fixed; then, between what is fixed, they say less and
less. What stands in another order at last is found by its name, and a leaf by who uses it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from tinygrad_nn.viz.trace.model import Record, Trace

__all__ = ["matched"]

_MOST_EDITS = 400
"""Differences that are looked through one by one; where there are more, rare labels decide."""

_Interned = dict[Hashable, int]


def matched(before: Trace, after: Trace) -> dict[int, int]:
    """Key in `after` of each record of `before` that is in both; the same on every run.

    A pair is always of the same operation, or of two leaves. It takes time in proportion to the
    number of records, some hundred times the logarithm of it where little is alike.
    """
    sides = _Side(before), _Side(after)
    if sides[1].order() < sides[0].order():
        # Of equally good answers the same one is given, whichever trace comes first.
        return dict(sorted((y, x) for x, y in _matched((sides[1], sides[0])).items()))
    return dict(sorted(_matched(sides).items()))


def _matched(sides: tuple[_Side, _Side]) -> dict[int, int]:
    pairs: dict[int, int] = {}
    gaps = [(0, len(sides[0].records), 0, len(sides[1].records))]
    for tier in _tiers(sides):
        gaps = [rest for gap in gaps for rest in _filled(*tier, gap, pairs)]
    _renamed_order(sides, pairs)
    _along(sides, pairs)
    return pairs


class _Side:
    """One trace, and what of its wiring labels are made of."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.records = trace.records
        count = len(self.records)
        self.inputs: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        self.users: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        for e in trace.edges:
            self.inputs[e.target].append((e.source, e.slot))
            self.users[e.source].append((e.target, e.slot))
        self.scopes = [_scope_words(trace, r.scope) for r in self.records]

    def order(self) -> list[tuple[Any, ...]]:
        """Everything that labels are made of."""
        return [
            (r.op or "", bool(r.name), _name(r), self.scopes[r.key], r.value.shape, r.params,
             r.role.value, self.inputs[r.key])
            for r in self.records
        ]  # fmt: skip

    def labels(self, tier: Callable[[_Side, Record], Hashable], known: _Interned) -> list[int]:
        return [known.setdefault(tier(self, r), len(known)) for r in self.records]

    def around(self, labels: list[int], known: _Interned) -> list[int]:
        """Labels that say the same of what a node is computed from and who uses it too."""
        found = []
        for k, label in enumerate(labels):
            ins = tuple((slot, labels[source]) for source, slot in self.inputs[k])
            outs = tuple(sorted((slot, labels[target]) for target, slot in self.users[k]))
            found.append(known.setdefault((label, ins, outs), len(known)))
        return found

    def user(self, r: Record) -> Hashable:
        """Operation and place of the first use, by which a leaf is told from others."""
        if r.op is not None or not self.users[r.key]:
            return None
        target, slot = self.users[r.key][0]
        return self.records[target].op, slot


def _scope_words(trace: Trace, scope: int | None) -> tuple[str, str, int]:
    """Path, kind and number of the call that a node belongs to."""
    if scope is None:
        return "", "", 0
    call = trace.scopes[scope]
    return call.path, call.kind, call.call


# ── Labels, from the most specific ──────────────────────────────────────────────────────


def _kind(r: Record) -> Hashable:
    """What a node is in any case: its operation, or that it is none."""
    return (r.op,) if r.op is not None else (None, bool(r.name))


def _name(r: Record) -> str:
    return r.name if r.named else ""


def _tail(r: Record) -> str:
    """Name within its module: a layer's number changes when one is put before it."""
    return _name(r).rpartition(".")[2]


def _place(side: _Side, r: Record) -> Hashable:
    return _kind(r), _name(r), side.user(r), side.scopes[r.key], r.value.shape, r.params


def _module(side: _Side, r: Record) -> Hashable:
    tail = _tail(r) if r.op is None else ""
    return _kind(r), tail, side.user(r), side.scopes[r.key][1], r.value.shape, r.params


def _form(side: _Side, r: Record) -> Hashable:
    return _kind(r), _tail(r) if r.op is None else "", side.user(r), r.params


def _operation(side: _Side, r: Record) -> Hashable:
    return _kind(r), _tail(r) if r.op is None else "", side.user(r)


def _tiers(sides: tuple[_Side, _Side]) -> Iterator[tuple[list[int], list[int]]]:
    """Labels of both traces, each list saying less than the one before."""
    for tier, reaches in ((_place, (2,)), (_module, (3, 1, 0)), (_form, (1,)), (_operation, (0,))):
        known: _Interned = {}
        a, b = (side.labels(tier, known) for side in sides)
        rings = [(a, b)]
        for _ in range(max(reaches)):
            wider: _Interned = {}
            a, b = sides[0].around(a, wider), sides[1].around(b, wider)
            rings.append((a, b))
        for reach in reaches:
            yield rings[reach]


# ── Lining up ───────────────────────────────────────────────────────────────────────────

_Gap = tuple[int, int, int, int]
"""Where it begins and ends in the one list, and in the other."""


def _filled(a: list[int], b: list[int], gap: _Gap, pairs: dict[int, int]) -> Iterator[_Gap]:
    """Pair what has equal labels within a gap, and give the gaps that are left."""
    i, i_end, j, j_end = gap
    while i < i_end and j < j_end and a[i] == b[j]:
        pairs[i] = j
        i, j = i + 1, j + 1
    while i < i_end and j < j_end and a[i_end - 1] == b[j_end - 1]:
        i_end, j_end = i_end - 1, j_end - 1
        pairs[i_end] = j_end
    common = [(i + x, j + y) for x, y in _common(a[i:i_end], b[j:j_end])]
    pairs.update(common)
    for x, y in [*common, (i_end, j_end)]:
        if i < x and j < y:
            yield i, x, j, y
        i, j = x + 1, y + 1


def _common(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Positions of a longest common subsequence, or of what is rare in it."""
    shared = set(a) & set(b)
    xs = [i for i, label in enumerate(a) if label in shared]
    ys = [j for j, label in enumerate(b) if label in shared]
    if not shared:
        return []
    one, other = [a[i] for i in xs], [b[j] for j in ys]
    found = _by_edits(one, other)
    if found is None:
        found = _by_rare(one, other)
    return [(xs[i], ys[j]) for i, j in found]


def _by_edits(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]] | None:
    """A longest common subsequence by the fewest edits; None if they are too many.

    The algorithm of E. W. Myers, Algorithmica 1 (1986): the furthest point that is reached
    on each diagonal with d edits, for d = 0, 1, ...
    """
    reach = {1: 0}
    history: list[dict[int, int]] = []
    for d in range(min(len(a) + len(b), _MOST_EDITS) + 1):
        history.append(dict(reach))
        for k in range(-d, d + 1, 2):
            down = k == -d or (k != d and reach.get(k - 1, -1) < reach.get(k + 1, -1))
            x = reach[k + 1] if down else reach[k - 1] + 1
            while x < len(a) and 0 <= x - k < len(b) and a[x] == b[x - k]:
                x += 1
            reach[k] = x
            if x >= len(a) and x - k >= len(b):
                return _way_back(history, len(a), len(b))
    return None


def _way_back(history: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    found = []
    for d in range(len(history) - 1, -1, -1):
        reach, k = history[d], x - y
        down = k == -d or (k != d and reach.get(k - 1, -1) < reach.get(k + 1, -1))
        before = k + 1 if down else k - 1
        from_x = reach[before] if d else 0
        from_y = from_x - before if d else 0
        while x > from_x and y > from_y:
            x, y = x - 1, y - 1
            found.append((x, y))
        x, y = from_x, from_y
    return found[::-1]


def _by_rare(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Labels that occur once in each, as far as they are in the same order."""
    many_a, many_b = Counter(a), Counter(b)
    at = {label: j for j, label in enumerate(b) if many_b[label] == 1}
    pairs = [(i, at[label]) for i, label in enumerate(a) if many_a[label] == 1 and label in at]
    ends: list[int] = []
    last: list[int] = []
    above: list[int] = []
    for k, (_, j) in enumerate(pairs):
        place = bisect_left(ends, j)
        above.append(last[place - 1] if place else -1)
        if place == len(ends):
            ends.append(j)
            last.append(k)
        else:
            ends[place], last[place] = j, k
    k = last[-1] if last else -1
    found = []
    while k >= 0:
        found.append(pairs[k])
        k = above[k]
    return found[::-1]


# ── What stands elsewhere ───────────────────────────────────────────────────────────────


def _renamed_order(sides: tuple[_Side, _Side], pairs: dict[int, int]) -> None:
    """Pair what has a label that nothing else has, wherever it stands."""

    def named(side: _Side, r: Record) -> Hashable:
        return (r.op, r.name) if r.named else None

    def leaf(side: _Side, r: Record) -> Hashable:
        return (_kind(r), _tail(r), r.role, r.value.shape) if r.op is None else None

    for tier in (named, _place, _module, leaf):
        taken = set(pairs.values())
        rest = [r for r in sides[0].records if r.key not in pairs]
        other = [r for r in sides[1].records if r.key not in taken]
        one = [tier(sides[0], r) for r in rest]
        two = [tier(sides[1], r) for r in other]
        many_one, many_two = Counter(one), Counter(two)
        at = {label: r.key for label, r in zip(two, other, strict=True) if many_two[label] == 1}
        for label, r in zip(one, rest, strict=True):
            if label is not None and many_one[label] == 1 and label in at:
                pairs[r.key] = at[label]


def _along(sides: tuple[_Side, _Side], pairs: dict[int, int]) -> None:
    """Pair inputs of pairs that are in the same place, and their only users of a kind."""
    one, other = sides
    taken = set(pairs.values())
    work = deque(sorted(pairs.items()))

    def join(x: int, y: int) -> None:
        if x not in pairs and y not in taken and _alike(one.records[x], other.records[y]):
            pairs[x] = y
            taken.add(y)
            work.append((x, y))

    while work:
        x, y = work.popleft()
        places = {slot: source for source, slot in other.inputs[y]}
        for source, slot in one.inputs[x]:
            if slot in places:
                join(source, places[slot])
        free_x = _only([(one.records[t].op, slot, t) for t, slot in one.users[x] if t not in pairs])
        free_y = _only([(other.records[t].op, s, t) for t, s in other.users[y] if t not in taken])
        for use, target in free_x.items():
            if use in free_y:
                join(target, free_y[use])


def _only(uses: list[tuple[str | None, int, int]]) -> dict[tuple[str | None, int], int]:
    """Those whose operation and slot no other has."""
    many = Counter((op, slot) for op, slot, _ in uses)
    return {(op, slot): target for op, slot, target in uses if many[op, slot] == 1}


def _alike(a: Record, b: Record) -> bool:
    """Whether they can be one node: names of users are kept apart."""
    both = a.named and b.named
    return _kind(a) == _kind(b) and (a.op is not None or not both or _tail(a) == _tail(b))
