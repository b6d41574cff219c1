"""Points near x: moved along a direction, or in their last digits, where only rounding differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.testing.problem.coordinates import parts
from tinygrad_nn.testing.problem.subject import Checked

__all__ = ["FAINTLY", "moved_by", "nearby", "shaken"]

FAINTLY = (-2.0, 2.0)
"""Last digits by which a single element is shaken, which is granted what comes of that."""
_STRONGLY = (-8.0, -2.0, 2.0, 8.0)
"""The same for all elements at once, of which each must show how much it changes."""


def moved_by(checked: Checked, by: Any) -> list[Any]:
    """All inputs, the active ones moved by a flat direction."""
    found = list(checked.inputs)
    for i, part in zip(checked.active, parts(checked, by), strict=True):
        found[i] = np.asarray(found[i] + part, found[i].dtype)
    return found


def nearby(
    inputs: Sequence[Any], rng: np.random.Generator, by: Sequence[float] = _STRONGLY
) -> list[Any]:
    """The inputs, those of floats shaken in the last digits of their dtypes."""
    return [shaken(x, rng, np.finfo(x.dtype).eps, by) if x.dtype.kind == "f" else x for x in inputs]


def shaken(x: Any, rng: np.random.Generator, unit: float, by: Sequence[float] = _STRONGLY) -> Any:
    """An array whose elements differ in their last digits."""
    factor = 1 + rng.choice(by, x.shape) * unit
    with np.errstate(all="ignore"):
        return np.asarray(x * factor.astype(x.dtype))
