"""Methods of PyTorch's tensors that NumPy's arrays have not, each in one line of NumPy's."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn import ops
from tinygrad_nn.core.node import is_grad_enabled
from tinygrad_nn.errors import OperandError, ShapeError
from tinygrad_nn.ops.assign import setitem
from tinygrad_nn.ops.axis import listed
from tinygrad_nn.ported import METHODS, to_dtype

__all__ = ["Size", "Torch", "cat", "unbind", "unsqueeze"]


class Size(int):
    """The number of elements; called as PyTorch's method it gives the lengths of the axes.

    Example:
        >>> import tinygrad_nn as tg
        >>> x = tg.zeros((2, 3))
        >>> x.size, x.size(), x.size(-1)
        (6, (2, 3), 3)
    """

    _shape: tuple[int, ...]

    def __new__(cls, shape: tuple[int, ...]) -> Size:
        """Number of elements of `shape`."""
        size = super().__new__(cls, prod(shape))
        size._shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Any:
        """Lengths of all axes, or of one."""
        return self._shape if dim is None else self._shape[dim]

    def __reduce__(self) -> Any:
        return int, (int(self),)


_OWN: Any = object()


def cat(tensors: Any, dim: Any = _OWN, *, axis: Any = _OWN) -> Any:
    """`tg.concat(tensors, axis)`, which may be called `dim` here."""
    return ops.concat(tensors, _one_of("cat", dim, axis, 0))


def unsqueeze(x: Any, dim: Any = _OWN, *, axis: Any = _OWN) -> Any:
    """`tg.expand_dims(x, axis)`, which may be called `dim` here."""
    return ops.expand_dims(x, _one_of("unsqueeze", dim, axis))


def unbind(x: Any, dim: Any = _OWN, *, axis: Any = _OWN) -> Any:
    """`tg.unstack(x, axis)`, which may be called `dim` here."""
    return ops.unstack(x, _one_of("unbind", dim, axis, 0))


def _one_of(name: str, dim: Any, axis: Any, default: Any = _OWN) -> Any:
    """What was given by either word."""
    given = [value for value in (dim, axis) if value is not _OWN]
    if len(given) > 1 or (not given and default is _OWN):
        raise OperandError(f"{name}: got {len(given)} axes, expected one: dim=, or axis=")
    return given[0] if given else default


class _Missing:
    """In the place of a method that there is not: it has not either, but says what to write.

    A `__getattr__` would do the same in one place, but slow every attribute of every tensor.
    """

    def __init__(self, name: str, advice: str) -> None:
        self._name, self._advice = name, advice

    def __get__(self, node: Any, cls: Any = None) -> Any:
        raise AttributeError(f"Tensor has no attribute {self._name!r}; {self._advice}")


class Torch:
    """Methods of PyTorch's tensors whose names mean nothing else to NumPy."""

    __slots__ = ()

    shape: Any
    ndim: Any
    dtype: Any

    add = ops.add
    amax = ops.max
    amin = ops.min
    bmm = mm = mv = ops.matmul
    chunk = ops.chunk
    clone = ops.copy
    div = ops.divide
    eq = ops.equal
    ge = greater_equal = ops.greater_equal
    gt = greater = ops.greater
    le = less_equal = ops.less_equal
    lt = less = ops.less
    movedim = ops.moveaxis
    mul = multiply = ops.multiply
    ne = not_equal = ops.not_equal
    neg = ops.negative
    sub = subtract = ops.subtract
    unbind = unbind
    unsqueeze = unsqueeze

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in METHODS]

    @property
    def device(self) -> str:
        """Always "cpu"."""
        return "cpu"

    def dim(self) -> Any:
        """Number of axes: `x.ndim`."""
        return self.ndim

    def numel(self) -> Any:
        """Number of elements: `x.size`."""
        return prod(self.shape)

    def view(self, *sides: Any) -> Any:
        """`x.reshape(*sides)`; as everywhere, the result is a tensor of its own.

        Raises:
            OperandError: A dtype was given, as to NumPy's method.
        """
        if len(sides) == 1 and not isinstance(sides[0], (tuple, list)):
            if not hasattr(sides[0], "__index__"):
                raise OperandError(
                    f"view: got {sides[0]!r}, expected sides; the bits read as another dtype: "
                    "x.numpy().view(dtype); the numbers converted: x.astype(dtype)"
                )
        return ops.reshape(self, listed(sides))

    def permute(self, *dims: Any) -> Any:
        """`x.permute_dims(*dims)`."""
        return ops.permute_dims(self, listed(dims))

    def t(self) -> Any:
        """A matrix transposed; a vector as it is.

        Raises:
            ShapeError: There are more than two axes.
        """
        if self.ndim > 2:
            raise ShapeError(f"t: got shape {self.shape}, expected at most 2 axes; use x.mT")
        return ops.permute_dims(self)

    def expand(self, *sides: Any) -> Any:
        """`tg.broadcast_to(x, sides)`, where -1 keeps the length of an axis.

        Raises:
            ShapeError: The shape does not broadcast to the sides.
        """
        wanted = list(sides[0]) if isinstance(sides[0], (tuple, list)) else list(sides)
        ahead = len(wanted) - self.ndim
        for k in range(max(ahead, 0), len(wanted)):
            if wanted[k] == -1:
                wanted[k] = self.shape[k - ahead]
        return ops.broadcast_to(self, tuple(wanted))

    def expand_as(self, other: Any) -> Any:
        """`tg.broadcast_to(x, other.shape)`."""
        return ops.broadcast_to(self, other.shape)

    def contiguous(self) -> Any:
        """The tensor itself."""
        return self

    def cpu(self) -> Any:
        """The tensor itself: everything is on the CPU."""
        return self

    def to(self, *args: Any, **options: Any) -> Any:
        """In another dtype: `to(dtype)`, `to(device, dtype)`, `to(tensor)`; itself if it has it.

        Raises:
            OptionError: The device is another than the CPU.
            DTypeError: NumPy has no such dtype.
        """
        dtype = to_dtype("to", *args, **options)
        return self if dtype is None or dtype == self.dtype else ops.astype(self, dtype)

    def type_as(self, other: Any) -> Any:
        """In the dtype of `other`."""
        return self.to(other.dtype)

    def is_floating_point(self) -> Any:
        """Whether the dtype is one of floats."""
        return self.dtype.kind == "f"

    def fill_(self, value: Any) -> Any:
        """Write `value`, a number or an array, into a tensor that is no result; returns it.

        A parameter is written within `no_grad()` only, as in PyTorch.

        Raises:
            OperandError: The write would lose a gradient.
        """
        node: Any = self
        if node.op is not None and node.is_leaf and not is_grad_enabled():
            node.data[...] = value
        else:
            setitem(node, ..., value)
        return self

    copy_ = fill_

    def zero_(self) -> Any:
        """Write 0; see `fill_`."""
        return self.fill_(0)

    def _changed(self, change: Any, other: Any) -> Any:
        """`x += y` is `x = x + y`, but writes a parameter within `no_grad()`, as in PyTorch.

        A loop of one's own, `p -= lr * p.grad`, would otherwise learn nothing and say nothing.
        """
        node: Any = self
        if is_grad_enabled() or node.op is None or not node.is_leaf:
            return NotImplemented
        new = change(node, other)
        if new.shape != node.shape:
            raise ShapeError(
                f"{change.__name__} in place: got {node.shape} and a result {new.shape}, expected "
                "the shape of the parameter; sum over the other axes, or write x = x + y"
            )
        return self.fill_(new)

    def __iadd__(self, other: Any) -> Any:
        return self._changed(ops.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._changed(ops.subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._changed(ops.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._changed(ops.divide, other)

    # Behind all others: within the class these names are no longer Python's.
    def half(self) -> Any:
        """As float16."""
        return self.to("float16")

    def double(self) -> Any:
        """As float64."""
        return self.to("float64")

    def long(self) -> Any:
        """As int64."""
        return self.to("int64")

    def float(self) -> Any:
        """As float32."""
        return self.to("float32")

    def int(self) -> Any:
        """As int32."""
        return self.to("int32")

    def bool(self) -> Any:
        """Whether each number is not 0."""
        return self.to("bool")


for _name, _advice in METHODS.items():
    setattr(Torch, _name, _Missing(_name, _advice))
