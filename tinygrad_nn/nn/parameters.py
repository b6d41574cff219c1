"""Modules that hold parameters: `ParameterList`, `ParameterDict`."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, Self

from tinygrad_nn.errors import OperandError, OptionError, PositionError
from tinygrad_nn.nn.container import pairs
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.tree import nearest
from tinygrad_nn.tensor import Parameter, Tensor

__all__ = ["ParameterDict", "ParameterList"]


class ParameterList(Module):
    """A list of parameters; a plain list attribute registers its parameters as well.

    Tensors become parameters; what is no tensor is kept as it is.

    Args:
        values: Parameters, tensors, or anything else.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> weights = nn.ParameterList([tg.zeros((2, 3)) for _ in range(2)])
        >>> [name for name, _ in weights.named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return type(self)([self[i] for i in range(len(self))[idx]])
        return self.__dict__[self._name(idx)]

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, self._name(idx), _parameter(param))

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, parameters: Iterable[Any]) -> Self:
        return self.extend(parameters)

    def append(self, value: Any) -> Self:
        """Add `value` at the end; returns the list."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Any) -> Self:
        """Add each of `values` at the end; returns the list."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise OperandError(
                f"ParameterList: got {type(values).__name__}, expected a list of parameters; one "
                "is added by append"
            )
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """One line for each entry."""
        return "\n".join(f"  ({i}): {_line(value)}" for i, value in enumerate(self))

    def forward(self, *inputs: Any) -> Any:
        """Refused: a list of parameters computes nothing."""
        raise _uncalled("ParameterList", "parameters[0]")

    def _name(self, idx: Any) -> str:
        try:
            at = operator.index(idx)
        except TypeError as error:
            raise OperandError(
                f"ParameterList: got the index {idx!r}, expected an integer or a slice"
            ) from error
        if not -self._size <= at < self._size:
            raise PositionError(
                f"ParameterList: got the index {at}, expected {-self._size} to {self._size - 1}"
            )
        return str(at % self._size)


class ParameterDict(Module):
    """Parameters by name, with the interface of a dict.

    Tensors become parameters; what is no tensor is kept as it is. As in PyTorch the entries
    of a plain dict are taken in the order of their names, pairs in their own.

    Args:
        parameters: Dict, or pairs, of name and value.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.ParameterDict({"scale": tg.ones(2)})["scale"].requires_grad
        True
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            near = nearest(str(key), self._keys)
            hint = f"; did you mean {near!r}?" if near else f", expected one of {list(self._keys)}"
            raise KeyError(f"ParameterDict: got {key!r}{hint}")
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self._keys:
            self._free("ParameterDict", key, object)
            if key in self.__dict__:
                raise OptionError(
                    f"ParameterDict: {key!r} is an attribute of every module; choose another name"
                )
        setattr(self, key, _parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        self[key]  # raises where there is none
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> ParameterDict:
        found = self.copy()
        found.update(other)
        return found

    def __ror__(self, other: Any) -> ParameterDict:
        found = ParameterDict(other)
        found.update(self)
        return found

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict(list(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of `key`, which is `default` if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take out everything."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out and return the value of a name."""
        found = self[key]
        del self[key]
        return found

    def popitem(self) -> tuple[str, Any]:
        """Take out and return the last name and value."""
        if not self._keys:
            raise KeyError("popitem: the ParameterDict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self[key] if key in self else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dict with `default` under each name."""
        return ParameterDict([(key, default) for key in keys])

    def keys(self) -> KeysView[str]:
        """Names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values."""
        return [(key, self[key]) for key in self._keys]

    def values(self) -> Iterable[Any]:
        """Values."""
        return [self[key] for key in self._keys]

    def update(self, parameters: Any) -> None:
        """Take over the entries of a dict, or of pairs."""
        found = pairs("ParameterDict", parameters)
        if type(parameters) is dict or (
            isinstance(parameters, Mapping) and not hasattr(parameters, "move_to_end")
        ):
            found = sorted(found)
        for key, value in found:
            self[key] = value

    def extra_repr(self) -> str:
        """One line for each entry."""
        return "\n".join(f"  ({key}): {_line(value)}" for key, value in self.items())

    def forward(self, *inputs: Any) -> Any:
        """Refused: a dict of parameters computes nothing."""
        raise _uncalled("ParameterDict", "parameters['name']")


def _parameter(value: Any) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


def _line(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    return f"Parameter containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"


def _uncalled(name: str, way: str) -> NotImplementedError:
    return NotImplementedError(f"{name} computes nothing: use its entries, {way} * x")
