"""A function of our own tensors or Values, or a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_nn.autograd import grad as gradients
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import TinygradError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.testing.adapters.engine import Engine, Function
from tinygrad_nn.testing.adapters.named import labels_of, listed, named
from tinygrad_nn.testing.adapters.slots import Slot, given_back, slot_of
from tinygrad_nn.testing.problem.subject import Arrays, Problem
from tinygrad_nn.transforms import jvp
from tinygrad_nn.value import Value

__all__ = ["of_module", "of_tensors", "problem"]


def of_tensors(f: Function, inputs: tuple[Any, ...]) -> Problem:
    """`f(*tensors)` gives a tensor or several; of numbers alone also `f(*values)`."""
    slots = [slot_of(x) for x in inputs]
    given = any(isinstance(x, Value) for x in inputs)
    numbers = all(isinstance(x, (float, int, Value)) for x in inputs) and bool(inputs)
    values = numbers and (given or _takes_values(f, slots))
    return problem(named(f), f, slots, labels_of(f, len(inputs)), values=values)


def of_module(module: Module, inputs: tuple[Any, ...]) -> Problem:
    """A module as a function of its inputs, and after them of its parameters.

    Each call works on a copy, so that running means and random generators start as they are.
    """
    named_parameters = list(module.named_parameters())
    count = len(inputs)

    def call(*args: Any) -> Any:
        memo: dict[int, Any] = {
            id(p): x for (_, p), x in zip(named_parameters, args[count:], strict=True)
        }
        return deepcopy(module, memo)(*args[:count])

    slots = [slot_of(x) for x in (*inputs, *(p for _, p in named_parameters))]
    numbers = any(isinstance(p, Value) for _, p in named_parameters)
    labels = (*labels_of(module.forward, count), *(name for name, _ in named_parameters))
    return problem(type(module).__name__, call, slots, labels, values=numbers)


def problem(
    name: str, f: Function, slots: Sequence[Slot], labels: tuple[str, ...], *, values: bool
) -> Problem:
    """The problem of a function of tensors, or of `values`."""
    engine = _Nodes(_value if values else _tensor)
    return engine.problem(name, f, engine.lifted(slots), labels)


def _tensor(x: Any) -> Any:
    return Tensor(x, requires_grad=True)


def _value(x: Any) -> Any:
    return Value(float(x))


def _takes_values(f: Function, slots: Sequence[Slot]) -> bool:
    """Whether a function of numbers alone runs on Values."""
    engine = _Nodes(_value)
    try:
        found = f(*given_back(engine.lifted(slots), [s.array for s in slots]))
    except (AttributeError, TypeError, TinygradError):
        return False
    return all(isinstance(y, (Value, float, int)) for y in listed(found))


class _Nodes(Engine):
    """Of tensors or of Values, as is what `leaf` gives."""

    def __init__(self, leaf: Callable[[Any], Any]) -> None:
        self._leaf = leaf

    def leaf(self, array: Any) -> Any:
        return self._leaf(array)

    def array(self, y: Any) -> Any:
        return y.synced() if isinstance(y, Node) else y

    def lifted(self, slots: Sequence[Slot]) -> list[Slot]:
        """Slots whose floats come back as leaves, whatever they were given as."""

        def of(slot: Slot) -> Slot:
            # Not so the complex numbers of a complex step.
            return Slot(slot.array, lambda x: self.leaf(x) if x.dtype.kind == "f" else slot.back(x))

        return [of(slot) for slot in slots]

    def pulled(self, f: Function, xs: Arrays, cotangents: Arrays, again: bool) -> Sequence[Any]:
        # Each a node of its own, since one may be given as two arguments.
        wanted = [x * 1.0 for x in xs] if again else xs
        pairs = [
            (y, float(c) if isinstance(y, Value) and not isinstance(c, Node) else c)
            for y, c in zip(f(*wanted), cotangents, strict=True)
            if isinstance(y, Node) and y.requires_grad
        ]
        found: Sequence[Any] = [None] * len(wanted)
        if pairs:
            ys, cs = zip(*pairs, strict=True)
            found = gradients(ys, wanted, cs, create_graph=again, allow_unused=True)
        if again:
            found = [
                np.zeros(np.shape(self.array(x))) if g is None else g
                for x, g in zip(wanted, found, strict=True)
            ]
        return found

    def pushed(self, f: Function, xs: Arrays, tangents: Arrays) -> list[Any]:
        return list(jvp(f, tuple(xs), tuple(map(self.leaf, tangents)))[1])
