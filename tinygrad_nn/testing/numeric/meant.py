"""A function that the user gives for slopes in many digits, in whichever way it takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError

__all__ = ["meant"]

_DIGITS = 90
"""Digits that mpmath's own functions are to compute with: 50, and what is lost on the way."""


def meant(exact: Any, name: str, size: int) -> Any:
    """`exact` as `gradcheck` was given it; a function as one of arrays of objects.

    Such a function may be written for arrays, as those of NumPy are; for numbers of mpmath and
    arrays of them; or for one number, as mpmath's own are, which then is asked for each element.
    Which it is, is found out by calling it.

    Args:
        exact: The option.
        name: Of the function that is checked, for messages.
        size: Number of elements of all its outputs.
    """
    return partial(_Asked(exact, name, size)) if callable(exact) else exact


class _Asked:
    """A function of arrays of objects around one of the user's."""

    def __init__(self, function: Callable[..., Any], name: str, size: int) -> None:
        self._function, self._name, self._size = function, name, size
        self._ways: Sequence[Callable[..., Any]] = (_of_arrays, _of_numbers, _of_each)

    def __call__(self, *given: Any) -> tuple[Any, ...]:
        refusals = []
        for way in self._ways:
            try:
                with import_module("mpmath").workdps(_DIGITS):
                    found = _outputs(way(self._function, given), given)
            except Exception as error:  # it is anybody's
                refusals.append(f"{type(error).__name__}: {error}"[:200])
                continue
            wrong = self._wrong(found)
            if not wrong:
                self._ways = (way,)
                return found
            refusals.append(wrong)
        raise CheckError(
            f"gradcheck: {self._name}: the function given as exact= was called with arrays of "
            "objects with 50 digits, with numbers of mpmath, and with one element at a time, and "
            f"gave no such numbers ({'; '.join(dict.fromkeys(refusals))}); write it for mpmath: "
            "exact=lambda x: [mpmath.gamma(v) for v in x]"
        )

    def _wrong(self, found: Sequence[Any]) -> str:
        size = sum(y.size for y in found)
        if size != self._size:
            return f"it gave {size} numbers, expected {self._size} as of the function itself"
        if size and all(y.dtype != object or all(map(_is_plain, y.flat)) for y in found):
            return "it gave plain floats, which drop the digits"
        return ""


def _outputs(found: Any, given: Sequence[Any]) -> tuple[Any, ...]:
    """Each output as an array, of objects like those that were given: they keep their digits."""
    kind = next(type(v) for x in given if x.dtype == object for v in x.flat)
    listed = found if isinstance(found, tuple) else (found,)
    outputs = [np.asarray(y.tolist() if hasattr(y, "tolist") else y) for y in listed]
    for y in outputs:
        if y.dtype == object:
            for at in np.ndindex(y.shape):
                y[at] = kind(y[at]) if hasattr(y[at], "_mpf_") else y[at]
    return tuple(outputs)


def _is_plain(x: Any) -> bool:
    return isinstance(x, (int, float, np.generic))


def _of_arrays(f: Callable[..., Any], given: Sequence[Any]) -> Any:
    return f(*given)


def _of_numbers(f: Callable[..., Any], given: Sequence[Any]) -> Any:
    """Inputs without axes as numbers, the others as arrays of them."""
    return f(*(_numbers(x) if x.ndim else _number(x.item()) for x in given))


def _of_each(f: Callable[..., Any], given: Sequence[Any]) -> Any:
    """One element after another, of inputs that broadcast."""
    together = np.broadcast_arrays(*given)
    found = np.empty(together[0].shape, object)
    for at in np.ndindex(found.shape):
        found[at] = f(*(_number(x[at]) for x in together))
    return found


def _numbers(x: Any) -> Any:
    if x.dtype != object:
        return x
    found = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        found[at] = _number(x[at])
    return found


def _number(x: Any) -> Any:
    """A number of mpmath, rounded by nothing; others as they are."""
    return import_module("mpmath").mpf(x) if hasattr(x, "_mpf_") else x
