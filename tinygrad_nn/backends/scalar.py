"""Array-API names for Python floats, with IEEE 754 results where `math` would raise.

`Value` promises the arithmetic of the machine: `log(0)` is -inf and `1/0` is inf, as in
NumPy, so that one rule text serves floats and arrays.
"""

from __future__ import annotations

import math
import operator

from tinygrad_nn.backends.scalar_math import *  # noqa: F403
from tinygrad_nn.errors import OperandError

add = operator.add
subtract = operator.sub
multiply = operator.mul
negative = operator.neg
positive = operator.pos
abs = operator.abs
tanh = math.tanh
equal = operator.eq
not_equal = operator.ne
less = operator.lt
less_equal = operator.le
greater = operator.gt
greater_equal = operator.ge
isnan = math.isnan
isinf = math.isinf
isfinite = math.isfinite

inf = math.inf
nan = math.nan
pi = math.pi


def divide(a: float, b: float) -> float:
    """a / b; a zero divisor gives ±inf or NaN."""
    try:
        return a / b
    except ZeroDivisionError:
        if a == 0 or math.isnan(a):
            return nan
        return math.copysign(inf, a) * math.copysign(1.0, b)


def pow(a: float, b: float) -> float:
    """a ** b in the reals: NaN where the result would be complex."""
    try:
        result = a**b
    except ZeroDivisionError:
        return math.copysign(inf, a) if b % 2 == 1 else inf
    except OverflowError:
        if a < 0 and b % 1:
            return nan
        return -inf if a < 0 and b % 2 == 1 else inf
    return nan if isinstance(result, complex) else result


def exp(x: float) -> float:
    """e**x; overflow gives inf."""
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def log(x: float) -> float:
    """Natural logarithm; -inf at 0, NaN below."""
    if x > 0:
        return math.log(x)
    return -inf if x == 0 else nan


def sqrt(x: float) -> float:
    """Square root; NaN below 0."""
    return math.sqrt(x) if x >= 0 else nan


def sign(x: float) -> float:
    """-1, 0 or 1; NaN for NaN."""
    return nan if math.isnan(x) else float((x > 0) - (x < 0))


def where(condition: bool, a: float, b: float) -> float:
    """`a` if `condition`, else `b`."""
    return a if condition else b


def contract(*operands: float, subscripts: str) -> float:
    """Product: numbers have no axes to sum over."""
    return math.prod(operands)


class _MissingError(OperandError, AttributeError):
    """A function of arrays was asked of numbers."""


def __getattr__(name: str) -> object:
    raise _MissingError(
        f"{name}: not defined for numbers, expected an array; convert a Value with "
        "tinygrad_nn.tensor(value.data)"
    )
