"""A check as a test that can be pasted, and fails in the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

import numpy as np

from tinygrad_nn.testing.libraries import LIBRARIES
from tinygrad_nn.testing.reports.call import Call, Input, input_of
from tinygrad_nn.testing.reports.origin import Origins, whereabouts

__all__ = ["literal", "paste", "whereabouts"]

_LITERAL = 64
"""Elements up to which an array is written out."""
_WIDTH = 96


def paste(call: Call, labels: Sequence[str] = ()) -> str:
    """The text of a module with one test: imports, the function, the inputs, the call.

    Args:
        call: As it was.
        labels: What its inputs are called.
    """
    origins = Origins(literal)
    f = origins.expression(call.f, "f")
    grad = None if call.grad is None else origins.expression(call.grad, "gradient")
    options = [
        f"{k}={origins.expression(v, k) if callable(v) else repr(v)}"
        for k, v in call.options.items()
    ]
    lines, names = [], []
    large = [i for i, x in enumerate(call.inputs) if _size(x) > _LITERAL]
    taken = origins.names | {"f", "gradient"}
    if large:
        lines.append('# Saved by `report.save_inputs("inputs.npz")`: too large to be written out.')
        lines.append('saved = np.load("inputs.npz")')
    for i, x in enumerate(call.inputs):
        own = labels[i] if len(labels) == len(call.inputs) else ""
        usual = "x" if len(call.inputs) == 1 else f"x{i}"
        name = _fresh(own if own.isidentifier() and not iskeyword(own) else usual, taken)
        taken.add(name)
        names.append(name)
        value = f'saved["{i}"]' if i in large else literal(x.value)
        lines.append(_assigned(name, _wrapped(x, value, origins)))
    given = [f, *names, *([f"grad={grad}"] if grad else []), *options]
    lines.append(f"gradcheck({', '.join(given)}).assert_ok()")
    body = "\n".join(lines)
    if re.search(r"\bnp\.", body):
        origins.imports.add("import numpy as np")
    origins.imports.add("from tinygrad_nn.testing import gradcheck")
    test = f"def test_gradient_of_{_word(call.f)}():\n" + _indented(body)
    return "\n\n\n".join(filter(None, [origins.header(), *origins.sources, test]))


def _word(f: Any) -> str:
    name = f if isinstance(f, str) else getattr(f, "__name__", type(f).__name__)
    return re.sub(r"\W+", "_", name).strip("_").lower() or "f"


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))


def _assigned(name: str, value: str) -> str:
    """An assignment; of an array that is too wide the rows in lines of their own."""
    line = f"{name} = {value}"
    if len(line) <= _WIDTH:
        return line
    start = " " * (line.find("[") + 1)
    inner = start + " " if "[[" in line else start
    rows = re.sub(r"\], (?=\[)", "],\n", line).split("\n")
    return "\n".join(_broken(row if n == 0 else start + row, inner) for n, row in enumerate(rows))


def _broken(line: str, start: str) -> str:
    """A line in several, broken between numbers."""
    found = []
    while len(line) > _WIDTH:
        cut = line.rfind(", ", len(start), _WIDTH)
        if cut < 0:
            break
        found.append(line[: cut + 1])
        line = start + line[cut + 2 :]
    return "\n".join([*found, line])


# ── Values ──────────────────────────────────────────────────────────────────────────────


def _size(x: Input) -> int:
    return x.value.size if isinstance(x.value, np.ndarray) else 1


def _wrapped(x: Input, value: str, origins: Origins) -> str:
    """The expression of an array as one of its library."""
    leaf = ", requires_grad=True" if x.leaf else ""
    if x.kind in LIBRARIES:
        library = LIBRARIES[x.kind]
        origins.imports.update(library.imports.values())
        if library.wide and x.dtype.endswith("64"):
            origins.settings.add(library.wide)
        return library.array.format(value=_inner(x, value), dtype=x.dtype, leaf=leaf)
    if x.kind == "tinygrad_nn":
        origins.imports.add("import tinygrad_nn as tg")
        return f"tg.tensor({value}{leaf})"
    if x.kind == "python" and x.type == "Value" and hasattr(x.value, "data"):
        origins.imports.add("import tinygrad_nn as tg")
        return f"tg.Value({x.value.data!r})"
    return value if x.kind == "numpy" else _nest(x.value, origins)


def _nest(value: Any, origins: Origins) -> str:
    """The expression of a list or dict of inputs, or of something else that is no array."""
    if isinstance(value, dict):
        items = (f"{k!r}: {_nest(v, origins)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    if type(value) in (list, tuple):
        inner = ", ".join(_nest(v, origins) for v in value)
        comma = "," if len(value) == 1 else ""
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{comma})"
    x = input_of(value)
    if x.kind == "python":
        return origins.expression(value, "argument")
    return _wrapped(x, literal(x.value), origins)


def _inner(x: Input, value: str) -> str:
    """The plain list where that is all there is: their dtype is given anyway."""
    return _nested(x.value) if value.startswith("np.array(") and "order" not in value else value


def literal(value: Any) -> str:
    """An expression of an array or a plain value that gives it back to the last bit."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _array(np.asarray(value))
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _array(x: Any) -> str:
    options = (
        "" if x.dtype in (np.float64, np.bool_, np.int64) and x.size else f", dtype=np.{x.dtype}"
    )
    if x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous:
        options += ', order="F"'
    if not x.size:
        return f"np.zeros({x.shape}{options})"
    if x.size > 1 and x.tobytes() == np.full_like(x, x.flat[0]).tobytes():
        return f"np.full({x.shape}, {_number(x.flat[0])}{options})"
    return f"np.array({_nested(x)}{options})"


def _nested(x: Any) -> str:
    if not x.ndim:
        return _number(x[()])
    return f"[{', '.join(map(_nested, x))}]"


def _number(x: Any) -> str:
    """The shortest text that is this number in its own dtype."""
    if x.dtype.kind == "f" and not np.isfinite(x):
        return {"nan": "np.nan", "inf": "np.inf", "-inf": "-np.inf"}[str(float(x))]
    if x.dtype.kind != "f":
        return repr(x.item())
    short = str(x)
    # Read as a double first, and rounded again: that is not always the number.
    return short if x.dtype.type(float(short)) == x else repr(float(x))
