"""What a kernel is made of: its text is run on stand-ins, which write down what is called.

Stand-ins are traced arrays, but for two things: they may be written over as a whole, as kernels do
to save arrays, and nothing of the user's is among them. So there is no error to explain here: a
kernel that cannot be followed stays one instruction. That is why a step itself is recorded by
another class (`capture.recording`): it has inputs, places, lines and errors of the user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.backends import array, register
from tinygrad_nn.compiler.capture.namespaces import TracedNamespace
from tinygrad_nn.compiler.capture.traced import TracedArray
from tinygrad_nn.compiler.program import Instruction, Var
from tinygrad_nn.core.capturing import Traced

__all__ = ["Closed", "Opening", "StandIn"]


class Closed(Exception):  # noqa: N818  (no error: the kernel stays one instruction)
    """The kernel does something that cannot be followed."""


class StandIn(TracedArray):
    """Stands in for an array inside a kernel.

    Attributes:
        shared: Whether another stand-in shows its memory: then nothing is written into it.
    """

    __slots__ = ("shared",)
    capture: Any

    def __init__(self, opening: Any, var: Var, value: Any) -> None:
        super().__init__(opening, var, value)
        self.shared = False

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        (target,) = options.pop("out", None) or (None,)
        found = super().__array_ufunc__(ufunc, method, *inputs, **options)
        return found if target is None else self.capture.written(target, found)

    def dot(self, other: Any) -> Any:
        """`numpy.ndarray.dot`."""
        return self.capture.apply("dot", np.dot, (self, other), {})


register(StandIn, TracedNamespace(array))


class Opening:
    """Writes down what a kernel calls; for `TracedArray` it is the capture.

    Attributes:
        instructions: In order.
        made: Variables of the arrays that the kernel made.
        failing: Of a capture: whether an error is being told.
    """

    failing = False

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.made: set[Var] = set()

    def apply(
        self,
        name: str,
        call: Callable[..., Any],
        args: Sequence[Any],
        params: dict[str, Any],
        *,
        about: bool = False,
        **_: Any,
    ) -> Any:
        """Compute and write down one call."""
        if isinstance(call, np.ufunc) and len(args) > call.nin:
            raise Closed  # the array for the result, by position
        out = call(*_values(tuple(args)), **_values(params))
        if about:
            return out
        if not isinstance(out, (np.ndarray, np.generic)):
            raise Closed
        found = StandIn(self, Var(out.shape, out.dtype, out.strides), out)
        for x in args:
            if isinstance(x, StandIn) and np.may_share_memory(out, x.value):
                x.shared = found.shared = True
        given, named = self._vars(tuple(args)), self._vars(params)
        self.instructions.append(self.instruction(name, call, given, named, found.var))
        self.made.add(found.var)
        return found

    def instruction(self, name: str, call: Any, args: Any, params: Any, out: Var) -> Instruction:
        """How a call is written down."""
        return Instruction(name, call, args, params, out)

    def array(self, value: Any) -> Var:
        """The variable of an array that the kernel makes of nothing."""
        raise Closed

    def fits(self, new: Var, old: Var) -> bool:
        """Whether a result can stand for what it is written over: compiled code knows any order."""
        return new.shape == old.shape and new.dtype == old.dtype

    def operate(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """An operation that the kernel uses, as one instruction."""
        return self.apply(op.key, op.kernels[np.ndarray][0], args, params)

    def in_place(self, function: Any, target: Any, other: Any) -> Any:
        """`target += other`, and the like."""
        return self.written(target, self.apply(function.__name__, function, (target, other), {}))

    def written(self, target: Any, found: Any) -> Any:
        """From now on the array `target` has the numbers of `found`."""
        if not isinstance(target, StandIn) or target.shared or target.var not in self.made:
            raise Closed  # an argument, or somebody has seen the old numbers
        if not self.fits(found.var, target.var):
            raise Closed
        target.var, target.value = found.var, found.value
        return target

    def refused(self, what: str, instead: str) -> Exception:
        """What is raised where a capture would refuse: the kernel looks at a number."""
        return Closed(what)

    def _vars(self, x: Any) -> Any:
        if isinstance(x, StandIn):
            return x.var
        if isinstance(x, Traced):
            raise Closed
        if isinstance(x, np.ndarray):
            return self.array(x)
        if isinstance(x, (tuple, list)):
            return type(x)([self._vars(y) for y in x])
        if isinstance(x, dict):
            return {k: self._vars(y) for k, y in x.items()}
        return x


def _values(x: Any) -> Any:
    if isinstance(x, StandIn):
        return x.value
    if isinstance(x, (tuple, list)):
        return type(x)([_values(y) for y in x])
    if isinstance(x, dict):
        return {k: _values(y) for k, y in x.items()}
    return x
