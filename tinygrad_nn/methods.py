"""Operators and methods of nodes: each is the operation itself."""

from __future__ import annotations

from typing import Any

from tinygrad_nn import ops
from tinygrad_nn.errors import OperandError, ShapeError
from tinygrad_nn.ops.assign import rows, setitem
from tinygrad_nn.ops.axis import listed

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
    __floordiv__ = ops.floor_divide
    __mod__ = ops.remainder
    __divmod__ = ops.divmod

    def __rfloordiv__(self, other: Any) -> Any:
        return ops.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Any:
        return ops.remainder(other, self)

    def __rdivmod__(self, other: Any) -> Any:
        return ops.divmod(other, self)

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
    absolute = ops.absolute
    arccos = ops.arccos
    arccosh = ops.arccosh
    arcsin = ops.arcsin
    arcsinh = ops.arcsinh
    arctan = ops.arctan
    arctan2 = ops.arctan2
    arctanh = ops.arctanh
    cbrt = ops.cbrt
    ceil = ops.ceil
    celu = ops.celu
    clamp = ops.clamp
    clip = ops.clip
    copysign = ops.copysign
    cos = ops.cos
    cosh = ops.cosh
    deg2rad = ops.deg2rad
    digamma = ops.digamma
    divide = ops.divide
    elu = ops.elu
    entr = ops.entr
    erf = ops.erf
    erfc = ops.erfc
    erfcx = ops.erfcx
    erfinv = ops.erfinv
    exp = ops.exp
    exp2 = ops.exp2
    expm1 = ops.expm1
    fix = ops.fix
    floor = ops.floor
    floor_divide = ops.floor_divide
    fmax = ops.fmax
    fmin = ops.fmin
    fmod = ops.fmod
    gelu = ops.gelu
    hardsigmoid = ops.hardsigmoid
    hardswish = ops.hardswish
    hardtanh = ops.hardtanh
    heaviside = ops.heaviside
    hypot = ops.hypot
    isclose = ops.isclose
    isfinite = ops.isfinite
    isinf = ops.isinf
    isnan = ops.isnan
    leaky_relu = ops.leaky_relu
    lerp = ops.lerp
    lgamma = ops.lgamma
    log = ops.log
    log10 = ops.log10
    log1p = ops.log1p
    log2 = ops.log2
    log_ndtr = ops.log_ndtr
    logaddexp = ops.logaddexp
    logaddexp2 = ops.logaddexp2
    logical_and = ops.logical_and
    logical_not = ops.logical_not
    logical_or = ops.logical_or
    logical_xor = ops.logical_xor
    logit = ops.logit
    logsigmoid = ops.logsigmoid
    masked = ops.masked
    maximum = ops.maximum
    minimum = ops.minimum
    mish = ops.mish
    nan_to_num = ops.nan_to_num
    ndtr = ops.ndtr
    ndtri = ops.ndtri
    negative = ops.negative
    positive = ops.positive
    pow = ops.pow
    psi = ops.psi
    rad2deg = ops.rad2deg
    reciprocal = ops.reciprocal
    relu = ops.relu
    relu6 = ops.relu6
    remainder = ops.remainder
    rint = ops.rint
    round = ops.round
    selu = ops.selu
    sigmoid = ops.sigmoid
    sign = ops.sign
    signbit = ops.signbit
    silu = ops.silu
    sin = ops.sin
    sinc = ops.sinc
    sinh = ops.sinh
    softplus = ops.softplus
    softshrink = ops.softshrink
    softsign = ops.softsign
    sqrt = ops.sqrt
    square = ops.square
    step = ops.step
    tan = ops.tan
    tanh = ops.tanh
    tanhshrink = ops.tanhshrink
    trigamma = ops.trigamma
    trunc = ops.trunc
    xlog1py = ops.xlog1py
    xlogy = ops.xlogy


class Array:
    """Functions of arrays."""

    __slots__ = ()

    ndim: Any

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
    choose = ops.choose
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
    roll = ops.roll
    softmax = ops.softmax
    sort = ops.sort
    split = ops.split
    squeeze = ops.squeeze
    std = ops.std
    sum_to = ops.sum_to
    swapaxes = ops.swapaxes
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
    __and__ = __rand__ = ops.bitwise_and
    __or__ = __ror__ = ops.bitwise_or
    __xor__ = __rxor__ = ops.bitwise_xor
    __invert__ = ops.invert
    det = ops.det
    dot = ops.dot
    inv = ops.inv
    logdet = ops.logdet
    matmul = ops.matmul
    norm = ops.norm
    outer = ops.outer
    slogdet = ops.slogdet
    take_along_axis = ops.take_along_axis

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    # NumPy's methods take the sides and axes of these as several arguments too.
    def reshape(self, *sides: Any, shape: Any = None) -> Any:
        """See `tinygrad_nn.reshape`; also `x.reshape(2, 3)`."""
        return ops.reshape(self, listed(sides) if shape is None else shape)

    def permute_dims(self, *order: Any, axes: Any = None) -> Any:
        """See `tinygrad_nn.permute_dims`; also `x.permute_dims(1, 0)`."""
        return ops.permute_dims(self, listed(order) if order else axes)

    def transpose(self, *order: Any, axes: Any = None) -> Any:
        """See `tinygrad_nn.permute_dims`; `axes` are all of them, in their new order.

        Raises:
            ShapeError: The order is none of all axes.
        """
        if len(order) == 2 and self.ndim > 2:
            raise ShapeError(
                f"transpose: got {order} for {self.ndim} axes, expected the order of all of them, "
                f"as in NumPy; to exchange two: x.swapaxes{order}"
            )
        return self.permute_dims(*order, axes=axes)

    def repeat(self, repeats: Any, axis: Any = None, *rest: Any) -> Any:
        """See `tinygrad_nn.repeat`: elements are repeated, as in NumPy; for copies: `tile`.

        Raises:
            OperandError: There are more arguments, as of PyTorch's method.
        """
        if rest:
            raise OperandError(
                f"repeat: got {2 + len(rest)} numbers, expected repeat(repeats, axis), which "
                f"repeats elements; copies side by side: x.tile{(repeats, axis, *rest)}"
            )
        return ops.repeat(self, repeats, axis)

    def tile(self, *times: Any, reps: Any = None) -> Any:
        """See `tinygrad_nn.tile`; also `x.tile(2, 3)`."""
        return ops.tile(self, listed(times) if reps is None else reps)
