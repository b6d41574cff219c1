"""Layers that put a margin around arrays."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn.functional.padding import pad
from tinygrad_nn.nn.functional.sizes import check_rank, is_whole
from tinygrad_nn.nn.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


def _widths(name: str, padding: Any, dims: int) -> tuple[int, ...]:
    """(left, right, top, bottom, ...): one integer for all, or one for each side."""
    found = list(padding) if isinstance(padding, (tuple, list)) else [padding] * (2 * dims)
    if len(found) != 2 * dims or not all(map(is_whole, found)):
        order = ("left, right", "left, right, top, bottom", "left, right, top, bottom, front, back")
        raise OptionError(
            f"{name}: got padding={padding!r}, expected an integer or ({order[dims - 1]})"
        )
    return tuple(map(int, found))


class _Pad(Module):
    _dims = 0
    _mode = ""

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _widths(type(self).__name__, padding, self._dims)

    def forward(self, input: Any) -> Any:
        """`input` inside its margin."""
        return pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """Widths."""
        return f"{self.padding}"


class _ConstantPad(Module):
    _dims = 0

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__()
        self.padding = _widths(type(self).__name__, padding, self._dims)
        self.value = value

    def forward(self, input: Any) -> Any:
        """`input` inside its margin."""
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Widths and constant."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Widths."""
        return f"{self.padding}"


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input: Any) -> Any:
        """`input` inside its margin."""
        if hasattr(input, "ndim"):
            check_rank(type(self).__name__, input, self._dims)
        return super().forward(input)


class _ReflectionPad(_Pad):
    _mode = "reflect"


class _ReplicationPad(_Pad):
    _mode = "replicate"


class ZeroPad1d(_ZeroPad):
    """Zeros around the last axis.

    `(N, C, L) -> (N, C, L + left + right)`, or without N.

    Args:
        padding: (left, right), or one for all; negative: cut.

    Raises:
        OptionError: The widths are no integers, or not as many.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.ZeroPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[0.0, 1.0, 2.0, 3.0, 0.0]]
    """

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two axes.

    `(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)`, or without N.

    Args:
        padding: (left, right, top, bottom), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ZeroPad2d(1)
        ZeroPad2d((1, 1, 1, 1))
    """

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three axes.

    `(N, C, D, H, W)`, or without N, grows by the widths of its margin.

    Args:
        padding: (left, right, top, bottom, front, back), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ZeroPad3d(1)
        ZeroPad3d((1, 1, 1, 1, 1, 1))
    """

    _dims = 3


class ConstantPad1d(_ConstantPad):
    """A constant around the last axis.

    `(N, C, L) -> (N, C, L + left + right)`, or without N.

    Args:
        padding: (left, right), or one for all; negative: cut.
        value: The constant.

    Raises:
        OptionError: The widths are no integers, or not as many.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.ConstantPad1d(1, 9.0)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[9.0, 1.0, 2.0, 3.0, 9.0]]
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """A constant around the last two axes.

    `(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)`, or without N.

    Args:
        padding: (left, right, top, bottom), or one for all; negative: cut.
        value: The constant.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ConstantPad2d(1, 9.0)
        ConstantPad2d(padding=(1, 1, 1, 1), value=9.0)
    """

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """A constant around the last three axes.

    `(N, C, D, H, W)`, or without N, grows by the widths of its margin.

    Args:
        padding: (left, right, top, bottom, front, back), or one for all; negative: cut.
        value: The constant.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ConstantPad3d(1, 9.0)
        ConstantPad3d(padding=(1, 1, 1, 1, 1, 1), value=9.0)
    """

    _dims = 3


class ReflectionPad1d(_ReflectionPad):
    """The elements mirrored at the edge, which is not repeated, around the last axis.

    `(N, C, L) -> (N, C, L + left + right)`, or without N.

    Args:
        padding: (left, right), or one for all; negative: cut.

    Raises:
        OptionError: The widths are no integers, or not as many.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.ReflectionPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    _dims = 1


class ReflectionPad2d(_ReflectionPad):
    """The elements mirrored at the edge, which is not repeated, around the last two axes.

    `(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)`, or without N.

    Args:
        padding: (left, right, top, bottom), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ReflectionPad2d(1)
        ReflectionPad2d((1, 1, 1, 1))
    """

    _dims = 2


class ReflectionPad3d(_ReflectionPad):
    """The elements mirrored at the edge, which is not repeated, around the last three axes.

    `(N, C, D, H, W)`, or without N, grows by the widths of its margin.

    Args:
        padding: (left, right, top, bottom, front, back), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ReflectionPad3d(1)
        ReflectionPad3d((1, 1, 1, 1, 1, 1))
    """

    _dims = 3


class ReplicationPad1d(_ReplicationPad):
    """The edge repeated around the last axis.

    `(N, C, L) -> (N, C, L + left + right)`, or without N.

    Args:
        padding: (left, right), or one for all; negative: cut.

    Raises:
        OptionError: The widths are no integers, or not as many.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.ReplicationPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 1.0, 2.0, 3.0, 3.0]]
    """

    _dims = 1


class ReplicationPad2d(_ReplicationPad):
    """The edge repeated around the last two axes.

    `(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)`, or without N.

    Args:
        padding: (left, right, top, bottom), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ReplicationPad2d(1)
        ReplicationPad2d((1, 1, 1, 1))
    """

    _dims = 2


class ReplicationPad3d(_ReplicationPad):
    """The edge repeated around the last three axes.

    `(N, C, D, H, W)`, or without N, grows by the widths of its margin.

    Args:
        padding: (left, right, top, bottom, front, back), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.ReplicationPad3d(1)
        ReplicationPad3d((1, 1, 1, 1, 1, 1))
    """

    _dims = 3


class CircularPad1d(_CircularPad):
    """The elements of the other end around the last axis.

    `(N, C, L) -> (N, C, L + left + right)`, or without N.

    Args:
        padding: (left, right), or one for all; negative: cut.

    Raises:
        OptionError: The widths are no integers, or not as many.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.CircularPad1d(1)(tg.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[3.0, 1.0, 2.0, 3.0, 1.0]]
    """

    _dims = 1


class CircularPad2d(_CircularPad):
    """The elements of the other end around the last two axes.

    `(N, C, H, W) -> (N, C, H + top + bottom, W + left + right)`, or without N.

    Args:
        padding: (left, right, top, bottom), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.CircularPad2d(1)
        CircularPad2d((1, 1, 1, 1))
    """

    _dims = 2


class CircularPad3d(_CircularPad):
    """The elements of the other end around the last three axes.

    `(N, C, D, H, W)`, or without N, grows by the widths of its margin.

    Args:
        padding: (left, right, top, bottom, front, back), or one for all; negative: cut.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.CircularPad3d(1)
        CircularPad3d((1, 1, 1, 1, 1, 1))
    """

    _dims = 3
