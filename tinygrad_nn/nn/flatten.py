"""Modules that only rearrange, or do nothing: `Flatten`, `Unflatten`, `Identity`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.sizes import is_whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.payload import refuse_outputs
from tinygrad_nn.tensor import tensor

__all__ = ["Flatten", "Identity", "Unflatten"]


class Identity(Module):
    """Returns its input; takes any arguments, so that it can stand in for a layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        """`x` itself."""
        return x


class Flatten(Module):
    """Joins the axes `start_dim` to `end_dim` into one: `(N, 1, 28, 28) -> (N, 784)`.

    Args:
        start_dim: First axis to join.
        end_dim: Last axis to join, included.

    Raises:
        ShapeError: When called: the input has not these axes.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.Flatten()(tg.zeros((5, 2, 3))).shape
        (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        """`x` with the axes joined."""
        if not isinstance(x, Node):
            refuse_outputs("Flatten", x)
            x = tensor(x)
        shape = x.shape
        count = max(len(shape), 1)
        start, end = self.start_dim % count, self.end_dim % count
        inside = -count <= self.start_dim < count and -count <= self.end_dim < count
        if not inside or start > end:
            raise ShapeError(
                f"Flatten: got shape {shape}, expected one with the axes {self.start_dim} to "
                f"{self.end_dim}"
            )
        return reshape(x, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))

    def extra_repr(self) -> str:
        """Axes that are joined."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Cuts one axis into several: `(N, 6) -> (N, 2, 3)`; the inverse of `Flatten`.

    Args:
        dim: Axis to cut.
        unflattened_size: Its new sides; one may be -1.

    Raises:
        OptionError: The sides are no integers, or two of them are -1.
        ShapeError: When called: they do not multiply to the axis.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.Unflatten(1, (2, -1))(tg.zeros((5, 6))).shape
        (5, 2, 3)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        sides = unflattened_size
        integers = isinstance(sides, (tuple, list)) and all(map(is_whole, sides))
        if not integers or not sides or min(sides) < -1 or sides.count(-1) > 1:
            raise OptionError(
                f"Unflatten: got unflattened_size={sides!r}, expected a tuple of sides, one of "
                "which may be -1"
            )
        if not is_whole(dim):
            raise OptionError(f"Unflatten: got dim={dim!r}, expected the number of an axis")
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, x: Any) -> Any:
        """`x` with the axis cut."""
        if not isinstance(x, Node):
            x = tensor(x)
        shape, sides = x.shape, list(self.unflattened_size)
        if not -len(shape) <= self.dim < len(shape):
            raise ShapeError(f"Unflatten: got shape {shape}, expected one with axis {self.dim}")
        at = self.dim % len(shape)
        known = prod(side for side in sides if side != -1)
        if -1 in sides and known:
            sides[sides.index(-1)] = shape[at] // known
        if -1 in sides or prod(sides) != shape[at]:
            raise ShapeError(
                f"Unflatten: got shape {shape}, expected {list(self.unflattened_size)} to multiply "
                f"to {shape[at]}, the length of axis {self.dim}"
            )
        return reshape(x, (*shape[:at], *sides, *shape[at + 1 :]))

    def extra_repr(self) -> str:
        """Axis and sides."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
