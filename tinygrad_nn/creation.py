"""Tensors from a shape or a range, with NumPy's names.

Floats get the default dtype (float32, or that of `default_dtype`) unless `dtype=` says
otherwise; an `arange` of integers has integers, so that it can be an index. `device=` may say
"cpu", as in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import DTypeError, OptionError
from tinygrad_nn.payload import default_float, payload_of
from tinygrad_nn.ported import check_device
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "arange",
    "asarray",
    "empty",
    "eye",
    "full",
    "geomspace",
    "identity",
    "linspace",
    "logspace",
    "ones",
    "tri",
    "zeros",
]

Shape = int | Sequence[int]


def _made(array: Any, requires_grad: bool) -> Tensor:
    """Tensor around an array that no one else has."""
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"tensor: got dtype {array.dtype}, expected one of real numbers")
    return Tensor.wrap(array).requires_grad_(requires_grad)


def _or_default(dtype: Any) -> Any:
    if isinstance(dtype, int):
        raise OptionError(
            f"tensor: got the number {dtype} as its dtype, expected a dtype such as np.float64; "
            "a shape is one argument: zeros((2, 3))"
        )
    return default_float() if dtype is None else dtype


def _asked(name: str, shape: Any, more: tuple[Any, ...], dtype: Any) -> tuple[Any, Any]:
    """Shape and dtype of NumPy's `f((2, 3), dtype)`, or of PyTorch's `f(2, 3, dtype=dtype)`."""
    count = 0
    if _is_side(shape):
        count = next((i for i, x in enumerate(more) if not _is_side(x)), len(more))
        shape = (shape, *more[:count])
    rest = more[count:]
    if len(rest) > 1 or (rest and dtype is not None):
        raise OptionError(
            f"{name}: got {', '.join(map(repr, rest))} behind the shape, expected one dtype; the "
            f"shape is {name}((2, 3)) or {name}(2, 3)"
        )
    return _sides(name, shape), _or_default(rest[0] if rest else dtype)


def _is_side(x: Any) -> bool:
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def _sides(name: str, shape: Any) -> Any:
    """Shape without negative sides."""
    sides = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(side < 0 for side in sides):
        raise OptionError(f"{name}: got shape {sides}, expected sides of 0 or more")
    return sides


def zeros(
    shape: Shape,
    *more: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Tensor of `shape` that holds 0: `zeros((2, 3), dtype)`, or side by side `zeros(2, 3)`."""
    check_device("zeros", device)
    return _made(np.zeros(*_asked("zeros", shape, more, dtype)), requires_grad)


def ones(
    shape: Shape,
    *more: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Tensor of `shape` that holds 1: `ones((2, 3), dtype)`, or side by side `ones(2, 3)`."""
    check_device("ones", device)
    return _made(np.ones(*_asked("ones", shape, more, dtype)), requires_grad)


def empty(
    shape: Shape,
    *more: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Tensor of `shape` to be filled; it holds 0, since chance numbers would hide mistakes."""
    check_device("empty", device)
    return _made(np.zeros(*_asked("empty", shape, more, dtype)), requires_grad)


def full(
    shape: Shape,
    fill_value: Any,
    dtype: Any = None,
    *,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Tensor of `shape` that holds `fill_value`: a number, or an array that broadcasts."""
    check_device("full", device)
    value = payload_of(fill_value, dtype)
    sides = _sides("full", shape)
    return _made(namespace(value).full(sides, value, value.dtype), requires_grad)


def eye(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: Any = None,
    *,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Matrix `(N, M)` with 1 on the diagonal `k`, else 0; square if `M` is None."""
    check_device("eye", device)
    return _made(np.eye(N, M, k, _or_default(dtype)), requires_grad)


def identity(n: int, dtype: Any = None) -> Tensor:
    """Identity matrix `(n, n)`."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Matrix `(N, M)` with 1 on and below the diagonal `k`, else 0."""
    return _made(np.tri(N, M, k, _or_default(dtype)), requires_grad=False)


def arange(
    start: Any,
    stop: Any = None,
    step: Any = 1,
    dtype: Any = None,
    *,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Numbers from `start` (0, if only one is given) up to `stop`, excluded, by `step`.

    Integers for integers, else floats of the default dtype.
    """
    check_device("arange", device)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise OptionError("arange: got step=0, expected another; use full for equal numbers")
    array = np.arange(start, stop, step)
    if dtype is None and array.dtype.kind == "f":
        dtype = default_float()
    return _made(array if dtype is None else array.astype(dtype), requires_grad)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    *,
    axis: int = 0,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`, which `endpoint` includes."""
    check_device("linspace", device)
    if num < 0:
        raise OptionError(f"linspace: got num={num}, expected 0 or more")
    array = np.linspace(start, stop, num, endpoint, axis=axis)
    return _made(array.astype(_or_default(dtype)), requires_grad)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    *,
    dtype: Any = None,
) -> Tensor:
    """`base` to the power of `linspace(start, stop, num, endpoint)`."""
    array = np.logspace(start, stop, num, endpoint, base)
    return _made(array.astype(_or_default(dtype)), requires_grad=False)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None
) -> Tensor:
    """`num` numbers from `start` to `stop`, each the same multiple of the one before."""
    array = np.geomspace(start, stop, num, endpoint)
    return _made(array.astype(_or_default(dtype)), requires_grad=False)


def asarray(data: Any, dtype: Any = None) -> Tensor:
    """`data` as a tensor: itself if it is one of that dtype, else a copy without history."""
    if isinstance(data, Tensor) and dtype in (None, data.dtype):
        return data
    return tensor(data, dtype=dtype)
