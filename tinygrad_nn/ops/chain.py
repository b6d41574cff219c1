"""Products of many matrices: powers of one, and chains."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tinygrad_nn.core.op import composed
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.inverse import eye_like, inv, square, squares
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import zeros_like

__all__ = ["matrix_power", "multi_dot"]


def _powers(draw: Draw) -> Sample:
    return squares(draw)[0], {"n": draw.integer(-3, 6)}


@composed(samples=_powers, numpy="linalg.matrix_power")
def matrix_power(x: Any, n: int) -> Any:
    """`x` times itself n times, by repeated squaring; the inverse for negative `n`."""
    if int(n) != n:
        raise OptionError(f"matrix_power: got n={n!r}, expected an integer")
    square("matrix_power", x)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 0:
        return where(True, eye_like(x), zeros_like(x))
    out = None
    while n:
        if n % 2:
            out = x if out is None else out @ x
        n //= 2
        if n:
            x = x @ x
    return out


def _chain(draw: Draw) -> Sample:
    sides = [draw.integer(1, 4) for _ in range(draw.integer(3, 6))]
    shapes: list[tuple[int, ...]] = list(pairwise(sides))
    if draw.choice([False, True]):
        shapes[0] = shapes[0][1:]
    return ([draw.array(shape) for shape in shapes],), {}


@composed(samples=_chain, numpy="linalg.multi_dot")
def multi_dot(arrays: Any) -> Any:
    """Product of two or more matrices in the order that takes the fewest multiplications.

    The first may be a row, the last a column vector. The order is found as in Cormen,
    Leiserson, Rivest and Stein, "Introduction to Algorithms", section 15.2.

    Raises:
        ShapeError: Fewer than two arrays, or one of them has other than two axes.
    """
    arrays = list(arrays)
    dims = [len(x.shape) for x in arrays]
    ends = (1, 2)
    if len(arrays) < 2 or {*dims[1:-1]} - {2} or dims[0] not in ends or dims[-1] not in ends:
        raise ShapeError(
            f"multi_dot: got shapes {[tuple(x.shape) for x in arrays]}, expected two or more "
            "matrices (the first and the last may be vectors)"
        )
    sides = [1 if dims[0] == 1 else arrays[0].shape[0], *(x.shape[0] for x in arrays[1:])]
    if dims[0] == 1:
        sides[1] = arrays[0].shape[0]
    sides.append(1 if dims[-1] == 1 else arrays[-1].shape[-1])
    return _multiplied(arrays, _best_splits(sides), 0, len(arrays) - 1)


def _best_splits(sides: list[int]) -> dict[tuple[int, int], int]:
    """For matrices i to j of a chain, where the last product of the cheapest order splits."""
    count = len(sides) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1], k)
                for k in range(i, j)
            )
    return split


def _multiplied(arrays: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return arrays[i]
    k = split[i, j]
    return _multiplied(arrays, split, i, k) @ _multiplied(arrays, split, k + 1, j)
