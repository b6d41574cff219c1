"""Choices that several functions share, and the refusal of what is none of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

from tinygrad_nn.errors import OptionError

__all__ = ["LEVELS", "THEMES", "checked_choice", "checked_text", "checked_whole"]

LEVELS: Final = ("auto", "scalar", "op", "module")
"""What one box of a drawing is."""
THEMES: Final = ("auto", "light", "dark")
"""Colours; `auto` follows the reader's setting."""
_TOO_LARGE: Final = 2**53
"""From here on a page cannot count one by one."""


def checked_choice(where: str, name: str, got: object, choices: Sequence[str]) -> str:
    """`got`, which is one of `choices`.

    Args:
        where: What was called, such as "draw".
        name: Name of the argument.
        got: What it was given.
        choices: What it may be.

    Raises:
        OptionError: It is none of them.

    Example:
        >>> checked_choice("draw", "theme", "light", THEMES)
        'light'
        >>> checked_choice("draw", "level", "modules", LEVELS)
        Traceback (most recent call last):
        ...
        tinygrad_nn.errors.OptionError: draw: got level='modules', expected one of 'auto', \
'scalar', 'op', 'module'; did you mean 'module'?
    """
    # A text only: == of an array gives an array.
    if isinstance(got, str) and got in choices:
        return got
    near = get_close_matches(got[:60].lower(), choices, n=1) if isinstance(got, str) else ()
    hint = f"; did you mean {near[0]!r}?" if near else ""
    expected = ", ".join(map(repr, choices))
    raise OptionError(f"{where}: got {name}={got!r:.60}, expected one of {expected}{hint}")


def checked_text(where: str, name: str, got: Any) -> str:
    """`got`, which is a text; the empty one for None.

    Raises:
        OptionError: It is anything else.
    """
    if got is None:
        return ""
    if not isinstance(got, str):
        raise OptionError(f"{where}: got {name} of type {type(got).__name__}, expected a text")
    return got


def checked_whole(where: str, name: str, got: Any, least: int | None = None) -> int:
    """`got`, which is a whole number that a page can count to, from `least` on.

    Raises:
        OptionError: It is anything else.
    """
    try:
        found = operator.index(got)
    except TypeError:
        found = _TOO_LARGE
    low = -_TOO_LARGE if least is None else least - 1
    if isinstance(got, bool) or not low < found < _TOO_LARGE:
        words = "a whole number" if least is None else f"a whole number >= {least}"
        raise OptionError(f"{where}: got {name}={got!r:.60}, expected {words}")
    return found
