"""Python source that we write: names, lines, and the function made of them.

The text consists of names generated here, of literals of numbers, and of option words such as
'mean', as `repr` writes them; everything else (arrays, functions, nodes) is handed over by name. No
text of a user is run.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from itertools import count
from math import isfinite
from typing import Any
from weakref import finalize

from tinygrad_nn.compiler.program import Var

__all__ = ["Source"]

_FILES = count()


class Source:
    """Text of functions, with the objects that its names stand for.

    Attributes:
        scope: What the names stand for: the functions' global variables.
        lines: The text so far.
        places: For the number of a line the user's line that it comes from.
        unpacked: Whether the leaves of the arguments have local names.
        read: Indices of leaves that are checked whole when their numbers are read.
    """

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.lines: list[str] = []
        self.places: dict[int, str] = {}
        self.unpacked = False
        self.read: frozenset[int] = frozenset()
        self.file = f"<captured step {next(_FILES)}>"
        finalize(self, linecache.cache.pop, self.file, None).atexit = False
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []
        self._count = count()

    def name(self, thing: Any, hint: str = "k") -> str:
        """Name for an object; the same one for the same object."""
        found = self._names.get(id(thing))
        if found is None:
            found = self._names[id(thing)] = self.fresh(hint)
            self._kept.append(thing)
            self.scope[found] = thing
        return found

    def fresh(self, hint: str, value: Any = None) -> str:
        """A new name of its own, for a variable that changes."""
        found = f"{hint}{next(self._count)}"
        self.scope[found] = value
        return found

    def local(self, hint: str) -> str:
        """A new name for a local variable."""
        return f"{hint}{next(self._count)}"

    def leaf(self, index: int) -> str:
        """Expression for a leaf of the arguments."""
        return f"leaf{index}" if self.unpacked else f"leaves[{index}]"

    def line(self, text: str, indent: int = 1, place: str = "") -> None:
        """One line more; `place` is the user's line."""
        self.lines.append("    " * indent + text)
        if place:
            self.places[len(self.lines)] = place

    def written(self, tree: Any, names: Callable[[Var], str]) -> str:  # noqa: PLR0911
        """Expression for an argument: variables by `names`, numbers as they are."""
        if isinstance(tree, Var):
            return names(tree)
        kind = type(tree)
        if kind in (int, bool, str) or tree is None or (kind is float and isfinite(tree)):
            return repr(tree)
        if kind in (tuple, list) and _small(tree):
            inner = ", ".join([self.written(x, names) for x in tree])
            if kind is list:
                return f"[{inner}]"
            return f"({inner},)" if len(tree) == 1 else f"({inner})"
        if kind is slice:
            parts = [self.written(x, names) for x in (tree.start, tree.stop, tree.step)]
            return f"{self.name(slice)}({', '.join(parts)})"
        if kind is dict and all(type(k) is str for k in tree):
            inner = ", ".join([f"{k!r}: {self.written(x, names)}" for k, x in tree.items()])
            return f"{{{inner}}}"
        return self.name(tree)

    def compiled(self) -> dict[str, Any]:
        """Run the text, which defines its functions in `scope`; tracebacks show its lines."""
        text = "\n".join(self.lines) + "\n"
        linecache.cache[self.file] = len(text), None, text.splitlines(True), self.file
        exec(compile(text, self.file, "exec"), self.scope)
        return self.scope


def _small(tree: Any) -> bool:
    """Whether it is written out, as what has variables must be, and not a table of the user."""
    return not hasattr(tree, "_fields")
