"""NumPy's own functions on our nodes: `np.tanh(t)` is `tinygrad_nn.tanh(t)`.

The table is made from the operations' records; a function without an entry is refused,
so that no gradient is ever lost in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.core.capturing import capturing
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import OPS
from tinygrad_nn.errors import OperandError

__all__ = ["array_function", "array_ufunc", "numpy_table"]


def numpy_table() -> dict[Any, Callable[..., Any]]:
    """NumPy function to the operation that answers for it."""
    table = {}
    for record in OPS.values():
        for name in record.numpy:
            target: Any = np
            for part in name.split("."):
                target = getattr(target, part, None)
            if target is not None:
                table[target] = record.call
    return table


_TABLE: dict[Any, Callable[..., Any]] = {}

# What these answer is about arrays and is none, so that no gradient can be lost.
_QUESTIONS = frozenset(
    {
        np.allclose,
        np.array_equal,
        np.array_equiv,
        np.array2string,
        np.iscomplexobj,
        np.isrealobj,
        np.may_share_memory,
        np.ndim,
        np.result_type,
        np.shape,
        np.shares_memory,
        np.size,
    }
)


def _lookup(function: Any) -> Callable[..., Any]:
    if not _TABLE:
        _TABLE.update(numpy_table())
    found = _TABLE.get(function)
    if found is None:
        name = getattr(function, "__name__", str(function))
        raise OperandError(
            f"numpy.{name}: not supported on tensors, and no gradient is dropped in silence; "
            "use tinygrad_nn's operations, or x.detach().numpy() where none is needed"
        )
    return found


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Answer a NumPy ufunc, also one whose first operand is an ndarray."""
    if kwargs.get("out") is not None:
        raise OperandError(
            f"numpy.{ufunc.__name__}: writing the result into an array (out=, or "
            "`array += tensor`) would detach it from the graph; use `array = array + tensor`"
        )
    kwargs.pop("out", None)
    if method == "reduce" and ufunc in _REDUCTIONS:
        return _lookup(_REDUCTIONS[ufunc])(*inputs, **{"axis": 0, **kwargs})
    if method != "__call__":
        raise OperandError(
            f"numpy.{ufunc.__name__}.{method}: not supported on tensors; "
            "use tinygrad_nn's sum, prod, cumsum, outer"
        )
    function = _lookup(ufunc)
    if kwargs:
        raise OperandError(
            f"numpy.{ufunc.__name__}: got {', '.join(kwargs)}=, which tensors do not support; "
            "use tinygrad_nn.where or x.astype instead"
        )
    return function(*inputs)


_REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}


def array_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Answer a NumPy function that is no ufunc."""
    if kwargs.get("out") is not None:
        raise OperandError(
            f"numpy.{function.__name__}: out= would detach the result from the graph; leave it away"
        )
    if function in _QUESTIONS:
        return function(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
    kwargs = {k: v for k, v in kwargs.items() if not (k in ("out", "dtype") and v is None)}
    return _lookup(function)(*args, **kwargs)


def _plain(x: Any) -> Any:
    if not isinstance(x, Node):
        return x
    return np.asarray(x) if capturing() is None else x.synced()
