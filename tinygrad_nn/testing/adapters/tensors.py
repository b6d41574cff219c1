"""A function of our own tensors or Values, a module, an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import numpy as np

from tinygrad_nn.autograd import grad as gradients
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import OPS, Kind, Op
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.draws import RandomDraw
from tinygrad_nn.errors import CheckError, TinygradError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.testing.adapters.named import labels_of, listed, named, of_gradient
from tinygrad_nn.testing.adapters.slots import Slot, constant, slot_of
from tinygrad_nn.testing.problem.subject import Around, Arrays, Problem
from tinygrad_nn.transforms import jvp
from tinygrad_nn.value import Value

__all__ = ["of_module", "of_operation", "of_tensors"]

_SAMPLES = 12


def of_tensors(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*tensors)` gives a tensor or several; of numbers alone also `f(*values)`."""
    slots = [_slot(x) for x in inputs]
    given = any(isinstance(x, Value) for x in inputs)
    numbers = all(isinstance(x, (float, int, Value)) for x in inputs) and bool(inputs)
    leaf = _value if numbers and (given or _takes_values(f, slots)) else _tensor
    return _problem(named(f), f, slots, leaf, labels_of(f, len(inputs)))


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

    slots = [_slot(x) for x in (*inputs, *(p for _, p in named_parameters))]
    numbers = any(isinstance(p, Value) for _, p in named_parameters)
    labels = (*labels_of(module.forward, count), *(name for name, _ in named_parameters))
    return _problem(type(module).__name__, call, slots, _value if numbers else _tensor, labels)


def of_operation(f: str | Op, inputs: tuple[Any, ...], seed: int) -> Iterator[Problem]:
    """An operation at these inputs, or at samples of its own."""
    record = _record(f)
    if inputs:
        yield of_tensors(record.call, inputs)
        return
    draw = RandomDraw(seed)
    for n in range(_SAMPLES):
        problem = _of_sample(record, *record.sample(draw), n)
        if problem is not None:
            yield problem


def _record(f: str | Op) -> Op:
    """An operation by its name.

    Raises:
        CheckError: There is none, or it has no gradient.
    """
    record = OPS.get(f) if isinstance(f, str) else f
    if record is None:
        near = get_close_matches(str(f), OPS, n=1)
        hint = f"did you mean {near[0]!r}? All" if near else "all"
        raise CheckError(
            f"gradcheck: got {f!r}, expected a function or the name of an operation; {hint} names "
            "are those in tinygrad_nn.core.op.OPS"
        )
    if record.kind is Kind.CONSTANT:
        raise CheckError(
            f"gradcheck: the operation {record.name!r} has no gradient (its result is constant "
            "nearly everywhere), expected one that has"
        )
    return record


def _of_sample(record: Op, args: Any, params: dict[str, Any], number: int) -> Problem | None:
    """One sampled call; None if no float that may have a gradient is in it."""
    leaves, rebuild = flatten(list(args))
    refused = {
        id(x)
        for arg, rule in zip(args, record.rules, strict=False)
        if rule is None and not record.variadic
        for x in flatten(arg)[0]
    }
    slots = [constant(x) if id(x) in refused else _slot(x) for x in leaves]
    if not any(s.array.dtype.kind == "f" for s in slots):
        return None

    def call(*given: Any) -> Any:
        return record.call(*rebuild(list(given)), **deepcopy(params))

    name = record.name if number == 0 else f"{record.name} (sample {number})"
    return _problem(name, call, slots, _tensor, ())


def _slot(x: Any) -> Slot:
    """Of a Node its numbers; NumPy's scalars and lists become tensors too."""
    return slot_of(x.synced() if isinstance(x, Node) else x)


def _tensor(x: Any) -> Any:
    return Tensor(x, requires_grad=True)


def _value(x: Any) -> Any:
    return Value(float(x))


def _takes_values(f: Callable[..., Any], slots: Sequence[Slot]) -> bool:
    """Whether a function of numbers alone runs on Values."""
    try:
        found = f(*_lifted(slots, [s.array for s in slots], _value))
    except (AttributeError, TypeError, TinygradError):
        return False
    return all(isinstance(y, (Value, float, int)) for y in listed(found))


def _lifted(slots: Sequence[Slot], arrays: Arrays, leaf: Callable[[Any], Any]) -> list[Any]:
    return [
        leaf(x) if x.dtype.kind == "f" else slot.back(x)
        for slot, x in zip(slots, arrays, strict=True)
    ]


def _problem(
    name: str,
    f: Callable[..., Any],
    slots: Sequence[Slot],
    leaf: Callable[[Any], Any],
    labels: tuple[str, ...],
) -> Problem:
    """The problem of a function of nodes."""
    arrays = tuple(s.array for s in slots)
    active = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]

    def values(given: Arrays) -> Arrays:
        found = listed(f(*_lifted(slots, given, leaf)))
        return [y.synced() if isinstance(y, Node) else y for y in found]

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        xs = _lifted(slots, given, leaf)
        found = _pulled(listed(f(*xs)), [xs[i] for i in active], cotangents, create_graph=False)
        return [g.synced() if isinstance(g, Node) else g for g in found]

    def push(given: Arrays, tangents: Arrays) -> Arrays:
        primals = [leaf(given[i]) for i in active]

        def partial(*moving: Any) -> Any:
            args = _lifted(slots, given, leaf)
            for i, x in zip(active, moving, strict=True):
                args[i] = x
            return tuple(listed(f(*args)))

        _, moved = jvp(partial, tuple(primals), tuple(leaf(tangents[i]) for i in active))
        return [y.synced() if isinstance(y, Node) else y for y in moved]

    def higher(cotangents: Arrays) -> Problem:
        count = len(slots)

        def gradient(*args: Any) -> Any:
            # Each a node of its own, since one tensor may be given as two arguments.
            xs = [x * 1.0 if i in active else x for i, x in enumerate(args[:count])]
            wanted = [xs[i] for i in active]
            found = _pulled(listed(f(*xs)), wanted, args[count:], create_graph=True)
            return [
                np.zeros(arrays[i].shape) if g is None else g
                for i, g in zip(active, found, strict=True)
            ]

        more = [Slot(np.asarray(c), lambda array: array) for c in cotangents]
        title, names = of_gradient(name, labels, len(more))
        return _problem(title, gradient, [*slots, *more], leaf, names)

    def remade(around: Around, kept: Sequence[int]) -> Problem:
        return _problem(name, around(f), [slots[i] for i in kept], leaf, ())

    return Problem(name, arrays, values, pull, push, higher, labels, remade=remade)


def _pulled(
    outputs: Sequence[Any], wanted: Sequence[Any], cotangents: Sequence[Any], *, create_graph: bool
) -> Sequence[Any]:
    """Gradients of the leaves that are wanted; None where the outputs do not depend on them."""
    pairs = [
        (y, c)
        for y, c in zip(outputs, cotangents, strict=True)
        if isinstance(y, Node) and y.requires_grad
    ]
    if not pairs:
        return [None] * len(wanted)
    return gradients(
        [y for y, _ in pairs],
        wanted,
        [float(c) if isinstance(y, Value) and not isinstance(c, Node) else c for y, c in pairs],
        create_graph=create_graph,
        allow_unused=True,
    )
