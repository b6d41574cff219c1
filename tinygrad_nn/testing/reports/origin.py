"""Where a function is from: the import that brings it, or its text with all that it needs."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_nn.testing.libraries import LIBRARIES, NUMPY

__all__ = ["Origins", "whereabouts"]

_PLACES = (
    *(place for library in (NUMPY, *LIBRARIES.values()) for place in library.places),
    "tinygrad_nn",
    "mpmath",
)
"""Where functions are looked for that do not say what module they are of."""
_MODULES = {"np", "tg", *(name for library in LIBRARIES.values() for name in library.imports)}
"""What the text calls modules itself."""
_PLAIN = (bool, int, float, str, bytes, type(None))
_LARGEST = 64


def whereabouts(f: Any) -> str:
    """`name, file:line` of a function or class; "" of one that is not written in Python."""
    if f is None or isinstance(f, str):
        return ""
    target = inspect.unwrap(f) if callable(f) else f
    if isinstance(owner := getattr(target, "__self__", None), type):
        target = owner  # of a class method the class that it was called on
    target = getattr(target, "__func__", target)
    code = getattr(target, "__code__", None)
    if code is None:
        owner = target if isinstance(target, type) else getattr(target, "__self__", target)
        cls = owner if isinstance(owner, type) else type(owner)
        try:
            return f"{cls.__name__}, {inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
        except (OSError, TypeError):
            return ""
    return f"{target.__name__}, {code.co_filename}:{code.co_firstlineno}"


class Origins:
    """Collects what a text must begin with for its expressions to mean what they did.

    Args:
        literal: Text of an array.

    Attributes:
        imports: Lines.
        settings: Lines after the imports.
        sources: Texts of functions and classes that no import brings.
        names: What is bound by now.
    """

    def __init__(self, literal: Callable[[Any], str]) -> None:
        self._literal = literal
        self._named: dict[int, str] = {}
        self._bound: dict[str, Any] = {}
        self.imports: set[str] = set()
        self.settings: set[str] = set()
        self.sources: list[str] = []

    @property
    def names(self) -> set[str]:
        """What is bound by now, and what the text binds itself."""
        return {*self._bound, *_MODULES, "gradcheck", "saved"}

    def header(self) -> str:
        """The imports, those of plain modules first."""
        lines = [s for s in sorted(self.imports) if s.startswith("import ")]
        wanted: dict[str, list[str]] = {}
        for brought in sorted(self.imports - {*lines}):
            module, _, name = brought.partition(" import ")
            wanted.setdefault(module, []).append(name)
        lines += [f"{module} import {', '.join(names)}" for module, names in wanted.items()]
        return "\n".join([*lines, *([""] if self.settings else []), *sorted(self.settings)])

    def expression(self, thing: Any, name: str) -> str:
        """An expression that is `thing`; `name` is what it is called where it has no name."""
        if id(thing) in self._named:
            return self._named[id(thing)]
        if isinstance(thing, _PLAIN) or _is_plain(thing):
            return self._literal(thing)
        if isinstance(thing, (np.ndarray, np.generic)) and np.size(thing) <= _LARGEST:
            self.imports.add("import numpy as np")
            return self._literal(thing)
        return self._by_name(thing, name)

    def _by_name(self, thing: Any, name: str) -> str:
        if isinstance(thing, ModuleType):
            return self._bind(name, thing, lambda n: _import_of(thing, n))
        if found := _imported(thing):
            return self._import(thing, *found)
        owner = getattr(thing, "__self__", None)
        if isinstance(owner, type) and hasattr(thing, "__name__"):  # a class method
            return f"{self.expression(owner, owner.__name__)}.{thing.__name__}"
        if inspect.ismethod(thing):  # its text alone would lack its object
            return f"{self.expression(owner, type(owner).__name__.lower())}.{thing.__name__}"
        return self._written(thing, name)

    def _import(self, thing: Any, module: str, path: str) -> str:
        first, _, rest = path.partition(".")
        owner = getattr(sys.modules[module], first)
        bound = self._bind(
            first,
            owner,
            lambda n: f"from {module} import {first}" + (f" as {n}" if n != first else ""),
        )
        return f"{bound}.{rest}" if rest else bound

    def _bind(self, name: str, thing: Any, line: Callable[[str], str]) -> str:
        """Import `thing` by a name that is free."""
        if name in _MODULES and isinstance(thing, ModuleType):
            self._bound[name] = thing
        while name in self.names and self._bound.get(name) is not thing:
            name += "_"
        self._bound[name] = thing
        self._named[id(thing)] = name
        self.imports.add(line(name))
        return name

    def _written(self, thing: Any, name: str) -> str:
        """The text of `thing` among the sources; a line to be filled in where there is none."""
        own = getattr(thing, "__name__", name)
        name = own if own.isidentifier() else name
        self._named[id(thing)] = name
        self._bound[name] = thing
        node = _node_of(thing)
        if node is None:
            at = whereabouts(thing) or type(thing).__name__
            self.sources.append(f"{name} = ...  # write here how it is made: {at}")
            return name
        text, tree = node
        around = _around(thing)
        for needed in _needed(tree):
            if needed in around and around[needed] is not thing:
                self._bring(needed, around[needed])
        self.sources.append(f"{name} = {text}" if isinstance(tree, ast.Lambda) else text)
        return name

    def _bring(self, name: str, thing: Any) -> None:
        """Make `name` mean `thing` in the text."""
        if self._bound.get(name) is thing:
            return
        expression = self.expression(thing, name)
        if expression != name and not (isinstance(thing, ModuleType) and expression == name):
            self._bound[name] = thing
            self.sources.append(f"{name} = {expression}")


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, dict):
        return all(map(_is_plain, thing)) and all(map(_is_plain, thing.values()))
    if isinstance(thing, (list, tuple)):
        return len(thing) <= _LARGEST and all(map(_is_plain, thing))
    return isinstance(thing, _PLAIN) and not (isinstance(thing, float) and not isfinite(thing))


# ── Imports ─────────────────────────────────────────────────────────────────────────────


def _import_of(module: ModuleType, name: str) -> str:
    path = module.__name__
    return f"import {path}" + (f" as {name}" if name != path else "")


def _imported(thing: Any) -> tuple[str, str] | None:
    """Module and dotted name in it by which `thing` is found."""
    path = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    if not isinstance(path, str) or "<" in path:
        return _among_libraries(thing)
    last = path.rpartition(".")[2]
    own = getattr(thing, "__module__", None)
    for module, name in [(own, path), *((place, last) for place in _PLACES)]:
        if isinstance(module, str) and module in sys.modules and _is_importable(module):
            if _at(sys.modules[module], name) is thing:
                return module, name
    return _among_libraries(thing)


def _among_libraries(thing: Any) -> tuple[str, str] | None:
    """The same of a function that does not know its name, as those of mpmath."""
    for place in _PLACES:
        for name, found in vars(sys.modules.get(place, builtins)).items():
            if found is thing and not name.startswith("_") and place in sys.modules:
                return place, name
    return None


def _at(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is_importable(module: str) -> bool:
    """Whether an import finds this module: not what was run as a script or made by hand."""
    file = getattr(sys.modules[module], "__file__", None)
    if module == "__main__":
        return False
    if not file or not file.endswith(".py"):
        return True
    parts = module.split(".")
    here = Path(file).resolve()
    ends = (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py"))
    return any(Path(entry, end).resolve() == here for entry in sys.path for end in ends)


# ── Sources ─────────────────────────────────────────────────────────────────────────────


def _node_of(thing: Any) -> tuple[str, ast.AST] | None:
    """The text of a function or class, and its tree."""
    code = getattr(thing, "__code__", None)
    try:
        if isinstance(thing, type):
            text = textwrap.dedent(inspect.getsource(thing))
            return text.rstrip(), ast.parse(text)
        if code is None or hasattr(thing, "__wrapped__"):
            return None
        if code.co_name == "<lambda>":
            return _lambda_of(code)
        text = textwrap.dedent(inspect.getsource(thing))
        return text.rstrip(), ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return None


def _lambda_of(code: CodeType) -> tuple[str, ast.AST] | None:
    """The text of a lambda: of those on its line the one that compiles to the same code."""
    source = "".join(linecache.getlines(code.co_filename))
    on_line = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    if len(on_line) > 1:
        on_line = [node for node in on_line if _compiles_to(node, code)]
    texts = {ast.unparse(node) for node in on_line}
    return (texts.pop(), on_line[0]) if len(texts) == 1 else None


def _compiles_to(node: ast.Lambda, code: CodeType) -> bool:
    made = compile(ast.Expression(node), "<lambda>", "eval").co_consts[0]
    return isinstance(made, CodeType) and (
        (made.co_varnames, made.co_consts, made.co_names)
        == (code.co_varnames, code.co_consts, code.co_names)
    )


def _around(thing: Any) -> dict[str, Any]:
    """What the names in a function or class mean: of its module, and of what it closes over."""
    if isinstance(thing, type):
        found = dict(vars(sys.modules.get(thing.__module__, builtins)))
        for member in vars(thing).values():
            found |= _closed(getattr(member, "__func__", member))
        return found
    return {**thing.__globals__, **_closed(thing)}


def _closed(function: Any) -> dict[str, Any]:
    if not isinstance(function, FunctionType) or not function.__closure__:
        return {}
    cells = zip(function.__code__.co_freevars, function.__closure__, strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_full(cell)}


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _needed(tree: ast.AST) -> Iterator[str]:
    """Names that a text reads and does not bind as an argument."""
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound:
            if not hasattr(builtins, node.id):
                yield node.id
