"""The laws of a rule, read from its compiled code.

A rule may use what it was given, and public operations, since only those record themselves when
they are fed nodes. What it must not touch is the payload of a node, or an array library.
"""

import builtins
import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tinygrad_nn import ops
from tinygrad_nn.core.op import Op

# Attributes that lead from a node to its bare numbers, or into the engine.
PAYLOAD = frozenset(
    {"_data", "_grad", "data", "detach", "epoch", "extra", "item", "numpy", "synced", "tolist"}
)
ARRAY_LIBRARIES = frozenset({"cupy", "numpy"})
# Of our own modules, those with functions that take payloads and would not record.
UNRECORDED = frozenset({"tinygrad_nn.backends"})


def rules_of(record: Op) -> list[Callable[..., Any]]:
    """All functions that compute derivatives of an operation."""
    found = [*record.rules, record.pullback, record.jvp]
    return [rule for rule in found if rule is not None]


def breaches(record: Op) -> list[str]:
    """What the rules of an operation, and the helpers they call, must not do."""
    found: list[str] = []
    seen: set[Any] = set()
    for rule in rules_of(record):
        found += _breaches(rule, seen)
    return found


def _breaches(function: Any, seen: set[Any]) -> Iterator[str]:
    function = getattr(function, "func", function)  # functools.partial
    if not isinstance(function, FunctionType) or function in seen:
        return
    seen.add(function)
    if hasattr(function, "op") or getattr(ops, function.__name__, None) is function:
        return  # an operation, or the public function around one: its own rules are looked at
    values = {**vars(builtins), **function.__globals__, **_captured(function)}
    used: list[Any] = [*_captured(function).values(), *(function.__defaults__ or ())]
    for name, kind in _names(function.__code__):
        where = f"{function.__module__}.{function.__qualname__}"
        if kind == "attribute" and name in PAYLOAD:
            yield f"{where} reads .{name}"
        elif kind == "global":
            used.append(values.get(name))
    for value in used:
        if module := _forbidden(value):
            yield f"{function.__module__}.{function.__qualname__} uses {module}"
        else:
            yield from _breaches(value, seen)


def _captured(function: FunctionType) -> dict[str, Any]:
    """Values of the variables that a function took from around it."""
    cells = function.__closure__ or ()
    return {n: c.cell_contents for n, c in zip(function.__code__.co_freevars, cells, strict=True)}


def _names(code: CodeType) -> Iterator[tuple[str, str]]:
    """Attributes and global names that a function uses, with those of functions inside it."""
    for instruction in dis.get_instructions(code):
        name = str(instruction.argval)
        if instruction.opname in {"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"}:
            yield name, "attribute"
        elif instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            yield name, "global"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _forbidden(value: Any) -> str:
    """Name of the module that a rule must not use, if this is it or comes from it."""
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    package = (module or "").partition(".")[0]
    if package in ARRAY_LIBRARIES:
        return package
    return next((name for name in UNRECORDED if (module or "").startswith(name)), "")
