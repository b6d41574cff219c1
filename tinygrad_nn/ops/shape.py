"""Operations that change the sides or the dtype of an array, and their transposes."""

from __future__ import annotations

from math import prod
from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import DTypeError, ShapeError

__all__ = [
    "astype",
    "broadcast_to",
    "copy",
    "empty_like",
    "expand_dims",
    "flatten",
    "full_like",
    "matrix_transpose",
    "ones_like",
    "permute_dims",
    "ravel",
    "reshape",
    "squeeze",
    "sum_to",
    "transpose",
    "zeros_like",
]

T = TypeVar("T")


def _one(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {}


# ── The four that rules call all the time ───────────────────────────────────────────────
# Called with a raw float32 array of twelve numbers they cost 0.5 to 1.5 µs on one Zen 4 core;
# NumPy's own reshape, expand_dims and broadcast_to would add 0.5 to 1.3 µs to that.


def _reshaped(draw: Draw) -> Sample:
    shape = draw.shape()
    return (draw.array(shape),), {"shape": draw.choice([(-1,), shape[::-1], (*shape, 1)])}


def _reshaped_back(g: Any, y: Any, x: Any, shape: Any) -> Any:
    return reshape(g, x.shape)


@op(
    kernel="reshape",
    vjp=_reshaped_back,
    kind=Kind.LINEAR,
    samples=_reshaped,
    numpy="reshape",
)
def reshape(x: T, /, shape: int | tuple[int, ...]) -> T:
    """The elements of `x` in row-major order with another shape; one side may be -1.

    The gradient is reshaped back.

    Raises:
        ShapeError: The numbers of elements differ.
    """


def _broadcast(draw: Draw) -> Sample:
    small, large = draw.shapes(2)
    array = draw.array(small)
    return (array,), {"shape": (array + draw.array(large)).shape}


def _gathered(g: Any, y: Any, x: Any, shape: Any) -> Any:
    return sum_to(g, x.shape)


@op(
    kernel="broadcast_to",
    vjp=_gathered,
    kind=Kind.LINEAR,
    samples=_broadcast,
    numpy="broadcast_to",
)
def broadcast_to(x: T, /, shape: int | tuple[int, ...]) -> T:
    """`x` repeated along new and length-one axes to `shape`; the gradient is summed back.

    Raises:
        ShapeError: A side of `x` is neither 1 nor that of `shape`.
    """


def _summed(draw: Draw) -> Sample:
    small, large = draw.shapes(2)
    array = draw.array(small)
    return (array + draw.array(large),), {"shape": small}


@op(
    kernel="sum_to",
    vjp=lambda g, y, x, shape: broadcast_to(g, x.shape),
    kind=Kind.LINEAR,
    samples=_summed,
)
def sum_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """Sum over the axes that broadcasting from `shape` would have added: its transpose.

    Raises:
        ShapeError: `shape` does not broadcast to that of `x`.
    """


def _expanded(draw: Draw) -> Sample:
    shape = draw.shape()
    n = len(shape)
    return (draw.array(shape),), {"axis": draw.choice([*range(-n - 1, n + 1), (), (0,), (0, -1)])}


@op(
    kernel="expand_dims",
    vjp=lambda g, y, x, axis: reshape(g, x.shape),
    kind=Kind.LINEAR,
    samples=_expanded,
    numpy="expand_dims",
)
def expand_dims(x: T, /, axis: int | tuple[int, ...]) -> T:
    """`x` with axes of length one inserted so that they end up at `axis`.

    Raises:
        ShapeError: `axis` is outside the result.
    """


# ── Other sides, same elements ──────────────────────────────────────────────────────────


def _squeezed(draw: Draw) -> Sample:
    shape = (1, *draw.shape(max_dims=2))
    axes: list[Any] = [None, 0, (0,), ()]
    return (draw.array(shape),), {"axis": draw.choice(axes)}


@op(
    kernel="squeeze",
    vjp=lambda g, y, x, axis: reshape(g, x.shape),
    kind=Kind.LINEAR,
    samples=_squeezed,
    numpy="squeeze",
)
def squeeze(x: T, /, axis: int | tuple[int, ...] | None = None) -> T:
    """`x` without its axes of length one, or without those of them in `axis`.

    Raises:
        ShapeError: An axis in `axis` is longer.
    """


@composed(samples=_one, numpy="ravel")
def ravel(x: T) -> T:
    """The elements of `x` in row-major order, with one axis."""
    return reshape(x, -1)


def flatten(x: T, start_dim: int = 0, end_dim: int = -1) -> T:
    """`x` with the axes from `start_dim` to `end_dim` as one: `x.flatten(1)` keeps the batch.

    Raises:
        ShapeError: There is no such axis, or the first stands behind the last.
    """
    ndim = len(getattr(x, "shape", ()))
    if not ndim or (start_dim, end_dim) == (0, -1):
        return ravel(x)
    first, last = (d + ndim if d < 0 else d for d in (start_dim, end_dim))
    if not 0 <= first <= last < ndim:
        raise ShapeError(
            f"flatten: got start_dim={start_dim} and end_dim={end_dim} for {ndim} axes, expected "
            f"the first and the last axis to join, from {-ndim} to {ndim - 1}"
        )
    sides = x.shape  # type: ignore[attr-defined]
    return reshape(x, (*sides[:first], prod(sides[first : last + 1]), *sides[last + 1 :]))


def _permuted(draw: Draw) -> Sample:
    shape = draw.shape(max_dims=3)
    orders: dict[int, list[Any]] = {
        0: [None, ()],
        1: [None, (0,), (-1,)],
        2: [None, (1, 0), (0, -1)],
        3: [None, (1, 2, 0), (2, 0, 1), (0, -1, 1)],
    }
    return (draw.array(shape),), {"axes": draw.choice(orders[len(shape)])}


def _permuted_back(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None) -> Any:
    if axes is None:
        return permute_dims(g)
    order = [a % x.ndim for a in axes]
    return permute_dims(g, tuple(sorted(range(x.ndim), key=order.__getitem__)))


@op(
    kernel="permute_dims",
    vjp=_permuted_back,
    kind=Kind.LINEAR,
    samples=_permuted,
    numpy=("permute_dims", "transpose"),
)
def permute_dims(x: T, /, axes: tuple[int, ...] | None = None) -> T:
    """`x` with its axes in the order `axes`, by default the reverse; also `transpose`.

    Axis i of the result is axis `axes[i]` of `x`. The gradient's axes are put back.

    Raises:
        ShapeError: `axes` does not have each axis once.
    """


transpose = permute_dims


def _matrices(draw: Draw) -> Sample:
    return (draw.array(draw.shape(min_dims=2)),), {}


def _transposed_back(g: Any, y: Any, x: Any) -> Any:
    return matrix_transpose(g)


@op(
    kernel="matrix_transpose",
    vjp=_transposed_back,
    kind=Kind.LINEAR,
    samples=_matrices,
    numpy=("matrix_transpose", "linalg.matrix_transpose"),
)
def matrix_transpose(x: T, /) -> T:
    """`x` with its last two axes exchanged, `(..., n, m) -> (..., m, n)`; also `x.mT`.

    Raises:
        ShapeError: `x` has fewer than two axes.
    """


# ── Same sides, other elements ──────────────────────────────────────────────────────────


def _cast_samples(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {"dtype": "float64"}


def _cast_back(g: Any, y: Any, x: Any, dtype: Any) -> Any:
    return astype(g, x.dtype)


@op(
    kernel="astype",
    vjp=_cast_back,
    kind=Kind.LINEAR,
    samples=_cast_samples,
)
def _astype(x: T, /, dtype: Any) -> T:
    """`x` in another float dtype; the gradient is cast back."""


@op(kernel="astype", kind=Kind.CONSTANT, samples=lambda draw: (_one(draw)[0], {"dtype": "int64"}))
def _to_whole(x: Any, /, dtype: Any) -> Any:
    """`x` as integers or bools: locally constant, so without a gradient."""


@composed(samples=_cast_samples, numpy="astype")
def astype(x: T, dtype: Any) -> T:
    """`x` with another dtype.

    The gradient is cast back to the dtype of `x`. Integers and bools have none.

    Raises:
        DTypeError: `dtype` is not one of real numbers.
    """
    if not isinstance(x, Node):
        return namespace(x).astype(x, dtype)  # type: ignore[no-any-return]
    kind = getattr(dtype, "kind", None) or namespace(x._data).dtype(dtype).kind
    if kind not in "fiub":
        raise DTypeError(f"astype: got {dtype}, expected a dtype of real numbers or bool")
    return _astype(x, dtype) if kind == "f" else _to_whole(x, dtype)


@op(kernel="copy", vjp=lambda g, y, x: g, kind=Kind.LINEAR, samples=_one, numpy="copy")
def copy(x: T, /) -> T:
    """`x` in memory of its own; the gradient passes through. For a constant: `x.detach()`."""


@op(kernel="zeros_like", kind=Kind.CONSTANT, samples=_one, numpy="zeros_like")
def zeros_like(x: T, /, dtype: Any = None, *, shape: Any = None) -> T:
    """Zeros with the shape and dtype of `x`, or those given; no gradient."""


@op(kernel="ones_like", kind=Kind.CONSTANT, samples=_one, numpy="ones_like")
def ones_like(x: T, /, dtype: Any = None, *, shape: Any = None) -> T:
    """Ones with the shape and dtype of `x`, or those given; no gradient."""


@op(
    kernel="empty_like",
    kind=Kind.CONSTANT,
    numpy="empty_like",
    samples=lambda draw: (_one(draw)[0], {"shape": (0,)}),
)
def empty_like(x: T, /, dtype: Any = None, *, shape: Any = None) -> T:
    """Any numbers, with the shape and dtype of `x`, or those given; no gradient."""


@op(
    kernel="full_like",
    kind=Kind.CONSTANT,
    numpy="full_like",
    samples=lambda draw: (_one(draw)[0], {"fill_value": 2.5}),
)
def full_like(x: T, /, fill_value: float, dtype: Any = None, *, shape: Any = None) -> T:
    """`fill_value` everywhere, with the shape and dtype of `x`, or those given; no gradient."""
