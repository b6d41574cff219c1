"""What an optimiser is asked for, and the checks of its options."""

from __future__ import annotations

from math import isfinite
from typing import Any

from tinygrad_nn.errors import OptionError

__all__ = ["Rule", "at_least_zero", "below_one"]


class Rule:
    """The part of an optimiser that differs from the others: its formula."""

    def check(self, options: dict[str, Any]) -> None:
        """Refuse options out of range with an `OptionError`."""

    def begin(self, group: dict[str, Any]) -> None:
        """Called before the parameters of a group are updated."""

    def update(self, place: int, value: Any, g: Any, group: dict[str, Any]) -> Any:
        """New numbers for a parameter: fresh memory, never `value` or `g` written in place.

        Args:
            place: Position of the parameter; what is remembered of it is `self.state[place]`.
            value: Its numbers: array, or float of a Value.
            g: Its gradient, alike.
            group: Options of its group.
        """
        raise NotImplementedError


def at_least_zero(name: str, options: dict[str, Any], *keys: str) -> None:
    """Refuse options that are no finite number of at least 0."""
    for key in keys:
        number = options[key]
        if (
            isinstance(number, bool)
            or not _is_number(number)
            or not 0 <= number
            or not isfinite(number)
        ):
            raise OptionError(
                f"{name}: got {key}={number!r}, expected a finite number of at least 0"
            )


def below_one(name: str, key: str, number: Any) -> None:
    """Refuse a decay rate outside [0, 1)."""
    if isinstance(number, bool) or not _is_number(number) or not 0 <= number < 1:
        raise OptionError(f"{name}: got {key}={number!r}, expected a number in [0, 1)")


def _is_number(number: Any) -> bool:
    return hasattr(number, "__float__") and getattr(number, "shape", ()) == ()
