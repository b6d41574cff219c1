"""What stands for arrays and numbers while a step is captured.

A traced array is used like an array: by operators, by NumPy's functions, by this package's
operations. It computes at once, so that the first call of a step has its results and its errors
as always, and tells the capture what was computed. It never changes: `x += y` makes another one.
Whoever asks for its numbers is refused, since they would be those of the first call for ever.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.backends import scalar
from tinygrad_nn.compiler.capture.advice import BRANCH, NEW, PRINT, READ, WRITING
from tinygrad_nn.core.capturing import CAPTURING, Traced
from tinygrad_nn.core.node import Node

if TYPE_CHECKING:
    from tinygrad_nn.compiler.capture.capture import Capture
    from tinygrad_nn.compiler.program import Var

__all__ = ["HostNumber", "TracedArray", "TracedNumber"]

_ABOUT = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj}
"""Functions that read no element."""

_TEXTS = {np.array2string, np.array_repr, np.array_str}
_SHOWN = 'as in print(loss) or f"{loss}",'


def _binary(function: Callable[..., Any], swapped: bool = False) -> Any:
    def call(self: Any, other: Any) -> Any:
        if isinstance(other, Node):
            return NotImplemented
        args = (other, self) if swapped else (self, other)
        return self.capture.apply(function.__name__, function, args, {})

    return call


def _astype(array: Any, dtype: Any) -> Any:
    return array.astype(dtype)


def _unary(function: Callable[..., Any]) -> Any:
    def call(self: Any) -> Any:
        return self.capture.apply(function.__name__, function, (self,), {})

    return call


def _in_place(function: Any) -> Any:
    def call(self: Any, other: Any) -> Any:
        if isinstance(other, Node):
            return NotImplemented
        return self.capture.in_place(function, self, other)

    return call


def _refusal(what: str, instead: str, name: str = "") -> Any:
    def call(self: Any, *args: Any, **given: Any) -> Any:
        if self.capture.failing and name:
            return getattr(self.value, name)(*args, **given)  # for the text of an error
        raise self.capture.refused(what, instead)

    return call


def _about(name: str, words: str) -> Any:
    return property(operator.attrgetter(f"value.{name}"), doc=words)


class _Secret(Traced):
    """A traced thing whose value is not known before a replay."""

    __slots__ = ("capture", "value", "var")

    def __init__(self, capture: Capture, var: Var, value: Any) -> None:
        self.capture = capture
        self.var = var
        self.value = value

    __bool__ = _refusal("bool() of a value, as in `if loss > 1:`", BRANCH, "__bool__")
    __float__ = _refusal("float() of a value", READ, "__float__")
    __int__ = _refusal("int() of a value", READ, "__int__")
    __index__ = _refusal(
        "a value as an index or a size", "index with the tensor itself: x[i]", "__index__"
    )
    item = _refusal(".item() of a value", READ, "item")
    __hash__ = object.__hash__

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __format__(self, spec: str) -> str:
        if self.capture.failing:
            return format(self.value, spec)
        raise self.capture.refused(f"the text of a value, {_SHOWN}", PRINT)

    def __str__(self) -> str:
        return format(self)

    def __repr__(self) -> str:
        return repr(self.value) if self.capture.failing else f"<traced {self.var!r}>"


class TracedArray(_Secret):
    """Stands for an array."""

    __slots__ = ("__weakref__",)

    __array_priority__ = 100

    @property
    def base(self) -> Any:
        """Whose memory it is, where eager code had a view."""
        return getattr(self.value, "base", None)

    def copy(self, order: Any = "C") -> Any:
        """Itself, since it never changes, unless its memory is in another order."""
        if self.value.flags.c_contiguous or order != "C":
            return self
        return self.capture.apply("copy", np.ndarray.copy, (self,), {})

    shape = _about("shape", "Lengths of the axes.")
    dtype = _about("dtype", "NumPy's dtype.")
    ndim = _about("ndim", "Number of axes.")
    size = _about("size", "Number of elements.")
    nbytes = _about("nbytes", "Bytes of all elements.")
    itemsize = _about("itemsize", "Bytes of an element.")
    strides = _about("strides", "Bytes from one element to the next along each axis.")
    flags = _about("flags", "NumPy's flags.")

    @property
    def T(self) -> Any:  # noqa: N802  (NumPy's name)
        """Axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Any:  # noqa: N802  (NumPy's name)
        """The last two axes exchanged."""
        return self.capture.apply("matrix_transpose", np.matrix_transpose, (self,), {})

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.capture.apply("getitem", operator.getitem, (self, key), {})

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def transpose(self, *axes: Any) -> Any:
        """`numpy.ndarray.transpose`."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return self.capture.apply("transpose", np.transpose, (self,), {"axes": order})

    def reshape(self, *shape: Any) -> Any:
        """`numpy.ndarray.reshape`."""
        sides = shape[0] if len(shape) == 1 else shape
        return self.capture.apply("reshape", np.reshape, (self, sides), {})

    def ravel(self) -> Any:
        """All elements on one axis."""
        return self.capture.apply("ravel", np.ravel, (self,), {})

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """`numpy.ndarray.astype`."""
        if not copy and self.dtype == dtype:
            return self
        return self.capture.apply("astype", _astype, (self, np.dtype(dtype)), {})

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """`numpy.ndarray.sum`."""
        given = {"axis": axis, "dtype": dtype, "keepdims": keepdims}
        return self.capture.apply("sum", np.add.reduce, (self,), given)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`numpy.ndarray.any`."""
        return self.capture.apply("any", np.any, (self,), {"axis": axis, "keepdims": keepdims})

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`numpy.ndarray.all`."""
        return self.capture.apply("all", np.all, (self,), {"axis": axis, "keepdims": keepdims})

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`numpy.ndarray.max`."""
        return self.capture.apply("max", np.max, (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`numpy.ndarray.mean`."""
        return self.capture.apply("mean", np.mean, (self,), {"axis": axis, "keepdims": keepdims})

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if options.get("out") is not None:
            raise self.capture.refused(
                f"out= in numpy.{ufunc.__name__}, which writes into an array",
                f"assign the result: y = numpy.{ufunc.__name__}(...)",
            )
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self.capture.apply(name, call, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function in _TEXTS:
            if self.capture.failing:
                return function(*[x.value if x is self else x for x in args], **options)
            raise self.capture.refused(f"the text of a value, {_SHOWN}", PRINT)
        return self.capture.apply(
            function.__name__, function, args, options, about=function in _ABOUT
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self.capture.refused("a value handed to NumPy as an array of numbers", READ)

    __setitem__ = _refusal("a write into an array, x[i] = value", NEW)
    tolist = _refusal(".tolist() of a value", READ, "tolist")
    tobytes = _refusal(".tobytes() of a value", READ)

    __add__, __radd__ = _binary(np.add), _binary(np.add, True)
    __sub__, __rsub__ = _binary(np.subtract), _binary(np.subtract, True)
    __mul__, __rmul__ = _binary(np.multiply), _binary(np.multiply, True)
    __truediv__, __rtruediv__ = _binary(np.divide), _binary(np.divide, True)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide), _binary(np.floor_divide, True)
    __mod__, __rmod__ = _binary(np.remainder), _binary(np.remainder, True)
    __matmul__, __rmatmul__ = _binary(np.matmul), _binary(np.matmul, True)
    __and__, __rand__ = _binary(np.bitwise_and), _binary(np.bitwise_and, True)
    __or__, __ror__ = _binary(np.bitwise_or), _binary(np.bitwise_or, True)
    __xor__, __rxor__ = _binary(np.bitwise_xor), _binary(np.bitwise_xor, True)
    __lt__, __le__ = _binary(np.less), _binary(np.less_equal)
    __gt__, __ge__ = _binary(np.greater), _binary(np.greater_equal)
    __eq__, __ne__ = _binary(np.equal), _binary(np.not_equal)
    __neg__, __pos__ = _unary(np.negative), _unary(np.positive)
    __abs__, __invert__ = _unary(np.absolute), _unary(np.invert)

    __iadd__, __isub__ = _in_place(np.add), _in_place(np.subtract)
    __imul__, __itruediv__ = _in_place(np.multiply), _in_place(np.divide)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not callable(getattr(np.ndarray, name, None)):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in WRITING:
            raise self.capture.refused(f".{name}() of an array, which writes into it", NEW)

        def method(array: Any, *args: Any, **given: Any) -> Any:
            return getattr(array, name)(*args, **given)  # of an array without axes, NumPy's scalar

        return lambda *args, **given: self.capture.apply(name, method, (self, *args), given)

    # By the operator, since NumPy computes x**2 as x*x there and not in its function.
    def __pow__(self, other: Any) -> Any:
        return self.capture.apply("pow", operator.pow, (self, other), {})

    def __rpow__(self, other: Any) -> Any:
        return self.capture.apply("pow", operator.pow, (other, self), {})


def _of_numbers(function: Callable[..., Any], swapped: bool = False) -> Any:
    """The same for numbers alone, of which there may be very many: 4 µs and not 10."""
    general, name = _binary(function, swapped), function.__name__

    def call(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is not TracedNumber and kind is not float:
            return general(self, other)
        return self.capture.numbered(name, function, (other, self) if swapped else (self, other))

    return call


def _numeric(cls: Any) -> Any:
    """Give a class of numbers Python's arithmetic.

    With IEEE's results where Python's raises: those are what eager numbers end with too.
    """
    names = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
    for name in names:
        function = {"truediv": scalar.divide, "pow": scalar.pow}.get(name, getattr(operator, name))
        setattr(cls, f"__{name}__", _of_numbers(function))
        setattr(cls, f"__r{name}__", _of_numbers(function, True))
    for name in ("neg", "pos", "abs"):
        setattr(cls, f"__{name}__", _unary(getattr(operator, name)))
    return cls


@_numeric
class TracedNumber(_Secret):
    """Stands for the float of a `Value`."""

    __slots__ = ("__weakref__",)
    __array_priority__ = 100

    __lt__, __le__ = _binary(operator.lt), _binary(operator.le)
    __gt__, __ge__ = _binary(operator.gt), _binary(operator.ge)
    __eq__, __ne__ = _binary(operator.eq), _binary(operator.ne)


def _worked(function: Callable[..., Any], swapped: bool = False) -> Any:
    def call(self: Any, *others: Any) -> Any:
        if others and isinstance(others[0], Node):
            return NotImplemented
        return self.capture.work(function, (*others, self) if swapped else (self, *others))

    return call


def _arithmetic(cls: Any) -> Any:
    """Give the class Python's arithmetic, done before the program runs."""
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        setattr(cls, f"__{name}__", _worked(getattr(operator, name)))
        setattr(cls, f"__r{name}__", _worked(getattr(operator, name), True))
    for name in ("neg", "pos", "abs"):
        setattr(cls, f"__{name}__", _worked(getattr(operator, name)))
    return cls


@_arithmetic
class HostNumber(Traced):
    """A float known before the program runs: a learning rate, a correction of this step.

    It may be branched on and made a plain float: the capture then holds for this outcome only,
    and another outcome captures anew.
    """

    __slots__ = ("__weakref__", "capture", "index", "value")

    def __init__(self, capture: Capture, index: int, value: float) -> None:
        self.capture = capture
        self.index = index
        self.value = value

    @property
    def var(self) -> Var:
        """The variable of the program that it is."""
        return self.capture.numbers.var(self)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.capture.apply(ufunc.__name__, call, inputs, options)

    def __bool__(self) -> bool:
        return self.capture.numbers.held(bool, (self,))  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return self.capture.numbers.held(float, (self,))  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self.capture.numbers.held(int, (self,))  # type: ignore[no-any-return]

    def __round__(self, digits: int | None = None) -> Any:
        return self.capture.numbers.held(round, (self, digits))

    def __format__(self, spec: str) -> str:
        return self.capture.numbers.held(format, (self, spec))  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(float(self), dtype)

    def _compared(function: Any) -> Any:  # noqa: N805
        def call(self: HostNumber, other: Any) -> Any:
            if isinstance(other, (_Secret, Node)):
                return NotImplemented
            return self.capture.numbers.held(function, (self, other))

        return call

    __lt__, __le__ = _compared(operator.lt), _compared(operator.le)
    __gt__, __ge__ = _compared(operator.gt), _compared(operator.ge)
    __eq__, __ne__ = _compared(operator.eq), _compared(operator.ne)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __hash__(self) -> int:
        return self._of_now(hash)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return self._of_now(repr)  # type: ignore[no-any-return]

    def _of_now(self, function: Callable[[Any], Any]) -> Any:
        """What `function` gives; while the step runs, the capture holds for this only."""
        within = CAPTURING.get() is self.capture
        return self.capture.numbers.held(function, (self,)) if within else function(self.value)

    def __getattr__(self, name: str) -> Any:
        """What else a float has: is_integer, as_integer_ratio, hex, real."""
        if name in ("real", "imag"):
            return self if name == "real" else 0.0
        method = getattr(float, name if name[:2] != "__" else "")  # Python asks for protocols
        return lambda *args: self.capture.numbers.held(method, (self, *args))
