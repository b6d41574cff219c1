"""Ranges of the estimators' parameters, checked when `fit` begins, as scikit-learn asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.errors import OptionError

__all__ = [
    "FLAG",
    "Range",
    "check_options",
    "either",
    "number",
    "one_of",
    "whole",
]


class Range(NamedTuple):
    """What a parameter may be.

    Attributes:
        holds: Whether it may be this.
        text: The same in words.
    """

    holds: Callable[[Any], bool]
    text: str


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


FLAG = Range(_is_flag, "True or False")


def number(
    least: float, most: float = inf, *, open_least: bool = False, open_most: bool = False
) -> Range:
    """A real number between two."""

    def holds(value: Any) -> bool:
        if not isinstance(value, Real) or _is_flag(value) or not isfinite(value):
            return False
        x = float(value)
        above = x > least if open_least else x >= least
        return above and (x < most if open_most else x <= most)

    below = "" if most == inf else f" and {'below' if open_most else 'at most'} {most:g}"
    return Range(holds, f"a number {'above' if open_least else 'of at least'} {least:g}{below}")


def whole(least: int) -> Range:
    """An integer of at least `least`."""

    def holds(value: Any) -> bool:
        return isinstance(value, Integral) and not _is_flag(value) and int(value) >= least

    return Range(holds, f"an integer of at least {least}")


def one_of(*values: Any) -> Range:
    """One of these."""

    def holds(value: Any) -> bool:
        return any(type(value) is type(v) and value == v for v in values)

    return Range(holds, " or ".join(repr(v) for v in values))


def either(*ranges: Range) -> Range:
    """What one of the ranges allows."""
    return Range(lambda v: any(r.holds(v) for r in ranges), ", or ".join(r.text for r in ranges))


def check_options(estimator: Any, ranges: Mapping[str, Range]) -> None:
    """Refuse parameters out of range.

    Raises:
        OptionError: One is.
    """
    for name, allowed in ranges.items():
        value = getattr(estimator, name)
        if not allowed.holds(value):
            raise OptionError(
                f"{type(estimator).__name__}: got {name}={value!r}, expected {allowed.text}"
            )
