"""Options of a check that mean nothing, refused before anything is computed."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError

__all__ = ["refuse_options"]


def refuse_options(tolerance: Any, cap: Any, dense: Any, seed: Any) -> None:
    """Refuse what is no tolerance, part, choice or seed: with a nan of them all would fail.

    Raises:
        CheckError: One of them is none.
    """
    if tolerance is not None and not (_is_number(tolerance) and tolerance >= 0):
        _refuse("tolerance", tolerance, "a part of each element's size, such as 1e-6, or None")
    if not (_is_number(cap) and 0 <= cap <= 1):
        _refuse("cap", cap, "the part of the elements that may be inconclusive, from 0 to 1")
    if not (dense is None or isinstance(dense, (bool, np.bool_))):
        _refuse("dense", dense, "True, False, or None to choose by size")
    if not (isinstance(seed, Integral) and int(seed) >= 0):
        _refuse("seed", seed, "a whole number that is not negative")


def _is_number(x: Any) -> bool:
    return not isinstance(x, bool) and isinstance(x, Real) and isfinite(x)


def _refuse(name: str, got: Any, expected: str) -> None:
    raise CheckError(f"gradcheck: got {name}={got!r}, expected {expected}")
