"""Gradients by central differences, written here so that no code under test judges itself."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def slopes(loss: Callable[[], float], array: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """d loss / d array, by moving one element at a time of `array`, which `loss` reads."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + step
        above = loss()
        array[place] = kept - step
        found[place] = (above - loss()) / (2 * step)
        array[place] = kept
    return found


def check(loss: Callable[[], Any], leaves: Iterable[Any], tolerance: float = 1e-6) -> None:
    """The gradients of the leaf tensors are those of the differences.

    Raises:
        AssertionError: One is not.
    """
    leaves = list(leaves)
    for leaf in leaves:
        leaf.grad = None
    loss().backward()
    for leaf in leaves:
        expected = slopes(lambda: float(loss().item()), leaf.data)
        got = np.zeros(leaf.shape) if leaf.grad is None else np.asarray(leaf.grad)
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
