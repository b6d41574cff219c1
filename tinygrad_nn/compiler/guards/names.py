"""Names in a piece of code: those that it says, and whether it may ask for others."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any

__all__ = ["is_open", "names_in", "stored_in"]

_BY_TEXT = frozenset({"getattr", "attrgetter", "setattr", "globals", "vars", "__dict__"})
_WHOLE = frozenset({"vars", "__dict__", "asdict", "astuple", "fields"})
"""Names in code that sees all attributes of an object."""


@lru_cache(4096)
def names_in(code: CodeType) -> frozenset[str]:
    """Names in a piece of code and in the functions within it."""
    names = set(_all_of(code, "co_names"))
    if names & _BY_TEXT:
        texts = _texts(tuple(_all_of(code, "co_consts")))
        names |= {part for x in texts for part in x.split(".") if part.isidentifier()}
    return frozenset(names)


@lru_cache(4096)
def stored_in(code: CodeType, kind: str) -> frozenset[str]:
    """Names that a piece of code and the functions within it store to."""
    names = {x.argval for x in dis.get_instructions(code) if x.opname == kind}
    inner = [x for x in code.co_consts if isinstance(x, CodeType)]
    return frozenset(names.union(*[stored_in(x, kind) for x in inner]))


@lru_cache(4096)
def is_open(code: CodeType) -> bool:
    """Whether it may ask an object for an attribute whose name does not stand in it."""
    if _WHOLE.intersection(code.co_names):
        return True
    if "getattr" in code.co_names and _asks_by_variable(code):
        return True
    return any(is_open(x) for x in code.co_consts if isinstance(x, CodeType))


def _asks_by_variable(code: CodeType) -> bool:
    """Whether a name is given to `getattr` that is no text in the code."""
    lines = [x for x in dis.get_instructions(code) if x.opname not in ("PRECALL", "CACHE")]
    asked = [x for x in lines if x.argval == "getattr"]
    constant = 0
    for n, x in enumerate(lines):
        if x.opname != "CALL" or x.arg not in (2, 3) or n < x.arg or x.positions is None:
            continue
        begin = x.positions.lineno, x.positions.col_offset
        called = any(
            y.positions is not None and (y.positions.lineno, y.positions.col_offset) == begin
            for y in asked
        )
        text = lines[n - x.arg + 1]
        constant += called and text.opname == "LOAD_CONST" and isinstance(text.argval, str)
    return constant < len(asked)


def _texts(constants: tuple[Any, ...]) -> Iterator[str]:
    """Texts among constants, in tuples too."""
    for x in constants:
        if isinstance(x, str):
            yield x
        elif isinstance(x, (tuple, frozenset)):
            yield from _texts(tuple(x))


def _all_of(code: CodeType, kind: str) -> Iterator[Any]:
    yield from getattr(code, kind)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _all_of(inner, kind)
