"""Functions of one number that LLVM can work out for a whole vector at once: no branch, no call.

numba's own exponential is libm's, called for each element: 16 times slower than NumPy's. The
approximations are those of S. Moshier's Cephes library (Methods and Programs for Mathematical
Functions, 1989), with the special values chosen instead of branched to. At most 2 units in the
last place from the truth where not said otherwise (tanh: 2.5), which tests/compiler measures.

Imported by generated modules alone, since it imports numba.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan, sqrt
from typing import Any, TypeVar

from numba import float32 as f4
from numba import float64 as f8
from numba import int32, int64

from tinygrad_nn.compiler.numba.kept import inner
from tinygrad_nn.compiler.numba.runtime import bits

__all__ = ["NAMES"]

NAMES = ("exp", "expm1", "log", "log1p", "tanh")
"""For each of them there is a function for float32, `exp_f4`, and one for float64, `exp_f8`."""

_bits_f4, _bits_f8, _bits_i4, _bits_i8 = bits["f4"], bits["f8"], bits["i4"], bits["i8"]
_F = TypeVar("_F", bound=Callable[..., Any])


def _inline(function: _F) -> _F:
    # Put into every caller: where it stays a call no loop becomes vectors, at ten times the time.
    # A product and a sum may be rounded once: a fifth less time for GELU, and a smaller error.
    return inner(function, forceinline=True, fastmath={"contract"})


# ── Exponential: x = n ln 2 + r, and the power of two is put into the exponent ──────────


@_inline
def exp_f4(x: Any) -> Any:
    """e^x. Adding and taking away 1.5 · 2²³ rounds to whole numbers."""
    y = x if x > f4(-104.0) else f4(-104.0)
    y = y if y < f4(89.0) else f4(89.0)
    n = (y * f4(1.4426950408889634) + f4(12582912.0)) - f4(12582912.0)
    r = (y - n * f4(0.693359375)) - n * f4(-2.12194440e-4)
    p = f4(1.9875691500e-4) * r + f4(1.3981999507e-3)
    p = p * r + f4(8.3334519073e-3)
    p = p * r + f4(4.1665795894e-2)
    p = p * r + f4(1.6666665459e-1)
    p = p * r + f4(5.0000001201e-1)
    z = (r * r * p + r) + f4(1.0)
    # In two factors, since 2ⁿ alone may overflow or be subnormal.
    k = int32(n)
    half = int32(k >> int32(1))
    first = _bits_f4(int32(int32(half + int32(127)) << int32(23)))
    second = _bits_f4(int32(int32(int32(k - half) + int32(127)) << int32(23)))
    w = z * first * second
    return w if x == x else x  # noqa: PLR0124  (NaN)


@_inline
def exp_f8(x: Any) -> Any:
    """e^x."""
    y = x if x > -746.0 else -746.0  # noqa: PLR2004
    y = y if y < 710.0 else 710.0  # noqa: PLR2004
    n = (y * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0
    r = (y - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6
    s = r * r
    p = (1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 9.99999999999999999910e-1
    q = (3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1
    q = q * s + 2.00000000000000000009e0
    p = r * p
    z = 1.0 + 2.0 * (p / (q - p))
    k = int64(n)
    half = k >> 1
    w = z * _bits_f8((half + 1023) << 52) * _bits_f8((k - half + 1023) << 52)
    return w if x == x else x  # noqa: PLR0124


# ── Hyperbolic tangent: a polynomial near zero, the exponential elsewhere ───────────────


@_inline
def _tanh_small_f4(x: Any) -> Any:
    """Up to 0.625."""
    s = x * x
    p = f4(-5.70498872745e-3) * s + f4(2.06390887954e-2)
    p = p * s + f4(-5.37397155531e-2)
    p = p * s + f4(1.33314422036e-1)
    p = p * s + f4(-3.33332819422e-1)
    w = p * s * x + x
    return w if x != f4(0.0) else x  # keeps the sign of zero


@_inline
def tanh_f4(x: Any) -> Any:
    """m / (m + 2) with m = e^2|x| − 1 = (2ⁿ − 1) + 2ⁿ (e^r − 1), which cancels nowhere.

    One polynomial for all x: two thirds of the time of two and a choice. The sign is put back as
    a bit, which keeps that of zero: a tenth less than to choose between w and −w. A quotient of
    two polynomials takes a fifth less again, and is 6 units in the last place from the truth.
    """
    y = abs(x + x)
    y = f4(18.04) if y > f4(18.04) else y  # from here on it is 1; NaN stays
    t = y * f4(1.4426950408889634) + f4(12582912.0)
    n = t - f4(12582912.0)
    r = y - n * f4(0.6931471805599453)  # where n is large, what is lost here does not count
    p = f4(1.9875691500e-4) * r + f4(1.3981999507e-3)
    p = p * r + f4(8.3334519073e-3)
    p = p * r + f4(4.1665795894e-2)
    p = p * r + f4(1.6666665459e-1)
    p = p * r + f4(5.0000001201e-1)
    power = _bits_f4(int32(int32(_bits_i4(t) << int32(23)) + int32(127 << 23)))
    m = power * (r * r * p + r) + (power - f4(1.0))
    w = m / (m + f4(2.0))
    return _bits_f4(int32(_bits_i4(w) | int32(_bits_i4(x) & int32(-(2**31)))))


@_inline
def _tanh_small_f8(x: Any) -> Any:
    """Up to 0.625."""
    s = x * x
    p = (-9.64399179425052238628e-1 * s - 9.92877231001918586564e1) * s - 1.61468768441708447952e3
    q = (
        (s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3
    ) * s + 4.84406305325125486048e3
    w = x + x * s * (p / q)
    return w if x != 0.0 else x


@_inline
def tanh_f8(x: Any) -> Any:
    """(e^x − e^−x) / (e^x + e^−x)."""
    size = abs(x)
    far = 1.0 - 2.0 / (exp_f8(size + size) + 1.0)
    near = _tanh_small_f8(x)
    far = far if x > 0.0 else -far
    return far if size > 0.625 else near  # noqa: PLR2004


# ── e^x − 1 without cancellation: 2 t / (1 − t) with t = tanh(x / 2) near zero ──────────


@_inline
def expm1_f4(x: Any) -> Any:
    """e^x − 1; up to 3 units in the last place."""
    t = _tanh_small_f4(f4(0.5) * x)
    near = (t + t) / (f4(1.0) - t)
    far = exp_f4(x) - f4(1.0)
    return near if abs(x) < f4(1.0) else far


@_inline
def expm1_f8(x: Any) -> Any:
    """e^x − 1; up to 3 units in the last place."""
    t = _tanh_small_f8(0.5 * x)
    near = (t + t) / (1.0 - t)
    far = exp_f8(x) - 1.0
    return near if abs(x) < 1.0 else far


# ── Logarithm: x = 2ᵉ m with m in [√½, √2) ──────────────────────────────────────────────


@_inline
def log_f4(x: Any) -> Any:
    """ln x."""
    tiny = x < f4(1.1754943508222875e-38)
    y = x * f4(8388608.0) if tiny else x
    word = _bits_i4(y)
    e = f4(int32(int32(word >> int32(23)) & int32(255)) - int32(126))
    e = e - f4(23.0) if tiny else e
    m = _bits_f4(int32(int32(word & int32(0x007FFFFF)) | int32(0x3F000000)))
    low = m < f4(sqrt(0.5))
    e = e - f4(1.0) if low else e
    m = (m + m) - f4(1.0) if low else m - f4(1.0)
    s = m * m
    p = f4(7.0376836292e-2) * m + f4(-1.1514610310e-1)
    p = p * m + f4(1.1676998740e-1)
    p = p * m + f4(-1.2420140846e-1)
    p = p * m + f4(1.4249322787e-1)
    p = p * m + f4(-1.6668057665e-1)
    p = p * m + f4(2.0000714765e-1)
    p = p * m + f4(-2.4999993993e-1)
    p = p * m + f4(3.3333331174e-1)
    y = p * m * s + f4(-2.12194440e-4) * e - f4(0.5) * s
    w = m + y + f4(0.693359375) * e
    w = w if x < f4(inf) else x
    w = w if x != f4(0.0) else f4(-inf)
    return w if x >= f4(0.0) else f4(nan)


@_inline
def log_f8(x: Any) -> Any:
    """ln x."""
    tiny = x < 2.2250738585072014e-308  # noqa: PLR2004
    y = x * 18014398509481984.0 if tiny else x
    word = _bits_i8(y)
    e = f8(((word >> 52) & 2047) - 1022)
    e = e - 54.0 if tiny else e
    m = _bits_f8((word & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000)
    low = m < sqrt(0.5)
    e = e - 1.0 if low else e
    m = (m + m) - 1.0 if low else m - 1.0
    s = m * m
    p = 1.01875663804580931796e-4 * m + 4.97494994976747001425e-1
    p = p * m + 4.70579119878881725854e0
    p = p * m + 1.44989225341610930846e1
    p = p * m + 1.79368678507819816313e1
    p = p * m + 7.70838733755885391666e0
    q = (m + 1.12873587189167450590e1) * m + 4.52279145837532221105e1
    q = q * m + 8.29875266912776603211e1
    q = q * m + 7.11544750618563894466e1
    q = q * m + 2.31251620126765340583e1
    y = m * (s * (p / q)) - e * 2.121944400546905827679e-4 - 0.5 * s
    w = m + y + e * 0.693359375
    w = w if x < inf else x
    w = w if x != 0.0 else -inf
    return w if x >= 0.0 else nan


# ── ln(1 + x): what 1 + x rounds away is put back, W. Kahan's way ───────────────────────


@_inline
def log1p_f4(x: Any) -> Any:
    """ln(1 + x)."""
    u = f4(1.0) + x
    w = log_f4(u) - ((u - f4(1.0)) - x) / u
    return (
        w
        if (u > f4(0.0)) and (u < f4(inf)) and (x != f4(0.0))
        else (x if u > f4(0.0) else log_f4(u))
    )


@_inline
def log1p_f8(x: Any) -> Any:
    """ln(1 + x)."""
    u = 1.0 + x
    w = log_f8(u) - ((u - 1.0) - x) / u
    return w if (u > 0.0) and (u < inf) and (x != 0.0) else (x if u > 0.0 else log_f8(u))
