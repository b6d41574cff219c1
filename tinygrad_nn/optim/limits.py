"""What options may be: each range once, with the words that a message says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, isnan
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tinygrad_nn.errors import OptionError

__all__ = [
    "AT_LEAST_ZERO",
    "COUNT",
    "EXECUTION",
    "FINITE",
    "LIMITS",
    "Limit",
    "check_execution",
    "check_limits",
    "is_number",
    "one_of",
    "where_true",
]


class Limit(NamedTuple):
    """A range of an option."""

    holds: Callable[[Any], bool]
    expected: str


def is_number(x: Any) -> bool:
    """Whether `x` is one number, and not NaN, a bool or text."""
    return (
        not isinstance(x, (bool, str))
        and hasattr(x, "__float__")
        and getattr(x, "shape", ()) == ()
        and not isnan(float(x))
    )


def where_true(holds: Callable[[Any], bool], expected: str) -> Limit:
    """The numbers for which `holds`."""
    return Limit(lambda x: is_number(x) and holds(x), expected)


def one_of(*choices: Any) -> Limit:
    """One of a few texts, or None."""
    return Limit(
        lambda x: (x is None or isinstance(x, str)) and x in choices,
        " or ".join(map(repr, choices)),
    )


FINITE: Final = where_true(isfinite, "a finite number")
AT_LEAST_ZERO: Final = where_true(lambda x: x >= 0 and isfinite(x), "a finite number of at least 0")
COUNT: Final = Limit(
    lambda x: isinstance(x, int) and not isinstance(x, bool) and x >= 0, "an integer of at least 0"
)
_FLAG: Final = Limit(lambda x: type(x).__name__ in ("bool", "bool_"), "True or False")
_BELOW_ONE: Final = where_true(lambda x: 0 <= x < 1, "a number in [0, 1)")

LIMITS: Final[Mapping[str, Limit | tuple[Limit, ...]]] = MappingProxyType(
    {
        "lr": AT_LEAST_ZERO,
        "betas": (_BELOW_ONE, _BELOW_ONE),
        "eps": AT_LEAST_ZERO,
        "weight_decay": AT_LEAST_ZERO,
        "momentum": AT_LEAST_ZERO,
        "amsgrad": _FLAG,
        "centered": _FLAG,
        "decoupled_weight_decay": _FLAG,
        "maximize": _FLAG,
        "nesterov": _FLAG,
    }
)
"""Ranges of the options that mean the same in every optimiser."""

EXECUTION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "foreach": "every step here already runs over blocks that fit the cache",
        "fused": "every step here already runs over blocks that fit the cache",
        "capturable": "there is no CUDA graph to capture a step in",
        "differentiable": "a step records no graph; write it with tensors, w = w - lr * g with g "
        "of backward(create_graph=True), and differentiate that",
    }
)
"""Options of PyTorch that choose how a step is run and not what it computes, with what to know."""


def check_execution(name: str, options: Mapping[str, Any]) -> None:
    """Refuse an execution flag of PyTorch that asks for something."""
    for flag, why in EXECUTION.items():
        if options.get(flag):
            raise OptionError(
                f"{name}: got {flag}={options[flag]!r}, expected None or False; {why}"
            )


def check_limits(
    name: str, options: Mapping[str, Any], limits: Mapping[str, Limit | tuple[Limit, ...]]
) -> None:
    """Refuse the first option out of its range; a tuple of limits is for a tuple of numbers."""
    for key, limit in limits.items():
        if key not in options:
            continue
        given = options[key]
        if isinstance(limit, Limit):
            _check(name, key, given, limit)
            continue
        if not isinstance(given, (tuple, list)) or len(given) != len(limit):
            count = "two" if len(limit) == 2 else str(len(limit))
            raise OptionError(f"{name}: got {key}={given!r}, expected {count} numbers")
        for i, (number, one) in enumerate(zip(given, limit, strict=True)):
            _check(name, f"{key}[{i}]", number, one)


def _check(name: str, key: str, given: Any, limit: Limit) -> None:
    if not limit.holds(given):
        raise OptionError(f"{name}: got {key}={given!r:.60}, expected {limit.expected}")
