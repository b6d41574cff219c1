"""Functions of each engine as problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, cast

from tinygrad_nn.core.node import Node
from tinygrad_nn.core.record import Op
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import CheckError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.testing.adapters.arrays import of_arrays
from tinygrad_nn.testing.adapters.named import named
from tinygrad_nn.testing.adapters.operations import of_operation
from tinygrad_nn.testing.adapters.tensors import of_module, of_tensors
from tinygrad_nn.testing.libraries import LIBRARIES
from tinygrad_nn.testing.problem.subject import Problem

__all__ = ["ENGINES", "problem_of", "problems_of"]

ENGINES = ("tinygrad", "numpy", *LIBRARIES)
"""Names for `engine=`, besides "auto"."""

_OWNERS = {
    package: engine
    for engine, library in LIBRARIES.items()
    for package in (*library.packages, *library.guests)
}


def problems_of(
    f: Any, inputs: tuple[Any, ...], grad: Any = None, engine: str = "auto", seed: int = 0
) -> Iterable[Problem]:
    """The problems of a function: one, but for an operation one for each of its samples."""
    if isinstance(f, (str, Op)):
        return of_operation(f, inputs, seed)
    return [problem_of(f, inputs, grad, engine)]


def problem_of(f: Any, inputs: tuple[Any, ...], grad: Any = None, engine: str = "auto") -> Problem:
    """The problem of a function, by the engine that differentiates it.

    Raises:
        CheckError: There is no such engine, or it is not installed; `f` is no function.
    """
    if not callable(f):
        raise CheckError(
            f"gradcheck: got {type(f).__name__}, expected a function, a module or the name of an "
            "operation: gradcheck(f, x), not gradcheck(f(x))"
        )
    if engine not in ("auto", *ENGINES):
        raise CheckError(
            f"gradcheck: got engine={engine!r}, expected one of auto, {', '.join(ENGINES)}"
        )
    chosen = _engine_of(f, inputs, grad) if engine == "auto" else engine
    if chosen != "jax":  # whose functions take nests
        _not_as_one(f, inputs)
    if chosen == "numpy":
        if grad is None:
            raise CheckError(
                f"gradcheck: {named(f)}: engine='numpy' needs grad=, the gradient to be checked"
            )
        return of_arrays(f, inputs, grad)
    if grad is not None:
        raise CheckError(
            f"gradcheck: {named(f)}: got grad= for a function that {chosen} differentiates, "
            "expected one of them; with grad= give NumPy arrays as inputs"
        )
    if chosen == "tinygrad":
        return of_module(f, inputs) if isinstance(f, Module) else of_tensors(f, inputs)
    return _adapter(chosen)(f, inputs)


def _not_as_one(f: Any, inputs: tuple[Any, ...]) -> None:
    """Refuse inputs given as one tuple, as other checkers take them, or as one dict."""
    if len(inputs) != 1 or not isinstance(inputs[0], (tuple, list, dict)):
        return
    held = flatten(inputs[0])[0]
    if any(hasattr(x, "shape") for x in held):
        write = "gradcheck(f, *inputs), or gradcheck(lambda *xs: f(xs), *inputs) if f takes them so"
        if isinstance(inputs[0], dict):
            write = "gradcheck(lambda *xs: f(dict(zip(inputs, xs))), *inputs.values())"
        raise CheckError(
            f"gradcheck: {named(f)}: got a {type(inputs[0]).__name__} of {len(held)} as its one "
            f"input, expected each array by itself; write {write}"
        )


def _engine_of(f: Any, inputs: tuple[Any, ...], grad: Any) -> str:
    """The engine that the inputs are of, or the function itself."""
    leaves = flatten(list(inputs))[0]
    found = {e for x in leaves for e in (_root(type(x)),) if e}
    if any(isinstance(x, Node) for x in leaves) and grad is None:
        found.add("tinygrad")
    if len(found) > 1:
        raise CheckError(
            f"gradcheck: {named(f)}: got inputs of {' and '.join(sorted(found))}, expected those "
            "of one engine; convert them, or say which with engine="
        )
    if grad is not None and not found:
        return "numpy"
    if isinstance(f, Module):
        return "tinygrad"
    return found.pop() if found else _root(type(f)) or _root(f) or "tinygrad"


def _root(thing: Any) -> str | None:
    """The engine that a class (by its bases) or a function is of."""
    for part in getattr(thing, "__mro__", (thing,)):
        package = (getattr(part, "__module__", None) or "").partition(".")[0]
        if package in _OWNERS:
            return _OWNERS[package]
    return None


def _adapter(engine: str) -> Callable[[Any, tuple[Any, ...]], Problem]:
    """What makes problems of another library's functions."""
    try:
        module = import_module(f"tinygrad_nn.testing.adapters.{engine}")
    except ImportError as error:
        raise CheckError(
            f"gradcheck: {LIBRARIES[engine].name} cannot be imported ({error}), expected it where "
            f"its functions are checked; install it: pip install {engine}"
        ) from error
    return cast(Callable[[Any, tuple[Any, ...]], Problem], module.problem_of)
