"""What is looked at before each replay: whether names, items and numbers are what they were.

Numbers and texts must be equal to those of the capture, everything else the very same object.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterable, Mapping
from math import copysign
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np

from tinygrad_nn.core.capturing import Traced

__all__ = [
    "Absent",
    "Attributes",
    "Body",
    "Cell",
    "Current",
    "Items",
    "Names",
    "Numbers",
    "Slots",
    "alike",
    "holds_any",
    "is_generator",
]

_PLAIN = (int, float, bool, str, bytes, complex, type(None))
_ABSENT = object()


def alike(a: Any, b: Any) -> bool:
    """Whether it makes no difference which of the two is used."""
    if a is b:
        return True
    if type(a) is not type(b) or type(a) not in _PLAIN or a != b:
        return False
    return type(a) is not float or a != 0 or copysign(1.0, a) == copysign(1.0, b)


class Names:
    """Some entries of a dict: global names, attributes of an object, a class or a module."""

    def __init__(self, where: Mapping[str, Any], names: Iterable[str], owner: str) -> None:
        found = [*names]
        self.owner, self._where = owner, where
        self._names = [*found, found[0]]  # two at least, so that a tuple comes
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
        if not all(map(alike, now, self._held)):
            return False
        self._held = now  # equal numbers in other objects
        return True

    def changed(self) -> str | None:
        """A name of one that is another now."""
        for name, held in zip(self._names, self._held, strict=True):
            if not alike(self._where.get(name, _ABSENT), held):
                return f"{self.owner}{name}"
        return None


class Slots:
    """Some attributes of an object that has no dict for them."""

    def __init__(self, thing: Any, names: Iterable[str], owner: str) -> None:
        self.owner, self._thing = owner, thing
        self._parts = [(name, attrgetter(name)) for name in names]
        self._held = [get(thing) for _, get in self._parts]

    def same(self) -> bool:
        """Whether they are what they were."""
        return self.changed() is None

    def changed(self) -> str | None:
        """A name of one that is another now."""
        for (name, get), held in zip(self._parts, self._held, strict=True):
            try:
                now = get(self._thing)
            except AttributeError:
                now = _ABSENT
            if not alike(now, held):
                return f"{self.owner}{name}"
        return None


class Body:
    """What a function of the user runs: its code and its defaults, which may be exchanged."""

    def __init__(self, function: Any) -> None:
        self._function, self._code = function, function.__code__
        self._given, self._named = function.__defaults__, function.__kwdefaults__

    def same(self) -> bool:
        """Whether they are what they were."""
        f = self._function
        return (
            f.__code__ is self._code
            and f.__defaults__ is self._given
            and f.__kwdefaults__ is self._named
        )

    def changed(self) -> str | None:
        """Its name, if one is another now."""
        return None if self.same() else f"{self._function.__name__}"


class Current:
    """What is found by calling: the value of a context variable."""

    def __init__(self, get: Callable[[], Any], name: str) -> None:
        self._get, self._name, self.held = get, name, get()

    def same(self) -> bool:
        """Whether it is what it was."""
        return alike(self._get(), self.held)

    def changed(self) -> str | None:
        """Its name, if it is another now."""
        return None if self.same() else self._name


class Absent:
    """Attributes that are found in the class, as long as the object has none of its own."""

    def __init__(self, where: Mapping[str, Any], names: Iterable[str], owner: str) -> None:
        self.owner, self._where, self._names = owner, where, frozenset(names)

    def same(self) -> bool:
        """Whether none is there."""
        return self._names.isdisjoint(self._where)

    def changed(self) -> str | None:
        """One that is there now."""
        found = sorted(self._names.intersection(self._where))
        return f"{self.owner}{found[0]}" if found else None


class Cell:
    """A variable of a function around the step."""

    def __init__(self, cell: Any, name: str) -> None:
        self._cell, self._name, self._held = cell, name, cell.cell_contents

    def same(self) -> bool:
        """Whether it is what it was."""
        try:
            return alike(self._cell.cell_contents, self._held)
        except ValueError:  # empty
            return False

    def changed(self) -> str | None:
        """Its name, if it is another now."""
        return None if self.same() else self._name


class Items:
    """A list, tuple, dict, set or queue."""

    def __init__(self, holder: Any, name: str) -> None:
        self.holder, self._name = holder, name
        self._held = self.items()

    def items(self) -> list[Any]:
        """What is in it now, with the keys."""
        holder = self.holder
        if isinstance(holder, Mapping):
            return [x for pair in holder.items() for x in pair]
        return list(holder)

    def same(self) -> bool:
        """Whether it has the same items."""
        now = self.items()
        if len(now) != len(self._held):
            return False
        return all(map(is_, now, self._held)) or all(map(alike, now, self._held))

    def changed(self) -> str | None:
        """Its name, if it has other items now."""
        return None if self.same() else self._name

    def undo(self) -> None:
        """Let no dict keep what stands for a number of a step."""
        if isinstance(self.holder, dict):
            for key, x in self.holder.items():
                if isinstance(x, Traced):
                    self.holder[key] = x.value


class Attributes(Items):
    """Attributes of a module."""

    def __init__(self, module: Any, name: str, called: bool) -> None:
        super().__init__(module, name)
        self.called = called

    def items(self) -> list[Any]:
        """Names and values."""
        return [x for pair in vars(self.holder).items() for x in pair]

    def changed(self) -> str | None:
        """The attribute that is another now."""
        held = dict(zip(self._held[::2], self._held[1::2], strict=True))
        now = vars(self.holder)
        for name in {**held, **now}:
            # A step may begin with `net.train()`: then it is for a net that is training already.
            if name == "training" and not self.called:
                continue
            if not alike(now.get(name, _ABSENT), held.get(name, _ABSENT)):
                return f"{self._name}.{name}"
        return None

    def renew(self) -> None:
        """What is there now counts."""
        self._held = self.items()


class Numbers:
    """The numbers of an array."""

    def __init__(self, array: Any, old: Any) -> None:
        self._array, self._form = array, (array.shape, array.dtype)
        self._old = old.tobytes()

    def same(self) -> bool:
        """Whether they are what they were, to the bit."""
        now = self._array
        return (now.shape, now.dtype) == self._form and now.tobytes() == self._old


def is_generator(x: Any) -> bool:
    """Whether it is a random generator of NumPy's, of now or of old, or one of Python's."""
    return isinstance(x, (np.random.Generator, np.random.RandomState, random.Random))


def holds_any(cache: Any, wanted: Callable[[Any], bool]) -> bool:
    """Whether a cache of `functools` keeps something `wanted`; only the garbage collector knows."""
    todo, seen = [cache], set()
    while todo:
        for x in gc.get_referents(todo.pop()):
            if wanted(x):
                return True
            inner = isinstance(x, (dict, list, tuple)) or type(x).__module__ == "functools"
            if inner and not isinstance(x, type) and id(x) not in seen:
                seen.add(id(x))
                todo.append(x)
    return False
