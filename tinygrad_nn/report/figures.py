"""Numbers as a report prints them, and as JSON holds those that it has no numbers for."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Final

from tinygrad_nn.viz.strict import WORDS, strict
from tinygrad_nn.viz.wording import number

__all__ = ["WHOLE", "figure", "noted", "number_of", "percent", "plain", "rounded", "times"]

WHOLE = "the model"
"""Stands for the path of a model that is a single layer."""

_DIGITS: Final = 4
_KEPT_DIGITS: Final = 6


def number_of(x: Any) -> float:
    """The number that JSON holds; the three that are none there stand as words."""
    return WORDS[x] if isinstance(x, str) else math.nan if x is None else float(x)


def plain(x: Any) -> Any:
    """A tree of plain things with every float as strict JSON has it, also those of NumPy."""
    if isinstance(x, (str, int)):
        return x
    if isinstance(x, Real):
        return int(x) if isinstance(x, Integral) else strict(float(x))
    if isinstance(x, dict):
        return {str(key): plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(value) for value in x]
    return x


def rounded(x: float) -> Any:
    """Six digits, which is more than any page shows, as JSON has them; None for NaN."""
    return None if math.isnan(x) else noted(x)


def noted(x: float) -> Any:
    """The same of what was measured: NaN is a result there too, and not the lack of one."""
    return plain(float(f"{x:.{_KEPT_DIGITS}g}"))


def figure(x: float, digits: int = _DIGITS) -> str:
    """Four digits, a real minus sign, words for NaN and infinity."""
    return number(x, digits)


def percent(share: float, places: int = 1) -> str:
    """A share of 1 as a percentage. Only all is 100 %, and only none is 0 %."""
    if not math.isfinite(share):
        return figure(share)
    text = f"{100 * share:.{places}f}"
    if share < 1 and float(text) >= 100:
        text = f"{100 - 10.0**-places:.{places}f}"
    elif share > 0 and float(text) == 0:
        return f"< {10.0**-places:.{places}f} %"
    return f"{text} %"


def times(ratio: float) -> str:
    """`3×`, `320×`, `4.1e6×`."""
    if not math.isfinite(ratio):
        return "infinitely"
    return f"{ratio:.1f}×" if ratio < 10 else f"{figure(float(f'{ratio:.2g}'), 2)}×"
