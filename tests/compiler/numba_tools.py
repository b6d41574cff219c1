"""Programs compiled and not compiled, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.compiler.numba import with_numba
from tinygrad_nn.compiler.places import Leaf, Payload, Returned
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var, mapped


class Writer:
    """Writes a program down, one function after the other.

    Its inputs are parameters, and its first results are written over them where they fit.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.values: dict[Any, Any] = {}
        self.instructions: list[Instruction] = []
        self.inputs: dict[Var, Any] = {}
        for x in arrays:
            v = Var(np.shape(x), getattr(x, "dtype", None), getattr(x, "strides", ()))
            self.inputs[v] = Payload(Leaf(tg.tensor(0.0)))
            self.values[v] = x

    def call(self, name: str, function: Callable[..., Any], *args: Any, **params: Any) -> Var:
        with np.errstate(all="ignore"):
            out = function(*mapped(args, self.values), **mapped(params, self.values))
        var = Var(out.shape, out.dtype, out.strides)
        self.values[var] = out
        self.instructions.append(Instruction(name, function, args, params, var))
        return var

    def ufunc(self, name: str, *args: Any) -> Var:
        return self.call(name, getattr(np, name), *args)

    def program(self, results: Sequence[Var]) -> Program:
        ends = [*self.inputs.values(), *map(Returned, range(len(results)))]
        outputs = tuple(Output(place, v) for place, v in zip(ends, results, strict=False))
        return Program(dict(self.inputs), {}, tuple(self.instructions), outputs)


def blank(v: Var) -> Any:
    """An array with the form of a variable, full of what nobody should read."""
    extent = sum((n - 1) * s for n, s in zip(v.shape, v.strides, strict=True)) + v.dtype.itemsize
    memory = np.full(extent, 0xA5, np.uint8)
    return np.ndarray(v.shape, v.dtype, memory, 0, v.strides)


def twin(x: Any) -> Any:
    """A copy that lies in the same way; itself if that is with gaps."""
    copy = np.copy(x, order="K") if np.ndim(x) else x
    return copy if np.ndim(x) and copy.strides == x.strides else x


def run(program: Program, arrays: Sequence[Any], shared: bool = False) -> list[Any]:
    """Results; `shared`: what may be written over an argument is, if nobody needs that later."""
    env: dict[Any, Any] = {**program.constants, **dict(zip(program.inputs, arrays, strict=True))}
    for number, i in enumerate(program.instructions):
        if not i.writes:
            env[i.out] = i.call(*mapped(i.args, env), **mapped(dict(i.params), env))
            continue
        later = {v for x in program.instructions[number + 1 :] for v in x.inputs}
        later |= {o.value for o in program.outputs}
        pairs = {r: a for r, a in i.inplace if shared and i.args[a] not in later}
        given = mapped(i.args, env)
        targets = [given[pairs[n]] if n in pairs else blank(v) for n, v in enumerate(i.results)]
        i.call(*given, *targets)
        env.update(zip(i.results, targets, strict=True))
    return [env[o.value] for o in program.outputs]


def compiled_count(program: Program) -> int:
    return sum(i.name == "numba" for i in program.instructions)


def compare(
    writer: Writer, results: Sequence[Var], *, whole: bool = True, size: float = 0.0
) -> Program:
    """Compile, run, and hold the results against NumPy's: to rounding, whole numbers exactly.

    `size`: how large the terms are of which results are the sums, if those cancel.
    """
    done = with_numba(writer.program(results))
    if whole:
        assert [i.name for i in done.instructions] == ["numba"], done.notes
    arrays = [writer.values[v] for v in writer.inputs]
    for shared in (False, True):
        copies = [twin(x) if shared else x for x in arrays]
        for v, found in zip(results, run(done, copies, shared), strict=True):
            expected = writer.values[v]
            assert np.shape(found) == np.shape(expected)
            assert np.asarray(found).dtype == np.asarray(expected).dtype
            if v.dtype.kind == "f":
                scale = np.finfo(v.dtype).eps
                finite = np.where(np.isfinite(expected), expected, 0)
                largest = np.abs(finite).max(initial=size)
                np.testing.assert_allclose(
                    found, expected, rtol=16 * scale, atol=8 * scale * float(largest)
                )
            else:
                np.testing.assert_array_equal(found, expected)
    return done
