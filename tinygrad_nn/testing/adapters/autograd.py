"""A function of HIPS autograd: of NumPy arrays, written with `autograd.numpy`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd import grad, make_jvp
from autograd import numpy as anp
from autograd.tracer import getval

from tinygrad_nn.testing.adapters.named import labels_of, named, of_gradient
from tinygrad_nn.testing.adapters.slots import Slot, given_back, slot_of
from tinygrad_nn.testing.problem.subject import Around, Arrays, Problem

__all__ = ["problem_of"]


def problem_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*arrays)` gives an array, a number or a tuple of them."""
    return _problem(named(f), f, [slot_of(x) for x in inputs], labels_of(f, len(inputs)))


def _problem(
    name: str, f: Callable[..., Any], slots: Sequence[Slot], labels: tuple[str, ...]
) -> Problem:
    """The problem of a function of arrays."""
    arrays = tuple(s.array for s in slots)
    active = tuple(i for i, x in enumerate(arrays) if x.dtype.kind == "f")
    count = len(slots)

    def values(given: Arrays) -> Arrays:
        return [getval(y) for y in _outputs(f(*given_back(slots, given)))]

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        return _pulled(f, given_back(slots, given), active, cotangents)

    def push(given: Arrays, tangents: Arrays) -> Arrays:
        args = given_back(slots, given)
        total: list[Any] = []
        for i in active:  # one input at a time, since of each alone autograd knows what it moves
            moved = make_jvp(lambda *xs: anp.concatenate(_flat(f(*xs))), i)(*args)(tangents[i])[1]
            total.append(moved)
        return [sum(total[1:], total[0])]

    def higher(cotangents: Arrays) -> Problem:
        def gradient(*args: Any) -> Any:
            return tuple(_pulled(f, list(args[:count]), active, args[count:]))

        more = [slot_of(c) for c in cotangents]
        title, names = of_gradient(name, labels, len(more))
        return _problem(title, gradient, [*slots, *more], names)

    def remade(around: Around, kept: Sequence[int]) -> Problem:
        return _problem(name, around(f), [slots[i] for i in kept], ())

    return Problem(name, arrays, values, pull, push, higher, labels, remade=remade)


def _outputs(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def _flat(found: Any) -> list[Any]:
    return [anp.ravel(y) for y in _outputs(found)]


def _pulled(
    f: Callable[..., Any], args: list[Any], active: Sequence[int], cotangents: Sequence[Any]
) -> list[Any]:
    """Gradients of the sum of the outputs times their cotangents, which are the pulled ones."""

    def weighed(*given: Any) -> Any:
        return sum(anp.sum(y * c) for y, c in zip(_outputs(f(*given)), cotangents, strict=True))

    return [grad(weighed, i)(*args) for i in active]
