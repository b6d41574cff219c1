"""Elementwise functions of Python floats: Python's own, with IEEE 754 results for its errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_nn.backends import gamma, special

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "gelu",
    "gelu_slope",
    "heaviside",
    "hypot",
    "i0",
    "isclose",
    "lgamma",
    "log1p",
    "log2",
    "log10",
    "log_ndtr",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "masked",
    "maximum",
    "minimum",
    "nan_to_num",
    "ndtr",
    "ndtri",
    "psi",
    "rad2deg",
    "reciprocal",
    "relu",
    "relu_slope",
    "remainder",
    "rint",
    "round",
    "sigmoid",
    "signbit",
    "sin",
    "sinc",
    "sinc_derivative",
    "sinh",
    "square",
    "tan",
    "trunc",
    "xlog1py",
    "xlogy",
    "zeros_like",
]

inf, nan = math.inf, math.nan
_SQRT_HALF = math.sqrt(0.5)
# As of `gelu.py`.
_GELU_RATE, _GELU_CUBIC, _GELU_FAR = math.sqrt(2 / math.pi), 0.044715, 100.0
Unary = Callable[[float], float]


def _ieee(function: Unary, poles: dict[float, float] | None = None, odd: bool = False) -> Unary:
    """`function` with infinity for overflow, its limits at poles, and NaN outside its domain."""
    limits = poles or {}

    @wraps(function)
    def call(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return -inf if odd and x < 0 else inf
        except ValueError:
            return limits.get(x, nan)

    return call


arccos, arccosh, arcsin = _ieee(math.acos), _ieee(math.acosh), _ieee(math.asin)
arcsinh, arctan, arctan2 = math.asinh, math.atan, math.atan2
arctanh = _ieee(math.atanh, {1.0: inf, -1.0: -inf})
cbrt, copysign, hypot, square = math.cbrt, math.copysign, math.hypot, _ieee(lambda x: x * x)
sin, cos, tan = _ieee(math.sin), _ieee(math.cos), _ieee(math.tan)
sinh, cosh = _ieee(math.sinh, odd=True), _ieee(math.cosh)
exp2, expm1 = _ieee(math.exp2), _ieee(math.expm1)
log2, log10 = _ieee(math.log2, {0.0: -inf}), _ieee(math.log10, {0.0: -inf})
log1p = _ieee(math.log1p, {-1.0: -inf})
deg2rad, rad2deg = math.radians, math.degrees
erf, erfc = math.erf, math.erfc
lgamma = _ieee(lambda x: inf if x <= 0 and x == math.floor(x) else math.lgamma(x), {-inf: inf})


def i0(x: float) -> float:
    """Modified Bessel function; infinite from 714."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.i0(x))


def reciprocal(x: float) -> float:
    """1 / x; ±inf at 0."""
    return 1.0 / x if x else math.copysign(inf, x)


def remainder(a: float, b: float) -> float:
    """a - b · floor(a / b), with the sign of b; NaN for b = 0."""
    return a % b if b and math.isfinite(a) else nan


def fmod(a: float, b: float) -> float:
    """a - b · trunc(a / b), with the sign of a; NaN for b = 0."""
    return math.fmod(a, b) if b and math.isfinite(a) else nan


def floor_divide(a: float, b: float) -> float:
    """Floor of a / b; ±inf or NaN for b = 0."""
    if b:
        return a // b
    return nan if not a or math.isnan(a) else math.copysign(inf, a) * math.copysign(1.0, b)


# ── Of two numbers ──────────────────────────────────────────────────────────────────────


def maximum(a: float, b: float) -> float:
    """The larger; NaN if one is."""
    return a if a >= b or math.isnan(a) else b


def minimum(a: float, b: float) -> float:
    """The smaller; NaN if one is."""
    return a if a <= b or math.isnan(a) else b


def fmax(a: float, b: float) -> float:
    """The larger; the other one if one is NaN."""
    return a if a >= b or math.isnan(b) else b


def fmin(a: float, b: float) -> float:
    """The smaller; the other one if one is NaN."""
    return a if a <= b or math.isnan(b) else b


def logaddexp(a: float, b: float) -> float:
    """ln(e^a + e^b)."""
    if a == b:
        return a + math.log(2.0)
    return maximum(a, b) + math.log1p(math.exp(-math.fabs(a - b)))


def logaddexp2(a: float, b: float) -> float:
    """log₂(2^a + 2^b)."""
    if a == b:
        return a + 1.0
    return maximum(a, b) + math.log1p(math.exp2(-math.fabs(a - b))) / math.log(2.0)


def heaviside(x: float, h0: float) -> float:
    """0 below 0, `h0` at 0, 1 above."""
    return x if math.isnan(x) else h0 if x == 0 else float(x > 0)


# ── Rounding, masks, logic ──────────────────────────────────────────────────────────────


def _rounded(function: Callable[[float], float]) -> Unary:
    def call(x: float) -> float:
        return math.copysign(float(function(x)), x) if math.isfinite(x) else x

    return call


_nearest = round
trunc, rint = _rounded(math.trunc), _rounded(_nearest)
floor, ceil = _rounded(math.floor), _rounded(math.ceil)


def round(x: float, decimals: int = 0) -> float:
    """Nearest multiple of 10^-decimals; halves to the even one."""
    return _nearest(x, decimals)


def masked(x: float, mask: bool) -> float:
    """`x` if `mask`, else 0."""
    return x if mask else 0.0


def zeros_like(x: float) -> float:
    """0."""
    return 0.0


def nan_to_num(
    x: float, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> float:
    """`x` with numbers in place of NaN and infinities."""
    largest = 1.7976931348623157e308
    if math.isnan(x):
        return nan
    if x == inf:
        return largest if posinf is None else posinf
    if x == -inf:
        return -largest if neginf is None else neginf
    return x


def signbit(x: float) -> bool:
    """Whether the sign is minus, also that of -0."""
    return math.copysign(1.0, x) < 0


def isclose(
    a: float, b: float, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |a - b| ≤ atol + rtol |b|."""
    if math.isnan(a) or math.isnan(b):
        return equal_nan and math.isnan(a) is math.isnan(b)
    return a == b or (math.isfinite(b) and math.fabs(a - b) <= atol + rtol * math.fabs(b))


def logical_and(a: float, b: float) -> bool:
    """Both nonzero."""
    return bool(a) and bool(b)


def logical_or(a: float, b: float) -> bool:
    """One nonzero, or both."""
    return bool(a) or bool(b)


def logical_xor(a: float, b: float) -> bool:
    """One nonzero, not both."""
    return bool(a) is not bool(b)


def logical_not(x: float) -> bool:
    """Zero."""
    return not x


# ── Networks, statistics ────────────────────────────────────────────────────────────────


def relu(x: float) -> float:
    """max(x, 0); NaN stays NaN."""
    return 0.0 if x <= 0 else x


def relu_slope(g: float, y: float, x: float) -> float:
    """The rule of `relu`: 0.1 µs, where its two operations take 1.2."""
    return g if x > 0 else 0.0


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def sinc(x: float) -> float:
    """sin(πx) / (πx)."""
    t = math.pi * x
    return sin(t) / t if t else 1.0


def _from_arrays(function: Callable[..., Any]) -> Callable[..., float]:
    @wraps(function)
    def call(x: float, *static: Any, **named: Any) -> float:
        return float(function(np.float64(x), *static, **named))

    return call


entr, erfcx, erfinv = map(_from_arrays, (special.entr, special.erfcx, special.erfinv))
log_ndtr, logit = map(_from_arrays, (special.log_ndtr, special.logit))
ndtri, psi = map(_from_arrays, (special.ndtri, gamma.psi))
sinc_derivative = _from_arrays(special.sinc_derivative)


def ndtr(x: float) -> float:
    """Normal distribution function; a hundred times quicker than one element of the arrays'."""
    return 0.5 * math.erfc(-x * _SQRT_HALF)


def gelu(x: float, approximate: str) -> float:
    """x · Φ(x)."""
    return x * _gelu_share(x, approximate)[0]


def gelu_slope(g: float, x: float, approximate: str) -> float:
    """g times the derivative of `gelu` at x."""
    share, slope = _gelu_share(x, approximate)
    return g * (share + x * slope)


def _gelu_share(x: float, approximate: str) -> tuple[float, float]:
    """Φ(x), or what is near it, and its derivative."""
    if approximate != "tanh":
        return ndtr(x), math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    t = math.tanh(x * (_GELU_RATE + _GELU_RATE * _GELU_CUBIC * (x * x)))
    inner = _GELU_RATE + 3.0 * _GELU_RATE * _GELU_CUBIC * min(x * x, _GELU_FAR)
    return 0.5 * (1.0 + t), 0.5 * (1.0 - t * t) * inner


def xlogy(x: float, y: float) -> float:
    """x ln y, and 0 where x is 0."""
    if x == 0 and not math.isnan(y):
        return 0.0
    return x * (math.log(y) if y > 0 else -inf if y == 0 else nan)


def xlog1py(x: float, y: float) -> float:
    """x ln(1 + y), and 0 where x is 0."""
    return 0.0 if x == 0 and not math.isnan(y) else x * log1p(y)
