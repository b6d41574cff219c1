"""Checks of the arguments that several files of this package share."""

from __future__ import annotations

import math
import operator
from collections.abc import Sized
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_nn.errors import DTypeError, OptionError

_MAX_SHOWN = 60


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is one whole number."""
    # bool is a subclass of int: batch_size=True is a misplaced argument, never a 1.
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is one finite number."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)


def whole_number(name: str, value: object, minimum: int) -> int:
    """Return `value` as an int, refusing bools, floats and anything below `minimum`."""
    if is_whole(value) and value >= minimum:
        return operator.index(value)
    raise OptionError(
        f"{name}: got {shown(value)}, expected an integer of at least {minimum}; "
        f"pass for instance {name}={max(minimum, 1)}"
    )


def real_number(name: str, value: object, minimum: float = 0.0) -> float:
    """Return `value` as a float, refusing bools, NaN, infinity and less than `minimum`."""
    if is_number(value) and value >= minimum:
        return float(value)
    raise OptionError(
        f"{name}: got {shown(value)}, expected a finite number of at least {minimum:g}; "
        f"pass for instance {name}={minimum + 1:g}"
    )


def flag(name: str, value: object) -> bool:
    """Return `value` as a bool, refusing truthy stand-ins such as 1 or 'no'."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise OptionError(f"{name}: got {shown(value)}, expected True or False; pass {name}=True")


def float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a NumPy floating dtype, refusing every other kind."""
    try:
        wanted = np.dtype(dtype)
    except TypeError as error:
        raise DTypeError(
            f"dtype: got {shown(dtype)}, expected a floating dtype; pass dtype=np.float32"
        ) from error
    if wanted.kind != "f":
        raise DTypeError(
            f"dtype: got {wanted}, expected a floating dtype, because points need fractions; "
            f"pass dtype=np.float32 or np.float64"
        )
    return wanted


def shown(value: object) -> str:
    """Return the type and a short form of `value`, for an error message."""
    if isinstance(value, np.ndarray):
        return f"ndarray of shape {value.shape} and dtype {value.dtype}"
    # A long container would first be written out in full by repr.
    if isinstance(value, Sized) and len(value) > _MAX_SHOWN:
        return f"{type(value).__name__} of length {len(value)}"
    text = repr(value)
    short = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return f"{short} ({type(value).__name__})"
