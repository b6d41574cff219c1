"""Docstrings are prose with single backticks, as Markdown has it: made fit for docutils.

`|x|` is an absolute value here and a substitution there, `*.bias` a pattern and not the beginning
of an emphasis, and the plural of a name in backticks is no mistake.
"""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

CODE = re.compile(r"(`[^`]*`)")
ARGUMENT = re.compile(r"\s+\*{1,2}\w+.*:")
TOGETHER = re.compile(r"^\s+\w+(?:, \w+)+(?= \(|:)")
EMPHASIS = re.compile(r"(?<![^\s(])\*[^\s*](?:[^*]*[^\s*])?\*(?![\w*])")


def prose(text: str) -> str:
    """One line, or several, with everything that is no markup escaped."""
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        plain = parts[i].replace("|", r"\|")
        stars = {m.start() for m in EMPHASIS.finditer(plain)}
        stars |= {m.end() - 1 for m in EMPHASIS.finditer(plain)}
        parts[i] = "".join(
            rf"\{c}" if c == "*" and at not in stars else c for at, c in enumerate(plain)
        )
        if i and parts[i][:1].isalnum():
            parts[i] = rf"\ {parts[i]}"
    return "".join(parts)


def read_as_prose(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]):
    """Escape a docstring, but for its examples; before napoleon reads its sections."""
    in_example = False
    for number, line in enumerate(lines):
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if not in_example and not ARGUMENT.match(line):
            # Where two arguments share a line, Sphinx would take the first for the other's type.
            lines[number] = prose(TOGETHER.sub(lambda m: m[0].replace(", ", ","), line, count=1))


def skip_foreign(
    app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what a class only keeps, such as a function of another library."""
    module = getattr(thing, "__module__", None) or ""
    return True if module and module.partition(".")[0] != "tinygrad_nn" else None


def plain_attributes() -> None:
    """An attribute's name in a docstring is its own, no link to whatever else is called so."""
    for kind in PyObject.doc_field_types:
        if kind.name == "variable":
            kind.rolename, kind.label = "", "Attributes"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, before napoleon."""
    plain_attributes()
    app.connect("autodoc-process-docstring", read_as_prose, priority=400)
    app.connect("autodoc-skip-member", skip_foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
