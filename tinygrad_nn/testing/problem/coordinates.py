"""All active inputs end to end, as one point: its coordinates, and directions through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.testing.problem.subject import Checked

__all__ = ["coordinate", "flat", "parts", "sizes", "summed"]


def flat(arrays: Sequence[Any]) -> Any:
    """All arrays end to end in float64."""
    return np.concatenate([np.asarray(x, np.float64).ravel() for x in arrays])


def sizes(point: Any) -> Any:
    """Power of 2 near each coordinate; for 0 that of the largest, or 1."""
    largest = np.abs(point).max(initial=0.0) or 1.0
    return 2.0 ** np.round(np.log2(np.where(point == 0, largest, np.abs(point))))


def summed(cotangents: Any, values: Any) -> Any:
    """Sums of outputs, of each row of cotangents, whatever those are that it does not count."""
    with np.errstate(all="ignore"):
        if np.isfinite(values).all():
            return cotangents @ values
        rows = np.atleast_2d(cotangents)
        found = np.array([row[row != 0] @ values[row != 0] for row in rows])
    return found if np.ndim(cotangents) > 1 else found[0]


def parts(checked: Checked, direction: Any) -> list[Any]:
    """A flat direction as one array for each active input."""
    cuts = np.cumsum([checked.inputs[i].size for i in checked.active])[:-1]
    return [
        part.reshape(checked.inputs[i].shape)
        for i, part in zip(checked.active, np.split(direction, cuts), strict=True)
    ]


def coordinate(checked: Checked, at: int) -> tuple[int, int, tuple[int, ...]]:
    """Which active input a coordinate is of, which input of all, and its index there."""
    for n, i in enumerate(checked.active):
        x = checked.inputs[i]
        if at < x.size:
            return n, i, tuple(int(k) for k in np.unravel_index(at, x.shape))
        at -= x.size
    raise IndexError(at)
