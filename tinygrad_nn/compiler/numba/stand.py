"""Stand-ins for arrays, on which an operation's text is run to see what it is made of.

As the traced arrays of a capture, but for two things: they may be written over as a whole, as
kernels do to save arrays, and nothing of the user's is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.backends import array, register
from tinygrad_nn.compiler.capture.namespaces import TracedNamespace
from tinygrad_nn.compiler.capture.traced import TracedArray
from tinygrad_nn.compiler.program import Instruction, Var

__all__ = ["Record", "Stand"]

_SAFE = frozenset({
    "reshape", "ravel", "transpose", "matrix_transpose", "getitem", "squeeze", "expand_dims",
    "broadcast_to", "permute_dims", "swapaxes", "moveaxis",
})  # fmt: skip
"""Functions whose result may be memory of their argument."""


class Refused(Exception):  # noqa: N818  (no error: the operation stays as it is)
    """An operation does what cannot be compiled."""


class Stand(TracedArray):
    """Stands for an array."""

    __slots__ = ()
    capture: Any

    def __init__(self, record: Any, var: Var, value: Any) -> None:
        super().__init__(record, var, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        (target,) = options.pop("out", None) or (None,)
        found = super().__array_ufunc__(ufunc, method, *inputs, **options)
        return found if target is None else self.capture.replaced(target, found)

    def dot(self, other: Any) -> Any:
        """`numpy.ndarray.dot`."""
        return self.capture.apply("dot", np.dot, (self, other), {})


register(Stand, TracedNamespace(array))


class Record:
    """Writes down what is computed.

    Attributes:
        instructions: In order.
        failing: Of a capture: whether an error is being told.
    """

    failing = False

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self._shared: set[Var] = set()

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
        """Compute and write down."""
        out = call(*_values(tuple(args)), **_values(params))
        if about:
            return out
        if not isinstance(out, (np.ndarray, np.generic)):
            raise Refused
        var = Var(out.shape, out.dtype, out.strides)
        if call is np.empty_like:
            return Stand(self, var, out)  # to be written over
        written = _vars(tuple(args)), _vars(params)
        self.instructions.append(Instruction(name, call, written[0], written[1], var))
        found = Stand(self, var, out)
        if name in _SAFE:
            self._shared.add(var)
            self._shared.update(x.var for x in args if isinstance(x, Stand))
        return found

    def operate(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an operation's kernel."""
        return self.apply(op.key, op.kernels[np.ndarray][0], args, params)

    def in_place(self, function: Callable[..., Any], target: Any, other: Any) -> Any:
        """`target += other`, and the like."""
        return self.replaced(target, self.apply(function.__name__, function, (target, other), {}))

    def replaced(self, target: Any, found: Any) -> Any:
        """Let `target` be `found` from now on; who has looked at it before has the old one."""
        same = target.shape == found.shape and target.dtype == found.dtype
        if not same or target.var in self._shared:
            raise Refused
        target.value, target.var = found.value, found.var
        return target

    def refused(self, what: str, instead: str) -> Exception:
        """What is raised for all that cannot be captured."""
        return Refused(what)


def _values(x: Any) -> Any:
    if isinstance(x, Stand):
        return x.value
    if isinstance(x, (tuple, list)):
        return type(x)([_values(y) for y in x])
    if isinstance(x, dict):
        return {k: _values(y) for k, y in x.items()}
    return x


def _vars(x: Any) -> Any:
    if isinstance(x, Stand):
        return x.var
    if isinstance(x, np.ndarray):
        raise Refused  # a constant that its text makes
    if isinstance(x, (tuple, list)):
        return type(x)([_vars(y) for y in x])
    if isinstance(x, dict):
        return {k: _vars(y) for k, y in x.items()}
    return x
