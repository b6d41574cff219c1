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
    T = property(ops.permute_dims)
    mT = property(ops.matrix_transpose)  # noqa: N815
    all = ops.all
    any = ops.any
    argmax = ops.argmax
    argmin = ops.argmin
    argsort = ops.argsort
    astype = ops.astype
    broadcast_to = ops.broadcast_to
    copy = ops.copy
    count_nonzero = ops.count_nonzero
    cummax = ops.cummax
    cummin = ops.cummin
    cumprod = ops.cumprod
    cumsum = ops.cumsum
    diagonal = ops.diagonal
    diff = ops.diff
    expand_dims = ops.expand_dims
    flatten = ops.flatten
    flip = ops.flip
    log_softmax = ops.log_softmax
    logcumsumexp = ops.logcumsumexp
    logsumexp = ops.logsumexp
    matrix_transpose = ops.matrix_transpose
    max = ops.max
    mean = ops.mean
    median = ops.median
    min = ops.min
    moveaxis = ops.moveaxis
    pad = ops.pad
    percentile = ops.percentile
    prod = ops.prod
    ptp = ops.ptp
    quantile = ops.quantile
    ravel = ops.ravel
    repeat = ops.repeat
    roll = ops.roll
    softmax = ops.softmax
    sort = ops.sort
    split = ops.split
    squeeze = ops.squeeze
    std = ops.std
    sum_to = ops.sum_to
    swapaxes = ops.swapaxes
    tile = ops.tile
    topk = ops.topk
    trace = ops.trace
    tril = ops.tril
    triu = ops.triu
    unstack = ops.unstack
    var = ops.var
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
    masked_fill = ops.masked_fill
    masked_select = ops.masked_select
    nonzero = ops.nonzero
    __matmul__ = ops.matmul

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    # NumPy's methods take the sides and axes of these as several arguments too.
    def reshape(self, *sides: Any, shape: Any = None) -> Any:
        """See `tinygrad_nn.reshape`; also `x.reshape(2, 3)`."""
        return ops.reshape(self, _listed(sides) if shape is None else shape)

    def permute_dims(self, *order: Any, axes: Any = None) -> Any:
        """See `tinygrad_nn.permute_dims`; also `x.permute_dims(1, 0)`."""
        return ops.permute_dims(self, _listed(order) if order else axes)

    transpose = permute_dims


def _listed(numbers: tuple[Any, ...]) -> Any:
    """The tuple, number or None that was given alone, or the tuple of several."""
    return numbers[0] if len(numbers) == 1 else numbers
