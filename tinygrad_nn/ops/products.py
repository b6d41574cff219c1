"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.align import arrays
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import expand_dims, permute_dims, reshape

__all__ = [
    "cross",
    "dot",
    "inner",
    "kron",
    "matmul",
    "matvec",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
    "vecmat",
]

# ── The matrix product ──────────────────────────────────────────────────────────────────


def _matrices(draw: Draw) -> Sample:
    n, k, m = (draw.integer(0, 4) for _ in range(3))
    left, right = draw.choice(
        [
            ((n, k), (k, m)),
            ((k,), (k, m)),
            ((n, k), (k,)),
            ((k,), (k,)),
            ((2, n, k), (k, m)),
            ((n, k), (2, k, m)),
            ((2, 1, n, k), (3, k, m)),
            ((k,), (2, k, m)),
            ((2, n, k), (k,)),
            ((2, 1, n, k), (1, 3, k, m)),
            ((0, n, k), (k, m)),
            ((1, n, k), (2, k, m)),
        ]
    )
    return (draw.array(left), draw.array(right)), {}


def _left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return expand_dims(g, -1) * b
    if a.ndim == 1:
        # The axes of b before its last two are summed by the sweep.
        return (b @ expand_dims(g, -1))[..., 0]
    return g @ b.mT


def _right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else expand_dims(a, -1) * expand_dims(g, -2)
    if b.ndim == 1:
        return (a.mT @ expand_dims(g, -1))[..., 0]
    if b.ndim == 2 and a.ndim > 2:
        # One product over all rows of the stack, and not one for each matrix and their sum.
        count = prod(a.shape[:-1])
        return reshape(a, (count, a.shape[-1])).mT @ reshape(g, (count, g.shape[-1]))
    return a.mT @ g


@op(
    kernel="matmul",
    vjp=(_left, _right),
    kind=Kind.MULTILINEAR,
    samples=_matrices,
    numpy=("matmul", "linalg.matmul"),
)
def matmul(a: Any, b: Any, /) -> Any:
    """Matrix product over the last two axes, broadcast over the others.

    `(..., n, k) @ (..., k, m) -> (..., n, m)`; a one-dimensional argument is a row on the
    left, a column on the right, and its axis is dropped from the result. float16 is added
    up in float32. With G the gradient that arrives, A gets G Bᵀ and B gets Aᵀ G.

    Raises:
        ShapeError: The inner sizes differ, or the other axes do not broadcast.
    """


# ── Sums over chosen axes ───────────────────────────────────────────────────────────────


def _axes(axes: Any, a: Any, b: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes to sum over, of `a` and of `b`, counted from 0."""
    if isinstance(axes, int):
        left: Any = range(a.ndim - axes, a.ndim)
        right: Any = range(axes)
    else:
        left, right = axes
    left = (left,) if isinstance(left, int) else tuple(left)
    right = (right,) if isinstance(right, int) else tuple(right)
    fits = len(left) == len(right) and all(
        -a.ndim <= i < a.ndim and -b.ndim <= j < b.ndim and a.shape[i] == b.shape[j]
        for i, j in zip(left, right, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"tensordot: got shapes {tuple(a.shape)} and {tuple(b.shape)} with axes {axes}, "
            "expected as many axes of each, with equal sizes in pairs"
        )
    return tuple(i % a.ndim for i in left), tuple(j % b.ndim for j in right)


def _contractible(draw: Draw) -> Sample:
    i, j, k, m = (draw.integer(0, 3) for _ in range(4))
    a, b, axes = draw.choice(
        [
            ((i, j, k), (j, k, m), 2),
            ((i, j), (j, k), 1),
            ((i,), (j, k), 0),
            ((k, i, j), (j, m, k), ((0, 2), (2, 0))),
            ((i, j), (m, j), (-1, -1)),
            ((i, j), (i, j), 2),
            ((), (i,), 0),
            ((i, j), (k, i), ((0,), (1,))),
        ]
    )
    return (draw.array(a), draw.array(b)), {"axes": axes}


@composed(samples=_contractible, numpy="tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes; the others of `a`, then those of `b`, remain.

    Args:
        a: Array.
        b: Array.
        axes: That many last axes of `a` and first of `b`; or the axes of `a` and those of `b`,
            in pairs.
    """
    a, b = arrays("tensordot", a, b)
    left, right = _axes(axes, a, b)
    free_a = tuple(i for i in range(a.ndim) if i not in left)
    free_b = tuple(j for j in range(b.ndim) if j not in right)
    rows, columns = (tuple(x.shape[i] for i in free) for x, free in ((a, free_a), (b, free_b)))
    inside = prod(a.shape[i] for i in left)
    flat_a = reshape(permute_dims(a, (*free_a, *left)), (prod(rows), inside))
    flat_b = reshape(permute_dims(b, (*right, *free_b)), (inside, prod(columns)))
    return reshape(flat_a @ flat_b, (*rows, *columns))


def _dotted(draw: Draw) -> Sample:
    i, j, k, m = (draw.integer(0, 3) for _ in range(4))
    shapes = [
        ((), (i, j)),
        ((i,), ()),
        ((k,), (k,)),
        ((i, k), (k,)),
        ((i, k), (k, j)),
        ((i, j, k), (k,)),
        ((i, j, k), (m, k, i)),
        ((k,), (m, k, j)),
    ]
    return tuple(map(draw.array, draw.choice(shapes))), {}


@composed(samples=_dotted, numpy="dot")
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: over the last axis of `a` and the last but one (or only one) of `b`.

    A number multiplies; vectors and matrices are multiplied as by `@`. With more axes the
    result has all remaining ones of `a`, then of `b`, and nothing broadcasts.
    """
    a, b = arrays("dot", a, b)
    if not a.ndim or not b.ndim:
        return a * b
    if b.ndim == 1 or (a.ndim <= 2 and b.ndim == 2):
        return a @ b
    return tensordot(a, b, axes=(-1, -2))


def _inner_pair(draw: Draw) -> Sample:
    i, j, k = (draw.integer(0, 3) for _ in range(3))
    shapes = [((), (i,)), ((k,), (k,)), ((i, k), (k,)), ((i, k), (j, k)), ((k,), (i, j, k))]
    return tuple(map(draw.array, draw.choice(shapes))), {}


@composed(samples=_inner_pair, numpy="inner")
def inner(a: Any, b: Any) -> Any:
    """Sum of products over the last axis of both; a number multiplies."""
    a, b = arrays("inner", a, b)
    if not a.ndim or not b.ndim:
        return a * b
    return tensordot(a, b, axes=(-1, -1))


def _two(draw: Draw) -> Sample:
    return (draw.array(draw.shape(max_dims=2)), draw.array(draw.shape(max_dims=2))), {}


@composed(samples=_two, numpy="outer")
def outer(a: Any, b: Any) -> Any:
    """Products of every element of `a` with every one of `b`, both flattened: a matrix."""
    a, b = arrays("outer", a, b)
    return reshape(a, (prod(a.shape), 1)) * reshape(b, (1, prod(b.shape)))


def _same(draw: Draw) -> Sample:
    shape = draw.shape()
    return (draw.array(shape), draw.array(shape)), {}


@composed(samples=_same, numpy="vdot")
def vdot(a: Any, b: Any) -> Any:
    """Sum of products of all elements, both flattened."""
    a, b = arrays("vdot", a, b)
    return reshape(a, (-1,)) @ reshape(b, (-1,))


def _paired(draw: Draw) -> Sample:
    k = draw.integer(0, 3)
    return tuple(draw.array((*shape, k)) for shape in draw.shapes(2)), {}


@composed(samples=_paired, numpy="vecdot")
def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """Sum of products along `axis`, broadcast over the others."""
    a, b = arrays("vecdot", a, b)
    if a.shape[axis] != b.shape[axis]:
        raise ShapeError(
            f"vecdot: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected equal sizes along "
            f"axis {axis}"
        )
    return total(a * b, axis)


def _matrix_and_vector(draw: Draw) -> Sample:
    a, b = draw.shapes(2)
    n, k = draw.integer(0, 3), draw.integer(0, 3)
    return (draw.array((*a, n, k)), draw.array((*b, k))), {}


def _vector_and_matrix(draw: Draw) -> Sample:
    (matrix, vector), _ = _matrix_and_vector(draw)
    return (vector, matrix.mT), {}


@composed(samples=_matrix_and_vector, numpy="matvec")
def matvec(a: Any, b: Any) -> Any:
    """`(..., n, k)` times vectors `(..., k)`, broadcast over the other axes: `(..., n)`."""
    a, b = arrays("matvec", a, b)
    return (a @ expand_dims(b, -1))[..., 0]


@composed(samples=_vector_and_matrix, numpy="vecmat")
def vecmat(a: Any, b: Any) -> Any:
    """Vectors `(..., k)` times `(..., k, m)`, broadcast over the other axes: `(..., m)`."""
    a, b = arrays("vecmat", a, b)
    return (expand_dims(a, -2) @ b)[..., 0, :]


@composed(samples=_two, numpy="kron")
def kron(a: Any, b: Any) -> Any:
    """Kronecker product: each element of `a`, times the whole of `b` in its place."""
    a, b = arrays("kron", a, b)
    count = max(a.ndim, b.ndim)
    sides_a = (1,) * (count - a.ndim) + tuple(a.shape)
    sides_b = (1,) * (count - b.ndim) + tuple(b.shape)
    wide_a = reshape(a, tuple(s for side in sides_a for s in (side, 1)))
    wide_b = reshape(b, tuple(s for side in sides_b for s in (1, side)))
    return reshape(wide_a * wide_b, tuple(i * j for i, j in zip(sides_a, sides_b, strict=True)))


# ── Vectors in space ────────────────────────────────────────────────────────────────────


def _vectors(draw: Draw) -> Sample:
    a, b = draw.shapes(2)
    return (draw.array((*a, 3)), draw.array((*b, 3))), {}


@composed(samples=_vectors, numpy=("cross", "linalg.cross"))
def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """Cross product of vectors of three numbers along `axis`, broadcast over the others."""
    a, b = arrays("cross", a, b)
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise ShapeError(
            f"cross: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected three numbers "
            f"along axis {axis}; append a zero to vectors of two"
        )
    a, b = (_last(x, axis) for x in (a, b))
    turned = a * b[..., _TURN] - a[..., _TURN] * b
    return _back(turned[..., _TURN], axis)


_TURN = [1, 2, 0]


def _last(x: Any, axis: int) -> Any:
    """`x` with `axis` moved to the end."""
    if axis in (-1, x.ndim - 1):
        return x
    axis %= x.ndim
    return permute_dims(x, (*(i for i in range(x.ndim) if i != axis), axis))


def _back(x: Any, axis: int) -> Any:
    """`x` with its last axis moved to `axis`: undoes `_last`."""
    if axis in (-1, x.ndim - 1):
        return x
    order = list(range(x.ndim - 1))
    order.insert(axis % x.ndim, x.ndim - 1)
    return permute_dims(x, tuple(order))
