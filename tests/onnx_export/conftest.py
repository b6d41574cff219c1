"""The same first weights on every run: a tolerance is then met always or never."""

from itertools import count

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generators that would start from fresh entropy start from 0, 1, 2, ... in each test."""
    fresh, made = count(), np.random.default_rng
    monkeypatch.setattr(
        np.random, "default_rng", lambda seed=None: made(next(fresh) if seed is None else seed)
    )
