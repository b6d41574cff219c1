"""Whether a function gives the same results again, and leaves what it is given alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError

__all__ = ["differs", "refuse_changing", "same_memory", "undone"]

_NOISE = 1e-6
"""Part of the size of an array by which two results may differ: sums in threads, iterations that
stop somewhere. The sweeps see such noise and allow for it."""
_UNITS = 8.0


def same_memory(a: Any, b: Any) -> bool:
    """Whether two arrays are the same bit for bit, nan and signs of zero included."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.itemsize != 8 or a.dtype.kind not in "fiu":
        return bool(a.tobytes() == b.tobytes())
    # As integers, for which no copy of a large array is made.
    return bool(np.array_equal(a.view(np.int64), b.view(np.int64)))


def undone(function: Callable[..., Sequence[Any]]) -> Callable[..., list[Any]]:
    """The function, its results copied, and what it writes into its arguments taken back.

    Unlike with copies of the arguments their strides stay as they are.
    """

    def call(*groups: Sequence[Any]) -> list[Any]:
        given = [x for group in groups for x in group if isinstance(x, np.ndarray)]
        kept = [np.array(x) for x in given]
        results = [_copied(y) for y in function(*groups)]
        for x, before in zip(given, kept, strict=True):
            if x.flags.writeable and not same_memory(np.array(x), before):
                x[...] = before
        return results

    return call


def _copied(y: Any) -> Any:
    if y is None:
        return None
    try:
        return np.array(y, order="K")
    except Exception:  # no array at all, or `__array__` raises: what reads it says so
        return y


def differs(
    first: Sequence[Any],
    again: Sequence[Any],
    unit: float,
    rounding: Callable[[int, tuple[int, ...]], float] | None = None,
) -> str:
    """How two results of the same call differ, in words; "" if by no more than noise.

    Args:
        first: Arrays of one call.
        again: Arrays of another.
        unit: Rounding unit of their dtypes.
        rounding: What the terms of an element may be rounded by, given the number of the array
            and the index: of a sum that cancels, that is more than its size says. It is asked
            for only where results differ by more than noise.
    """
    if [x.shape for x in first] != [x.shape for x in again]:
        shapes = [[list(x.shape) for x in result] for result in (first, again)]
        return f"shapes {shapes[0]} and {shapes[1]}"
    allowed = max(_NOISE, _UNITS * unit)
    for n, (a, b) in enumerate(zip(first, again, strict=True)):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)  # noqa: PLW2901
        with np.errstate(all="ignore"):
            size = np.max(np.abs(a), initial=0.0, where=np.isfinite(a))
            equal = (a == b) | (np.abs(a - b) <= allowed * size) | (np.isnan(a) & np.isnan(b))
            off = np.where(equal, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
        if not equal.all():
            at = tuple(int(k) for k in np.unravel_index(int(np.argmax(off)), a.shape))
            if rounding is not None and off[at] <= rounding(n, at):
                continue
            return f"{a[at]:.6g} and {b[at]:.6g} at {list(at)}"
    return ""


def refuse_changing(name: str, gap: str) -> None:
    """Refuse a function of which two results differ.

    Raises:
        CheckError: `gap` says that they do.
    """
    if gap:
        raise CheckError(
            f"gradcheck: {name} is random, or keeps a state: two calls with the same inputs gave "
            f"{gap}, expected the same result each time; seed it inside of the function "
            "(rng = np.random.default_rng(0)), switch dropout off with module.eval(), or reset "
            "what it keeps from call to call"
        )
