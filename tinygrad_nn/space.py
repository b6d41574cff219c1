"""What the engine needs to know of arrays, and of nothing else."""

from __future__ import annotations

from sys import getrefcount
from typing import Any, Self

import numpy as np

from tinygrad_nn import ops
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.capturing import Traced, capturing
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Op
from tinygrad_nn.errors import GradientError, OperandError, ShapeError
from tinygrad_nn.payload import payload_of, plain, refuse_outputs, weak_array

__all__ = ["ArraySpace", "seed_for"]


def _alone() -> int:
    """What `getrefcount` says of an array that one local variable holds: 2, or 1 if borrowed."""
    held = [np.empty(0)]
    array = held.pop()
    return getrefcount(array)


_ALONE = _alone()


class ArraySpace(Node):
    """A node whose payload is an array."""

    __slots__ = ()

    @staticmethod
    def fit(g: Any, payload: Any) -> Any:
        """Gradient summed and converted to the payload's shape and dtype."""
        if g.shape != payload.shape:
            g = ops.sum_to(g, payload.shape)
        if g.dtype is not payload.dtype and g.dtype != payload.dtype:
            g = ops.astype(g, payload.dtype)
        return g

    @classmethod
    def wrap(cls, payload: Any, op: Op | None = None) -> Self:
        """Tensor around an array; rules on 0-d arrays give NumPy scalars."""
        return super().wrap(np.asarray(payload) if isinstance(payload, np.generic) else payload, op)

    # Array from a kernel's result: operations on 0-d arrays give NumPy scalars.
    coerce = staticmethod(np.asarray)  # type: ignore[assignment]

    @classmethod
    def own(cls, held: list[Any]) -> Any:
        """The array in `held`: itself if nothing else refers to it, otherwise a copy."""
        gradient = held.pop()
        if gradient.base is None and getrefcount(gradient) == _ALONE:
            return gradient
        return gradient.copy()

    def operand(self, raw: Any, op: Op) -> Any:
        """Number or array from a raw operand; lists of Python numbers are weak, as those are."""
        if isinstance(raw, (int, float)):
            return raw
        if isinstance(raw, (np.ndarray, np.generic)):
            if raw.dtype.kind in "fiub":
                # A subclass would bring its own arithmetic into the rules: a matrix its `*`.
                exact = type(raw) is np.ndarray or isinstance(raw, np.generic)
                return raw if exact else plain(op.name, raw)
        elif isinstance(raw, (list, tuple)):
            refuse_outputs(op.name, raw)
            return weak_array(op.name, raw, self._data.dtype)
        elif isinstance(raw, Traced):
            return raw
        raise OperandError(
            f"{op.name}: got a Tensor and {describe(raw)}, expected a tensor, a number or an "
            "array of real numbers"
        )

    @classmethod
    def constant(cls, payload: Any) -> Any:
        """Copy of an array that the user could write into."""
        if isinstance(payload, np.ndarray):
            return payload.copy()
        # What stands for an array copies itself too where that changes the order of its memory.
        copy = getattr(payload, "copy", None) if isinstance(payload, Traced) else None
        return payload if copy is None else copy()

    def show_shared(self) -> None:
        """Let the array shared with the user show a payload that was written.

        Where it cannot be written any more, `data` gives another one from now on.
        """
        extra = self.extra
        if extra is not None and extra.shared is not None:
            if extra.shared.flags.writeable:
                extra.shared[...] = self._data
            else:
                extra.shared = None

    @classmethod
    def zero(cls, payload: Any) -> Any:
        """Zeros like `payload`."""
        return np.zeros(np.shape(payload), getattr(payload, "dtype", np.float64))

    @classmethod
    def one(cls, payload: Any) -> Any:
        """Ones like `payload`."""
        return np.ones(payload.shape, payload.dtype)

    @classmethod
    def nonfinite(cls, payload: Any, nan_only: bool) -> str | None:
        """How many numbers are not finite and which is the first, or None."""
        array = np.asarray(payload)
        if array.dtype.kind != "f":
            return None
        bad = np.isnan(array) if nan_only else ~np.isfinite(array)
        if not bad.any():
            return None
        first = np.argwhere(bad)[0]
        index = f" at index {tuple(first.tolist())}" if array.ndim else ""
        return f"{array[tuple(first)]}{index} ({bad.sum()} of {array.size})"

    @classmethod
    def spread(cls, tangent: Any, payload: Any) -> Any:
        """`tangent` with the payload's shape and dtype."""
        if getattr(tangent, "shape", ()) != payload.shape:
            tangent = ops.broadcast_to(tangent, payload.shape)
        return tangent if tangent.dtype == payload.dtype else ops.astype(tangent, payload.dtype)


_ONES = {np.dtype(t): np.ones((), t) for t in (np.float16, np.float32, np.float64)}


def seed_for(root: ArraySpace, grad: Any) -> Any:
    """Gradient that arrives at `root`: payload, or a tracked Tensor; checked."""
    if grad is None:
        if root._data.size != 1:
            raise GradientError(
                f"backward on a tensor of shape {root._data.shape}: expected one element, or the "
                "gradient that arrives here: loss.sum().backward(), or y.backward(grad)"
            )
        one = _ONES.get(root._data.dtype)
        if root._data.ndim or one is None:
            one = np.ones(root._data.shape, root._data.dtype)
        capture = capturing()
        return one if capture is None else capture.own(one)
    if isinstance(grad, ArraySpace) and grad.op is not None:
        value: Any = grad
    else:
        value = payload_of(grad, None)
    if value.shape != root._data.shape:
        raise ShapeError(
            f"backward: got a gradient of shape {value.shape}, expected {root._data.shape}"
        )
    return value if value.dtype == root._data.dtype else ops.astype(value, root._data.dtype)
