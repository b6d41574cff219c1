"""How many programs a step keeps, and what is said when there are more."""

from __future__ import annotations

from typing import Any
from warnings import warn

__all__ = ["LIMIT", "drop_oldest"]

LIMIT = 16
"""Programs of one step: each holds its buffers."""


def drop_oldest(name: str, captured: dict[Any, list[Any]]) -> None:
    """Forget the program that was made first if there are too many, and say what changes.

    Args:
        name: Of the step.
        captured: Programs by what they were made for, in the order of their making.
    """
    if sum(map(len, captured.values())) <= LIMIT:
        return
    keys = list(captured)
    oldest = keys[0]
    captured[oldest].pop()
    if not captured[oldest]:
        del captured[oldest]
    warn(
        f"jit: {name} was captured for more than {LIMIT} kinds of calls, and the oldest program "
        f"is dropped; {_changing(keys)}; pad to a few sizes, or call the function itself",
        RuntimeWarning,
        stacklevel=4,
    )


def _changing(keys: list[Any]) -> str:
    """What differs between the calls that programs were made for."""
    if len(keys) == 1:
        return "what it branches on outside of its arguments changes from call to call"
    for n, parts in enumerate(zip(*[key[0][1:] for key in keys], strict=False)):
        kinds = list(dict.fromkeys(parts))
        if len(kinds) > 1:
            some = ", ".join(map(_words, kinds[:3]))
            return f"argument {n} changes from call to call: {some}, ..."
    return "its arguments or modes change from call to call"


def _words(form: Any) -> str:
    """The form of an argument in short."""
    if isinstance(form, tuple) and len(form) == 4 and isinstance(form[1], tuple):
        return f"{list(form[1])} {form[2]}"
    if isinstance(form, tuple) and len(form) == 2:
        return f"{form[0] if isinstance(form[0], tuple) else form[1]!r}"
    return f"{form!r:.40}"
