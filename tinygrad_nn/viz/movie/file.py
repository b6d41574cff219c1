"""A movie as JSON, version 1, and back; every entry of a file is checked before it is used.

    {"format": "tinygrad_nn movie", "v": 1, "trace": as in a trace's file,
     "columns": [[node, "value" or "gradient", figure]],
     "frames": [[step, note]],
     "numbers": [[one for each frame, or a single one that stands for all] for each column]}

Strict JSON: NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tinygrad_nn.errors import DataError
from tinygrad_nn.viz.movie.model import Column, Frame, columns_of
from tinygrad_nn.viz.strict import WORDS, strict
from tinygrad_nn.viz.trace.file import LARGEST, from_json, to_json
from tinygrad_nn.viz.trace.model import Trace

__all__ = ["FORMAT", "VERSION", "dumps", "loads", "read", "table"]

FORMAT, VERSION = "tinygrad_nn movie", 1

_BEGINS = re.compile(r'\s*\{\s*"format"\s*:\s*"tinygrad_nn movie"')
_ENTRIES = frozenset(("format", "v", "trace", "columns", "frames", "numbers"))
_ADVICE = "the file is damaged or was written by something else: write it again with movie.save"
_MOST_STEPS = 2**63
_FINEST = 1e-13


def dumps(trace: Trace, columns: Sequence[Column], frames: Sequence[Frame]) -> str:
    """The movie as JSON text without needless spaces."""
    content = {
        "format": FORMAT,
        "v": VERSION,
        "trace": to_json(trace),
        "columns": [[c.node, c.what, c.figure] for c in columns],
        "frames": [[frame.step, frame.note] for frame in frames],
        "numbers": table(frames, len(columns)),
    }
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def table(frames: Sequence[Frame], columns: int, digits: int | None = None) -> list[list[Any]]:
    """For each column its numbers over the frames, one alone if they are all equal.

    With `digits` they are rounded, so that the first four digits are still the true ones.
    """
    found = []
    for k in range(columns):
        numbers = [frame.numbers[k] for frame in frames]
        shown = None if digits is None else max(digits, _needed(numbers))
        plain = [_plain(x, shown) for x in numbers]
        found.append(plain[:1] if plain.count(plain[0]) == len(plain) else plain)
    return found


def _needed(numbers: Sequence[float | None]) -> int:
    """Digits by which numbers that hardly change can still be told apart, for a smooth line."""
    finite = [x for x in numbers if x is not None and math.isfinite(x)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span, size = high - low, max(abs(low), abs(high))
    if not math.isfinite(span) or span <= size * _FINEST:
        return 0
    return 3 + math.ceil(math.log10(size / span))


def _plain(x: float | None, digits: int | None) -> float | str | None:
    if x is None:
        return None
    if not math.isfinite(x):
        return strict(x)
    if digits is None:
        return x
    rounded = float(f"{x:.{digits}g}")
    if f"{rounded:.3e}" != f"{x:.3e}":
        # Rounded twice it would not be the number that four digits of it are.
        return x
    return int(rounded) if rounded.is_integer() and abs(rounded) < 10**digits else rounded


def read(path: Path) -> tuple[Trace, tuple[Column, ...], list[Frame]]:
    """What `dumps` wrote to a file.

    Raises:
        DataError: It is no movie, of another version, damaged, or too large.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(f"movie file: it has {size} bytes, expected at most {LARGEST}")
    try:
        return loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError("movie file: it is no text, expected one that movie.save wrote") from error


def loads(text: str) -> tuple[Trace, tuple[Column, ...], list[Frame]]:
    """What `dumps` gave.

    Raises:
        DataError: It is no movie, of another version, or damaged.
    """
    if not _BEGINS.match(text):
        raise DataError(f"movie file: it begins with {text[:40]!r}, expected that of movie.save")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise DataError("movie file: it is nested deeper than any movie") from error
    except ValueError as error:
        raise DataError(f"movie file: {str(error)[:200]}; {_ADVICE}") from error
    if found.keys() != _ENTRIES:
        _fail("entries", sorted(found), sorted(_ENTRIES))
    if type(found["v"]) is not int or found["v"] != VERSION:
        _fail("v", found["v"], VERSION)
    trace = from_json(found["trace"])
    columns = columns_of(trace)
    if found["columns"] != [[c.node, c.what, c.figure] for c in columns]:
        _fail("columns", "others", "those of the nodes of its trace")
    steps = [_frame(entry) for entry in _list(found["frames"], "frames")]
    rows = _list(found["numbers"], "numbers")
    if len(rows) != len(columns):
        _fail("numbers", len(rows), f"{len(columns)} columns")
    if not steps:
        _fail("frames", "none", "at least one")
    numbers = [_column(row, len(steps)) for row in rows]
    frames = [
        Frame(step, tuple(column[k] for column in numbers), note)
        for k, (step, note) in enumerate(steps)
    ]
    return trace, columns, frames


def _frame(entry: Any) -> tuple[int, str]:
    match entry:
        case [int(step), str(note)] if type(step) is int and abs(step) < _MOST_STEPS:
            return step, note
    _fail("frames", entry, "[step, note]")


def _column(row: Any, count: int) -> list[float | None]:
    numbers = [_number(x) for x in _list(row, "numbers")]
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) != count:
        _fail("numbers", len(numbers), f"1 or {count} in each column")
    return numbers


def _number(x: Any) -> float | None:
    if x is None:
        return None
    if isinstance(x, str) and x in WORDS:
        return WORDS[x]
    if type(x) is float and math.isfinite(x):
        return x
    if type(x) is int and abs(x) < _MOST_STEPS:
        return float(x)
    _fail("numbers", x, f"a finite number, null, or one of {', '.join(WORDS)}")


def _list(x: Any, entry: str) -> list[Any]:
    if not isinstance(x, list):
        _fail(entry, x, "a list")
    return x


def _fail(entry: str, got: Any, expected: Any) -> NoReturn:
    raise DataError(f"movie file: {entry}: got {got!r:.60}, expected {expected!s:.200}; {_ADVICE}")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"got the bare word {word}, expected the string {word!r}")
