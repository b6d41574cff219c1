"""Comparisons, logic, and choosing between values by a condition."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Domain, Draw, Sample

__all__ = [
    "allclose",
    "array_equal",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "invert",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "masked",
    "not_equal",
    "signbit",
    "where",
]


def _one(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {}


def _two(draw: Draw) -> Sample:
    return tuple(draw.array(shape) for shape in draw.shapes(2)), {}


def _one_mask(draw: Draw) -> Sample:
    return (draw.mask(draw.shape()),), {}


def _two_masks(draw: Draw) -> Sample:
    return tuple(draw.mask(shape) for shape in draw.shapes(2)), {}


# ── Comparisons ─────────────────────────────────────────────────────────────────────────


@op(kernel="equal", kind=Kind.CONSTANT, samples=_two, numpy="equal")
def equal(a: Any, b: Any, /) -> Any:
    """a == b, elementwise; bool, no gradient."""


@op(kernel="not_equal", kind=Kind.CONSTANT, samples=_two, numpy="not_equal")
def not_equal(a: Any, b: Any, /) -> Any:
    """a != b, elementwise; bool, no gradient."""


@op(kernel="less", kind=Kind.CONSTANT, samples=_two, numpy="less")
def less(a: Any, b: Any, /) -> Any:
    """a < b, elementwise; bool, no gradient."""


@op(kernel="less_equal", kind=Kind.CONSTANT, samples=_two, numpy="less_equal")
def less_equal(a: Any, b: Any, /) -> Any:
    """a <= b, elementwise; bool, no gradient."""


@op(kernel="greater", kind=Kind.CONSTANT, samples=_two, numpy="greater")
def greater(a: Any, b: Any, /) -> Any:
    """a > b, elementwise; bool, no gradient."""


@op(kernel="greater_equal", kind=Kind.CONSTANT, samples=_two, numpy="greater_equal")
def greater_equal(a: Any, b: Any, /) -> Any:
    """a >= b, elementwise; bool, no gradient."""


def _nearly(draw: Draw) -> Sample:
    (a, b), _ = _two(draw)
    return (a, b), {"rtol": draw.choice([1e-5, 0.5]), "atol": 0.0, "equal_nan": True}


@op(kernel="isclose", kind=Kind.CONSTANT, samples=_nearly, numpy="isclose")
def isclose(
    a: Any, b: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether |a - b| ≤ atol + rtol · |b|, elementwise; bool, no gradient."""


@op(kind=Kind.CONSTANT, samples=_nearly)
def _all_close(a: Any, b: Any, /, rtol: float, atol: float, equal_nan: bool) -> Any:
    """Whether `isclose` holds for all elements."""
    xp = namespace(a if hasattr(a, "shape") else b)
    return xp.all(xp.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(
    a: Any, b: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds for all elements; a Python bool, as NumPy's."""
    return bool(_all_close(a, b, rtol, atol, equal_nan))


@op(kernel="array_equal", kind=Kind.CONSTANT, samples=_two)
def _all_equal(a: Any, b: Any, /, equal_nan: bool = False) -> Any:
    """Whether shapes and elements are the same."""


def array_equal(a: Any, b: Any, /, equal_nan: bool = False) -> bool:
    """Whether shapes and elements are the same; a Python bool, as NumPy's."""
    return bool(_all_equal(a, b, equal_nan))


# ── Properties ──────────────────────────────────────────────────────────────────────────


@op(kernel="isnan", kind=Kind.CONSTANT, samples=_one, numpy="isnan")
def isnan(x: Any, /) -> Any:
    """Whether `x` is NaN, elementwise; bool, no gradient."""


@op(kernel="isinf", kind=Kind.CONSTANT, samples=_one, numpy="isinf")
def isinf(x: Any, /) -> Any:
    """Whether `x` is infinite, elementwise; bool, no gradient."""


@op(kernel="isfinite", kind=Kind.CONSTANT, samples=_one, numpy="isfinite")
def isfinite(x: Any, /) -> Any:
    """Whether `x` is neither infinite nor NaN, elementwise; bool, no gradient."""


@op(kind=Kind.CONSTANT, samples=_one, numpy="isposinf")
def isposinf(x: Any, /) -> Any:
    """Whether `x` is +inf, elementwise; bool, no gradient."""
    return x == float("inf")


@op(kind=Kind.CONSTANT, samples=_one, numpy="isneginf")
def isneginf(x: Any, /) -> Any:
    """Whether `x` is -inf, elementwise; bool, no gradient."""
    return x == -float("inf")


@op(kernel="signbit", kind=Kind.CONSTANT, samples=_one, numpy="signbit")
def signbit(x: Any, /) -> Any:
    """Whether the sign of `x` is minus, also for -0, elementwise; bool, no gradient."""


# ── Logic ───────────────────────────────────────────────────────────────────────────────


@op(kernel="logical_and", kind=Kind.CONSTANT, samples=_two_masks, numpy="logical_and")
def logical_and(a: Any, b: Any, /) -> Any:
    """Whether `a` and `b` are nonzero, elementwise; bool, no gradient."""


@op(kernel="logical_or", kind=Kind.CONSTANT, samples=_two_masks, numpy="logical_or")
def logical_or(a: Any, b: Any, /) -> Any:
    """Whether `a`, `b` or both are nonzero, elementwise; bool, no gradient."""


@op(kernel="logical_xor", kind=Kind.CONSTANT, samples=_two_masks, numpy="logical_xor")
def logical_xor(a: Any, b: Any, /) -> Any:
    """Whether exactly one of `a` and `b` is nonzero, elementwise; bool, no gradient."""


@op(kernel="logical_not", kind=Kind.CONSTANT, samples=_one_mask, numpy="logical_not")
def logical_not(x: Any, /) -> Any:
    """Whether `x` is zero, elementwise; bool, no gradient."""


@op(kernel="bitwise_and", kind=Kind.CONSTANT, samples=_two_masks, numpy="bitwise_and")
def bitwise_and(a: Any, b: Any, /) -> Any:
    """a & b of bools or integers, elementwise; no gradient."""


@op(kernel="bitwise_or", kind=Kind.CONSTANT, samples=_two_masks, numpy="bitwise_or")
def bitwise_or(a: Any, b: Any, /) -> Any:
    """a | b of bools or integers, elementwise; no gradient."""


@op(kernel="bitwise_xor", kind=Kind.CONSTANT, samples=_two_masks, numpy="bitwise_xor")
def bitwise_xor(a: Any, b: Any, /) -> Any:
    """a ^ b of bools or integers, elementwise; no gradient."""


@op(kernel="invert", kind=Kind.CONSTANT, samples=_one_mask, numpy="invert")
def invert(x: Any, /) -> Any:
    """~x of bools or integers, elementwise; no gradient."""


bitwise_not = invert


# ── Choosing ────────────────────────────────────────────────────────────────────────────


@op(kernel="zeros_like", kind=Kind.CONSTANT, domain=Domain())
def no_gradient(g: Any, /) -> Any:
    """Zeros like `g`, for an infinite `g` too: the gradient of what ignores its input."""


def _masked(draw: Draw) -> Sample:
    x, mask = draw.shapes(2)
    return (draw.array(x), draw.mask(mask)), {}


def _masked_slope(g: Any, y: Any, x: Any, mask: Any) -> Any:
    return masked(g, mask)


@op(
    kernel="masked",
    vjp=(_masked_slope, lambda g, y, x, mask: no_gradient(g)),
    kind=Kind.ELEMENTWISE,
    samples=_masked,
)
def masked(x: Any, mask: Any, /) -> Any:
    """`x` where `mask` holds, else exactly 0, elementwise with broadcasting.

    Unlike `x * mask` also where `x` is NaN or infinite, and quicker than `where(mask, x, 0)`.
    d/dx = 1 where `mask` holds, else 0; the mask has no gradient.
    """


def _choice(draw: Draw) -> Sample:
    condition, a, b = draw.shapes(3)
    return (draw.mask(condition), draw.array(a), draw.array(b)), {}


def _where_push(t: Any, y: Any, condition: Any, a: Any, b: Any) -> Any:
    return where(condition, 0.0 if t[1] is None else t[1], 0.0 if t[2] is None else t[2])


@op(
    kernel="where",
    vjp=(
        lambda g, y, condition, a, b: no_gradient(g),
        lambda g, y, condition, a, b: masked(g, condition),
        lambda g, y, condition, a, b: masked(g, logical_not(condition)),
    ),
    kind=Kind.GENERAL,
    jvp=_where_push,
    samples=_choice,
    numpy="where",
)
def where(condition: Any, a: Any, b: Any, /) -> Any:
    """`a` where `condition` holds, else `b`, elementwise with broadcasting.

    The side that was not selected gets a gradient of exactly 0, also where its value is
    NaN or infinite; to keep NaN out of the *rule* of what lies behind it, choose a safe
    input first ("double where").
    """
