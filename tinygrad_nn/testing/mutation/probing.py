"""Whether a mutant is one: whether it changes a gradient at any sample of its operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.autograd import grad
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import Op
from tinygrad_nn.errors import TinygradError
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.testing.mutation.mutants import Mutant
from tinygrad_nn.testing.mutation.planting import Planted, mutated
from tinygrad_nn.testing.mutation.samples import Called, calls_of
from tinygrad_nn.value import Value

__all__ = ["difference"]

_CHANCE = 24
_NEARBY = 1 - 2.0**-7


def difference(op: Op, mutant: Mutant, argument: int) -> str:
    """Why a mutant is no fault at any sample of its operation; "" where it is one at some.

    Gradients are asked for in float64 and float32, recorded and not, and of Values.
    """
    calls = calls_of(op, _CHANCE)
    with mutated(op, mutant, argument) as planted:
        tried = 0
        for ask in _asked(calls):
            tried += 1
            try:
                ask()
            except (TinygradError, ArithmeticError, ValueError, TypeError, IndexError):
                if planted.reached:  # which a suite would see
                    return ""
            if planted.differed:
                return ""
    return _why(planted, tried)


def _why(planted: Planted, tried: int) -> str:
    if not planted.reached:
        return f"no gradient is asked for at any of {tried} samples"
    return f"nothing differs at any of {tried} samples of its inputs"


def _asked(calls: Sequence[Called]) -> Iterator[Callable[[], Any]]:
    for called in calls:
        # Twice, at two points, for what is kept from call to call.
        for factor in (1.0, _NEARBY):
            yield lambda c=called, f=factor: _pull(c, [x * f for x in c.floats], Tensor)
        yield lambda c=called: _pull(c, c.floats, Tensor, create_graph=True)
    for called in calls:
        yield lambda c=called: _pull(c, [np.float32(x) for x in c.floats], Tensor)
        if called.numbers:
            for recorded in (False, True):
                yield lambda c=called, r=recorded: _of_numbers(c, create_graph=r)


def _of_numbers(called: Called, *, create_graph: bool) -> None:
    leaves = [Value(float(x)) for x in called.floats]
    try:
        found = called(*leaves)
    except (TinygradError, TypeError, AttributeError):
        return  # it is none of numbers
    if isinstance(found, Value):
        grad(found, leaves, create_graph=create_graph, allow_unused=True)


def _pull(called: Called, floats: Sequence[Any], leaf: Any, *, create_graph: bool = False) -> None:
    leaves = [leaf(x, requires_grad=True) for x in floats]
    found = called(*leaves)
    listed = found if isinstance(found, (tuple, list)) else [found]
    outputs = [y for y in listed if isinstance(y, Node) and y.requires_grad]
    if not outputs:
        return
    rng = np.random.default_rng(0)
    seeds: list[Any] = []
    for y in outputs:
        seed = rng.standard_normal(y.shape)
        if seed.size > 1:
            seed.flat[rng.integers(seed.size)] = 0.0
        seed = np.asarray(seed, y.dtype)
        seeds.append(leaf(seed, requires_grad=True) if create_graph else seed)
    with np.errstate(all="ignore"):
        grad(outputs, leaves, seeds, create_graph=create_graph, allow_unused=True)
        if not create_graph and all(y.shape == () for y in outputs):  # a number has no other zero
            zeros = [np.zeros((), y.dtype) for y in outputs]
            grad([called(*leaves)], leaves, zeros[:1], allow_unused=True) if len(zeros) == 1 else None
