"""Numbers of 50 digits that NumPy's functions take: `mpmath` inside arrays of objects.

NumPy's functions call, on each object of an array, the method of their name. With these methods a
function written for arrays runs in 50 digits as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from tinygrad_nn.errors import CheckError

__all__ = ["DIGITS", "Digits", "slopes_in_digits"]

DIGITS = 50
_STEP = "1e-20"
"""Part of the coordinate's size to step by: what a central difference leaves out is a factor
1e-40."""
_GUARD = 40
"""Digits more to compute with: 20 are lost when values are subtracted, and a function that is
asked for in digits may lose as many by itself."""

_SAME_NAME = "exp expm1 log log1p sin cos tan sinh cosh tanh sqrt cbrt".split()
_RENAMED = {
    **{f"arc{n}": f"a{n}" for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "log10": "log10",
}
_context = mpmath.mp.clone()
_context.dps = DIGITS + _GUARD


class Digits:
    """A number of 50 digits. Mixed with floats it keeps its digits."""

    __slots__ = ("value",)
    _mpf_ = property(lambda self: self.value._mpf_, doc="What mpmath's functions read.")

    def __init__(self, value: Any) -> None:
        self.value = _context.mpf(value)

    def __repr__(self) -> str:
        return f"Digits({_context.nstr(self.value, 20)})"

    def __float__(self) -> float:
        raise TypeError("float(x) would drop the digits")

    def __bool__(self) -> bool:
        return bool(self.value != 0)

    def __hash__(self) -> int:
        return hash(self.value)

    def conjugate(self) -> Digits:
        """Itself: it is real."""
        return self

    def square(self) -> Digits:
        """x * x."""
        return Digits(self.value * self.value)

    def exp2(self) -> Digits:
        """2 ** x."""
        return Digits(_context.mpf(2) ** self.value)

    def log2(self) -> Digits:
        """Logarithm to base 2."""
        return Digits(_context.log(self.value, 2))

    def rint(self) -> Digits:
        """The nearest whole number."""
        return Digits(_context.nint(self.value))

    def __floor__(self) -> Digits:
        """The whole number below."""
        return Digits(_context.floor(self.value))

    def __ceil__(self) -> Digits:
        """The whole number above."""
        return Digits(_context.ceil(self.value))

    def arctan2(self, other: Any) -> Digits:
        """Angle of the point (other, self)."""
        return Digits(_context.atan2(self.value, _number(other)))

    def hypot(self, other: Any) -> Digits:
        """Length of (self, other)."""
        return Digits(_context.hypot(self.value, _number(other)))


def _number(x: Any) -> Any:
    return (
        x.value if isinstance(x, Digits) else _context.mpf(x if hasattr(x, "_mpf_") else float(x))
    )


def _function(name: str) -> Callable[[Digits], Digits]:
    computed = getattr(_context, name)

    def method(self: Digits) -> Digits:
        found = computed(self.value)
        if isinstance(found, _context.mpc):  # Beyond its domain, as NumPy's functions have it.
            return Digits("nan")
        return Digits(found)

    return method


def _operator(name: str, wrap: bool) -> Callable[..., Any]:
    def method(self: Digits, *other: Any) -> Any:
        if not all(isinstance(x, (Digits, int, float, np.number, np.bool_)) for x in other):
            return NotImplemented
        found = getattr(self.value, name)(*(_number(x) for x in other))
        if isinstance(found, _context.mpc):
            return Digits("nan")
        return Digits(found) if wrap else found

    return method


for _name in _SAME_NAME:
    setattr(Digits, _name, _function(_name))
for _name, _theirs in _RENAMED.items():
    setattr(Digits, _name, _function(_theirs))
for _name in "add sub mul truediv pow mod".split():
    setattr(Digits, f"__{_name}__", _operator(f"__{_name}__", wrap=True))
    setattr(Digits, f"__r{_name}__", _operator(f"__r{_name}__", wrap=True))
for _name in "neg pos abs".split():
    setattr(Digits, f"__{_name}__", _operator(f"__{_name}__", wrap=True))
for _name in "lt le gt ge eq ne".split():
    setattr(Digits, f"__{_name}__", _operator(f"__{_name}__", wrap=False))


def slopes_in_digits(
    f: Callable[[Sequence[Any]], Sequence[Any]],
    name: str,
    inputs: Sequence[Any],
    place: tuple[int, tuple[int, ...]],
) -> tuple[Any, Any, Any]:
    """Slopes along a coordinate in 50 digits: from both sides, from the left, from the right.

    Args:
        f: Outputs for inputs, which are given as arrays of `Digits`.
        name: Of the function, for messages.
        inputs: Arrays; those of floats are changed into digits.
        place: Input, and index in it, of the coordinate.

    Raises:
        CheckError: The function cannot be computed with such numbers.
    """
    i, index = place
    size = abs(_context.mpf(float(inputs[i][index]))) or _context.mpf(1)
    step = size * _context.mpf(_STEP)
    low, middle, high = (_values(f, name, inputs, i, index, n * step) for n in (-1, 0, 1))
    sides = [
        [_context.fdiv(b - a, step) for a, b in zip(x, y, strict=True)]
        for x, y in ((low, middle), (middle, high))
    ]
    left, right = (np.array([float(s) for s in side]) for side in sides)
    both = np.array([float((a + b) / 2) for a, b in zip(*sides, strict=True)])
    return both, left, right


def _values(
    f: Callable[[Sequence[Any]], Sequence[Any]],
    name: str,
    inputs: Sequence[Any],
    i: int,
    index: tuple[int, ...],
    change: Any,
) -> list[Any]:
    """Outputs end to end as plain numbers of 50 digits."""
    given = [_in_digits(x) if x.dtype.kind == "f" else np.array(x) for x in inputs]
    given[i][index] = Digits(given[i][index].value + change)
    try:
        outputs = [np.asarray(y) for y in f(given)]
        flat = [y for out in outputs for y in out.ravel().tolist()]
        return [_number(y) for y in flat]
    except CheckError:
        raise
    except Exception as error:
        raise CheckError(
            f"gradcheck: {name}: exact='mpmath' gives f arrays of objects with {DIGITS} digits, "
            f"which it could not compute with: {type(error).__name__}: {error}; expected plain "
            "arithmetic and NumPy's functions such as exp, log, sin, sqrt, tanh, sum; or give "
            "exact= the same function, written for such arrays"
        ) from error


def _in_digits(x: Any) -> Any:
    made = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        made[at] = Digits(float(x[at]))
    return made
