"""`Knot` and `Unit`: the tree of groups while it grows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_nn.viz.view.words import row_words, span_words
from tinygrad_nn.viz.wording import counted, shorten

__all__ = ["WIDEST", "Knot", "Unit", "bundled", "chain", "repeat", "untied"]

WIDEST = 30
"""Things directly in a group, at most: more are put into groups in between."""

_FEWER = (20, 14, 10, 7, 5)
"""How many pieces are tried where more are tied up too much."""
_LONGEST = 16
_SPARE = 4
"""Links that are fine beyond two for each piece."""

_SPAN = re.compile(r"(\d+)(?:–(\d+))? of (\d+)")


@dataclass(slots=True, eq=False)
class Knot:
    """A group that is not numbered yet.

    Attributes:
        kind, title, about, scope: As in a group.
        call: Position of the call that it is, or -1.
        word: What equal modules have in common.
        items: Keys of records, and other knots.
    """

    kind: str
    title: str
    about: str
    scope: int | None = None
    call: int = -1
    word: str = ""
    items: list[int | Knot] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Unit:
    """What stays together while a group is arranged: an operation with its leaves, or a knot.

    Attributes:
        items: What of it goes into the group.
        records: Keys of all records in it, in the order of reading.
        word: Name of the operation, or title of the knot.
        same: A number, equal for units of equal structure.
        alike: The same, where it does not matter what its inputs come from.
    """

    items: list[int | Knot]
    records: list[int]
    word: str
    same: int = -1
    alike: int = -1

    @property
    def knot(self) -> Knot | None:
        """The knot that it is, or None."""
        last = self.items[-1]
        return last if isinstance(last, Knot) else None


def flat(units: Sequence[Unit]) -> Iterator[int | Knot]:
    """Everything in `units`, in order."""
    for unit in units:
        yield from unit.items


def chain(units: Sequence[Unit]) -> Knot:
    """Operations in a row as one knot."""
    words = row_words([u.word for u in units])
    return Knot("chain", words, counted(len(units), "operation"), items=list(flat(units)))


def repeat(units: Sequence[Unit], period: int) -> Knot:
    """Equal rows of `period` units as one knot, which holds one knot or record for each."""
    copies = [units[i : i + period] for i in range(0, len(units), period)]
    items: list[int | Knot] = []
    for i, copy in enumerate(copies):
        knot = copy[0].knot
        if period == 1 and (knot is not None or len(copy[0].items) == 1):
            items.append(copy[0].items[0])
            continue
        row = chain(copy)
        row.about, row.title = row.title, f"{i + 1} of {len(copies)}"
        items.append(row)
    first, last = _heads(copies[0]), _heads(copies[-1])
    words = [u.word if u.knot is None else u.knot.word or u.knot.about or u.word for u in copies[0]]
    title = span_words(first[0].title, last[-1].title) if first else row_words(words)
    about = "steps" if period > 1 else "operations"
    if first:
        # Sizes stay away where several things are named: the number of copies has to be seen.
        short = [word.partition(" (")[0] for word in words]
        about = words[0] if period == 1 else f"({row_words(short, 3)})"
    return Knot("repeat", title, f"{about} ×{len(copies)}".strip(), items=items)


def _heads(units: Sequence[Unit]) -> list[Knot]:
    """The modules among units."""
    return [u.knot for u in units if u.knot is not None and u.knot.kind == "module"]


def bundled(items: list[int | Knot], words: dict[int, str]) -> list[int | Knot]:
    """At most `WIDEST` things: neighbours are put into knots, evenly and as deep as needed."""
    levels = 1
    while WIDEST**levels < len(items):
        levels += 1
    for level in range(levels - 1, 0, -1):
        count = max(1, math.ceil(len(items) ** (level / (level + 1)) - 1e-9))
        items = [_rest(items[a:b], words) for a, b in _even(len(items), count)]
    return items


def untied(items: list[int | Knot], words: dict[int, str], wires: Any) -> list[int | Knot]:
    """The same, and so few things that one can follow the links between them.

    Of a graph where everything is used everywhere, 30 neighbouring pieces have up to 435 links,
    and 5 have 10.

    Args:
        items: The things in a group, in order.
        words: Of each record what it is called.
        wires: Pairs of places in `items`, each from the first to the second.
    """
    count = len(items)
    usual = count if count <= WIDEST else len(bundled(list(range(count)), {}))
    fewer = (n for n in _FEWER if n < min(usual, count))
    chosen = next((n for n in (usual, *fewer) if _links(wires, count, n) <= 2 * n + _SPARE), usual)
    if chosen == usual:
        return bundled(items, words)
    found: list[int | Knot] = []
    for a, b in _even(count, chosen):
        inside = wires[(wires >= a).all(axis=1) & (wires < b).all(axis=1)] - a
        inner = untied(items[a:b], words, inside)
        found.append(_rest(inner, words) if len(inner) > 1 else inner[0])
    return found


def _even(count: int, pieces: int) -> list[tuple[int, int]]:
    return list(pairwise(count * i // pieces for i in range(pieces + 1)))


def _links(wires: Any, count: int, pieces: int) -> int:
    """Links between even pieces."""
    starts = np.array([a for a, _ in _even(count, pieces)])
    ends = np.searchsorted(starts, wires, side="right")
    ends = ends[ends[:, 0] != ends[:, 1]]
    return len(np.unique(ends[:, 0] * (pieces + 1) + ends[:, 1]))


def _rest(items: list[int | Knot], words: dict[int, str]) -> Knot:
    names = [item.title if isinstance(item, Knot) else "" for item in items]
    spans = [_SPAN.fullmatch(name) for name in names]
    if (first := spans[0]) and (last := spans[-1]):
        return Knot("rest", f"{first[1]}–{last[2] or last[1]} of {last[3]}", "", items=items)
    ends = [_end(items, words, 1), _end(items, words, -1)]
    return Knot("rest", " … ".join(dict.fromkeys(filter(None, ends))), "", items=items)


def _end(items: list[int | Knot], words: dict[int, str], step: int) -> str:
    """What the first (or, backward, last) thing is called: a module, or the result of one."""
    for item in items[::step]:
        if not isinstance(item, Knot):
            name = words.get(item, "")
        elif item.kind in ("module", "repeat"):
            name = item.title
        elif item.kind == "rest":
            name = item.title.split(" … ")[0 if step > 0 else -1]
        else:
            name = _end(item.items, words, step)
        if name:
            return shorten(name, _LONGEST)
    return ""
