"""Comparisons, and choosing between values by a condition."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "not_equal",
    "where",
]


def _two(draw: Draw) -> Sample:
    return tuple(draw.array(shape) for shape in draw.shapes(2)), {}


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


def _choice(draw: Draw) -> Sample:
    condition, a, b = draw.shapes(3)
    return (draw.mask(condition), draw.array(a), draw.array(b)), {}


@op(
    kernel="where",
    vjp=(
        None,
        lambda g, y, condition, a, b: where(condition, g, 0.0),
        lambda g, y, condition, a, b: where(condition, 0.0, g),
    ),
    kind=Kind.GENERAL,
    jvp=lambda t, y, condition, a, b: where(
        condition, 0.0 if t[1] is None else t[1], 0.0 if t[2] is None else t[2]
    ),
    samples=_choice,
    numpy="where",
)
def where(condition: Any, a: Any, b: Any, /) -> Any:
    """`a` where `condition` holds, else `b`, elementwise with broadcasting.

    The side that was not selected gets a gradient of exactly 0, also where its value is
    NaN or infinite; to keep NaN out of the *rule* of what lies behind it, choose a safe
    input first ("double where").
    """
