"""What a captured step may return: what a replay can give anew, and nothing that hides a tensor."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node
from tinygrad_nn.nn import Module
from tinygrad_nn.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture

__all__ = ["check_results", "of_arrays"]

_PLAIN = (int, float, complex, str, bytes, type(None), type, ModuleType, np.generic, np.dtype)
_DEEPEST = 4
_INSTEAD = (
    "a replay gives anew what lies in tuples, named tuples, lists and dicts: return one of these, "
    "such as {'loss': loss}, and make the {kind} of it outside"
)
_BODY = "return all results together, as a list, and go through them outside"


def check_results(capture: Capture, leaves: list[Any], function: Any) -> None:
    """Refuse results with something inside that a replay would not make anew.

    Args:
        capture: That of the step.
        leaves: What the step returned, apart from tuples, lists and dicts.
        function: The step.
    """
    for x in leaves:
        if isinstance(x, (Node, Traced)):
            continue
        kind = type(x).__name__
        if isinstance(x, (Iterator, Coroutine, AsyncIterator)):
            words = _yielding(x)
            if isinstance(x, Coroutine):
                x.close()  # or Python warns that nobody awaited it
            instead = _BODY if isinstance(x, Iterator) else "write def in place of async def"
            raise capture.refused(f"{words} as a result", instead, _lines(function))
        if _hides(capture, x, _DEEPEST):
            raise capture.refused(
                f"a result of type {kind} with a tensor of the step inside",
                _INSTEAD.replace("{kind}", kind),
                _lines(function),
            )


def of_arrays(capture: Capture, error: AttributeError) -> Exception:
    """The error for what arrays have, and the tensors that stand for them in a step do not."""
    name = error.name
    if not (isinstance(error.obj, Node) and name and hasattr(np.ndarray, name)):
        return error
    inner: Any = error.__traceback__
    frames = []
    while inner is not None:
        frames.append(inner)
        inner = inner.tb_next
    last = frames[-1]
    return capture.refused(
        f".{name} of an argument, which is an array outside and a tensor",
        "a step computes with tensors: use a function of tinygrad_nn that gives a new one, or do "
        "it to the array before the call",
        (last.tb_frame.f_code.co_filename, last.tb_lineno),
    )


def _yielding(x: Any) -> str:
    if inspect.isgenerator(x):
        return f"a generator ({x.__name__})"
    if isinstance(x, (Coroutine, AsyncIterator)):
        return f"a coroutine of an async function ({getattr(x, '__name__', type(x).__name__)})"
    return f"an iterator ({type(x).__name__})"


def _lines(function: Any) -> tuple[str, int] | None:
    """Where the step is written."""
    while isinstance(function, (partial, MethodType)):
        function = function.func if isinstance(function, partial) else function.__func__
    code = getattr(function, "__code__", None)
    if code is None:  # of an object that can be called
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    return None if code is None else (code.co_filename, code.co_firstlineno)


def _hides(capture: Capture, x: Any, depth: int) -> bool:
    """Whether something of the step is inside."""
    if isinstance(x, Node):
        return not capture.leaves.outside(x)
    if isinstance(x, Traced):
        return True
    if isinstance(x, (*_PLAIN, Module, Optimizer)) or depth == 0:
        return False
    return any(_hides(capture, y, depth - 1) for y in _inside(x))


def _inside(x: Any) -> Iterable[Any]:  # noqa: PLR0911  (one line for each kind)
    """What an object holds, as far as one can look into it."""
    if isinstance(x, np.ndarray):
        return x.ravel().tolist() if x.dtype == object else ()
    if isinstance(x, Mapping):
        return x.values()
    if isinstance(x, (list, tuple, deque, Set)):
        return x
    if isinstance(x, FunctionType):
        return [*_cells(x), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
    if isinstance(x, MethodType):
        return (x.__self__,)
    if isinstance(x, partial):
        return (x.func, *x.args, *x.keywords.values())
    slots = [s for c in type(x).__mro__ for s in _names(vars(c).get("__slots__", ()))]
    own = getattr(x, "__dict__", {})
    found = [*own.values(), *[getattr(x, s, None) for s in slots]]
    return [*found, *x] if isinstance(x, (type({}.keys()), type({}.values()))) else found


def _cells(function: FunctionType) -> list[Any]:
    held = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # not yet assigned
            held.append(cell.cell_contents)
    return held


def _names(slots: Any) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots
