"""Kernels opened up: the NumPy calls inside a kernel become instructions of their own.

The text of the kernel says what they are: it is run once on arrays that stand in for those of the
program and write down what is called with them. A kernel that looks at a number, or writes where
that cannot be followed, stays one instruction. It pays where calls count: an array of a few
kilobytes gets no fresh memory any more, and the transpose of a weight is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from tinygrad_nn.backends import array, register
from tinygrad_nn.compiler.capture.namespaces import TracedNamespace
from tinygrad_nn.compiler.capture.traced import TracedArray
from tinygrad_nn.compiler.layout import alike, example
from tinygrad_nn.compiler.passes.common import renamed
from tinygrad_nn.compiler.program import Instruction, Program, Var
from tinygrad_nn.core.capturing import Traced

__all__ = ["OPENED", "inlined"]

OPENED = frozenset(
    {
        "linear", "log_softmax", "matmul", "max", "mean", "min", "relu", "sigmoid", "softmax",
        "std", "sum", "sum_rows", "var",
    }
)  # fmt: skip
"""Operations whose kernels are opened up."""

_LARGE = 1 << 22
"""Bytes of the arguments from which a trial run of a kernel would be felt."""


class _Closed(Exception):  # noqa: N818  (no error: the kernel stays one instruction)
    """The kernel does something that cannot be followed."""


class _Stand(TracedArray):
    """Stands in for an array inside a kernel; unlike others it may be written as a whole."""

    __slots__ = ("looked",)

    def __init__(self, capture: Any, var: Var, value: Any) -> None:
        super().__init__(capture, var, value)
        self.looked = False

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.pop("out", None)
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        found = self.capture.apply(name, call, inputs, options)
        if out is None or out[0] is None:
            return found
        opening: Any = self.capture
        return opening.written(out[0], found)

    def dot(self, other: Any) -> Any:
        """`numpy.dot`."""
        return self.capture.apply("dot", np.dot, (self, other), {})


register(_Stand, TracedNamespace(array))


class _Opening:
    """Takes down what a kernel calls; for `TracedArray` it is the capture."""

    failing = False

    def __init__(self, kernel: Instruction) -> None:
        self.kernel = kernel
        self.instructions: list[Instruction] = []
        self.constants: dict[Var, Any] = {}
        self.made: set[Var] = set()

    def stand(self, x: Any) -> Any:
        """What the kernel gets for an argument."""
        if isinstance(x, Var):
            if x.dtype is None:
                raise _Closed
            return _Stand(self, x, example(x))
        return x

    def constant(self, value: Any) -> _Stand:
        """An array that the kernel made: it is nobody else's."""
        found = _Stand(self, Var(value.shape, value.dtype, value.strides), value)
        self.constants[found.var] = value
        return found

    def apply(
        self,
        name: str,
        call: Callable[..., Any],
        args: Sequence[Any],
        params: dict[str, Any],
        about: bool = False,
        **more: Any,
    ) -> Any:
        """Take down one call; functions of the backend are opened up in turn."""
        if isinstance(call, FunctionType) and call.__module__.startswith("tinygrad_nn.backends"):
            return call(*args, **params)
        if isinstance(call, np.ufunc) and len(args) > call.nin:
            raise _Closed
        stood = [_real(x) for x in args]
        out = call(*stood, **{k: _real(x) for k, x in params.items()})
        if about:
            return out
        if not isinstance(out, (np.ndarray, np.generic)):
            raise _Closed
        looks = [x for x in args if isinstance(x, _Stand) and np.may_share_memory(out, x.value)]
        found = _Stand(self, Var(out.shape, out.dtype, out.strides), out)
        for x in looks:
            x.looked = found.looked = True
        given = tuple(self._var(x) for x in args)
        named = {k: self._var(x) for k, x in params.items()}
        line, phase, quiet = self.kernel.line, self.kernel.phase, _ignored()
        kernel = self.kernel.op.key
        made = Instruction(
            name, call, given, named, found.var, None, True, line, phase=phase, kernel=kernel
        )
        if quiet:
            made = _quieted(made, quiet)
        self.instructions.append(made)
        self.made.add(found.var)
        return found

    def in_place(self, function: Any, target: Any, other: Any) -> Any:
        """`target += other` and the like."""
        return self.written(target, self.apply(function.__name__, function, (target, other), {}))

    def written(self, target: Any, found: Any) -> Any:
        """From now on the array `target` has the numbers of `found`."""
        if type(target) is not _Stand or target.looked or target.var not in self.made:
            raise _Closed
        if not alike(found.var, target.var):
            raise _Closed
        target.var, target.value = found.var, found.value
        return target

    def _var(self, x: Any) -> Any:
        if type(x) is _Stand:
            return x.var
        if isinstance(x, Traced):
            raise _Closed
        if type(x) is np.ndarray:
            return self.constant(x).var
        if type(x) in (tuple, list):
            return type(x)([self._var(y) for y in x])
        return x

    def operate(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """An operation that a kernel uses."""
        return op.kernels[np.ndarray][0](*args, **params)

    def refused(self, what: str, instead: str) -> Exception:
        """The kernel looks at a number."""
        return _Closed(what)


def _real(x: Any) -> Any:
    if type(x) is _Stand:
        return x.value
    if type(x) in (tuple, list):
        return type(x)([_real(y) for y in x])
    return x


def _called(kind: str, flag: int) -> None:
    """Where a warning would be given, were these the numbers of the program."""


def _ignored() -> tuple[str, ...]:
    """What the kernel asked NumPy not to warn of."""
    return tuple(k for k, how in np.geterr().items() if how == "ignore")


def _quieted(i: Instruction, quiet: tuple[str, ...]) -> Instruction:
    if not isinstance(i.call, np.ufunc) or i.params or not i.out.shape:
        raise _Closed
    pairs = frozenset((0, n) for n, x in enumerate(i.args) if isinstance(x, Var))
    return replace(i, call=_quiet(i.call, quiet), writes=True, inplace=pairs)


@cache
def _quiet(call: Any, quiet: tuple[str, ...]) -> Callable[..., Any]:
    options: Any = dict.fromkeys(quiet, "ignore")

    def silently(*args: Any) -> None:
        with np.errstate(**options):
            call(*args[:-1], out=args[-1])

    return silently


def inlined(program: Program) -> Program:
    """Put the calls inside of kernels in their place, of operations that are in `OPENED`."""
    kept: list[Instruction] = []
    constants, private = dict(program.constants), set(program.private)
    new: dict[Var, Any] = {}
    opened = []
    for instruction in program.instructions:
        i = instruction.with_inputs(new)
        inner = _inside(i) if i.op is not None and i.op.key in OPENED and i.pure else None
        if inner is None:
            kept.append(i)
            continue
        opening, out = inner
        kept += opening.instructions
        constants.update(opening.constants)
        private.update(opening.constants)
        new[i.out] = out
        opened.append(i.op.key)
    if not opened:
        return program
    grown = renamed(replace(program, constants=constants, private=frozenset(private)), kept, new)
    names = ", ".join(sorted(set(opened)))
    return grown.noted("inlining", f"opened {len(opened)} kernels: {names}")


def _inside(i: Instruction) -> tuple[_Opening, Var] | None:
    """What a kernel calls, and its result; None if it stays closed."""
    large = sum(x.nbytes for x in i.inputs) > _LARGE
    if i.more or large or isinstance(i.call, BuiltinFunctionType):
        return None
    opening = _Opening(i)
    try:
        with np.errstate(all="call", call=_called):
            args = [opening.stand(x) for x in i.args]
            params = {k: opening.stand(x) for k, x in i.params.items()}
            out = i.call(*args, **params)
    except (_Closed, AttributeError, TypeError):
        return None
    if type(out) is not _Stand or out.var not in opening.made:
        return None
    return (opening, out.var) if alike(out.var, i.out) else None
