"""Multiply-adds of operations, from the shapes of what they were called with.

One multiply-add is one product added to a sum, half of what is often called two operations.
Elementwise work is not counted: beside the products it is small.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

__all__ = ["COSTS", "FREE", "multiply_adds"]

Shape = tuple[int, ...]


def _contract(shapes: list[Shape], out: Shape, params: dict[str, Any]) -> int:
    terms = params["subscripts"].split("->")[0].split(",")
    if len(terms) < 2:
        return 0
    sides: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, side in zip(term, shape, strict=True):
            sides[label] = max(side, sides.get(label, 0))
    return prod(sides.values())


def _attention(shapes: list[Shape], out: Shape, params: dict[str, Any]) -> int:
    q, k, v = shapes[:3]
    # The scores of each query with each key, and their sums of values.
    return prod(out[:-1]) * k[-2] * (q[-1] + v[-1])


def _self_attention(shapes: list[Shape], out: Shape, params: dict[str, Any]) -> int:
    q = shapes[0][1:]
    return prod(q[:-1]) * q[-2] * 2 * q[-1]


def _tables(shapes: list[Shape]) -> int:
    return sum(prod(s) for s in shapes if len(s) == 2)


COSTS: dict[str, Callable[[list[Shape], Shape, dict[str, Any]], int]] = {
    "attention": _attention,
    "contract": _contract,
    "convolution": lambda shapes, out, params: prod(out) * prod(shapes[1][1:]),
    "convolution_transpose": lambda shapes, out, params: prod(shapes[0]) * prod(shapes[1][1:]),
    "convolution_weight": lambda shapes, out, params: prod(shapes[1]) * prod(out[1:]),
    "_convolve": lambda shapes, out, params: prod(shapes[0]) * prod(shapes[1]),
    "_dot_over": lambda shapes, out, params: prod(shapes[0]),
    "gru": lambda shapes, out, params: out[0] * sum(map(prod, shapes[2:4])),
    "_lstm": lambda shapes, out, params: out[0] * out[2] * _tables(shapes[3:]),
    "_lstm_rows": lambda shapes, out, params: out[0] * _tables(shapes[3:]),
    "rnn": lambda shapes, out, params: out[0] * sum(map(prod, shapes[2:4])),
    "linear": lambda shapes, out, params: prod(out) * shapes[1][-1],
    "matmul": lambda shapes, out, params: prod(out) * shapes[0][-1],
    "neuron": lambda shapes, out, params: len(shapes) // 2,
    "self_attention": _self_attention,
}
"""Operation to its multiply-adds, given the shapes of its arguments, of its result, and its
static arguments."""

FREE = frozenset(
    {
        # Rules of fused operations, which the way forward does not call.
        "attention_slope",
        "_lstm_slope",
        "self_attention_slope",
        "_row_slopes",
        "_standardize_slope",
        # They choose, move or compare, or multiply each number once.
        "add_rows",
        "_concat",
        "nll",
        "pick",
        "place",
        "pool_pick",
        "pool_place",
        "put_at",
        "rows",
        "select_at",
        "_add_at",
        "_stack",
        "standardize",
        "thin",
        "where",
        "alias",
        # Of linear algebra: not counted in multiply-adds.
        "expm_along",
        "solve",
    }
)
"""Operations of several arguments that are no sums of products."""


def multiply_adds(op: Any, shapes: list[Shape], out: Shape, params: Any) -> int | None:
    """Multiply-adds of one call; None where the static arguments would have to be known."""
    cost = COSTS.get(op.key)
    if cost is None:
        return 0
    try:
        return cost(shapes, out, params or {})
    except KeyError:
        return None
