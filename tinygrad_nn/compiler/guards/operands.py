"""Which arrays of the user a step does nothing with but compute, so that their numbers may change.

An array that a step names is read anew in each replay where it is an operand. Where Python or
NumPy alone look at its numbers, as in `x * t + float(t[0])`, what came of them is part of the
program, which holds for these numbers only. The two are told apart by the user's code: each place
that names the array must be an operand of an operation itself, else its numbers count.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

__all__ = ["is_only_operand", "line_of_name"]

_ABOUT = frozenset({"shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides"})
"""Attributes that are no numbers; another shape is another program."""

_NO_LOADS = ("STORE_", "DELETE_", "MAKE_CELL", "LOAD_CLOSURE")


def is_only_operand(
    names: Iterable[str], codes: Iterable[CodeType], sites: set[tuple[int, int]]
) -> bool:
    """Whether an array is an operand wherever it is named. If in doubt, it is not.

    Args:
        names: All that the array was found by; the last part of each is what code calls it.
        codes: The user's functions that the step may call.
        sites: Where it was an operand: `id` of the code, and the instruction in it.
    """
    last = {name.rpartition(".")[2] for name in names}
    if not sites or not all(name.isidentifier() for name in last):
        return False  # in a list, or a default
    found = False
    for code in codes:
        for inner, at, name in _mentions(code):
            if name in last:
                found = True
                if at is None or not _is_operand(inner, at, sites):
                    return False
    return found


def line_of_name(name: str, codes: Iterable[CodeType]) -> tuple[str, int] | None:
    """The line that stores to what a name stands for, or else the first that names it."""
    last = name.removesuffix("[...]").rpartition(".")[2]
    first = None
    for code in codes:
        for inner in _all_codes(code):
            for one in dis.get_instructions(inner):
                parts = one.argval if isinstance(one.argval, tuple) else (one.argval,)
                if last not in parts or one.positions is None or one.positions.lineno is None:
                    continue
                found = inner.co_filename, one.positions.lineno
                if one.opname.startswith("STORE_"):
                    return found
                if one.opname not in ("LOAD_CLOSURE", "LOAD_CONST"):
                    first = first or found
    return first


def _all_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _all_codes(inner)


@lru_cache(1024)
def _mentions(code: CodeType) -> tuple[tuple[CodeType, Any, str], ...]:
    """Names that a piece of code loads, and where; texts are names too, of `getattr`."""
    found: list[tuple[CodeType, Any, str]] = []
    for one in dis.get_instructions(code):
        parts = one.argval if isinstance(one.argval, tuple) else (one.argval,)
        where = one.positions
        known = where is not None and where.end_col_offset is not None
        at = where if known and one.opname != "LOAD_CONST" else None
        if not one.opname.startswith(_NO_LOADS):
            found += [(code, at, part) for part in parts if isinstance(part, str)]
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found += _mentions(inner)
    return tuple(found)


def _is_operand(code: CodeType, at: Any, sites: set[tuple[int, int]]) -> bool:
    """Whether what is named at `at` goes straight into one of the sites."""
    consumer, name = _consumer(code, _range(at))
    if name in _ABOUT:
        return True
    here = [at for where, at in sites if where == id(code)]
    return consumer is not None and any(_ranges(code)[i // 2] == consumer for i in here)


@lru_cache(1024)
def _ranges(code: CodeType) -> tuple[Any, ...]:
    """The part of the source that each instruction is of."""
    return tuple([((a, c), (b, d)) for a, b, c, d in code.co_positions()])


@lru_cache(4096)
def _consumer(code: CodeType, inner: Any) -> tuple[Any, str]:
    """The smallest expression around a part of the source, and the attribute that it takes."""
    best, name = None, ""
    for one in dis.get_instructions(code):
        if one.positions is None or one.positions.end_col_offset is None:
            continue
        outer = _range(one.positions)
        around = outer[0] <= inner[0] and inner[1] <= outer[1] and outer != inner
        if around and (best is None or (best[0] <= outer[0] and outer[1] <= best[1])):
            best = outer
            name = one.argval if one.opname == "LOAD_ATTR" else ""
    return best, name


def _range(at: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return (at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset)
