"""An operation of ours at samples of its own."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from tinygrad_nn.core.record import OPS, Kind, Op
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.draws import RandomDraw
from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters.slots import constant, slot_of
from tinygrad_nn.testing.adapters.tensors import of_tensors, problem
from tinygrad_nn.testing.problem.subject import Problem

__all__ = ["of_operation"]

_SAMPLES = 12


def of_operation(f: str | Op, inputs: tuple[Any, ...], seed: int) -> Iterator[Problem]:
    """An operation at these inputs, or at samples of its own."""
    record = _record(f)
    if inputs:
        yield of_tensors(record.call, inputs)
        return
    draw = RandomDraw(seed)
    for n in range(_SAMPLES):
        sampled = _of_sample(record, *record.sample(draw), n)
        if sampled is not None:
            yield sampled


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
    slots = [constant(x) if id(x) in refused else slot_of(x) for x in leaves]
    if not any(s.array.dtype.kind == "f" for s in slots):
        return None

    def call(*given: Any) -> Any:
        return record.call(*rebuild(list(given)), **deepcopy(params))

    name = record.name if number == 0 else f"{record.name} (sample {number})"
    return problem(name, call, slots, (), values=False)
