"""Which instructions have a kernel, and the pass that puts it in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tinygrad_nn.compiler.kernels import activation, attention, normalization, pooling, recurrence
from tinygrad_nn.compiler.numba import blas
from tinygrad_nn.compiler.program import Instruction, Program, Var

__all__ = ["KERNELS", "Kernel", "with_kernels"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled form of an operation.

    Attributes:
        accepts: Whether an instruction has the dtypes, shapes and layouts that it is for.
        build: The compiled instruction, which writes into arrays that it is given.
        prepare: What is asked first: the instruction in another form, by what made its arguments.
    """

    accepts: Callable[[Instruction], bool]
    build: Callable[[Instruction], Instruction]
    prepare: Callable[[Instruction, Mapping[Var, Instruction]], Instruction] = lambda i, makers: i


KERNELS: dict[str, Kernel] = {
    "_lstm": Kernel(recurrence.accepts_lstm, recurrence.lstm),
    "_lstm_slope": Kernel(
        recurrence.accepts_lstm_slope, recurrence.lstm_slope, recurrence.of_last_output
    ),
    "self_attention": Kernel(attention.accepts_self_attention, attention.self_attention),
    "self_attention_slope": Kernel(
        attention.accepts_self_attention_slope, attention.self_attention_slope
    ),
    "gelu": Kernel(activation.accepts_gelu, activation.gelu),
    "gelu_slope": Kernel(activation.accepts_gelu, activation.gelu),
    "standardize": Kernel(normalization.accepts_standardize, normalization.standardize),
    "_row_slopes": Kernel(normalization.accepts_row_slopes, normalization.row_slopes),
    "pool_winner": Kernel(pooling.accepts_pool_winner, pooling.pool_winner),
    "pool_place": Kernel(pooling.accepts_pool_place, pooling.pool_place),
}
"""By key of the operation."""


def with_kernels(program: Program) -> Program:
    """The same program with the kernels of `KERNELS` where they fit."""
    if not blas.width():
        return program
    done, names = [], set()
    makers = {v: i for i in program.instructions for v in i.results}
    for i in program.instructions:
        kernel = KERNELS.get(i.op.key) if i.op is not None and i.pure and not i.more else None
        if kernel is None or i.writes or not kernel.accepts(i):
            done.append(i)
            continue
        done.append(kernel.build(kernel.prepare(i, makers)))
        names.add(i.op.key)
    if not names:
        return program
    text = f"kernels compute {', '.join(sorted(names))}"
    return replace(program, instructions=tuple(done)).noted("kernels", text)
