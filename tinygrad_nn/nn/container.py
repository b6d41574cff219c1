"""Modules that hold modules: `Sequential`, `ModuleList`, `ModuleDict`."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import groupby
from typing import Any, Self

from tinygrad_nn.errors import OperandError, OptionError, PositionError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.tree import nearest

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Container(Module):
    """Modules under names, in order."""

    def _parts(self) -> dict[str, Module]:
        return {name: part for name, part in vars(self).items() if isinstance(part, Module)}

    def _rebuild(self, parts: Mapping[str, Module]) -> None:
        """Hold `parts`, in their order."""
        for name in self._parts():
            del self.__dict__[name]
        for name, part in parts.items():
            self.add_module(name, part)

    def __len__(self) -> int:
        return len(self._parts())

    def __bool__(self) -> bool:
        return True  # An empty container is still a module.


class _Numbered(_Container):
    """Modules under the numbers 0, 1, ... (or names), with the interface of a list."""

    def __iter__(self) -> Iterator[Module]:
        return iter(self._parts().values())

    def __setitem__(self, idx: int, module: Module) -> None:
        self.add_module(self._name(idx), module)

    def __delitem__(self, idx: int | slice) -> None:
        names = list(self._parts())
        chosen = names[idx] if isinstance(idx, slice) else [self._name(idx)]
        for name in chosen:
            delattr(self, name)
        self._number([(name, part) for name, part in self._parts().items()])

    def append(self, module: Module) -> Self:
        """Add `module` at the end; returns the container."""
        number = len(self)
        while str(number) in self.__dict__:  # of a slice, whose numbers do not begin at 0
            number += 1
        self.add_module(str(number), _module(type(self).__name__, module))
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before position `index`; returns the container."""
        _module(type(self).__name__, module)
        parts, size = list(self._parts().items()), len(self)
        if not -size <= index <= size:
            raise PositionError(f"insert: got {index}, expected {-size} to {size}")
        parts.insert(index, (str(size), module))
        self._number(parts)
        return self

    def pop(self, key: int | slice) -> Any:
        """Take out and return the module at a position (the last: -1), or those of a slice."""
        found = self[key]
        del self[key]
        return found

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return self._some(dict(list(self._parts().items())[idx]))
        return self._parts()[self._name(idx)]

    def _some(self, parts: dict[str, Module]) -> Any:
        raise NotImplementedError

    def _name(self, idx: Any) -> str:
        """Name of the module at a position."""
        names = list(self._parts())
        try:
            at = operator.index(idx)
        except TypeError as error:
            raise OperandError(
                f"{type(self).__name__}: got the index {idx!r}, expected an integer or a slice; "
                "by name it is an attribute"
            ) from error
        if not -len(names) <= at < len(names):
            raise PositionError(
                f"{type(self).__name__}: got the index {at}, expected {-len(names)} to "
                f"{len(names) - 1}"
            )
        return names[at]

    def _number(self, parts: list[tuple[str, Module]]) -> None:
        """Hold `parts`; numbers are counted anew, names stay."""
        if all(name.isdigit() for name, _ in parts):
            parts = [(str(i), part) for i, (_, part) in enumerate(parts)]
        self._rebuild(dict(parts))


class Sequential(_Numbered):
    """Calls its modules one after the other.

    Args:
        args: The modules, or one dict of name and module. Names stay when another module is
            inserted or deleted; numbers are counted anew.

    Example:
        >>> from tinygrad_nn import nn
        >>> model = nn.Sequential(nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 10))
        >>> len(model), model[0].out_features
        (3, 16)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = (
            args[0]
            if len(args) == 1 and isinstance(args[0], dict)
            else {str(i): module for i, module in enumerate(args)}
        )
        for name, module in named.items():
            self.add_module(name, _module("Sequential", module))

    def forward(self, *inputs: Any) -> Any:
        """Output of the last module."""
        # A look at the values beats `children()` by 2 µs a call.
        for module in self.__dict__.values():
            if isinstance(module, Module):
                inputs = (module(*inputs),)
        return inputs[0]

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add each of `sequential` at the end; returns the container."""
        for module in _modules("Sequential", sequential):
            self.append(module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(list(_sequential(other)))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * _times(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (_times(other) - 1))

    def _some(self, parts: dict[str, Module]) -> Any:
        return _like(self, Sequential)(parts)


class ModuleList(_Numbered):
    """A list of modules; a plain list attribute registers its modules as well.

    Args:
        modules: The modules.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add each of `modules` at the end; returns the container."""
        for module in _modules("ModuleList", modules):
            self.append(module)
        return self

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def forward(self, *inputs: Any) -> Any:
        """Refused: a list does not say how its modules are called."""
        raise NotImplementedError(
            "ModuleList has no forward: call its modules, `for layer in layers: x = layer(x)`, "
            "or use Sequential"
        )

    def _some(self, parts: dict[str, Module]) -> Any:
        return _like(self, ModuleList)(parts.values())

    def _lines(self, above: tuple[Any, ...]) -> list[str]:
        # Neighbours with the same text come as one, as in PyTorch.
        texts = [line.split(": ", 1)[1] for line in super()._lines(above)]
        lines, start = [], 0
        for text, group in groupby(texts):
            count = len(list(group))
            several = f"({start}-{start + count - 1}): {count} x {text}"
            lines.append(several if count > 1 else f"({start}): {text}")
            start += count
        return lines


class ModuleDict(_Container):
    """Modules by name, with the interface of a dict.

    Args:
        modules: Dict, or pairs, of name and module.

    Example:
        >>> from tinygrad_nn import nn
        >>> heads = nn.ModuleDict({"digit": nn.Linear(16, 10), "even": nn.Linear(16, 1)})
        >>> "even" in heads, [name for name, _ in heads.named_parameters()][0]
        (True, 'digit.weight')
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        parts = self._parts()
        if key not in parts:
            near = nearest(str(key), parts)
            hint = f"; did you mean {near!r}?" if near else f", expected one of {list(parts)}"
            raise KeyError(f"ModuleDict: got {key!r}{hint}")
        return parts[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, _module("ModuleDict", module))

    def __delitem__(self, key: str) -> None:
        self[key]  # raises where there is none
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts())

    def __contains__(self, key: object) -> bool:
        return key in self._parts()

    def clear(self) -> None:
        """Take out all modules."""
        self._rebuild({})

    def pop(self, key: str) -> Module:
        """Take out and return the module of a name."""
        found = self[key]
        del self[key]
        return found

    def keys(self) -> KeysView[str]:
        """Names."""
        return self._parts().keys()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules."""
        return self._parts().items()

    def values(self) -> ValuesView[Module]:
        """Modules."""
        return self._parts().values()

    def update(self, modules: Any) -> None:
        """Take over the modules of a dict, or of pairs."""
        for key, module in pairs("ModuleDict", modules):
            self[key] = module

    def forward(self, *inputs: Any) -> Any:
        """Refused: a dict does not say how its modules are called."""
        raise NotImplementedError(
            "ModuleDict has no forward: call one of its modules, modules['name'](x)"
        )


def pairs(owner: str, given: Any) -> list[tuple[str, Any]]:
    """Names and values of a dict, of a container like one, or of pairs.

    Raises:
        OperandError: It is none of these.
    """
    if isinstance(given, Mapping) or hasattr(given, "items"):
        return list(given.items())
    found: list[Any] = list(given) if isinstance(given, Iterable) else [None]
    if any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in found):
        raise OperandError(
            f"{owner}: got {type(given).__name__}, expected a dict, or pairs of name and value"
        )
    return [(name, value) for name, value in found]


def _module(owner: str, module: Any) -> Module:
    if not isinstance(module, Module):
        hint = f"; make one: {module.__name__}()" if isinstance(module, type) else ""
        if isinstance(module, list | tuple):
            hint = f"; unpack the list: {owner}(*layers)"
        elif not hint and callable(module):
            hint = "; of functions there are modules: nn.ReLU() for relu, nn.Flatten()"
        raise OperandError(f"{owner}: got {type(module).__name__}, expected a Module{hint}")
    return module


def _modules(owner: str, modules: Any) -> list[Module]:
    if not isinstance(modules, Iterable):
        raise OperandError(
            f"{owner}: got {type(modules).__name__}, expected a list of modules; one is added by "
            "append"
        )
    return [_module(owner, module) for module in modules]


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise OperandError(
            f"Sequential + {type(other).__name__}: expected a Sequential; wrap it in one, or append"
        )
    return other


def _times(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise OptionError(f"Sequential * {count!r}: expected an integer of at least 1")
    return count


def _like(container: Any, base: Any) -> Any:
    """Class of a slice: that of the container, unless its constructor is another."""
    kind = type(container)
    return kind if kind.__init__ is base.__init__ else base
