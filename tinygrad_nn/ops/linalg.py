"""Products of matrices."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.ops.shape import expand_dims, sum_to

__all__ = ["matmul"]


def _products(draw: Draw) -> Sample:
    n, k, m = (draw.integer(0, 4) for _ in range(3))
    left, right = draw.choice(
        [((n, k), (k, m)), ((k,), (k, m)), ((n, k), (k,)), ((k,), (k,)), ((2, n, k), (k, m)),
         ((2, 1, n, k), (3, k, m)), ((k,), (2, k, m)), ((2, n, k), (k,))]
    )
    return (draw.array(left), draw.array(right)), {}


def _left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return expand_dims(g, -1) * b
    if a.ndim == 1:
        # Batch axes of b beyond a's single one are summed by the sweep.
        return (expand_dims(g, -2) @ b.mT)[..., 0, :]
    return g @ b.mT


def _right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1 and b.ndim == 1:
        return g * a
    if a.ndim == 1:
        return expand_dims(a, -1) * expand_dims(g, -2)
    if b.ndim == 1:
        return expand_dims(g, -1) * a if a.ndim == 1 else sum_to(
            (a.mT @ expand_dims(g, -1))[..., 0], b.shape)
    return a.mT @ g


@op(
    kernel="matmul",
    vjp=(_left, _right),
    kind=Kind.MULTILINEAR,
    samples=_products,
    numpy="matmul",
)
def matmul(a: Any, b: Any, /) -> Any:
    """Matrix product over the last two axes, broadcast over the others.

    `(..., n, k) @ (..., k, m) -> (..., n, m)`; a one-dimensional argument is a row on the
    left, a column on the right, and its axis is dropped from the result.
    """
