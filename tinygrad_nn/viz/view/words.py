"""Titles: what a module, a repeat or a row of operations is called."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["module_words", "row_words", "span_words"]

_LONGEST = 28


def module_words(kind: str, about: str) -> str:
    """`Linear (784→16)`: a module's class with its sizes, if there are few of them."""
    sizes = re.match(r"(?:in_\w+=)?(\d+)(?:, |→)(?:out_\w+=)?(\d+)\b", about)
    if sizes:
        return f"{kind} ({sizes[1]}→{sizes[2]})"
    return f"{kind} ({about})" if about and ", " not in about and len(about) <= _LONGEST else kind


def row_words(names: Sequence[str], most: int = 4) -> str:
    """`matmul → add → tanh`; of many the first and the last."""
    if len(names) > most:
        names = [*names[: most - 1], "…", names[-1]]
    return " → ".join(names)


def span_words(first: str, last: str) -> str:
    """`layers.0…11` of `layers.0` and `layers.11`; one name where they are equal."""
    if first == last or not last:
        return first
    one, other = first.split("."), last.split(".")
    odd = [i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    if len(one) == len(other) and len(odd) == 1 and one[odd[0]].isdecimal():
        i = odd[0]
        return ".".join([*one[:i], f"{one[i]}…{other[i]}", *one[i + 1 :]])
    return f"{first} … {last}"
