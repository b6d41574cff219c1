"""What an engine gives of its own to have its gradients checked; the problems follow from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tinygrad_nn.testing.adapters.named import listed, of_gradient
from tinygrad_nn.testing.adapters.slots import Slot, given_back
from tinygrad_nn.testing.problem.subject import Around, Arrays, Problem

__all__ = ["Engine", "Function"]

Function = Callable[..., Any]


class Engine(ABC):
    """How functions of one library are called and differentiated.

    A new one is a module of `adapters` with a subclass of this and `problem_of(f, inputs)`, and an
    entry of `LIBRARIES`.
    """

    @abstractmethod
    def leaf(self, array: Any) -> Any:
        """An array of floats as what the engine differentiates by."""

    @abstractmethod
    def pulled(self, f: Function, xs: Arrays, cotangents: Arrays, again: bool) -> Sequence[Any]:
        """Gradients with respect to each leaf, of the outputs `f(*xs)` by the cotangents.

        They can be differentiated in turn if `again`, and none of them is None then.
        """

    @abstractmethod
    def pushed(self, f: Function, xs: Arrays, tangents: Arrays) -> Sequence[Any]:
        """Tangents of the outputs `f(*xs)`, given one for each leaf."""

    def outputs(self, found: Any) -> list[Any]:
        """All that a function gave."""
        return listed(found)

    def array(self, y: Any) -> Any:
        """An output or gradient as an array; what is none of the engine's as it is."""
        return y

    def within(self) -> AbstractContextManager[Any]:
        """Where its functions are called."""
        return nullcontext()

    def problem(
        self,
        name: str,
        f: Function,
        slots: Sequence[Slot],
        labels: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Problem:
        """The problem of a function of what the slots give back."""
        arrays = tuple(s.array for s in slots)
        active = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
        count = len(slots)

        def moving(args: Sequence[Any]) -> tuple[Function, list[Any]]:
            """The outputs as a function of the leaves alone, and these."""

            def moved(*xs: Any) -> tuple[Any, ...]:
                given = list(args)
                for i, x in zip(active, xs, strict=True):
                    given[i] = x
                return tuple(self.outputs(f(*given)))

            return moved, [args[i] for i in active]

        def values(given: Arrays) -> Arrays:
            with self.within():
                return [self.array(y) for y in self.outputs(f(*given_back(slots, given)))]

        def pull(given: Arrays, cotangents: Arrays) -> Arrays:
            with self.within():
                found = self.pulled(*moving(given_back(slots, given)), cotangents, False)
                return [self.array(g) for g in found]

        def push(given: Arrays, tangents: Arrays) -> Arrays:
            with self.within():
                along = [tangents[i] for i in active]
                found = self.pushed(*moving(given_back(slots, given)), along)
                return [self.array(t) for t in found]

        def gradient(*args: Any) -> Any:
            return tuple(self.pulled(*moving(args[:count]), args[count:], True))

        def higher(cotangents: Arrays) -> Problem:
            more = [Slot(c, self.leaf) for c in cotangents]
            title, names = of_gradient(name, labels, len(more))
            return self.problem(title, gradient, [*slots, *more], names, notes)

        def remade(around: Around, kept: Sequence[int]) -> Problem:
            return self.problem(name, around(f), [slots[i] for i in kept])

        return Problem(name, arrays, values, pull, push, higher, labels, notes=notes, remade=remade)
