"""What a step can reach: functions it may call, and objects that their code names.

From the function of the step on, names in its code lead to global names, cells, and attributes of
objects; functions found there have names of their own. All names together are looked for in each
object: which object an expression such as `settings.rate` means is not known before it runs, so
that more is looked at than is needed, and nothing is missed that has a name. What libraries do
inside is not followed.
"""

from __future__ import annotations

import os
import sysconfig
from array import array
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterator, Mapping, MappingView
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property, lru_cache, partial
from io import IOBase
from operator import attrgetter, length_hint, methodcaller
from types import (
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any
from weakref import ref

import numpy as np

from tinygrad_nn.compiler.guards.names import is_open, names_in, stored_in
from tinygrad_nn.compiler.guards.watched import (
    Absent,
    Body,
    Cell,
    Current,
    Items,
    Names,
    Slots,
    is_generator,
)
from tinygrad_nn.core.caller import PACKAGE
from tinygrad_nn.core.node import Node
from tinygrad_nn.nn import Module
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = ["Reach", "is_library"]

_LIBRARIES = (
    *{os.path.join(path, "") for key, path in sysconfig.get_paths().items() if "lib" in key},
    "<frozen",
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_PLAIN = (int, float, bool, str, bytes, complex, type(None), np.generic)
_CONTAINERS = (
    list, dict, set, tuple, frozenset, deque, bytearray, array, MappingProxyType, MappingView,
    ChainMap, UserDict, UserList,
)  # fmt: skip
_RATES = frozenset({"param_groups", "get_last_lr", "_last_lr"})
_OPTIMIZER = frozenset({"state", "defaults", "_hooks", "_opt_called", "_operands", *_RATES})
_FORMULA = ("begin", "shared", "update", "moved", "_change")


class Reach:
    """Follows names.

    Args:
        entered: Called with each module that is found.

    Attributes:
        watched: What must be as it was.
        arrays: Arrays found, with their names and copies.
        nodes: Nodes found.
        optimizers: Optimisers found, whose parameters have no name here.
        generators: Random generators found.
        iterators: Iterators found, with names and lengths left: whoever takes from one changes it.
        caches: Functions found that keep their results, with names.
        codes: Code of the user's functions found.
        known_as: By `id` of an array, all names that it was found by.
    """

    def __init__(self, entered: Callable[[Any], None]) -> None:
        self.watched: list[Any] = []
        self.arrays: list[tuple[str, Any, Any]] = []
        self.nodes: list[Any] = []
        self.optimizers: list[Optimizer] = []
        self.generators: list[Any] = []
        self.iterators: list[tuple[str, Any, int]] = []
        self.caches: list[tuple[str, Any]] = []
        self.codes: list[CodeType] = []
        self.known_as: dict[int, set[str]] = {}
        self._entered = entered
        self._seen: dict[Any, Any] = {}
        self._names: set[str] = set()
        self._open = False
        self._stored: set[str] = set()
        self._objects: list[tuple[Any, str, set[str | None]]] = []
        self._todo: list[tuple[str, Any]] = []

    def follow(self, name: str, thing: Any) -> None:
        """Follow what `thing` names, and all that is reached from there."""
        self._todo.append((name, thing))
        while self._todo:
            while self._todo:
                self._found(*self._todo.pop())
            for entry in self._objects:
                if self._open and None not in entry[2]:
                    entry[2].add(None)
                    self._whole(entry[0], entry[1])
                new = self._names - entry[2]
                if new:
                    entry[2].update(new)
                    self._looked_through(entry[0], entry[1], new)

    def _found(self, name: str, x: Any) -> None:
        """One thing that a name stands for."""
        if isinstance(x, np.ndarray):
            self.known_as.setdefault(id(x), set()).add(name)
        if isinstance(x, _PLAIN) or id(x) in self._seen:
            return
        self._seen[id(x)] = x
        if not self._noted(name, x):
            self._followed(name, x)

    def _noted(self, name: str, x: Any) -> bool:
        """Keep it in a list, if it is of those that lead no further."""
        if isinstance(x, Node):
            self.nodes.append(x)
        elif is_generator(x):
            self.generators.append(x)
        elif isinstance(x, np.ndarray):
            self.arrays.append((name, x, x.copy()))
            if x.dtype == object:
                self._todo += [(f"{name}[...]", y) for y in x.ravel().tolist()]
        elif isinstance(x, Iterator) and not isinstance(x, IOBase):
            self.iterators.append((name, x, length_hint(x, -1)))
        else:
            return False
        return True

    def _followed(self, name: str, x: Any) -> None:
        if isinstance(x, FunctionType):
            self._function(x)
        elif isinstance(x, MethodType):
            self._todo += [(name, x.__func__), ("self", x.__self__)]
        elif isinstance(x, partial):
            self._todo += [(name, y) for y in (x.func, *x.args, *x.keywords.values())]
        elif isinstance(x, _CONTAINERS):
            self._container(name, x)
        elif isinstance(x, ref):
            self._todo.append((name, x()))
        elif isinstance(x, ContextVar):
            self.watched.append(Current(partial(x.get, None), name))
            self._todo.append((name, self.watched[-1].held))
        elif isinstance(x, (attrgetter, methodcaller)):
            self._names |= {n for y in x.__reduce__()[1] if type(y) is str for n in y.split(".")}
        elif isinstance(x, type):
            self._class(x, named=True)
        elif isinstance(x, ModuleType):
            if not is_library(getattr(x, "__file__", None) or ""):
                self._object(x, f"{name}.")
        else:
            self._instance(name, x)

    def _instance(self, name: str, x: Any) -> None:
        wrapped = getattr(x, "__wrapped__", None) if type(x).__module__ == "functools" else None
        if wrapped is not None and hasattr(x, "cache_clear"):
            self.caches.append((name, x))
        inner = vars(x).get("function") if hasattr(x, "__dict__") else None
        if isinstance(x, Module):
            self._entered(x)
        if isinstance(x, Optimizer):
            self.optimizers.append(x)
            # The formula of a user's is called by no name of the step.
            self._todo += [(f"{name}.{n}", getattr(type(x), n)) for n in _FORMULA]
        if isinstance(inner, (FunctionType, MethodType)) or callable(wrapped):
            self._todo.append((name, wrapped or inner))
        self._object(x, f"{name}.")
        self._class(type(x), named=False)

    def _object(self, x: Any, owner: str) -> None:
        self._objects.append((x, owner, set()))

    # ── Functions and classes ───────────────────────────────────────────────────────────

    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        library = is_library(code.co_filename)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            with suppress(ValueError):  # not yet assigned: of a function that is not called
                if not library:
                    self.watched.append(Cell(cell, name))
                if not library or _leads_on(cell.cell_contents):
                    self._todo.append((name, cell.cell_contents))
        if library:
            self._todo += [(function.__name__, x) for x in _within(function) if _leads_on(x)]
            return
        names = names_in(code)
        self._names |= names
        self._open = self._open or is_open(code)
        self._stored |= stored_in(code, "STORE_ATTR")
        self.codes.append(code)
        self.watched.append(Body(function))
        given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        self._todo += [("a default", x) for x in given]
        self._object(function, f"{function.__name__}.")
        where = function.__globals__
        self._entries(where, [n for n in names if n in where], "")
        new = stored_in(code, "STORE_GLOBAL").difference(where)
        if new:
            self.watched.append(Absent(where, new, ""))

    def _class(self, cls: type, named: bool) -> None:
        """A class: its attributes, and what runs when it or an object of it is used."""
        for kind in cls.__mro__:
            if (id(kind), named) in self._seen or _is_library_class(kind):
                continue
            self._seen[id(kind), named] = kind
            self._object(kind, f"{kind.__name__}.")
            run = []
            for name, x in vars(kind).items():
                made = name in ("__init__", "__post_init__", "__new__")
                dunder = name.startswith("__") and isinstance(x, FunctionType)
                if (dunder and (named or not made)) or name == "forward":
                    run.append(name)
            if run:
                self._entries(vars(kind), run, f"{kind.__name__}.")

    # ── Objects ─────────────────────────────────────────────────────────────────────────

    def _looked_through(self, x: Any, owner: str, names: set[str]) -> None:
        """Attributes of an object, a class or a module with these names."""
        own = _dict_of(x)
        if isinstance(x, Optimizer) or type(x).__module__.startswith("tinygrad_nn."):
            # What steps change of these the program knows; the rates may be read in Python.
            known = set() if isinstance(x, Module) or not names & _RATES else set(_RATES)
            names = known | (names.difference(_OPTIMIZER) if _is_of_user(x) else set())
        found = [] if own is None else [n for n in names if n in own]
        if isinstance(x, Module):
            self._todo += [(f"{owner}{n}", own[n]) for n in found]
            return
        if found and own is not None:
            self._entries(own, found, owner)
        if isinstance(x, (type, ModuleType, FunctionType)):
            new = names.intersection(self._stored).difference(found)
            if isinstance(x, type):  # what is found in a base counts as long as none is here
                new |= {n for n in names.difference(found) if hasattr(x, n)}
            if new and own is not None:
                self.watched.append(Absent(own, new, owner))
            return
        missing, slots = [], []
        for name in names.difference(found):
            raw = next((vars(c)[name] for c in type(x).__mro__ if name in vars(c)), None)
            if isinstance(raw, MemberDescriptorType):
                if hasattr(x, name):
                    slots.append(name)
            elif raw is not None or name in self._stored:
                missing.append(name)
        if missing and own is not None:
            self.watched.append(Absent(own, missing, owner))
        if slots:
            self.watched.append(Slots(x, slots, owner))
            self._todo += [(f"{owner}{n}", getattr(x, n)) for n in slots]

    def _whole(self, x: Any, owner: str) -> None:
        """All attributes of an object: the code may ask for one by any name."""
        own = _dict_of(x)
        kinds = (type, ModuleType, FunctionType, Module, Optimizer)
        if own and not isinstance(x, kinds) and not _is_library_class(type(x)):
            self.watched.append(Items(own, owner))
            self._todo += [(f"{owner}{n}", y) for n, y in own.items()]

    def _entries(self, where: Any, names: list[str], owner: str) -> None:
        kept = [n for n in names if not _fixed(where[n])]
        if kept:
            self.watched.append(Names(where, kept, owner))
        self._todo += [(f"{owner}{n}", _unwrapped(where[n])) for n in names]

    def _container(self, name: str, x: Any) -> None:
        if not isinstance(x, (tuple, frozenset)):
            self.watched.append(Items(x, name))
        inner = x.values() if isinstance(x, Mapping) else x
        self._todo += [(f"{name}[...]", y) for y in inner if not isinstance(y, _PLAIN)]
        if type(x) not in _CONTAINERS and not isinstance(x, tuple):
            self._object(x, f"{name}.")


def _unwrapped(x: Any) -> Any:
    """The function in what a class has for one."""
    if isinstance(x, (staticmethod, classmethod)):
        return x.__func__
    if isinstance(x, property):
        return x.fget
    return x.func if isinstance(x, cached_property) else x


def _dict_of(x: Any) -> Any:
    if isinstance(x, type):
        return vars(x)
    try:
        return object.__getattribute__(x, "__dict__")
    except AttributeError:
        return None


def _within(function: FunctionType) -> list[Any]:
    """What a function of a library calls, as far as it says so."""
    operation = getattr(function, "op", None)
    if operation is not None:
        # Rules run while a step is captured; the operation itself runs in each replay.
        return [*(operation.rules or ()), operation.pullback, operation.jvp]
    kinds = getattr(function, "registry", None) or {}  # of `functools.singledispatch`
    return [getattr(function, "__wrapped__", None), *kinds.values()]


def _leads_on(x: Any) -> bool:
    """Whether it may be a function of the user, in a cell of a function of a library."""
    return isinstance(x, (FunctionType, MethodType, partial, Module))


@lru_cache(4096)
def is_library(path: str) -> bool:
    """Whether a file is of a library or of this package."""
    return path.startswith((PACKAGE, *_LIBRARIES)) or any(x in path for x in _INSTALLED)


def _is_of_user(x: Any) -> bool:
    """Whether it is an optimiser whose class is not of this package."""
    return isinstance(x, Optimizer) and not type(x).__module__.startswith("tinygrad_nn.")


def _is_library_class(cls: type) -> bool:
    functions = [x for x in vars(cls).values() if isinstance(x, FunctionType)]
    if cls.__module__.partition(".")[0] in ("builtins", "tinygrad_nn", "numpy", "abc", "typing"):
        return True
    return bool(functions) and all(is_library(x.__code__.co_filename) for x in functions)


def _fixed(x: Any) -> bool:
    """What nobody exchanges: modules, classes, and functions of this package."""
    if isinstance(x, (ModuleType, type, MemberDescriptorType)):
        return True
    code = getattr(x, "__code__", None)
    return code is not None and code.co_filename.startswith(PACKAGE)
