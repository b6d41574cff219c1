"""Functions of numbers with as many digits as it takes, by mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from tinygrad_nn.testing.adapters.named import named
from tinygrad_nn.testing.problem.subject import Arrays, Problem

__all__ = ["problem_of"]

_DIGITS = 50


def problem_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*numbers)` of mpmath's numbers, for each element; gradients by its differences."""
    arrays = tuple(np.asarray(x, np.float64) for x in inputs)

    def elements(function: Callable[..., Any], given: Arrays) -> Any:
        with mpmath.workdps(_DIGITS):
            spread = np.broadcast_arrays(*given)
            found = [
                float(function(*map(mpmath.mpf, map(float, xs))))
                for xs in zip(*(x.ravel() for x in spread), strict=True)
            ]
        return np.array(found).reshape(spread[0].shape)

    def values(given: Arrays) -> Arrays:
        return [elements(f, given)]

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        orders = np.eye(len(given), dtype=int).tolist()
        found = []
        for x, order in zip(given, orders, strict=True):
            slopes = elements(lambda *xs, n=tuple(order): mpmath.diff(f, xs, n), given)
            found.append(_summed(slopes * cotangents[0], np.shape(x)))
        return found

    return Problem(named(f), arrays, values, pull)


def _summed(g: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed over the axes along which its input was broadcast."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=axes, keepdims=True)
