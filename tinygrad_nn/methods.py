"""Operators and methods of nodes: each is the operation itself."""

from __future__ import annotations

from typing import Any

from tinygrad_nn import ops
from tinygrad_nn.ops.index import rows, setitem

__all__ = ["Arithmetic", "Array", "Elementwise"]


class Arithmetic:
    """Operators that `Value` and `Tensor` share."""

    __slots__ = ()

    __add__ = __radd__ = ops.add
    __mul__ = __rmul__ = ops.multiply
    __sub__ = ops.subtract
    __truediv__ = ops.divide
    __pow__ = ops.pow
    __neg__ = ops.negative
    __pos__ = ops.positive
    __abs__ = ops.abs

    def __rsub__(self, other: Any) -> Any:
        return ops.subtract(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return ops.divide(other, self)

    def __rpow__(self, other: Any) -> Any:
        return ops.pow(other, self)


class Elementwise:
    """Functions of one number."""

    __slots__ = ()

    abs = ops.abs
    exp = ops.exp
    log = ops.log
    relu = ops.relu
    sigmoid = ops.sigmoid
    sqrt = ops.sqrt
    tanh = ops.tanh


class Array:
    """Functions of arrays."""

    __slots__ = ()

    sum = ops.sum
    __getitem__ = ops.getitem
    __setitem__ = setitem
    __iter__ = rows
    take = ops.take
    gather = ops.gather
    scatter = ops.scatter
    scatter_add = ops.scatter_add
    index_add = ops.index_add
    index_select = ops.index_select
    index_put = ops.index_put
    __matmul__ = ops.matmul

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)
