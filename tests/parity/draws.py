"""What a case draws from: Hypothesis for the choices, a seeded generator for the numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st


class Fixed(NamedTuple):
    """An array that gets no gradient: a label, a weight."""

    array: np.ndarray


class Draw:
    """Choices are Hypothesis's, so that a failure shrinks to the plainest options.

    Numbers come from a generator with a drawn seed: without ties and kinks, quick to make.
    """

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**16), label="seed"))

    def integer(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def boolean(self) -> bool:
        return self._data.draw(st.booleans())

    def choice(self, options: Sequence[Any]) -> Any:
        return self._data.draw(st.sampled_from(list(options)))

    def real(self, low: float, high: float) -> float:
        return self._data.draw(st.floats(low, high, allow_subnormal=False))

    def array(self, *shape: int, low: float | None = None, high: float = 1.0) -> np.ndarray:
        """Normal numbers, or uniform ones from `low` to `high`; float64."""
        if low is None:
            return np.asarray(self.rng.standard_normal(shape))
        return np.asarray(self.rng.uniform(low, high, shape))

    def integers(self, *shape: int, low: int = 0, high: int) -> np.ndarray:
        """Integers from `low` to `high`, both included."""
        return np.asarray(self.rng.integers(low, high + 1, shape))

    def bools(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.integers(0, 2, shape)).astype(bool)
