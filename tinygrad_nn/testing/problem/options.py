"""What a check is asked for; what means nothing is refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """The options of `gradcheck`, which documents them and has their defaults.

    Raises:
        CheckError: One of them is no order, tolerance, part, choice or seed: with a nan of them
            all would fail.
    """

    engine: str
    order: int
    tolerance: float | None
    cap: float
    dense: bool | None
    laws: bool
    exact: Any
    seed: int
    timeout: float | None

    def __post_init__(self) -> None:
        for name, (fits, expected) in _EXPECTED.items():
            got = getattr(self, name)
            if not fits(got):
                raise CheckError(f"gradcheck: got {name}={got!r}, expected {expected}")

    def by_name(self) -> Mapping[str, Any]:
        """All of them."""
        return vars(self)


def _is_number(x: Any) -> bool:
    return not isinstance(x, bool) and isinstance(x, Real) and isfinite(x)


def _is_tolerance(x: Any) -> bool:
    return x is None or (_is_number(x) and x >= 0)


def _is_part(x: Any) -> bool:
    return _is_number(x) and 0 <= x <= 1


def _is_choice(x: Any) -> bool:
    return x is None or isinstance(x, (bool, np.bool_))


def _is_seed(x: Any) -> bool:
    return isinstance(x, Integral) and int(x) >= 0


_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "order": (lambda x: x in (1, 2, 3), "1, 2 or 3"),
    "tolerance": (_is_tolerance, "a part of each element's size, such as 1e-6, or None"),
    "cap": (_is_part, "the part of the elements that may be inconclusive, from 0 to 1"),
    "dense": (_is_choice, "True, False, or None to choose by size"),
    "seed": (_is_seed, "a whole number that is not negative"),
}
"""Of options with a check of their own: what else they may be. `engine`, `exact` and `timeout` are
judged where they are used."""
