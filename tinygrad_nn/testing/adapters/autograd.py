"""A function of HIPS autograd: of NumPy arrays, written with `autograd.numpy`."""

from __future__ import annotations

from typing import Any

from autograd import grad, make_jvp
from autograd import numpy as anp
from autograd.tracer import getval

from tinygrad_nn.testing.adapters.engine import Engine, Function
from tinygrad_nn.testing.adapters.named import labels_of, named
from tinygrad_nn.testing.adapters.slots import slot_of
from tinygrad_nn.testing.problem.subject import Arrays, Problem

__all__ = ["problem_of"]


def problem_of(f: Function, inputs: tuple[Any, ...]) -> Problem:
    """`f(*arrays)` gives an array, a number or a tuple of them."""
    slots = [slot_of(x) for x in inputs]
    return _Autograd().problem(named(f), f, slots, labels_of(f, len(inputs)))


class _Autograd(Engine):
    def leaf(self, array: Any) -> Any:
        return array

    def outputs(self, found: Any) -> list[Any]:
        return list(found) if isinstance(found, tuple) else [found]

    def array(self, y: Any) -> Any:
        return getval(y)

    def pulled(self, f: Function, xs: Arrays, cotangents: Arrays, again: bool) -> list[Any]:
        def weighed(*given: Any) -> Any:
            return sum(anp.sum(y * c) for y, c in zip(f(*given), cotangents, strict=True))

        return [grad(weighed, n)(*xs) for n in range(len(xs))]

    def pushed(self, f: Function, xs: Arrays, tangents: Arrays) -> list[Any]:
        def flat(*given: Any) -> Any:
            return anp.concatenate([anp.ravel(y) for y in f(*given)])

        # One input at a time, since of each alone autograd knows what it moves.
        moved = [make_jvp(flat, n)(*xs)(t)[1] for n, t in enumerate(tangents)]
        return [sum(moved[1:], moved[0])]
