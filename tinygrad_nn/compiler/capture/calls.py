"""Parts of which a capture is made: calls as instructions have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from tinygrad_nn.backends import array
from tinygrad_nn.compiler.capture.traced import TracedArray, TracedNumber
from tinygrad_nn.compiler.facts import FACTS, UNKNOWN
from tinygrad_nn.compiler.places import Unfit
from tinygrad_nn.compiler.program import Var
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.errors import CaptureError

__all__ = [
    "CUSTOM",
    "MASK",
    "after",
    "coerced",
    "decides_shape",
    "part",
    "real",
    "shape_follows",
    "shaped_as",
    "silenced",
    "stand_in",
    "ufunc",
    "written_as",
]

CUSTOM = "custom."
"""What the names of the user's own operations begin with."""

MASK = "multiply by the mask, or choose with tinygrad_nn.where(mask, x, 0.0)"

_UFUNCS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
}


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
    by = FACTS.get(name, UNKNOWN).shape_by
    return by in ("values", "some") or (by == "masks" and any(map(_is_mask, args)))


def decides_shape(name: str, x: Any) -> bool:
    """Whether the shape of an operation's result follows from the values of this argument."""
    by = FACTS.get(name, UNKNOWN).shape_by
    return by == "values" or (by == "masks" and getattr(x, "dtype", None) == np.bool_)


def silenced(errors: Any, call: Any) -> Any:
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
    return _checked(call, _shapes(out))


@lru_cache(256)
def _checked(call: Callable[..., Any], shapes: Any) -> Callable[..., Any]:
    # One function for the same two, so that equal instructions are seen to be equal.
    def checked(*args: Any, **params: Any) -> Any:
        found = call(*args, **params)
        if _shapes(found) != shapes:
            raise Unfit
        return found

    return checked


def _shapes(out: Any) -> Any:
    return tuple([x.shape for x in out]) if isinstance(out, (tuple, list)) else np.shape(out)


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
