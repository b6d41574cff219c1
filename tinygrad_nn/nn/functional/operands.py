"""What functions of networks accept, and writing into state that they are given."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import CLOCK, Node
from tinygrad_nn.errors import DTypeError, OperandError, OptionError
from tinygrad_nn.payload import refuse_outputs, weak_array
from tinygrad_nn.tensor import Tensor, tensor

__all__: list[str] = []

_REAL = tuple("fiub")


def floats(name: str, x: Any, what: str = "an input") -> Any:
    """Tensor of floats; arrays and lists become one.

    Raises:
        DTypeError: It holds integers or bools.
        OperandError: It is a `Value`.
    """
    if not isinstance(x, Tensor):
        if isinstance(x, Node):
            raise OperandError(
                f"{name}: got a Value, expected a tensor or array; tinygrad_nn.tensor([value.data])"
            )
        refuse_outputs(name, x)
        x = tensor(x)
    if x.dtype.kind != "f":
        raise DTypeError(
            f"{name}: got {what} of {x.dtype}, expected floats; convert it: x.astype('float32')"
        )
    return x


def operand(name: str, x: Any) -> Any:
    """Tensor or array as it is, of real numbers of any dtype; numbers and lists as tensors.

    Arrays in another byte order, and those of other libraries, become arrays of NumPy.

    Raises:
        OperandError: It is a `Value`, or a masked array.
        DTypeError: It holds complex numbers, objects or text.
    """
    if isinstance(x, Tensor):
        return x
    if hasattr(x, "dtype"):
        kind = getattr(x.dtype, "kind", None)
        if kind in _REAL and x.dtype.isnative and not hasattr(x, "mask"):
            return x
        return weak_array(name, x)
    if isinstance(x, Node):
        raise OperandError(
            f"{name}: got a Value, expected a tensor or array; of Values write the formula out, "
            "such as (prediction - target) ** 2"
        )
    refuse_outputs(name, x)
    return tensor(x)


def raw(x: Any) -> Any:
    """Array behind an argument, through which no gradient flows."""
    x = operand("argument", x)
    return x.synced() if isinstance(x, Node) else x


def integers(name: str, x: Any, what: str, expected: str) -> Any:
    """Array of integers behind a tensor, array or nested list.

    Raises:
        DTypeError: It holds something else.
    """
    array = x.synced() if isinstance(x, Tensor) else weak_array(name, x)
    if not array.size and not hasattr(x, "dtype"):
        # An empty list says nothing of its numbers.
        array = array.astype("int64")
    if array.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: got {what} {describe(array)}, expected {expected}; convert it: "
            "x.astype('int64'); written by hand: tg.tensor([...], dtype='int64')"
        )
    # Beside int64 these would become float64. What is too large turns negative, out of range.
    return array.astype("int64") if array.dtype == "uint64" else array


def class_indices(name: str, target: Any) -> Any:
    """Array of class indices, one for each sample; whether they are in range is asked later.

    Raises:
        DTypeError: They are not integers.
    """
    return integers(name, target, "class indices", "integers")


def probability(name: str, p: Any) -> float:
    """`p` as a float from 0 to 1.

    Raises:
        OptionError: It is outside, or no number.
    """
    if isinstance(p, bool) or not hasattr(p, "__float__") or not 0 <= float(p) <= 1:
        raise OptionError(
            f"{name}: got p={p!r}, expected a probability of leaving out, from 0 to 1"
        )
    return float(p)


def epsilon(name: str, eps: Any) -> float:
    """`eps` as a float of at least 0.

    Raises:
        OptionError: It is negative, NaN or no number.
    """
    if isinstance(eps, bool) or not hasattr(eps, "__float__") or not float(eps) >= 0:
        raise OptionError(f"{name}: got eps={eps!r}, expected a small number such as 1e-5")
    return float(eps)


def overwrite(target: Any, new: Any) -> None:
    """Let a leaf tensor or array hold these numbers from now on.

    A tensor gets an array of its own, so that graphs that used the old numbers keep them.
    """
    if not isinstance(target, Tensor):
        target[...] = new
        return
    value = target.synced()
    target._data = namespace(value).asarray(new, dtype=value.dtype).reshape(value.shape)
    target.epoch = CLOCK.tick()
    target.show_shared()
