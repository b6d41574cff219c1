"""JSON to `Trace`: every entry is checked before it is used, since a file may come from anyone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from math import isfinite, prod
from typing import Any, TypeVar

from tinygrad_nn.errors import DataError
from tinygrad_nn.viz.strict import WORDS
from tinygrad_nn.viz.trace.figures import SIDE, number
from tinygrad_nn.viz.trace.model import (
    Edge,
    Failure,
    Jacobian,
    Picture,
    Record,
    Scope,
    Summary,
    Trace,
)
from tinygrad_nn.viz.trace.writing import FORMAT, ROLES, VERSION

__all__ = ["from_json"]

T = TypeVar("T")

_ROLES = {word: role for role, word in ROLES.items()}
_PHASES = ("forward", "backward", "freed")
_MOST = 2**63
"""No array has more elements, and no whole number here is larger."""
_LARGEST = 2**1023
"""Whole numbers up to this are floats too."""
_AXES = 64

_TOP = frozenset(
    "format v root total observed failure lines rules ops scopes nodes steps uses jacobians "
    "unused".split()
)
_NODE = frozenset(
    "name named role op params inputs scope line value gradient missing left_out changed".split()
)
_STEP = frozenset(("from", "to", "slot", "local", "adds", "sum", "rule"))
_FIGURE = frozenset(
    "shape dtype mean deviation low high norm nans infs zeros elements picture".split()
)


class _BadError(Exception):
    """Something is not as it should be; the place is put before it on the way out."""


def from_json(found: Any) -> Trace:
    """Trace from what `to_json` gave.

    Raises:
        DataError: Something in it is not as `to_json` writes it; says what and where.
    """
    try:
        return _Reader(found).trace()
    except _BadError as bad:
        raise DataError(
            f"trace file: {bad}; the file is damaged or was written by something else: write it "
            "again with trace.save(path)"
        ) from None


class _Reader:
    """Goes through the parts in the order in which they name each other."""

    def __init__(self, found: Any) -> None:
        self.found = found = _dict(found, _TOP)
        if found.get("format") != FORMAT:
            raise _BadError(f"format: got {_short(found.get('format'))}, expected {FORMAT!r}")
        if type(found.get("v")) is not int or found["v"] != VERSION:
            raise _BadError(f"v: got {_short(found.get('v'))}, expected {VERSION}, the only one")
        self.lines = self._each("lines", _text)
        self.rules = self._each("rules", _text)
        self.ops = self._each("ops", _op)
        self.scopes: list[Scope] = []
        self._each("scopes", lambda x: self.scopes.append(_scope(x, len(self.scopes))))
        self.records: list[Record] = []
        self.uses: dict[tuple[int, int], Edge] = {}
        self.taken: set[tuple[int, int]] = set()

    def _each(self, entry: str, read: Callable[[Any], T]) -> list[T]:
        found = []
        for i, one in enumerate(_list(self.found.get(entry, []), entry)):
            try:
                found.append(read(one))
            except _BadError as bad:
                raise _BadError(f"{entry}[{i}]: {bad}") from None
        return found

    def trace(self) -> Trace:
        """The whole."""
        self._each("nodes", self._node)
        count = len(self.records)
        if not count:
            raise _BadError("nodes: got none, expected at least one")
        if self.found.get("root") != count - 1:
            raise _BadError(
                f"root: got {_short(self.found.get('root'))}, expected {count - 1}, the last"
            )
        self._each("steps", lambda x: self._step(x, len(self.taken)))
        self._each("uses", lambda x: self._step(x, None))
        kept = sum(bool(record.name) for record in self.records)
        total = _whole(self.found, "total", _MOST)
        if total < kept:
            raise _BadError(f"total: got {total}, expected at least the {kept} that are here")
        return Trace(
            records=tuple(self.records),
            edges=tuple(self.uses.values()),
            total=total,
            kept=kept,
            observed=_flag(self.found, "observed"),
            scopes=tuple(self.scopes),
            jacobians=tuple(self._each("jacobians", self._jacobian)),
            failure=self._failure(self.found.get("failure")),
            unused=tuple(self._each("unused", _text)),
        )

    def _node(self, x: Any) -> None:
        x = _dict(x, _NODE)
        key = len(self.records)
        role = x.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise _BadError(f"role: got {_short(role)}, expected one of {', '.join(_ROLES)}")
        op = _place(x, "op", self.ops)
        value = _figure(x.get("value"), "value")
        gradient = _amount(x.get("gradient"), "gradient", value.shape)
        self.records.append(Record(
            key=key,
            name=_text(x.get("name", "")),
            named=_flag(x, "named"),
            role=_ROLES[role],
            op=None if op is None else op[0],
            params=tuple(_pair(pair) for pair in _list(x.get("params", []), "params")),
            arguments=() if op is None else op[1],
            value=value,
            gradient=number(gradient) if isinstance(gradient, float) else gradient,
            missing=_words(x.get("missing", "")),
            left_out=_whole(x, "left_out", _MOST),
            changed=_flag(x, "changed"),
            scope=_index(x, "scope", len(self.scopes)),
            line=_place(x, "line", self.lines) or "",
        ))  # fmt: skip
        last = -1
        for pair in _list(x.get("inputs", []), "inputs"):
            match pair:
                case [source, slot] if (
                    type(source) is type(slot) is int and 0 <= source < key and last < slot < _MOST
                ):
                    self.uses[key, slot] = Edge(source, key, slot, None, None)
                    last = slot
                case _:
                    raise _BadError(
                        f"inputs: got {_short(pair)}, expected [a node before this one, its place "
                        "among the inputs], in the order of the places"
                    )

    def _step(self, x: Any, step: int | None) -> None:
        x = _dict(x, _STEP)
        use = (x.get("from"), x.get("slot"))
        edge = self.uses.get(use) if all(type(k) is int for k in use) else None
        if edge is None or type(x.get("to")) is not int or x["to"] != edge.source:
            raise _BadError(
                f"got from {_short(use[0])} to {_short(x.get('to'))} by slot {_short(use[1])}, "
                "which is no input of a node"
            )
        if (edge.target, edge.slot) in self.taken:
            raise _BadError("it is there twice")
        self.taken.add((edge.target, edge.slot))
        shape = self.records[edge.source].value.shape
        self.uses[edge.target, edge.slot] = Edge(
            edge.source,
            edge.target,
            edge.slot,
            None if x.get("local") is None else _number(x["local"], "local"),
            _amount(x.get("adds"), "adds", shape),
            step,
            _amount(x.get("sum"), "sum", shape),
            _place(x, "rule", self.rules) or "",
        )

    def _jacobian(self, x: Any) -> Jacobian:
        x = _dict(x, frozenset(("from", "slot", "entries")))
        use = (x.get("from"), x.get("slot"))
        edge = self.uses.get(use) if all(type(k) is int for k in use) else None
        if edge is None:
            raise _BadError(f"got from {_short(use[0])}, slot {_short(use[1])}, which is no input")
        rows = self.records[edge.target].value.size
        columns = self.records[edge.source].value.size
        entries = []
        for entry in _list(x.get("entries", []), "entries"):
            match entry:
                case [i, j, d] if type(i) is type(j) is int and 0 <= i < rows and 0 <= j < columns:
                    entries.append((i, j, _number(d, "entries")))
                case _:
                    raise _BadError(
                        f"entries: got {_short(entry)}, expected [row below {rows}, column below "
                        f"{columns}, derivative]"
                    )
        return Jacobian(edge.target, edge.slot, tuple(entries))

    def _failure(self, x: Any) -> Failure | None:
        if x is None:
            return None
        x = _dict(x, frozenset(("phase", "message", "op", "line", "at", "operands")))
        phase = x.get("phase")
        if phase not in _PHASES:
            raise _BadError(
                f"failure: got phase {_short(phase)}, expected one of {', '.join(_PHASES)}"
            )
        message, op, line = (_text(x.get(name, "")) for name in ("message", "op", "line"))
        at = _index(x, "at", len(self.records))
        operands = _list(x.get("operands", []), "operands")
        found = (_index({"operand": key}, "operand", len(self.records)) for key in operands)
        return Failure(phase, message, op, line, at, tuple(key for key in found if key is not None))


# ── Parts ───────────────────────────────────────────────────────────────────────────────


def _op(x: Any) -> tuple[str, tuple[str, ...]]:
    x = _dict(x, frozenset(("name", "arguments", "doc")))
    _text(x.get("doc", ""))
    arguments = _list(x.get("arguments", []), "arguments")
    return _text(x.get("name")), tuple(_words(a) for a in arguments)


def _scope(x: Any, count: int) -> Scope:
    x = _dict(x, frozenset(("path", "kind", "about", "parent", "call", "parameters")))
    return Scope(
        path=_text(x.get("path", "")),
        kind=_text(x.get("kind", "")),
        about=_text(x.get("about", "")),
        parent=_index(x, "parent", count),
        call=_whole(x, "call", _MOST),
        parameters=_whole(x, "parameters", _MOST),
    )


def _amount(x: Any, entry: str, shape: tuple[int, ...]) -> float | Summary | None:
    """Part of a gradient of something of this shape."""
    if x is None:
        return None
    found = _figure(x, entry) if isinstance(x, dict) else _number(x, entry)
    got = found.shape if isinstance(found, Summary) else ()
    if got != shape:
        raise _BadError(f"{entry}: got the shape {got}, expected that of the value, {shape}")
    return found


def _figure(x: Any, entry: str) -> Summary:
    if not isinstance(x, dict):
        return number(_number(x, entry))
    try:
        return _summary(_dict(x, _FIGURE))
    except _BadError as bad:
        raise _BadError(f"{entry}: {bad}") from None


def _summary(x: dict[str, Any]) -> Summary:
    shape = tuple(_list(x.get("shape"), "shape"))
    if len(shape) > _AXES or not all(type(n) is int and 0 <= n <= _MOST for n in shape):
        raise _BadError(f"shape: got {_short(shape)}, expected lengths of at most {_AXES} axes")
    size = prod(shape)
    if size > _MOST:
        raise _BadError(f"shape: got {_short(shape)}, which is larger than any array")
    if shape and x.get("dtype") == "float":
        raise _BadError(f"shape: got {_short(shape)} of one Python float, expected []")
    elements = x.get("elements")
    held = None if elements is None else tuple(_element(e) for e in _list(elements, "elements"))
    if held is not None and len(held) != size:
        raise _BadError(f"elements: got {len(held)} for the shape {shape}, expected {size}")
    figures = [_number(x.get(name), name) for name in ("mean", "deviation", "low", "high", "norm")]
    mean, deviation, low, high, norm = figures
    nans, infs, zeros = (_whole(x, name, size) for name in ("nans", "infs", "zeros"))
    picture = x.get("picture")
    return Summary(
        shape, _words(x.get("dtype")), size, held, mean, deviation, low, high, norm,
        nans, infs, zeros, None if picture is None else _picture(picture),
    )  # fmt: skip


def _picture(x: Any) -> Picture:
    x = _dict(x, frozenset(("rows", "columns", "limit", "cells")))
    rows, columns = _whole(x, "rows", SIDE), _whole(x, "columns", SIDE)
    try:
        cells = base64.b64decode(_text(x.get("cells")).encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _BadError(f"picture: its cells are no base64: {error}") from None
    if len(cells) != rows * columns:
        raise _BadError(f"picture: got {len(cells)} cells, expected {rows} times {columns}")
    return Picture(rows, columns, _number(x.get("limit"), "limit"), cells)


# ── Single entries ──────────────────────────────────────────────────────────────────────


def _dict(x: Any, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(x, dict):
        raise _BadError(f"got {_short(x)}, expected an object with {', '.join(sorted(known))}")
    if not x.keys() <= known:
        extra = next(key for key in x if key not in known)
        raise _BadError(f"got the entry {_short(extra)}, expected {', '.join(sorted(known))}")
    return x


def _list(x: Any, entry: str) -> list[Any]:
    if not isinstance(x, list):
        raise _BadError(f"{entry}: got {_short(x)}, expected a list")
    return x


def _text(x: Any) -> str:
    if not isinstance(x, str):
        raise _BadError(f"got {_short(x)}, expected a text")
    return x


def _words(x: Any) -> str:
    """A text of ours, not of the user's."""
    if not _text(x).isprintable():
        raise _BadError(f"got {_short(x)}, expected printable words")
    return str(x)


def _pair(x: Any) -> tuple[str, str]:
    match x:
        case [str(key), str(value)]:
            return key, value
    raise _BadError(f"params: got {_short(x)}, expected [name, value as text]")


def _flag(x: dict[str, Any], entry: str) -> bool:
    found = x.get(entry, False)
    if not isinstance(found, bool):
        raise _BadError(f"{entry}: got {_short(found)}, expected true or false")
    return found


def _whole(x: dict[str, Any], entry: str, most: int) -> int:
    found = x.get(entry, 0)
    if type(found) is not int or not 0 <= found <= most:
        raise _BadError(f"{entry}: got {_short(found)}, expected a whole number from 0 to {most}")
    return found


def _index(x: dict[str, Any], entry: str, count: int) -> int | None:
    found = x.get(entry)
    if found is not None and (type(found) is not int or not 0 <= found < count):
        raise _BadError(f"{entry}: got {_short(found)}, expected a place below {count}, or null")
    return found


def _place(x: dict[str, Any], entry: str, table: Sequence[T]) -> T | None:
    place = _index(x, entry, len(table))
    return None if place is None else table[place]


def _number(x: Any, entry: str) -> float:
    if type(x) is float and isfinite(x):
        return x
    if isinstance(x, str) and x in WORDS:
        return WORDS[x]
    if type(x) is int and abs(x) <= _LARGEST:
        return float(x)
    raise _BadError(
        f"{entry}: got {_short(x)}, expected a finite number, or one of {', '.join(WORDS)}"
    )


def _element(x: Any) -> float:
    # Whole numbers and truth values stay what they are.
    if type(x) is bool or (type(x) is int and abs(x) <= _LARGEST):
        return x
    return _number(x, "elements")


def _short(x: Any) -> str:
    return f"{x!r:.60}"
