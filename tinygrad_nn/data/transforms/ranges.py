"""Checks of what transforms are made with: ranges, shares and sizes."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_nn.data.arguments import is_number, shown, whole_number
from tinygrad_nn.errors import OptionError

Range = float | tuple[float, float]
"""From where to where to draw: a pair, or a number `a` for -a to a."""


def share(name: str, value: object) -> float:
    """Return a probability, from 0 to 1."""
    if is_number(value) and 0.0 <= value <= 1.0:
        return float(value)
    raise OptionError(
        f"{name}: got {shown(value)}, expected a share from 0 to 1; pass for instance {name}=0.5"
    )


def span(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf
) -> tuple[float, float]:
    """Return `(from, to)` of a pair, or of a number `a` that stands for -a to a."""
    pair = (-value, value) if is_number(value) and value >= 0 else value
    is_pair = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(is_number, pair))
    if is_pair and low <= pair[0] <= pair[1] <= high:
        return float(pair[0]), float(pair[1])
    bounds = "" if low == -math.inf else f" within {low:g} to {high:g}"
    raise OptionError(
        f"{name}: got {shown(value)}, expected a pair (from, to){bounds} with from <= to; "
        f"pass for instance {name}=({max(low, 0.0):g}, {min(high, 1.0):g})"
    )


def positive_span(name: str, value: Any) -> tuple[float, float]:
    """Return a pair of positive numbers."""
    pair = span(name, value) if isinstance(value, (tuple, list)) else (0.0, 0.0)
    if pair[0] > 0.0:
        return pair[0], pair[1]
    raise OptionError(
        f"{name}: got {shown(value)}, expected a pair (from, to) of positive numbers; "
        f"pass for instance {name}=(0.9, 1.1)"
    )


def two_sizes(name: str, value: object, minimum: int) -> tuple[int, int]:
    """Return `(rows, columns)` of a pair, or of one number for both."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return whole_number(name, value[0], minimum), whole_number(name, value[1], minimum)
    return (whole_number(name, value, minimum),) * 2


def not_negative(name: str, value: object) -> float:
    """Return a finite number from 0 up."""
    if is_number(value) and value >= 0:
        return float(value)
    raise OptionError(
        f"{name}: got {shown(value)}, expected a finite number from 0 up; "
        f"pass for instance {name}=0.1"
    )


def number(name: str, value: object) -> float:
    """Return a finite number."""
    if is_number(value):
        return float(value)
    raise OptionError(f"{name}: got {shown(value)}, expected a finite number; pass {name}=0.0")
