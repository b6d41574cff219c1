"""The namespaces of traced arrays and numbers: the backend's own functions, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from tinygrad_nn.backends import array, register, scalar
from tinygrad_nn.compiler.capture.traced import HostNumber, TracedArray, TracedNumber
from tinygrad_nn.core.capturing import Traced, capturing
from tinygrad_nn.core.forms import WEIGHTED
from tinygrad_nn.core.op import register_family
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.value import Value

__all__ = ["TracedNamespace", "first_traced"]


def first_traced(tree: Iterable[Any]) -> Any:
    """The first traced thing in nested sequences, or None."""
    for x in tree:
        if isinstance(x, Traced):
            return x
        if isinstance(x, (tuple, list)):
            found = first_traced(x)
            if found is not None:
                return found
        elif isinstance(x, slice):
            found = first_traced((x.start, x.stop, x.step))
            if found is not None:
                return found
    return None


class TracedNamespace:
    """Functions of `functions`; a call with something traced is told to its capture."""

    def __init__(self, functions: Any) -> None:
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._functions, name)
        if isinstance(found, type) or not callable(found):
            # Of numpy.linalg and the like the functions too; dtypes and constants as they are.
            found = TracedNamespace(found) if isinstance(found, ModuleType) else found
        else:
            found = _told(name, found)
        setattr(self, name, found)
        return found

    def kernel_of(self, op: Any) -> Callable[..., Any]:
        """Kernel of `op` for traced payloads: that for real ones, as one instruction.

        A neuron of numbers is written down as its products and sums: they are computed in groups
        together with all others, which takes a fifteenth of the time.
        """
        if op.form is WEIGHTED and self._functions is scalar:
            return op.body  # type: ignore[no-any-return]

        def kernel(*args: Any, **params: Any) -> Any:
            lead = first_traced((*args, *params.values()))
            return lead.capture.operate(op, args, params)

        return kernel


_CREATES = frozenset({"arange", "eye", "full", "linspace", "ones", "tri", "zeros"})
"""Functions that make an array of their own."""


def _told(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **params: Any) -> Any:
        lead = first_traced((*args, *params.values()))
        if lead is None:
            found = function(*args, **params)
            capture = capturing() if name in _CREATES else None
            return found if capture is None else capture.own(found)
        return lead.capture.apply(name, function, args, params)

    return call


register(TracedArray, TracedNamespace(array))
register(TracedNumber, TracedNamespace(scalar))
register(HostNumber, TracedNamespace(scalar))
register_family(TracedArray, Tensor)
register_family(TracedNumber, Value)
