"""Common sub-expressions: the same call of the same arguments is made once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tinygrad_nn.compiler.program import Instruction, Output, Program, Var, counted

__all__ = ["common", "renamed"]


def common(program: Program) -> Program:
    """Keep the first of several pure instructions that are the same."""
    seen: dict[Any, Instruction] = {}
    new: dict[Var, Any] = {}
    kept = []
    for instruction in program.instructions:
        i = instruction.with_inputs(new)
        key = _key(i)
        first = seen.setdefault(key, i) if key is not None else i
        if first is i:
            kept.append(i)
        else:
            new.update(zip(i.results, first.results, strict=True))
    if not new:
        return program
    return renamed(program, kept, new).noted("common", f"merged {counted(len(new), 'instruction')}")


def renamed(program: Program, instructions: list[Instruction], new: dict[Var, Any]) -> Program:
    """The program with these instructions, and with outputs by their new names."""
    outputs = tuple(
        Output(o.place, new.get(o.value, o.value)) if isinstance(o.value, Var) else o
        for o in program.outputs
    )
    return replace(program, instructions=tuple(instructions), outputs=outputs)


def _key(i: Instruction) -> Any:
    """What two instructions with the same result have in common, or None if they have none."""
    if not i.pure or i.writes:
        return None
    call = i.call
    # A method like `add.reduce` is a new object each time it is looked up.
    owner = getattr(call, "__self__", None)
    named = (id(owner), call.__name__) if owner is not None else id(call)
    found = _form((i.args, dict(i.params)))
    return None if found is None else (named, found, len(i.results))


def _form(x: Any) -> Any:
    """Arguments in a form to compare and hash, with types: 1 and 1.0 and True differ."""
    if isinstance(x, Var):
        return x
    kind = type(x)
    if kind in (tuple, list):
        parts = [_form(y) for y in x]
        return None if None in parts else (kind, *parts)
    if kind is dict:
        return _form([(k, v) for k, v in sorted(x.items())])
    if kind is slice:
        return _form(("slice", x.start, x.stop, x.step))
    # The text tells -0.0 from 0.0, and a NaN from no other.
    return (kind, repr(x)) if kind in (int, float, bool, str, type(None)) else (kind, id(x))
