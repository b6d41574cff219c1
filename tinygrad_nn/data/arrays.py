"""Turning what a caller passes into arrays that nobody can write to."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.errors import DataError, DTypeError, OptionError, ShapeError
from tinygrad_nn.payload import is_masked


def as_array(name: str, values: ArrayLike, keeps_integers: bool) -> NDArray[Any]:
    """Return `values` as a numeric array of at least one axis, not yet copied.

    An array keeps its dtype. A list becomes float32, or int64 when it holds integers or
    bools and `keeps_integers` is set.

    Raises:
        OptionError: neither an array nor a list.
        DTypeError: objects, text or dates.
        ShapeError: a ragged list, or no axis at all.
        DataError: a masked array.
    """
    if is_masked(values):
        raise DataError(
            f"{name}: got a masked array, expected a plain one, because its mask would be "
            f"lost; pass values.filled(...)"
        )
    if isinstance(values, np.ndarray):
        return _checked(name, np.asarray(values))
    if isinstance(values, (list, tuple)):
        return _narrowed(_checked(name, _from_list(name, values)), keeps_integers)
    raise OptionError(
        f"{name}: got {shown(values)}, expected a NumPy array or a list; "
        f"pass np.asarray(...), or tensor.numpy() for a tensor"
    )


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array itself if nobody can write to its memory, else a read-only copy."""
    return array if _is_frozen(array) else owned(array.copy())


def owned(array: NDArray[Any]) -> NDArray[Any]:
    """Mark a new array of ours read-only, so that `frozen` need not copy it once more."""
    array.setflags(write=False)
    return array


def _is_frozen(array: NDArray[Any]) -> bool:
    owner: object = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    # A read-only map of a file is refused by the system when written to.
    return owner is None or isinstance(owner, (bytes, mmap.mmap))


def _from_list(name: str, values: Sequence[Any]) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ShapeError(
            f"{name}: got a list whose rows differ in length, expected rows of one length; "
            f"pad them or pass an array"
        ) from error


def _checked(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "biufc":
        raise DTypeError(
            f"{name}: got dtype {array.dtype}, expected numbers or bools; encode them first, "
            f"for instance with np.unique(values, return_inverse=True)"
        )
    if array.ndim == 0:
        raise ShapeError(
            f"{name}: got shape (), expected (n, ...) with one entry for each example; "
            f"pass values[None] for a single example"
        )
    return array


def _narrowed(array: NDArray[Any], keeps_integers: bool) -> NDArray[Any]:
    # NumPy makes a list uint64 only when its numbers do not fit into int64.
    if array.dtype.kind == "c" or (keeps_integers and array.dtype.kind == "u"):
        return array
    keeps = keeps_integers and array.dtype.kind in "bi"
    return array.astype(np.int64 if keeps else np.float32)
