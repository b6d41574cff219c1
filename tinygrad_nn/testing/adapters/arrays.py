"""A NumPy function with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters.named import labels_of, named
from tinygrad_nn.testing.adapters.slots import given_back, slot_of
from tinygrad_nn.testing.problem.subject import Arrays, Problem

__all__ = ["of_arrays"]


def of_arrays(f: Callable[..., Any], inputs: tuple[Any, ...], grad: Any) -> Problem:
    """`f(*inputs)` gives an array, a number or a tuple of them, `grad(*inputs)` its gradients.

    Where `f` gives anything but one number (0-d), `grad` takes a cotangent after the inputs, or
    one for each output.
    """
    if not callable(grad):
        raise CheckError(
            f"gradcheck: {named(f)}: got {type(grad).__name__} for grad, expected a function of "
            "the inputs that gives the gradient, and not the gradient itself"
        )
    slots = [slot_of(x) for x in inputs]

    def values(given: Arrays) -> Arrays:
        found = f(*given_back(slots, given))
        return list(found) if isinstance(found, tuple) else [found]

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        number = len(cotangents) == 1 and not cotangents[0].shape
        more = () if number else [_in_kind(c) for c in cotangents]
        try:
            found = grad(*given_back(slots, given), *more)
        except TypeError as error:
            raise _explained(error, named(grad), len(given), cotangents) from error
        if found is None:
            raise CheckError(
                f"gradcheck: {named(grad)} gave None, expected the gradient; perhaps a `return` "
                "is missing; of an input without a gradient a tuple says so: (None, gradient)"
            )
        grads = _each(found, given)
        if number:
            return [None if g is None else _times(g, cotangents[0]) for g in grads]
        return grads

    arrays, labels = tuple(s.array for s in slots), labels_of(f, len(inputs))
    return Problem(named(f), arrays, values, pull, labels=labels, cotangents=False)


def _each(found: Any, given: Arrays) -> list[Any]:
    """A gradient for each input: a list may be that, or the gradient of the only input."""
    if isinstance(found, tuple) or (isinstance(found, list) and not _is_array(found, given)):
        return list(found)
    return [found]


def _is_array(found: list[Any], given: Arrays) -> bool:
    floats = [x for x in given if x.dtype.kind == "f"]
    if len(floats) != 1:
        return False
    try:
        return np.shape(found) == floats[0].shape or len(found) not in (1, len(given))
    except ValueError:  # ragged
        return False


def _times(g: Any, cotangent: Any) -> Any:
    """A gradient scaled by the cotangent of one number."""
    try:
        array = np.asarray(g)
    except Exception:  # ragged, or `__array__` raises: what reads it says so
        return g
    if array.dtype.kind == "f":
        return (array * cotangent).astype(array.dtype)  # a coarse one is to stay so
    return array * cotangent if array.dtype.kind in "iubc" else array


def _in_kind(cotangent: Any) -> Any:
    """A number for one output of several that is one, as `f` itself may give it."""
    return cotangent if cotangent.shape else cotangent[()]


def _explained(error: TypeError, name: str, count: int, cotangents: Arrays) -> Exception:
    """The error, with how the gradient is called where that may be its cause."""
    if "argument" not in str(error):
        return error
    inputs = f"the {count} inputs" if count != 1 else "the input"
    shapes = ", ".join(str(list(c.shape)) for c in cotangents)
    how = (
        f"f gives one number (0-d), so it was called with {inputs} and no cotangent"
        if len(cotangents) == 1 and not cotangents[0].shape
        else f"f gives an output of shape {shapes}, so it was called with {inputs} and a "
        "cotangent of each such shape"
    )
    return CheckError(f"gradcheck: {name} raised TypeError: {error}; {how}")
