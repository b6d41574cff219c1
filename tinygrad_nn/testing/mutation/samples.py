"""Calls of an operation to look for mutants at: shapes of every pattern, and some by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from typing import Any

import numpy as np

from tinygrad_nn.core.record import OPS, Op
from tinygrad_nn.core.samples import Sample
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.draws import RandomDraw

__all__ = ["Called", "PatternDraw", "Patterned", "calls_of", "covering"]

Shape = tuple[int, ...]

_PATTERNS: tuple[tuple[Shape, ...], ...] = (
    ((2, 3),),
    ((2, 3),),
    ((3, 3),),
    ((3, 3),),
    ((4, 4),),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), (2, 1)),
    ((2, 1), (2, 3)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((),),
)
"""Shapes of the arguments in turn. Some come twice, for values that are kept from call to call."""


class Patterned:
    """Mixin of a `Draw` without chance in the shapes: `patterns` in turn."""

    patterns: Sequence[Shape]

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> Shape:
        """The first one, with as many axes as are asked for."""
        given = self.patterns[0][:max_dims]
        sides = (2,) * (min_dims - len(given)) + given
        return tuple(max(min_side, side) for side in sides)

    def shapes(self, count: int) -> list[Shape]:
        """All in turn."""
        return [self.patterns[i % len(self.patterns)] for i in range(count)]


class PatternDraw(Patterned, RandomDraw):
    """A `Draw` without chance in the shapes: those that it was given, in turn.

    Args:
        shapes: Shapes that broadcast with one another.
        seed: For the elements.

    Example:
        >>> PatternDraw([(2, 1), (3,)], seed=0).shapes(2)
        [(2, 1), (3,)]
    """

    def __init__(self, shapes: Sequence[Shape], seed: int) -> None:
        super().__init__(seed)
        self.patterns = tuple(shapes)


@dataclass(frozen=True)
class Called:
    """One call of an operation, its differentiable arrays apart from everything else.

    Attributes:
        op: The operation.
        floats: The arrays that may carry gradients.
        put: Puts arrays or nodes in their places among the data arguments.
        params: Static arguments.
    """

    op: Op
    floats: tuple[Any, ...]
    put: Callable[[Sequence[Any]], Any]
    params: dict[str, Any]

    def __call__(self, *floats: Any) -> Any:
        """The operation of these; a random generator among its arguments starts anew."""
        return self.op.call(*self.put(floats), **deepcopy(self.params))

    @cached_property
    def shapes(self) -> list[Shape]:
        """Of all results."""
        return [np.shape(y) for y in flatten([self(*self.floats)])[0]]

    @property
    def cost(self) -> int:
        """Number of elements of its Jacobian."""
        return sum(int(x.size) for x in self.floats) * sum(prod(s) for s in self.shapes)

    @property
    def cost_of_second(self) -> int:
        """The same of its gradient, of which cotangents are inputs too."""
        inputs = sum(int(x.size) for x in self.floats)
        return inputs * (inputs + sum(prod(s) for s in self.shapes))

    @cached_property
    def features(self) -> frozenset[Any]:
        """What it has that a rule may be wrong for, and right without it."""
        found: set[Any] = {("arguments", len(self.floats))}
        for name, value in self.params.items():
            sign = value < 0 if isinstance(value, (int, float)) else value
            found.add((name, type(value).__name__, repr(sign)[:40]))
        for k, x in enumerate(self.floats):
            found |= {(k, len(x.shape)), (k, "negative", bool((x < 0).any()))}
            found.add((k, "square", len(x.shape) > 1 and x.shape[-1] == x.shape[-2] > 1))
            found |= {(k, "result", _broadcast(x.shape, y)) for y in self.shapes}
        # Where a mask selects nothing, a rule may be wrong in everything.
        masks = [x for x in flatten(list(self.put(self.floats)))[0] if _kind(x) == "b"]
        return frozenset((f, all(np.any(m) and not np.all(m) for m in masks)) for f in found)

    @property
    def numbers(self) -> bool:
        """Whether all that it is given are numbers that may carry a gradient."""
        given = flatten(list(self.put(self.floats)))[0]
        return all(x.shape == () for x in self.floats) and len(given) == len(self.floats)


def calls_of(op: Op, chance: int = 8) -> tuple[Called, ...]:
    """Calls of an operation with something to differentiate: every pattern, and some by chance.

    Args:
        op: The operation.
        chance: How many samples are drawn by chance besides; of those without elements none is
            kept.
    """
    return _calls_of(op.key, chance) if OPS.get(op.key) is op else tuple(_made(op, chance))


def covering(calls: Sequence[Called]) -> list[Called]:
    """Those of the calls that have all that any of them has, cheap ones first."""
    found: list[Called] = []
    seen: set[Any] = set()
    for called in sorted(calls, key=lambda c: c.cost):
        if not called.features <= seen:
            found.append(called)
            seen |= called.features
    return found


def _broadcast(shape: Shape, result: Shape) -> tuple[bool, bool, bool]:
    """Whether it is a number beside arrays, has fewer axes, or repeated ones."""
    pairs = zip(reversed(shape), reversed(result), strict=False)
    repeated = any(a == 1 != b for a, b in pairs)
    return not shape and bool(result), len(shape) < len(result), repeated


@cache
def _calls_of(key: str, chance: int) -> tuple[Called, ...]:
    return tuple(_made(OPS[key], chance))


def _made(op: Op, chance: int) -> Iterator[Called]:
    draws = [PatternDraw(shapes, seed) for seed, shapes in enumerate(_PATTERNS)]
    for draw in (*draws, *(RandomDraw(seed) for seed in range(chance))):
        called = _called(op, op.sample(draw))
        if called.floats and all(x.size for x in called.floats):
            yield called


def _called(op: Op, sample: Sample) -> Called:
    args, params = sample
    leaves, rebuild = flatten(list(args))
    refused = {
        id(x)
        for arg, rule in zip(args, op.rules, strict=False)
        if rule is None
        for x in flatten(arg)[0]
    }
    slots = [i for i, x in enumerate(leaves) if _float(x) and id(x) not in refused]

    def put(floats: Sequence[Any]) -> Any:
        filled = [np.array(x) if isinstance(x, np.ndarray) else x for x in leaves]
        for slot, x in zip(slots, floats, strict=True):
            filled[slot] = x
        return rebuild(filled)

    return Called(op, tuple(np.asarray(leaves[i]) for i in slots), put, params)


def _float(x: Any) -> bool:
    return _kind(x) == "f"


def _kind(x: Any) -> str:
    return str(x.dtype.kind) if isinstance(x, (np.ndarray, np.generic)) else ""
