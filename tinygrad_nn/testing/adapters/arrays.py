"""A NumPy function with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.testing.problem import Arrays, Problem

__all__ = ["named", "of_arrays"]


def of_arrays(f: Callable[..., Any], grad: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*inputs)` gives an array, a number or a tuple of them, `grad(*inputs)` its gradients.

    Where `f` gives anything but one number (0-d), `grad` takes a cotangent after the inputs, or
    one for each output.
    """
    arrays = tuple(np.asarray(x) for x in inputs)

    def values(given: Arrays) -> Arrays:
        return listed(f(*given))

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        if len(cotangents) == 1 and not cotangents[0].shape:
            found = listed(grad(*given))
            return [None if g is None else np.asarray(g) * cotangents[0] for g in found]
        return listed(grad(*given, *cotangents))

    return Problem(named(f), arrays, values, pull)


def listed(found: Any) -> list[Any]:
    """A tuple or list of results as a list; one result as a list of it."""
    return list(found) if isinstance(found, (tuple, list)) else [found]


def named(f: Any) -> str:
    """Name of a function for messages."""
    name = getattr(f, "__qualname__", None) or type(f).__name__
    return str(name).rsplit("<locals>.", 1)[-1]
