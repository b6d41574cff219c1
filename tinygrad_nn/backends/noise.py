"""Draws of standard distributions from a NumPy generator, in any float dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["noise"]


def noise(shape: tuple[int, ...], dtype: Any, kind: str, rng: Any) -> Any:
    """Independent draws: the same numbers in every dtype, rounded from double precision."""
    if kind == "normal":
        y = rng.standard_normal(shape)
    elif kind == "uniform":
        # Rounding must not reach 1.
        y = np.minimum(rng.random(shape), 1 - float(np.finfo(dtype).epsneg))
    elif kind == "exponential":
        y = rng.standard_exponential(shape)
    else:
        y = getattr(rng, kind)(size=shape)
    return np.asarray(y, dtype)
