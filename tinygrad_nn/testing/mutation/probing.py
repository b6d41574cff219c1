"""Whether a mutant is one: whether it changes a gradient at any sample of its operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_nn.autograd import grad
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


def _asked(calls: Sequence[Called]) -> Iterator[Callable[[], None]]:
    for called in calls:
        # At two points, for what is kept from call to call; a number has no zero of its own.
        for factor in (1.0, _NEARBY):
            yield partial(_pull, called, [x * factor for x in called.floats])
        yield partial(_pull, called, called.floats, create_graph=True)
        yield partial(_pull, called, called.floats, zeros=True)
    for called in calls:
        yield partial(_pull, called, [np.asarray(x, np.float32) for x in called.floats])
        if called.numbers:
            yield partial(_of_numbers, called, 1.0, create_graph=False)
            yield partial(_of_numbers, called, 1.0, create_graph=True)
            yield partial(_of_numbers, called, 0.0, create_graph=False)


def _of_numbers(called: Called, seed: float, *, create_graph: bool) -> None:
    leaves = [Value(float(x)) for x in called.floats]
    try:
        found = called(*leaves)
    except (TinygradError, TypeError, AttributeError):
        return  # it is none of numbers
    if isinstance(found, Value):
        grad(found, leaves, seed, create_graph=create_graph, allow_unused=True)


def _pull(
    called: Called, floats: Sequence[Any], *, create_graph: bool = False, zeros: bool = False
) -> None:
    leaves = [Tensor(x, requires_grad=True) for x in floats]
    found = called(*leaves)
    listed = found if isinstance(found, (tuple, list)) else [found]
    outputs = [y for y in listed if isinstance(y, Tensor) and y.requires_grad]
    if not outputs:
        return
    rng = np.random.default_rng(0)
    seeds = [np.asarray(rng.standard_normal(y.shape) * (not zeros), y.dtype) for y in outputs]
    given = [Tensor(seed, create_graph) for seed in seeds]
    with np.errstate(all="ignore"):
        grad(outputs, leaves, given, create_graph=create_graph, allow_unused=True)
