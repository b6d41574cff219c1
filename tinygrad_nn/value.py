"""`Value`: one number in the computation graph."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinygrad_nn.core.backward import backward
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.bind_numbers import of_two
from tinygrad_nn.core.capturing import Traced, refuse_captured
from tinygrad_nn.core.node import CAPTURE, CAPTURING, CLOCK, MODE, Node
from tinygrad_nn.core.op import LEAF, Op, register_family
from tinygrad_nn.core.reverse import general_gradients
from tinygrad_nn.errors import DTypeError, OperandError
from tinygrad_nn.methods import Arithmetic, Elementwise
from tinygrad_nn.protocol import array_ufunc

__all__ = ["Value", "value_seed"]

_NUMBERS = (int, float, np.floating, np.integer)
_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


class Value(Arithmetic, Elementwise, Node):
    """A Python float that remembers how it was computed.

    Every operation gives a new `Value`, and `backward` fills `grad` in every one of them
    with the derivative of the number it was called on.

    Args:
        data: The number: int, float or a NumPy scalar; strings and bools are refused.
        requires_grad: False makes a constant.
        name: Label for drawings.

    Raises:
        DTypeError: `data` is not a real number.

    Example:
        >>> from tinygrad_nn import Value
        >>> a, b = Value(2.0), Value(-3.0)
        >>> c = (a * b + 10.0).tanh()
        >>> c.backward()
        >>> round(c.data, 4), round(a.grad, 4)
        (0.9993, -0.004)
    """

    __slots__ = ()
    keeps_gradients: ClassVar[bool] = True

    def __init__(self, data: float, requires_grad: bool = True, *, name: str | None = None) -> None:
        self._data = _number(data)
        self.op = LEAF if requires_grad else None
        self.a = self.b = self.params = self._grad = self.extra = None
        self.epoch = CLOCK.now
        if name is not None:
            self.name = name

    @property
    def data(self) -> float:
        """The number. A leaf's may be set."""
        if MODE.get() & CAPTURE:
            return CAPTURING.get().payload(self)  # type: ignore[no-any-return]  # stands for it
        return self._data  # type: ignore[no-any-return]

    @data.setter
    def data(self, data: float) -> None:
        if not self.is_leaf:
            raise OperandError(
                f"data of the result of {self.op.name}: only leaves may be written, "  # type: ignore[union-attr]
                "since it would no longer be what the graph computes; make a new Value"
            )
        if MODE.get() & CAPTURE:
            CAPTURING.get().payload(self)
        self._data = _number(data)
        self.epoch = CLOCK.tick()

    @property
    def grad(self) -> Any:
        """Derivative of the last root with respect to this number; 0.0 before any pass.

        A float, or a Value after `backward(create_graph=True)`. Leaves accumulate over
        passes, results hold the last pass.
        """
        if MODE.get() & CAPTURE and self.is_leaf:
            CAPTURING.get().payload(self)
        return 0.0 if self._grad is None else self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        if MODE.get() & CAPTURE and self.is_leaf:
            CAPTURING.get().forget_gradient(self)
        self._grad = grad if grad is None or isinstance(grad, Value) else _number(grad, "grad")

    def backward(
        self, grad: float = 1.0, retain_graph: bool = True, create_graph: bool = False
    ) -> None:
        """Fill `grad` of every Value below this one.

        Unlike for tensors the graph is kept, so that it can be drawn and swept again; each
        pass adds its derivative to the leaves once.
        """
        if type(grad) is not float:
            grad = value_seed(grad)
        backward(self, grad, retain_graph=retain_graph, create_graph=create_graph)

    def item(self) -> float:
        """The number."""
        self.refuse_to_tell(".item()")
        return self._data  # type: ignore[no-any-return]

    def detach(self) -> Value:
        """A constant with the same number."""
        return Value(self.data, requires_grad=False)

    def __float__(self) -> float:
        self.refuse_to_leave("float(value)")
        self.refuse_to_tell("float()")
        return self._data  # type: ignore[no-any-return]

    def __int__(self) -> int:
        self.refuse_to_tell("int()")
        return int(self._data)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        grad = self.grad._data if isinstance(self.grad, Node) else self.grad
        return f"Value(data={self._data}, grad={grad}{name})"

    def __lt__(self, other: Any) -> bool:
        return bool(_compared(self) < _compared(other))

    def __le__(self, other: Any) -> bool:
        return bool(_compared(self) <= _compared(other))

    def __gt__(self, other: Any) -> bool:
        return bool(_compared(self) > _compared(other))

    def __ge__(self, other: Any) -> bool:
        return bool(_compared(self) >= _compared(other))

    # A Value is a place in a graph, so it hashes by identity although == compares numbers.
    __hash__ = Node.__hash__

    def __eq__(self, other: object) -> Any:
        comparable = isinstance(other, (Value, *_NUMBERS))
        return bool(_compared(self) == _compared(other)) if comparable else NotImplemented

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Answer NumPy, which hands its scalars over as arrays without axes."""
        numbers = [x[()] if isinstance(x, np.ndarray) and not x.ndim else x for x in inputs]
        out = array_ufunc(self, ufunc, method, *numbers, **options)
        return bool(out) if ufunc in _COMPARISONS else out

    def __reduce__(self) -> tuple[Any, ...]:
        # For pickle and deepcopy: a leaf with the same number, as for tensors.
        self.refuse_to_tell("a copy")
        grad = self._grad._data if isinstance(self._grad, Node) else self._grad
        return _restored, (type(self), self._data, self.requires_grad, self.name, grad)

    def synced(self) -> Any:
        """The number, or what stands for it in a captured step."""
        return self.data

    @classmethod
    def coerce(cls, out: Any) -> float:
        """Float from a kernel's result (bool, int or NumPy scalar)."""
        return float(out)

    @classmethod
    def own(cls, held: list[Any]) -> Any:
        """Floats cannot alias."""
        return held.pop()

    def operand(self, raw: Any, op: Op) -> float:
        """Float from a raw operand."""
        if isinstance(raw, np.ndarray) and not raw.ndim:
            raw = raw[()]
        if isinstance(raw, (*_NUMBERS, bool, np.bool_)):
            return _float(raw, op.name)
        if isinstance(raw, Traced):
            return raw  # type: ignore[return-value]  # it stands for a float
        raise OperandError(
            f"{op.name}: got a Value and {describe(raw)}, expected a Value or a number; "
            "for arrays use tinygrad_nn.tensor"
        )

    @classmethod
    def constant(cls, payload: Any) -> Any:
        """Floats cannot be written."""
        return payload

    @classmethod
    def zero(cls, payload: Any) -> float:
        """Zero."""
        return 0.0

    @classmethod
    def one(cls, payload: Any) -> float:
        """One."""
        return 1.0

    @classmethod
    def nonfinite(cls, payload: float, nan_only: bool) -> str | None:
        """`nan`, `inf` or `-inf`, or None."""
        bad = math.isnan(payload) if nan_only else not math.isfinite(payload)
        return str(payload) if bad else None

    def ieee_gradients(self, g: float) -> list[tuple[Node, float]]:
        """Gradients of the inputs where Python's floats raised: IEEE's inf and NaN."""
        refuse_captured(
            "a division by 0 or an overflow in a gradient of Values",
            "run this call outside of jit: step.function(...)",
        )
        op: Op = self.op  # type: ignore[assignment]
        wide = Value.wrap(np.float64(self._data), op)
        wide.params = self.params
        inputs = tuple(_wide(p) for p in self.inputs)
        wide.a, wide.b = (inputs, None) if op.arity < 0 else (*inputs, None)[:2]
        with np.errstate(all="ignore"):
            found = list(general_gradients(op, wide, np.float64(g), create_graph=False))
        real = [p for p in self.inputs if isinstance(p, Node)]
        return [(p, float(h)) for p, (_, h) in zip(real, found, strict=True)]


def _restored(cls: type[Value], data: float, on: bool, name: str | None, grad: Any) -> Value:
    """What `Value.__reduce__` took apart."""
    node = cls(data, on, name=name)
    node._grad = grad
    return node


def _wide(p: Any) -> Any:
    """An input of a rule as NumPy's float64, whose division by zero does not raise."""
    return Value.wrap(np.float64(p._data)) if isinstance(p, Node) else np.float64(p)


def value_seed(grad: Any) -> Any:
    """Gradient that arrives at a Value: a Value of a graph as it is, else a float."""
    tracked = isinstance(grad, Value) and grad.op is not None
    return grad if tracked else _number(grad, "backward")


def _number(data: Any, name: str = "Value") -> float:
    if isinstance(data, Value):
        return data.data
    if isinstance(data, Traced):
        return CAPTURING.get().number(data)  # type: ignore[no-any-return]  # stands for it
    if isinstance(data, _NUMBERS) and not isinstance(data, bool):
        return _float(data, name)
    raise DTypeError(
        f"{name}: got {describe(data)}, expected a real number; for arrays use tinygrad_nn.tensor"
    )


def _float(number: Any, name: str) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise DTypeError(
            f"{name}: got an integer of {number.bit_length()} bits, expected one that a float "
            "can hold, below 2**1024; divide it first"
        ) from error


def _compared(other: Any) -> float:
    if isinstance(other, Value):
        other.refuse_to_tell("a comparison, as in `if x > 0:`,")
        return other._data  # type: ignore[no-any-return]
    if isinstance(other, _NUMBERS):
        return float(other)
    raise OperandError(
        f"comparison: got a Value and {describe(other)}, expected a Value or a number"
    )


register_family(float, Value)

for _name in ("__add__", "__radd__", "__mul__", "__rmul__", "__sub__", "__truediv__", "__pow__"):
    setattr(Value, _name, of_two(getattr(Value, _name), Value))
