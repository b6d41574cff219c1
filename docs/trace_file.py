"""The reference page of the form in which traces are saved, from the code that writes it."""

from __future__ import annotations

import json
import re

import tinygrad_nn as tg
from tinygrad_nn.viz.trace import model
from tinygrad_nn.viz.trace.figures import KEPT_ELEMENTS
from tinygrad_nn.viz.trace.file import LARGEST, dumps
from tinygrad_nn.viz.trace.writing import FORMAT, ROLES, VERSION

__all__ = ["ENTRIES", "trace_file"]

_PAGE = """\
# The file of a trace

Generated from the code by `python docs/generate.py`. `tg.trace(loss).save(path)` writes it,
`tg.viz.Pass.load(path)` reads it, and a page to step through has the same inside.

It is strict JSON, begins with `{{"format": "{f}"`, is of version {v}, and holds no code.
NaN and the infinities are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`. There are no
dates: the same trace gives the same bytes. A node, a line or a rule is named by its place in its
list, from 0. An entry that is left away is null, `""`, 0, false or `[]`. A reader checks every
entry, refuses unknown ones, and files above {size:,} MiB.

Of `L = a * b`, with line breaks put in:

```json
{example}
```

`root` is the node that was traced, the last; `total` counts the nodes of the whole graph,
constants not among them; `observed` says whether the gradients are those of a pass made for the
trace; `lines`, `rules` and `ops` hold what repeats; `uses` has the form of `steps`, for uses that
no backward pass came to; `unused` names parameters of the model that the root does not use."""

_FIGURES = """
A Python float, as in a graph of `Value`s, is a bare number instead, which is exact. Arrays of up
to {few} elements have `elements`, larger ones a `picture` in traces of up to 2,000 nodes."""

# The entries of each object of a trace file, and where they stand in `viz/trace/model.py`.
TRACE_FILE: dict[str, tuple[str, type, dict[str, str]]] = {
    "nodes": ("A node, or a constant that an operation used", model.Record, {}),
    "steps": (
        "One use of an input by an operation: one event of the backward pass, in its order",
        model.Edge,
        {"from": "target", "to": "source", "adds": "contribution"},
    ),
    "figures": ("What an array holds", model.Summary, {}),
    "picture": ("A small picture of an array", model.Picture, {}),
    "scopes": ("One call of a module", model.Scope, {}),
    "jacobians": ("Local derivatives of a small tensor operation", model.Jacobian,
                  {"from": "target"}),
    "failure": ("Where a pass broke", model.Failure, {}),
}  # fmt: skip
ENTRIES: dict[str, str] = {
    "nodes": "name named role op params inputs scope line value gradient missing left_out changed",
    "steps": "from to slot local adds sum rule",
    "figures": "shape dtype mean deviation low high norm nans infs zeros elements picture",
    "picture": "rows columns limit cells",
    "scopes": "path kind about parent call parameters",
    "jacobians": "from slot entries",
    "failure": "phase message op line at operands",
}
# What no field of the model says in these words.
_SAID = {
    ("nodes", "role"): f"One of {', '.join(ROLES.values())}.",
    ("nodes", "op"): "Place in `ops` of the operation that made it; null for a leaf or constant.",
    ("nodes", "inputs"): "[node, slot] of each input, in the order of the slots; a node that is "
    "used twice is there twice.",
    ("nodes", "line"): "Place in `lines`; null if nobody watched.",
    ("nodes", "scope"): "Place in `scopes` of the innermost module call that it was made in, or "
    "that uses it; null outside of all.",
    ("nodes", "value"): "What it holds: a figure.",
    ("nodes", "gradient"): "Gradient of the root with respect to it: a figure, or null.",
    ("figures", "shape"): "Lengths of the axes; `[]` for one number.",
    ("figures", "mean"): "Mean of the finite elements, as the next four; 0.0 where there are none.",
    ("figures", "deviation"): "Standard deviation.",
    ("figures", "low"): "Smallest element.",
    ("figures", "high"): "Largest element.",
    ("figures", "norm"): "Root of the sum of the squares.",
    ("figures", "nans"): "How many elements are NaN.",
    ("figures", "infs"): "How many elements are infinite.",
    ("figures", "elements"): "All numbers in row-major order if there are few, else null.",
    ("figures", "picture"): "Small picture of a larger array, else null.",
    ("steps", "adds"): "What this use adds to the gradient of `to`: a number or a figure.",
    ("steps", "sum"): "The gradient of `to` after this step: a number or a figure.",
    ("jacobians", "entries"): "[element of the result, element of the input, derivative], both in "
    "row-major order, the derivatives that are not 0 only.",
    ("nodes", "params"): "[name, value as text] of the operation's static arguments that are not "
    "its defaults.",
    ("steps", "from"): "The node whose operation used it, and whose whole gradient is there.",
    ("steps", "to"): "The node that gets this contribution to its gradient.",
    ("steps", "rule"): "Place in `rules` of the contribution as a formula; null if unknown.",
    (
        "picture",
        "cells",
    ): "One byte a cell, row by row, as base64: two's complement; -128 where not finite.",
    ("scopes", "parent"): "Place in `scopes` of the call that this one was made in, or null.",
    ("jacobians", "from"): "The node whose operation it is.",
    ("jacobians", "slot"): "Which of its inputs.",
    ("failure", "at"): "The last node that is whole, or null.",
}


def trace_file() -> str:
    """The reference page of the form in which traces are saved."""
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    product = a * b
    product.name = "L"
    example = json.loads(dumps(tg.trace(product)))
    inside = ",\n".join(f" {json.dumps(key)}: {_shown(value)}" for key, value in example.items())
    lines = [_PAGE.format(f=FORMAT, v=VERSION, size=LARGEST >> 20, example=f"{{\n{inside}\n}}")]
    for name, (title, owner, other) in TRACE_FILE.items():
        told = _attributes(owner)
        lines += ["", f"## {name}", "", f"{title}.", "", "| entry | what it is |", "|---|---|"]
        for entry in ENTRIES[name].split():
            words = _SAID.get((name, entry)) or told[other.get(entry, entry)]
            words = words.replace("`Trace.scopes`", "`scopes`").replace("|", "\\|")
            lines.append(f"| `{entry}` | {words} |")
        if name == "figures":
            lines.append(_FIGURES.format(few=KEPT_ELEMENTS))
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    """One line, or one line for each entry of a list of objects."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {json.dumps(x, ensure_ascii=False)}" for x in value) + "]"
    return json.dumps(value)


def _attributes(owner: type) -> dict[str, str]:
    """What the docstring of a class says of each attribute."""
    section = (owner.__doc__ or "").partition("Attributes:\n")[2]
    found = {}
    for names, words in re.findall(
        r"^ {8}([\w, ]+): ((?:.*\n(?: {12}.*\n)*))", section, re.MULTILINE
    ):
        found.update(dict.fromkeys(names.split(", "), " ".join(words.split())))
    return found
