"""Arguments of the function under check, and what stands for each in a problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import CheckError

__all__ = ["Slot", "constant", "given_back", "slot_of"]


@dataclass(frozen=True)
class Slot:
    """One argument.

    Attributes:
        array: What is checked, or an array without floats for what is passed on.
        back: What the function is given for such an array.
    """

    array: Any
    back: Callable[[Any], Any]


def slot_of(x: Any) -> Slot:  # noqa: PLR0911  (a kind each)
    """Of an array, a number, a list of them; of anything else one that passes it on."""
    if isinstance(x, Node):
        return Slot(np.asarray(x.synced()), _same)
    if isinstance(x, np.ma.MaskedArray):
        raise CheckError(
            "gradcheck: got a masked array, expected a plain one: what is masked has no slope; "
            "give x.compressed() or x.filled(0.0), and the mask to the function itself"
        )
    if isinstance(x, np.ndarray):
        plain = type(x) is np.ndarray or isinstance(x, np.memmap)
        return Slot(np.asarray(x), _same if plain else lambda array: _of_class(x, array))
    if isinstance(x, np.generic):
        return Slot(np.asarray(x), lambda array: array[()])
    if isinstance(x, (bool, int)):
        return constant(x)
    if isinstance(x, float):
        return Slot(np.asarray(x), float)
    if isinstance(x, complex):
        return Slot(np.asarray(x), _same)
    if isinstance(x, (list, tuple)) or hasattr(x, "__array__"):
        return _of_list(x)
    return constant(x)


def constant(x: Any) -> Slot:
    """Of what is passed on: a copy of it each time, so that no call changes it for the next."""
    held = np.asarray(x) if isinstance(x, (bool, int)) and abs(x) < 2**63 else np.zeros((), np.int8)
    return Slot(held, lambda array: _copied(x))


def given_back(slots: Sequence[Slot], arrays: Sequence[Any]) -> list[Any]:
    """What the function is given for these arrays."""
    return [slot.back(array) for slot, array in zip(slots, arrays, strict=True)]


def _same(array: Any) -> Any:
    return array


def _of_list(x: Any) -> Slot:
    try:
        array = np.array(x)
    except (TypeError, ValueError):  # ragged: lists of arrays of several shapes
        return constant(x)
    except Exception as error:  # `__array__` is anybody's
        raise CheckError(
            f"gradcheck: got a {type(x).__name__} as an input that makes no array "
            f"({type(error).__name__}: {error}), expected an array; convert it first"
        ) from error
    return Slot(array, _same) if array.dtype.kind in "fc" else constant(x)


def _of_class(x: Any, array: Any) -> Any:
    """A copy of an array of a class of its own, holding these numbers."""
    held = x.copy()
    held[...] = array
    return held


def _copied(x: Any) -> Any:
    if callable(x) or isinstance(x, type(np)):
        return x
    try:
        return deepcopy(x)
    except Exception:  # of what cannot be copied (locks, files) the thing itself
        return x
