"""Operations that change the sides or the dtype of an array, and their transposes."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError

__all__ = [
    "astype",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
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
# Called with a raw float32 array of twelve numbers they cost 0.5 to 1.2 µs on one Zen 4 core;
# NumPy's own reshape, expand_dims and broadcast_to would add 0.5 to 1.3 µs to that.


def _reshaped(draw: Draw) -> Sample:
    shape = draw.shape()
    return (draw.array(shape),), {"shape": draw.choice([(-1,), shape[::-1], (*shape, 1)])}


@op(
    kernel="reshape",
    vjp=lambda g, y, x, shape: reshape(g, x.shape),
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


@op(
    kernel="broadcast_to",
    vjp=lambda g, y, x, shape: sum_to(g, x.shape),
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


flatten = ravel


def _permuted(draw: Draw) -> Sample:
    shape = draw.shape(max_dims=3)
    orders = {
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


@op(
    kernel="matrix_transpose",
    vjp=lambda g, y, x: matrix_transpose(g),
    kind=Kind.LINEAR,
    samples=_matrices,
    numpy=("matrix_transpose", "linalg.matrix_transpose"),
)
def matrix_transpose(x: T, /) -> T:
    """`x` with its last two axes exchanged, `(..., n, m) -> (..., m, n)`; also `x.mT`.

    Raises:
        ShapeError: `x` has fewer than two axes.
    """


def _atleast(n: int, xs: tuple[Any, ...]) -> Any:
    made = tuple(_with_axes(x, n) for x in xs)
    return made[0] if len(made) == 1 else made


def _with_axes(x: Any, n: int) -> Any:
    if x.ndim >= n:
        return x
    if n == 3 and x.ndim:
        # One axis becomes the middle one, two the first two, as in NumPy.
        return expand_dims(x, (0, 2) if x.ndim == 1 else 2)
    return reshape(x, (1,) * (n - x.ndim) + tuple(x.shape))


@composed(samples=_one, numpy="atleast_1d")
def atleast_1d(*xs: Any) -> Any:
    """`x` with at least one axis; a tuple for several."""
    return _atleast(1, xs)


@composed(samples=_one, numpy="atleast_2d")
def atleast_2d(*xs: Any) -> Any:
    """`x` with at least two axes, new ones in front; a tuple for several."""
    return _atleast(2, xs)


@composed(samples=_one, numpy="atleast_3d")
def atleast_3d(*xs: Any) -> Any:
    """`x` with at least three axes: (n,) becomes (1, n, 1), (n, m) becomes (n, m, 1)."""
    return _atleast(3, xs)


def common_shape(name: str, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """What `shapes` broadcast to."""
    ndim = max(map(len, shapes), default=0)
    sides: list[int] = [1] * ndim
    for shape in shapes:
        for i, n in enumerate(shape, ndim - len(shape)):
            if sides[i] == 1:
                sides[i] = n
            elif n not in (1, sides[i]):
                raise ShapeError(
                    f"{name}: got the shapes {', '.join(map(str, shapes))}, expected sides "
                    "that are equal or 1, counted from the last"
                )
    return tuple(sides)


def _together(draw: Draw) -> Sample:
    return tuple(draw.array(shape) for shape in draw.shapes(2)), {}


@composed(samples=_together, numpy="broadcast_arrays")
def broadcast_arrays(*xs: Any) -> tuple[Any, ...]:
    """Each of `xs` repeated to the shape that they broadcast to.

    Raises:
        ShapeError: They do not broadcast.
    """
    shape = common_shape("broadcast_arrays", [tuple(x.shape) for x in xs])
    return tuple(broadcast_to(x, shape) for x in xs)


# ── Same sides, other elements ──────────────────────────────────────────────────────────


def _cast_samples(draw: Draw) -> Sample:
    return (draw.array(draw.shape()),), {"dtype": "float64"}


@op(
    kernel="astype",
    vjp=lambda g, y, x, dtype: astype(g, x.dtype),
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
    """
    if not isinstance(x, Node):
        return namespace(x).astype(x, dtype)  # type: ignore[no-any-return]
    kind = getattr(dtype, "kind", None) or namespace(x._data).dtype(dtype).kind
    return _astype(x, dtype) if kind == "f" else _to_whole(x, dtype)  # type: ignore[return-value]


@op(kernel="copy", vjp=lambda g, y, x: g, kind=Kind.LINEAR, samples=_one, numpy="copy")
def copy(x: T, /) -> T:
    """`x` in memory of its own; the gradient passes through. For a constant: `x.detach()`."""


@op(kernel="zeros_like", kind=Kind.CONSTANT, samples=_one, numpy="zeros_like")
def zeros_like(x: T, /, dtype: Any = None, *, shape: Any = None) -> T:
    """Zeros with the shape and dtype of `x`, or those given; no gradient."""


@op(kernel="ones_like", kind=Kind.CONSTANT, samples=_one, numpy="ones_like")
def ones_like(x: T, /, dtype: Any = None, *, shape: Any = None) -> T:
    """Ones with the shape and dtype of `x`, or those given; no gradient."""


@op(kernel="empty_like", kind=Kind.CONSTANT, numpy="empty_like", samples=lambda draw: (
    _one(draw)[0], {"shape": (0,)}))
def empty_like(x: T, /, dtype: Any = None, *, shape: Any = None) -> T:
    """Any numbers, with the shape and dtype of `x`, or those given; no gradient."""


@op(kernel="full_like", kind=Kind.CONSTANT, numpy="full_like", samples=lambda draw: (
    _one(draw)[0], {"fill_value": 2.5}))
def full_like(x: T, /, fill_value: float, dtype: Any = None, *, shape: Any = None) -> T:
    """`fill_value` everywhere, with the shape and dtype of `x`, or those given; no gradient."""
