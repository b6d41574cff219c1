"""Programs drawn at random, and their results by the plainest means."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinygrad_nn.compiler.emit import Replay
from tinygrad_nn.compiler.layout import example
from tinygrad_nn.compiler.places import Argument, Returned
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var, mapped

UNARY = [np.negative, np.absolute, np.square, np.tanh, np.positive, np.exp]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.divide]
COMPARED = [np.greater, np.equal]
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40]


def var(value: Any) -> Var:
    if isinstance(value, (np.ndarray, np.generic)):
        return Var(value.shape, value.dtype, value.strides)
    return Var((), None)


class Builder:
    """Makes a program by running it, as the capture does."""

    def __init__(self) -> None:
        self.inputs: dict[Var, Any] = {}
        self.constants: dict[Var, Any] = {}
        self.instructions: list[Instruction] = []
        self.values: dict[Var, Any] = {}

    def input(self, value: Any) -> Var:
        v = var(value)
        self.inputs[v] = Argument(len(self.inputs))
        self.values[v] = value
        return v

    def constant(self, value: Any) -> Var:
        v = var(value)
        self.constants[v] = self.values[v] = value
        return v

    def do(self, name: str, call: Any, *args: Any, **params: Any) -> Var:
        with np.errstate(all="ignore"):
            value = call(*mapped(args, self.values), **mapped(params, self.values))
        v = var(value)
        self.values[v] = value
        self.instructions.append(Instruction(name, call, args, params, v, line="here:1"))
        return v

    def program(self, *results: Any) -> Program:
        outputs = tuple(Output(Returned(n), x) for n, x in enumerate(results))
        return Program(self.inputs, self.constants, tuple(self.instructions), outputs)


def plainly(program: Program, leaves: list[Any]) -> list[Any]:
    """Results of a program, one instruction after the other with fresh memory for each."""
    env: dict[Any, Any] = dict(program.constants)
    for v, place in program.inputs.items():
        env[v] = leaves[place.index]
    with np.errstate(all="ignore"):
        for i in program.instructions:
            args, params = mapped(i.args, env), mapped(dict(i.params), env)
            if i.writes:
                found = [np.empty_like(example(v)) for v in i.results]
                i.call(*args, *found, **params)
                env.update(zip(i.results, found, strict=True))
            else:
                env[i.out] = i.call(*args, **params)
    return [env[o.value] if isinstance(o.value, Var) else o.value for o in program.outputs]


def replayed(program: Program, leaves: list[Any], replay: Replay | None = None) -> list[Any]:
    """Results of a replay."""
    with np.errstate(all="ignore"):
        found = (replay or Replay(program)).run_leaves(leaves, [], None)
    return [found[n] for n in range(len(found))]


def same(a: list[Any], b: list[Any]) -> bool:
    return [bits(x) for x in a] == [bits(x) for x in b]


def bits(x: Any) -> Any:
    x = np.asarray(x)
    # The payload of a NaN depends on which operand comes first in a register.
    x = np.where(np.isnan(x), np.nan, x).astype(x.dtype) if x.dtype.kind == "f" else x
    return x.dtype, x.shape, x.tobytes()


class Drawn:
    """A program and the arguments of several calls; printed as a program."""

    def __init__(self, program: Program, calls: list[list[Any]]) -> None:
        self.program, self.calls = program, calls

    def __iter__(self) -> Any:
        return iter((self.program, self.calls))

    def __repr__(self) -> str:
        p = self.program
        lines = [
            f"{i.out!r}{i.out.strides} = {i.name}{i.args!r} {i.params}" for i in p.instructions
        ]
        return "\n".join([f"{list(p.inputs)}", *lines, f"{[o.value for o in p.outputs]}"])


@st.composite
def programs(draw: Any) -> Drawn:
    """A program, and arguments for several calls."""
    b = Builder()
    dtype = draw(st.sampled_from(["f4", "f8"]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))

    def array(shape: tuple[int, ...]) -> Any:
        x = rng.standard_normal(shape).astype(dtype)
        chosen = rng.random(shape) < 0.2
        x[chosen] = rng.choice(SPECIAL, chosen.sum()).astype(dtype)
        return np.asfortranarray(x) if len(shape) == 2 and draw(st.booleans()) else x

    shapes = [(rows, columns), (columns,), (rows, columns), ()]
    known = [b.input(array(s)) for s in shapes] + [b.constant(array((rows, columns)))]
    layouts = [(x.shape, x.strides) for x in b.inputs]
    for _ in range(draw(st.integers(1, 14))):
        x = draw(st.sampled_from(known))
        kind = draw(st.sampled_from("uuubbbbnnrvvcm"))
        if kind == "u":
            known.append(b.do("u", draw(st.sampled_from(UNARY)), x))
        elif kind == "b":
            fitting = [y for y in known if y.shape in (x.shape, (), x.shape[-1:])]
            call = draw(st.sampled_from(BINARY + COMPARED))
            found = b.do(call.__name__, call, x, draw(st.sampled_from(fitting)))
            known.append(found if found.dtype != bool else b.do("f", np.multiply, found, x))
        elif kind == "n":
            call = draw(st.sampled_from(BINARY))
            number = draw(st.sampled_from([0, 1, 2, 0.0, -0.0, 1.0, 0.5, -1]))
            args = (x, number) if draw(st.booleans()) else (number, x)
            known.append(b.do(call.__name__, call, *args))
        elif kind == "r":
            axis = draw(st.sampled_from([None, *range(len(x.shape))]))
            known.append(b.do("sum", np.add.reduce, x, axis=axis, keepdims=draw(st.booleans())))
        elif kind == "v":
            name, call, more = draw(st.sampled_from([
                ("transpose", np.transpose, ()), ("reshape", np.reshape, ((-1,),)),
                ("getitem", lambda a, k: a[k], (Ellipsis,)), ("ravel", np.ravel, ()),
            ]))  # fmt: skip
            known.append(b.do(name, call, x, *more))
        elif kind == "c":
            known.append(b.do("copy", np.copy, x))
        else:
            tables = [y for y in known if len(y.shape) == len(x.shape) == 2]
            fitting = [y for y in tables if y.shape[0] == x.shape[1]]
            if fitting:
                known.append(b.do("matmul", np.matmul, x, draw(st.sampled_from(fitting))))
    made = [x for x in known if x not in b.constants]
    results = draw(st.lists(st.sampled_from(made), min_size=1, max_size=4, unique=True))
    calls = []
    for _ in range(3):
        leaves = []
        for shape, strides in layouts:
            x = rng.standard_normal(shape).astype(dtype)
            x = np.asfortranarray(x) if np.asfortranarray(x).strides == strides else x
            leaves.append(x)
        calls.append(leaves)
    calls[0] = [b.values[v] for v in b.inputs]
    return Drawn(b.program(*results), calls)
