"""Instructions as people write them: `x @ w.T + b` and not `add(matmul(x, transpose(w)), b)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_nn.compiler.places import Entry, Gradient
from tinygrad_nn.compiler.program import Instruction, Program, Var, variables
from tinygrad_nn.compiler.show.labels import words_of

__all__ = ["constant_names", "expression", "input_names", "kind_of", "names_of", "one_line",
           "shown_name"]  # fmt: skip

_BINARY = {
    "add": "+", "subtract": "-", "sub": "-", "multiply": "*", "mul": "*", "divide": "/",
    "true_divide": "/", "truediv": "/", "power": "**", "pow": "**", "matmul": "@", "dot": "@",
    "greater": ">", "gt": ">", "greater_equal": ">=", "ge": ">=", "less": "<", "lt": "<",
    "less_equal": "<=", "le": "<=", "equal": "==", "eq": "==", "not_equal": "!=", "ne": "!=",
    "floordiv": "//", "floor_divide": "//", "mod": "%", "remainder": "%",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
_UNARY = {"negative": "-", "neg": "-", "positive": "+", "pos": "+", "invert": "~"}
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min",
               "logical_and": "all", "logical_or": "any"}  # fmt: skip
_LONGEST = 32


def kind_of(var: Var) -> str:
    """`float32[32, 10]`, or `number`.

    Example:
        >>> kind_of(Var((2, 3), np.dtype("f4"))), kind_of(Var((), None))
        ('float32[2, 3]', 'number')
    """
    if var.dtype is None:
        return "number"
    return f"{var.dtype}{list(var.shape)}"


def names_of(program: Program) -> dict[Var, str]:
    """A name for each variable: what the user calls an input, `t1`, `t2`, ... for results."""
    found = {**input_names(program), **constant_names(program)}
    count = 0
    for i in program.instructions:
        for var in (*[v for inner in i.inside for v in inner.results], *i.results):
            if var not in found:
                count += 1
                found[var] = f"t{count}"
    return found


def input_names(program: Program) -> dict[Var, str]:
    """What an input is called in expressions."""
    found, count = {}, 0
    for var, place in program.inputs.items():
        words = one_line(words_of(place, program.names))
        if isinstance(place, Gradient):
            words = f"grad({words.removeprefix('gradient of ')})"
        elif isinstance(place, Entry):
            words = f"{place.key}({words.removeprefix(f'{place.key} of ')})"
        elif " " in words:
            count += 1
            words = f"n{count}"
        found[var] = words
    return found


def constant_names(program: Program) -> dict[Var, str]:
    """Numbers as they are, `c1`, `c2`, ... for arrays."""
    found, count = {}, 0
    for var, x in program.constants.items():
        if isinstance(x, (int, float)) or (isinstance(x, (np.ndarray, np.generic)) and not x.shape):
            found[var] = _number(x)
        else:
            count += 1
            found[var] = f"c{count}"
    return found


def expression(i: Instruction, names: Mapping[Var, str] | Callable[[Var], str]) -> str:
    """The right-hand side.

    Args:
        i: The instruction.
        names: Of variables.
    """
    name = names if callable(names) else names.__getitem__
    if i.inside:
        return f"{i.name}({', '.join(dict.fromkeys(map(name, i.inputs)))})"
    args = [_written(x, name) for x in i.args]
    given = [f"{k}={_written(x, name)}" for k, x in i.params.items() if x is not None]
    short = _short(i, args, given)
    if short is not None:
        return short
    called, _, method = i.name.partition(".")
    if method == "reduce" and called in _REDUCTIONS:
        called, method = _REDUCTIONS[called], ""
    if given and given[-1] == "keepdims=False":
        given.pop()
    return f"{called}{'.' * bool(method)}{method}({', '.join([*args, *given])})"


def _short(i: Instruction, args: list[str], given: list[str]) -> str | None:
    """An operator, if the field has one for it."""
    if i.name in _BINARY and len(args) == 2 and not given:
        return f"{_atom(args[0])} {_BINARY[i.name]} {_atom(args[1])}"
    if i.name in _UNARY and len(args) == 1 and not given:
        return f"{_UNARY[i.name]}{_atom(args[0])}"
    first = i.args[0] if i.args else None
    if i.name in ("transpose", "matrix_transpose") and len(args) == 1 and not given:
        flat = isinstance(first, Var) and len(first.shape) == 2
        return f"{_atom(args[0])}.{'T' if flat or i.name == 'transpose' else 'mT'}"
    if i.name in ("getitem", "part") and len(args) == 2 and not given:
        return _item(args[0], args[1], i.args[1])
    if i.name == "_getitem" and len(args) == 1 and len(given) == 1:
        return _item(args[0], given[0].removeprefix("key="), i.params.get("key"))
    return None


def _item(of: str, key: str, given: Any) -> str:
    if type(given) is tuple:
        key = key.removeprefix("(").removesuffix(")")
    return f"{_atom(of)}[{key.removesuffix(',')}]"


def _atom(text: str) -> str:
    """In parentheses, where it would be read wrongly."""
    return f"({text})" if text.startswith("-") or any(f" {c} " in text for c in "+-*/@") else text


def _written(x: Any, name: Callable[[Var], str]) -> str:  # noqa: PLR0911  (one line for each kind)
    if isinstance(x, Var):
        return name(x)
    if isinstance(x, (bool, type(None), str)):
        return one_line(repr(x))
    if isinstance(x, (int, float, np.generic)) or (isinstance(x, np.ndarray) and not x.shape):
        return _number(x)
    if x is Ellipsis:
        return "..."
    if isinstance(x, (tuple, list)):
        shown = [_written(y, name) for y in x[:8]] + ["…"] * (len(x) > 8)
        if isinstance(x, list):
            return f"[{', '.join(shown)}]"
        return f"({', '.join(shown)}{',' * (len(x) == 1)})"
    if isinstance(x, slice):
        parts = ["" if y is None else _written(y, name) for y in (x.start, x.stop, x.step)]
        return ":".join(parts if parts[2] else parts[:2])
    if isinstance(x, dict):
        return "{…}" if not any(variables(x)) else f"{{{', '.join(map(name, variables(x)))}}}"
    if isinstance(x, np.dtype):
        return str(x)
    if isinstance(x, np.ndarray):
        return kind_of(Var(x.shape, x.dtype))
    return one_line(getattr(x, "__name__", None) or type(x).__name__)


def _number(x: Any) -> str:
    x = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    if not isinstance(x, float):
        return one_line(repr(x))
    short = f"{x:.6g}"
    return f"{short}.0" if short.lstrip("-").isdigit() else short


def one_line(text: str, most: int = _LONGEST) -> str:
    """At most so many printable characters of what a user called something."""
    clean = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: 4 * most])
    return clean if len(clean) <= most else f"{clean[: most // 2]}…{clean[1 - most // 2 :]}"


def shown_name(name: str) -> str:
    """Name of a step without the functions around it."""
    return one_line(name.rpartition("<locals>.")[2])
