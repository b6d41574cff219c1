"""Reading and writing along one axis, by arrays of positions: NumPy's names, then PyTorch's.

All are keys for `getitem`, `index_put` and `add_at`, which have the gradients.
"""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.assign import index_put
from tinygrad_nn.ops.axis import normal
from tinygrad_nn.ops.index import add_at, getitem
from tinygrad_nn.ops.shape import reshape

__all__ = [
    "add_along_axis",
    "gather",
    "index_add",
    "index_select",
    "put_along_axis",
    "scatter",
    "scatter_add",
    "take",
    "take_along_axis",
]


def _payload(x: Any) -> Any:
    return x._data if isinstance(x, Node) else x


def _on_axis(index: Any, axis: int) -> tuple[Any, ...]:
    """Key that selects `index` on one axis."""
    return (*[slice(None)] * axis, index)


def _mesh(name: str, index: Any, axis: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Key that selects, for each element, `index` on one axis and its own place on the others."""
    if len(index.shape) != len(shape):
        raise ShapeError(
            f"{name}: got an index of shape {tuple(index.shape)} for shape {tuple(shape)}, "
            "expected as many axes; add some with index[..., None]"
        )
    functions = namespace(_payload(index))
    return tuple(
        index if d == axis else functions.arange(side).reshape((-1, *[1] * (len(shape) - 1 - d)))
        for d, side in enumerate(shape)
    )


# ── Samples ─────────────────────────────────────────────────────────────────────────────


def _taken(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, min_side=1)
    axis = draw.choice([None, *range(-len(shape), len(shape))])
    x = draw.array(shape)
    side = x.size if axis is None else shape[axis]
    indices = draw.integers(draw.choice([(), (2,), (2, 3), (0,)]), -side, side - 1)
    return (x, indices), {"axis": axis, "mode": draw.choice(["raise", "wrap", "clip"])}


def _along(draw: Draw, lowest: int | None = None) -> tuple[Any, Any, int]:
    """Array, indices of any length along one of its axes, and the axis."""
    shape = draw.shape(min_dims=1, min_side=1)
    axis = draw.integer(-len(shape), len(shape) - 1)
    sides = list(shape)
    sides[axis] = draw.integer(0, 4)
    low = -shape[axis] if lowest is None else lowest
    return draw.array(shape), draw.integers(tuple(sides), low, shape[axis] - 1), axis


def _along_axis(draw: Draw) -> Sample:
    x, indices, axis = _along(draw)
    return (x, indices), {"axis": axis}


def _added_along(draw: Draw) -> Sample:
    x, indices, axis = _along(draw)
    return (draw.array(indices.shape), indices), {"axis": axis, "shape": x.shape}


def _put_along(draw: Draw) -> Sample:
    x, indices, axis = _along(draw)
    values = draw.choice([(), indices.shape])
    return (x, indices, draw.array(values)), {"axis": axis}


# ── NumPy's ─────────────────────────────────────────────────────────────────────────────


@op(
    kind=Kind.CONSTANT,
    samples=lambda draw: (
        (draw.integers((3,), -9, 9),),
        {"side": 4, "mode": draw.choice(["wrap", "clip"])},
    ),
)
def fold_index(indices: Any, /, side: int, mode: str) -> Any:
    """Indices brought into range: modulo `side`, or clipped to it. No gradient."""
    return indices % side if mode == "wrap" else namespace(indices).clip(indices, 0, side - 1)


@composed(samples=_taken, numpy="take")
def take(x: Any, indices: Any, /, axis: int | None = None, mode: str = "raise") -> Any:
    """`x[indices]` along `axis`; of the flattened array if it is None.

    The result has the shape of `indices` in place of the axis. Gradients of positions taken
    repeatedly add up.

    Args:
        x: Array.
        indices: Integers, of any shape.
        axis: Axis to index.
        mode: For indices out of range: "raise", "wrap" around, or "clip" to the ends (then
            negative ones count as 0).
    """
    if mode not in ("raise", "wrap", "clip"):
        raise OptionError(f"take: got mode {mode!r}, expected 'raise', 'wrap' or 'clip'")
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = normal("take", axis, x.ndim)
    indices = _integers(x, indices)
    if mode != "raise":
        indices = fold_index(indices, side=x.shape[axis], mode=mode)
    return getitem(x, _on_axis(indices, axis))


def _integers(x: Any, indices: Any) -> Any:
    """Index array from what a user may give."""
    if isinstance(indices, Node) or hasattr(indices, "dtype"):
        return indices
    array = namespace(_payload(x)).asarray(indices)
    return array if array.size else array.astype(int)


@composed(samples=_along_axis, numpy="take_along_axis")
def take_along_axis(x: Any, indices: Any, /, axis: int | None = -1) -> Any:
    """For each element of `indices`, the element of `x` at that position along `axis`.

    `y[i, j] = x[i, indices[i, j]]` for axis 1 of two: with what `argsort` or `argmax` (with
    `keepdims`) returned, the sorted or the greatest elements. The other axes broadcast.
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = normal("take_along_axis", axis, x.ndim)
    return getitem(x, _mesh("take_along_axis", _integers(x, indices), axis, x.shape))


@composed(samples=_added_along)
def add_along_axis(x: Any, indices: Any, /, axis: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` added at `indices` along `axis`: transpose of take_along_axis."""
    axis = normal("add_along_axis", axis, len(shape))
    return add_at(x, _mesh("add_along_axis", indices, axis, shape), shape)


@composed(samples=_put_along)
def put_along_axis(x: Any, indices: Any, values: Any, /, axis: int | None = -1) -> Any:
    """A copy of `x` with `values` written at `indices` along `axis`. `x` is not changed.

    Of several values for one position the last stays, and it alone gets a gradient.
    """
    if axis is None:
        flat = index_put(reshape(x, (-1,)), (_integers(x, indices),), values)
        return reshape(flat, x.shape)
    axis = normal("put_along_axis", axis, x.ndim)
    key = _mesh("put_along_axis", _integers(x, indices), axis, x.shape)
    return index_put(x, key, values)


# ── PyTorch's ───────────────────────────────────────────────────────────────────────────


def _gathered(draw: Draw) -> Sample:
    x, index, dim = _along(draw, lowest=0)
    return (x, dim, index), {}


def _scattered(draw: Draw) -> Sample:
    x, index, dim = _along(draw, lowest=0)
    return (x, dim, index, draw.array(index.shape)), {}


def _selected(draw: Draw) -> Sample:
    shape = draw.shape(min_dims=1, min_side=1)
    dim = draw.integer(-len(shape), len(shape) - 1)
    return (draw.array(shape), dim, draw.integers((draw.integer(0, 4),), 0, shape[dim] - 1)), {}


def _index_added(draw: Draw) -> Sample:
    (x, dim, index), _ = _selected(draw)
    sides = list(x.shape)
    sides[dim] = index.size
    return (x, dim, index, draw.array(tuple(sides))), {}


def _corner(name: str, x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """Key of `gather` and `scatter`: `index` may be smaller than `x` on the other axes."""
    shape = tuple(index.shape)
    dim = normal(name, dim, x.ndim)
    if len(shape) != x.ndim or any(side > x.shape[d] for d, side in enumerate(shape) if d != dim):
        raise ShapeError(
            f"{name}: got an index of shape {shape} for shape {tuple(x.shape)}, expected as many "
            f"axes, none but axis {dim} longer; take_along_axis broadcasts"
        )
    return _mesh(name, index, dim, shape)


def _source(name: str, src: Any, index: Any) -> Any:
    """The part of `src` that an index of its shape, or smaller, reads; a number as it is."""
    shape, wanted = tuple(getattr(src, "shape", ())), tuple(index.shape)
    if shape in ((), wanted):
        return src
    if len(shape) != len(wanted) or any(s < w for s, w in zip(shape, wanted, strict=True)):
        raise ShapeError(
            f"{name}: got src of shape {shape} for an index of shape {wanted}, expected a number "
            "or an array of that shape"
        )
    return src[tuple(map(slice, wanted))]


def _vector(name: str, index: Any) -> Any:
    if index.ndim != 1:
        raise ShapeError(
            f"{name}: got an index of shape {tuple(index.shape)}, expected one axis; "
            "use x[index] or take(x, index, axis) for more"
        )
    return index


@composed(samples=_gathered)
def gather(x: Any, dim: int, index: Any) -> Any:
    """`y[i, j] = x[i, index[i, j]]` for `dim` 1 of two; the shape of `index`.

    `index` has as many axes as `x`, none longer but `dim`. PyTorch's argument order.
    """
    index = _integers(x, index)
    return getitem(x, _corner("gather", x, dim, index))


@composed(samples=_scattered)
def scatter(x: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of `x` with `y[i, index[i, j]] = src[i, j]` (`dim` 1 of two).

    `src` may be a number. Of several values for one position the last stays, and it alone
    gets a gradient.
    """
    index = _integers(x, index)
    return index_put(x, _corner("scatter", x, dim, index), _source("scatter", src, index))


@composed(samples=_scattered)
def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of `x` with `src[i, j]` added to `y[i, index[i, j]]` (`dim` 1 of two)."""
    index = _integers(x, index)
    key = _corner("scatter_add", x, dim, index)
    return x + add_at(_source("scatter_add", src, index), key, x.shape)


@composed(samples=_selected)
def index_select(x: Any, dim: int, index: Any) -> Any:
    """Slices of `x` along `dim` at the positions of a one-dimensional `index`."""
    index = _vector("index_select", _integers(x, index))
    return getitem(x, _on_axis(index, normal("index_select", dim, x.ndim)))


@composed(samples=_index_added)
def index_add(x: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy of `x` with each slice of `source` along `dim` added at its position of `index`."""
    index = _vector("index_add", _integers(x, index))
    return x + add_at(source, _on_axis(index, normal("index_add", dim, x.ndim)), x.shape)
