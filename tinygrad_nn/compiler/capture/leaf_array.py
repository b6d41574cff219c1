"""What `x.data` gives while a step is captured: writes to it are writes to the leaf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.compiler.capture.traced import TracedArray
from tinygrad_nn.core.node import CLOCK, Node

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture

__all__ = ["SharedArray"]


def _writing(function: Any) -> Any:
    def call(self: Any, other: Any) -> Any:
        leaf = self.leaf
        payload = other.now if isinstance(other, SharedArray) else other
        if isinstance(other, Node):
            if other.op is not None:
                return NotImplemented  # NumPy's arrays refuse this too
            payload = self.capture.payload(other)
        if leaf is None:
            self.now = self.capture.in_place(function, self.now, payload)
            return self
        if not leaf.is_leaf:
            raise self.capture.refused(
                "a write into the array of a result", "write into a copy: x.detach().data"
            )
        leaf._data = self.capture.in_place(function, leaf._data, payload)
        leaf.epoch = CLOCK.tick()
        return self

    return call


class View(TracedArray):
    """A part of a leaf's array, through which eager code could write into the leaf."""

    __slots__ = ()

    @classmethod
    def of(cls, traced: Any) -> Any:
        """The same as a part."""
        return cls(traced.capture, traced.var, traced.value)

    __iadd__ = __isub__ = __imul__ = __itruediv__ = TracedArray.__setitem__


class SharedArray(TracedArray):
    """Stands for the array that a leaf shares with the user: it is what the leaf is.

    Attributes:
        leaf: The leaf, until `leaf.data = other` gives it another array: then None, and the array
            is the user's alone.
    """

    __slots__ = ("_own", "leaf")

    def __init__(self, capture: Capture, leaf: Node) -> None:
        self.capture = capture
        self.leaf: Node | None = leaf
        self._own: Any = None

    @property
    def now(self) -> Any:
        """The traced array with its numbers of this moment."""
        return self._own if self.leaf is None else self.leaf._data

    @now.setter
    def now(self, traced: Any) -> None:
        self._own, self.leaf = traced, None

    @property
    def value(self) -> Any:
        """The array now."""
        return self.now.value

    @property
    def var(self) -> Any:
        """Its variable."""
        return self.now.var

    def copy(self, order: Any = "C") -> Any:
        """What it is now, for good."""
        return self.now.copy(order)

    def __getitem__(self, key: Any) -> Any:
        return View.of(super().__getitem__(key))

    @property
    def T(self) -> Any:  # noqa: N802  (NumPy's name)
        """Axes in reverse order."""
        return View.of(super().T)

    @property
    def mT(self) -> Any:  # noqa: N802  (NumPy's name)
        """The last two axes exchanged."""
        return View.of(super().mT)

    def transpose(self, *axes: Any) -> Any:
        """`numpy.ndarray.transpose`."""
        return View.of(super().transpose(*axes))

    def reshape(self, *shape: Any) -> Any:
        """`numpy.ndarray.reshape`."""
        return View.of(super().reshape(*shape))

    def ravel(self) -> Any:
        """All elements on one axis."""
        return View.of(super().ravel())

    __iadd__, __isub__ = _writing(np.add), _writing(np.subtract)
    __imul__, __itruediv__ = _writing(np.multiply), _writing(np.divide)
