"""What activations as modules have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_nn.nn.module import Module

__all__: list[str] = []


class Activation(Module):
    """A function of one tensor; its options are attributes and may be changed."""

    function: ClassVar[Callable[..., Any]]
    _names: tuple[str, ...]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.__dict__.update(options)
        self._names = tuple(options)

    def forward(self, input: Any) -> Any:
        """The activation of `input`."""
        if not self._names:
            return self.function(input)
        return self.function(input, **{name: getattr(self, name) for name in self._names})

    def extra_repr(self) -> str:
        """Options."""
        parts = [f"{name}={getattr(self, name)!r}" for name in self._names]
        return ", ".join([*parts, "inplace=True"] if getattr(self, "inplace", False) else parts)


class Plain(Activation):
    """An activation without options besides `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace
