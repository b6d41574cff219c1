"""Random numbers for those who know no array library: a seed becomes a generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.core.capturing import capturing
from tinygrad_nn.errors import OperandError

__all__ = ["generator"]


def generator(rng: Any = None) -> np.random.Generator:
    """Random generator from what a caller may give as `rng=`.

    Args:
        rng: A `numpy.random.Generator`, which is used and advanced; an int seed, for the same
            numbers each time; None for numbers that differ on each run.

    Raises:
        OperandError: `rng` is something else, such as NumPy's older `RandomState`.
    """
    capture = capturing()
    if capture is not None:
        return capture.generator(rng, _generator)  # type: ignore[no-any-return]  # stands for one
    return _generator(rng)


def _generator(rng: Any) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or (isinstance(rng, (int, np.integer)) and not isinstance(rng, bool)):
        return np.random.default_rng(rng)
    raise OperandError(
        f"rng: got {type(rng).__name__}, expected an int seed, a numpy.random.Generator (made by "
        "default_rng(seed)) or None"
    )
