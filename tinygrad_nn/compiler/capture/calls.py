"""Parts of which a capture is made: calls as instructions have them, and the user's line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from tinygrad_nn.backends import array
from tinygrad_nn.compiler.capture.host_numbers import Mismatch
from tinygrad_nn.compiler.capture.traced import TracedArray, TracedNumber
from tinygrad_nn.compiler.program import Var
from tinygrad_nn.core.caller import PACKAGE
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.errors import CaptureError

__all__ = [
    "BY_VALUES",
    "IMPURE",
    "MASK",
    "after",
    "coerced",
    "lasting",
    "part",
    "real",
    "shape_follows",
    "shaped_as",
    "stand_in",
    "ufunc",
    "users_line",
    "written_as",
]

IMPURE = frozenset({"noise", "keep_mask"})
"""Operations that draw at random."""

BY_VALUES: dict[str, Callable[[Any], bool]] = {
    "argwhere": lambda x: True,
    "_first_places": lambda x: True,
    "flatnonzero": lambda x: True,
    "select_at": lambda x: getattr(x, "dtype", None) == np.bool_,
}
"""Operations whose result has a shape that follows from values, and from which arguments."""

SHAPED_BY_VALUES = frozenset({"_counted", "unique", "nonzero", "flatnonzero", "repeat", "bincount"})
"""Functions of this package's own whose result may have another shape for other values."""

MASK = "multiply by the mask, or choose with tinygrad_nn.where(mask, x, 0.0)"

_OURS = PACKAGE, os.path.join(os.path.dirname(os.path.abspath(np.__file__)), "")

_UFUNCS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
}


@lru_cache(4096)
def _is_ours(file: str) -> bool:
    """Whether a file is of this package or of NumPy."""
    return file.startswith(_OURS)


def users_line() -> str:
    """The user's line: the nearest frame outside of this package and of NumPy."""
    frame = sys._getframe(2)
    while _is_ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def stand_in(capture: Any, value: Any) -> Any:
    """New traced array or number with this value."""
    if isinstance(value, (np.ndarray, np.generic)):
        return TracedArray(capture, Var(value.shape, value.dtype, value.strides), value)
    return TracedNumber(capture, Var((), None), value)


def real(x: Any) -> Any:
    """Real thing for a traced one, also inside sequences."""
    if isinstance(x, Traced):
        return x.value
    if type(x) in (tuple, list):
        return type(x)([real(y) for y in x])
    if type(x) is slice:
        return slice(real(x.start), real(x.stop), real(x.step))
    return x


def part(whole: Any, i: int) -> Any:
    """One of several results."""
    return whole[i]


@lru_cache
def coerced(call: Callable[..., Any], coerce: Callable[[Any], Any]) -> Callable[..., Any]:
    """`call`, then `coerce`."""

    # One function for the same two, so that equal instructions are seen to be equal.
    @wraps(call, (), ())
    def call_and_coerce(*args: Any, **params: Any) -> Any:
        return coerce(call(*args, **params))

    return call_and_coerce


def written_as(function: Any, target: Any, other: Any) -> tuple[Callable[..., Any], Any]:
    """What computes `target += other` and the like as a new array, and that array.

    It has the memory order and dtype of `target`: most often that of the function's own result.
    """
    out = function(target, other, out=np.empty_like(target))
    fits = getattr(other, "shape", ()) == target.shape or not getattr(other, "ndim", 0)
    same = fits and out.strides == getattr(other, "strides", out.strides)
    if same and np.result_type(target, other) == target.dtype:
        return function, out
    return lambda target, other: function(target, other, out=np.empty_like(target)), out


def shape_follows(name: str, args: Sequence[Any]) -> bool:
    """Whether the shape of the result may be another for other numbers of the same shapes."""
    chosen = name in BY_VALUES or name == "getitem"
    return name in SHAPED_BY_VALUES or (chosen and any(map(_is_mask, args)))


def lasting(errors: Any, call: Any) -> Any:
    """`call` as it is to be at each replay: with the silence about errors of the first call.

    Args:
        errors: What NumPy does about errors outside of the step.
        call: The function.
    """
    now = np.geterr()
    return call if now == errors else _quiet(call, tuple(now.items()))


def _is_mask(x: Any) -> bool:
    """Whether it chooses by truth: another mask may choose more or fewer."""
    if type(x) is tuple:
        return any(map(_is_mask, x))
    return getattr(x, "dtype", None) == np.bool_ and bool(x.ndim)


@lru_cache(256)
def _quiet(call: Callable[..., Any], errors: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """`call` within the `numpy.errstate` that is in the step."""
    options: Any = dict(errors)

    # One function for the same two, so that equal instructions are seen to be equal.
    def quietly(*args: Any, **params: Any) -> Any:
        with np.errstate(**options):
            return call(*args, **params)

    return quietly


def shaped_as(call: Callable[..., Any], out: Any) -> Callable[..., Any]:
    """`call`, whose result must have the shape that it has in the first call."""
    wanted = _shapes(out)

    def checked(*args: Any, **params: Any) -> Any:
        found = call(*args, **params)
        if _shapes(found) != wanted:
            raise Mismatch
        return found

    return checked


def _shapes(out: Any) -> Any:
    return [x.shape for x in out] if isinstance(out, (tuple, list)) else out.shape


def after(name: str) -> CaptureError:
    """The error for what is used when the step is over, or by another thread."""
    return CaptureError(
        f"jit: {name}: got something from inside of a captured step, after the step was over or in "
        "another thread; return from the step what is needed outside, and let no other thread use "
        "its parameters during the first call"
    )


def ufunc(function: Callable[..., Any], secrets: Sequence[Any]) -> Callable[..., Any]:
    """NumPy's function for Python's operator, unless numbers are computed with."""
    if any(isinstance(x, TracedNumber) for x in secrets):
        return function
    return getattr(array, _UFUNCS.get(function.__name__, ""), function)
