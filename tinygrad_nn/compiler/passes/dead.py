"""Dead code: what no output needs is not computed."""

from __future__ import annotations

from dataclasses import replace

from tinygrad_nn.compiler.program import Program, Var, counted

__all__ = ["dead"]


def dead(program: Program) -> Program:
    """Drop pure instructions without use, then inputs and constants; draws at random stay."""
    needed = {o.value for o in program.outputs if isinstance(o.value, Var)}
    kept = []
    for i in reversed(program.instructions):
        if i.pure and not needed.intersection(i.results):
            continue
        needed.update(i.inputs)
        kept.append(i)
    dropped = len(program.instructions) - len(kept)
    inputs = {v: place for v, place in program.inputs.items() if v in needed}
    constants = {v: x for v, x in program.constants.items() if v in needed}
    lean = replace(program, inputs=inputs, constants=constants, instructions=tuple(reversed(kept)))
    return (
        lean.noted("dead code", f"dropped {counted(dropped, 'instruction')}") if dropped else lean
    )
