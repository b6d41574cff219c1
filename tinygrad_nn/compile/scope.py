"""What a step finds outside of itself: global names, cells of closures, attributes of modules.

A replay does not look at them. So they are looked at before each replay: numbers and texts must be
equal to those of the capture, everything else the very same object; otherwise the step is captured
anew. Arrays and nodes are read anew in each replay, whatever is in them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from operator import is_, itemgetter
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.compile.draws import is_generator
from tinygrad_nn.core.node import Node
from tinygrad_nn.nn import Module
from tinygrad_nn.nn.tree import CHANGES
from tinygrad_nn.payload import same_bits

if TYPE_CHECKING:
    from tinygrad_nn.compile.capture import Capture

__all__ = ["Scope"]

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_PLAIN = (int, float, bool, str, bytes, complex, type(None))
_GROWING = (list, dict, set, tuple)
_DEEP = 4
_ABSENT = object()
_KNOWN = (*_PLAIN, Node, Module, ModuleType, type)


class _Names:
    """Some entries of a dict: global names, or attributes."""

    def __init__(self, where: dict[str, Any], names: list[str], owner: str) -> None:
        self.owner, self._where = owner, where
        self._names = [*names, names[0]]  # two at least, so that a tuple comes
        self._get = itemgetter(*self._names)
        self._held = self._get(where)

    def same(self) -> bool:
        """Whether they are what they were."""
        try:
            now = self._get(self._where)
        except KeyError:
            return False
        if all(map(is_, now, self._held)):
            return True
        if not all(map(_alike, now, self._held)):
            return False
        self._held = now  # equal numbers in other objects
        return True

    def changed(self) -> str | None:
        """A name of one that is another now."""
        for name, held in zip(self._names, self._held, strict=True):
            if not _alike(self._where.get(name, _ABSENT), held):
                return f"{self.owner}{name}"
        return None


class _Cell:
    """A variable of a function around the step."""

    def __init__(self, cell: Any, name: str) -> None:
        self._cell, self._name, self._held = cell, name, cell.cell_contents

    def same(self) -> bool:
        """Whether it is what it was."""
        try:
            return _alike(self._cell.cell_contents, self._held)
        except ValueError:  # empty
            return False

    def changed(self) -> str | None:
        """Its name, if it is another now."""
        return None if self.same() else self._name


class _Items:
    """A list, tuple, dict or set."""

    def __init__(self, holder: Any, name: str) -> None:
        self._holder, self._name, self._held = holder, name, _items(holder)

    def same(self) -> bool:
        """Whether it has the same items."""
        now = _items(self._holder)
        if len(now) != len(self._held):
            return False
        return all(map(is_, now, self._held)) or all(map(_alike, now, self._held))

    def changed(self) -> str | None:
        """Its name, if it has other items now."""
        return None if self.same() else self._name


class _Numbers:
    """The numbers of an array."""

    def __init__(self, array: Any, old: Any) -> None:
        self._array, self._old = array, old

    def same(self) -> bool:
        """Whether they are what they were."""
        return same_bits(self._array, self._old)


class _Attributes(_Items):
    """Attributes of a module."""

    def changed(self) -> str | None:
        """The attribute that is another now."""
        held = dict(zip(self._held[::2], self._held[1::2], strict=True))
        now = vars(self._holder)
        for name in {**held, **now}:
            if not _alike(now.get(name, _ABSENT), held.get(name, _ABSENT)):
                return f"{self._name}.{name}"
        return None


class Scope:
    """Everything outside of a step that its code names."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._watched: list[Any] = []
        self._modules: list[_Attributes] = []
        self._seen: dict[int, Any] = {}
        self._arrays: list[Any] = []

    def watch(self, function: Any, depth: int = 0) -> None:
        """Follow the names in the code of `function`, and in what those functions call."""
        while isinstance(function, partial):
            self._follow([("an argument", x) for x in function.args], set(), depth)
            function = function.func
        if isinstance(function, MethodType):
            self._attributes(function.__self__, _names(function.__func__.__code__), depth)
            function = function.__func__
        elif not isinstance(function, FunctionType):
            call = getattr(type(function), "__call__", None)  # noqa: B004  (its code is wanted)
            if isinstance(call, FunctionType):
                self._attributes(function, _names(call.__code__), depth)
            function = call
        if not isinstance(function, FunctionType) or id(function) in self._seen:
            return
        self._seen[id(function)] = function
        code = function.__code__
        if code.co_filename.startswith(_PACKAGE):
            return
        where = function.__globals__
        names = [n for n in _names(code) if n in where and not _fixed(where[n])]
        if names:
            self._watched.append(_Names(where, names, ""))
        found = [(n, where[n]) for n in names]
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                found.append((name, cell.cell_contents))
            except ValueError:
                continue  # not yet assigned: of a function that is not called
            self._watched.append(_Cell(cell, name))
        self._follow(found, _names(code), depth)

    def _follow(self, found: list[tuple[str, Any]], names: set[str], depth: int) -> None:
        if depth > _DEEP:
            return
        for name, x in found:
            if isinstance(x, (FunctionType, MethodType, partial)):
                self.watch(x, depth + 1)
            elif isinstance(getattr(x, "function", None), FunctionType):
                self.watch(x.function, depth + 1)  # another captured step
            elif type(x) in _GROWING:
                self._contents(name, x, names, depth)
            elif is_generator(x):
                self._capture.draws.watch(x)
            elif isinstance(x, np.ndarray):
                self._arrays.append((name, x, x.copy()))
            elif not isinstance(x, _KNOWN) and not type(x).__module__.startswith("tinygrad_nn."):
                self._attributes(x, names, depth + 1, f"{name}.")

    def _contents(self, name: str, x: Any, names: set[str], depth: int) -> None:
        if id(x) in self._seen:
            return
        self._seen[id(x)] = x
        if type(x) is not tuple:
            self._watched.append(_Items(x, name))
        inner = x.values() if type(x) is dict else x
        self._follow([(f"{name}[...]", y) for y in inner], names, depth + 1)

    def _attributes(self, thing: Any, names: set[str], depth: int, owner: str = "self.") -> None:
        """Attributes of an object, those that the code names."""
        own = getattr(thing, "__dict__", None)
        if type(own) is not dict or id(thing) in self._seen or isinstance(thing, Module):
            return
        self._seen[id(thing)] = thing
        found = [n for n in names if n in own]
        if found:
            self._watched.append(_Names(own, found, owner))
            self._follow([(f"{owner}{n}", own[n]) for n in found], names, depth)

    def entered(self, module: Any) -> None:
        """A module is called: all of its attributes count, also whether it is training."""
        if id(module) in self._seen:
            return
        self._seen[id(module)] = module
        name = type(module).__name__
        self._modules.append(_Attributes(module, name))
        for key, x in vars(module).items():
            if type(x) in _GROWING and key != "_buffers":
                self._contents(f"{name}.{key}", x, set(), 0)
            elif is_generator(x):
                self._capture.draws.watch(x)
        self.watch(type(module).forward)

    def entered_modules(self) -> list[Any]:
        """Modules that were called, in the order of their first calls."""
        return [one._holder for one in self._modules]

    def check_unchanged(self) -> None:
        """Refuse a step that changed what it found, as a replay would not."""
        for name, x, old in self._arrays:
            if not same_bits(x, old):
                raise self._capture.refused(
                    f"a step that writes into the array {name}, which a replay would not do,",
                    "return what is new, and write it outside",
                )
        for one in (*self._watched, *self._modules):
            name = one.changed()
            if name is not None:
                raise self._capture.refused(
                    f"a step that changes {name}, which a replay would not do,",
                    "return what is new, and change it outside; numbers that a step is to keep can "
                    "be tensors: count.data += 1",
                )

    def holder(self) -> Callable[[], bool] | None:
        """Function that says whether all is as it was; None if there is nothing."""
        # An array that no operation was given was computed with by NumPy alone: what came of it
        # is a constant, which holds for as long as the array has these numbers.
        constants = {id(x) for x in self._capture.constants.values()}
        arrays = [(x, old) for _, x, old in self._arrays if id(x) not in constants]
        watched = (*self._watched, *[_Numbers(*pair) for pair in arrays])
        modules, leaves = tuple(self._modules), tuple(self._capture.leaves.kept)
        seen = CHANGES.count

        def modules_same() -> bool:
            nonlocal seen
            now = CHANGES.count
            if not all(one.same() for one in modules):
                return False
            seen = now
            return True

        def holds() -> bool:
            for one in watched:
                if not one.same():
                    return False
            for leaf, op in leaves:
                if leaf.op is not op:
                    return False
            return not modules or seen == CHANGES.count or modules_same()

        return holds if watched or modules or leaves else None


def _alike(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and type(a) in _PLAIN and bool(a == b))


def _items(holder: Any) -> list[Any]:
    if isinstance(holder, Module):
        holder = vars(holder)
    if isinstance(holder, dict):
        return [x for pair in holder.items() for x in pair]
    return list(holder)


def _fixed(x: Any) -> bool:
    """What nobody exchanges: modules, classes, and functions of this package."""
    if isinstance(x, (ModuleType, type)):
        return True
    code = getattr(x, "__code__", None)
    return code is not None and code.co_filename.startswith(_PACKAGE)


def _names(code: CodeType) -> set[str]:
    """Names in a piece of code and in the functions within it."""
    return set(_all_names(code))


def _all_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _all_names(inner)
