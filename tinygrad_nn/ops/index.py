"""Indexing and its transpose. `assign` has the counterparts of `x[key] = values`.

A key is split into arrays, which are inputs of the operation (so they may be Tensors, and
are copied), and a template, in which `HERE` stands for each array.
"""

from __future__ import annotations

import operator
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import Kind, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import PositionError

__all__ = ["add_at", "getitem"]

HERE = "index"
"""Stands in a template for the next index array."""
_PLAIN = (int, type(None), type(Ellipsis))


def getitem(x: Any, key: Any) -> Any:
    """`x[key]`, with all of NumPy's basic and advanced indexing.

    Integers, slices, None, Ellipsis, boolean masks, integer arrays (ndarrays, Tensors or
    lists) and mixtures. The gradient is added to zeros of the shape of `x`, at `key`; what
    was selected twice gets both. Index arrays are copied.

    Raises:
        PositionError: An index is out of range, is no integer, or there are too many.
    """
    if type(key) is int:
        return _getitem(x, key=key)
    template, indices = split_key(x, key)
    return select_at(x, *indices, key=template) if indices else _getitem(x, key=template)


def split_key(x: Any, key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Template and index arrays of a key."""
    entries = key if type(key) is tuple else (key,)
    template: list[Any] = []
    indices = []
    for entry in entries:
        if type(entry) in _PLAIN:
            template.append(entry)
        elif isinstance(entry, slice):
            template.append(_plain_slice(entry))
        else:
            index = _entry(x, entry)
            if type(index) is int:
                template.append(index)
            else:
                template.append(HERE)
                indices.append(index)
    return tuple(template), indices


def _plain_slice(s: slice) -> slice:
    ends = (s.start, s.stop, s.step)
    if all(type(e) in (int, type(None)) for e in ends):
        return s
    try:
        return slice(*(None if e is None else operator.index(e) for e in ends))
    except TypeError as error:
        raise PositionError(
            f"getitem: got the slice {s}, expected integers or None; round with int(...)"
        ) from error


def _entry(x: Any, entry: Any) -> Any:
    """One entry of a key as an index array, or as an integer."""
    if isinstance(entry, Node):
        kind = entry._data.dtype.kind if hasattr(entry._data, "dtype") else "f"
    elif hasattr(entry, "dtype"):
        if not entry.ndim and entry.dtype.kind in "iu":
            return int(entry)
        kind = entry.dtype.kind
    elif isinstance(entry, (bool, list, tuple)):
        functions = namespace(x._data if isinstance(x, Node) else x)
        entry = functions.asarray(entry)
        kind = entry.dtype.kind
        if kind == "f" and not entry.size:
            return functions.astype(entry, int)
    else:
        try:
            return operator.index(entry)
        except TypeError:
            kind = type(entry).__name__
    if kind not in ("b", "i", "u"):
        raise PositionError(
            f"getitem: got the index {describe(entry)}, expected integers or booleans; make it "
            "with tensor([0, 2], dtype=int), convert with index.astype(int), or compare (x > 0) "
            "for a mask"
        )
    return entry


def filled(key: tuple[Any, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key that a template and its index arrays stand for."""
    arrays = iter(indices)
    return tuple(next(arrays) if isinstance(entry, str) else entry for entry in key)


def refused(name: str, x: Any, key: Any, error: Exception) -> PositionError:
    return PositionError(
        f"{name}: {error}; got shape {tuple(x.shape)} and the key {key!r:.200}, expected "
        "-size <= index < size on each axis, and at most one index for each"
    )


# ── Basic indexing ──────────────────────────────────────────────────────────────────────


_SLICES: list[Any] = [slice(None), slice(1, None), slice(None, None, -1), slice(-2, None, 2)]


def _basic(draw: Draw) -> Sample:
    shape = draw.shape(max_dims=3)
    return (draw.array(shape),), {"key": _basic_key(draw, shape)}


def _basic_key(draw: Draw, shape: tuple[int, ...]) -> tuple[Any, ...]:
    key: list[Any] = []
    for side in shape[: draw.integer(0, len(shape))]:
        if draw.choice([False, False, True]):
            key.append(None)
        number = [draw.integer(-side, side - 1)] if side else []
        key.append(draw.choice([*_SLICES, *number]))
    if draw.choice([False, True]):
        key.append(...)
    return tuple(key)


def _slice_back(g: Any, y: Any, x: Any, key: Any) -> Any:
    return unslice(g, key=key, shape=x.shape)


@op(vjp=_slice_back, kind=Kind.LINEAR, samples=_basic)
def _getitem(x: Any, /, key: Any) -> Any:
    """View `x[key]` for integers, slices, None and Ellipsis."""
    try:
        return x[key]
    except IndexError as error:
        raise refused("getitem", x, key, error) from error


def _unsliced(draw: Draw) -> Sample:
    (x,), static = _basic(draw)
    return (draw.array(x[static["key"]].shape),), {**static, "shape": x.shape}


@op(
    vjp=lambda g, y, x, key, shape: getitem(g, key),
    kind=Kind.LINEAR,
    samples=_unsliced,
)
def unslice(x: Any, /, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` that hold `x` at a basic `key`."""
    out = namespace(x).zeros(shape, dtype=x.dtype)
    out[key] = x
    return out


# ── Advanced indexing ───────────────────────────────────────────────────────────────────


def advanced(draw: Draw) -> Sample:
    """Integer arrays and masks at any place of a key, with slices and None between them."""
    shape = draw.shape(min_dims=1, min_side=1)
    common = draw.choice([(), (2,), (3, 2), (0,)])
    key: list[Any] = []
    indices: list[Any] = []
    for axis, side in enumerate(shape):
        kind = draw.choice(["array", "slice", "int", "none"]) if axis or indices else "array"
        if kind == "array":
            key.append(HERE)
            indices.append(draw.integers(common, -side, side - 1))
        elif kind == "slice":
            key.append(slice(None, None, -1))
        elif kind == "int":
            key.append(side - 1)
        else:
            key.extend((None, slice(None)))
    if draw.choice([False, False, True]):
        depth = draw.integer(1, len(shape))
        return (draw.array(shape), draw.mask(shape[:depth])), {"key": (HERE, ...)}
    return (draw.array(shape), *indices), {"key": tuple(key)}


def _put_back(g: Any, y: Any, x: Any, *indices: Any, needs: Any, key: Any) -> tuple[Any, ...]:
    return (_add_at(g, *indices, key=key, shape=x.shape), *[None] * len(indices))


def _index_again(g: Any, y: Any, x: Any, *indices: Any, needs: Any, key: Any, shape: Any) -> Any:
    return (select_at(g, *indices, key=key), *[None] * len(indices))


def _select_along(t: Any, y: Any, x: Any, *indices: Any, key: Any) -> Any:
    return select_at(t[0], *indices, key=key)


def _add_along(t: Any, y: Any, x: Any, *indices: Any, key: Any, shape: Any) -> Any:
    return _add_at(t[0], *indices, key=key, shape=shape)


@op(
    pullback=_put_back,
    jvp=_select_along,
    kind=Kind.LINEAR,
    samples=advanced,
)
def select_at(x: Any, /, *indices: Any, key: tuple[Any, ...]) -> Any:
    """Copy of `x[key]`, with the next of `indices` at each `HERE` of `key`."""
    try:
        return x[filled(key, indices)]
    except IndexError as error:
        raise refused("getitem", x, filled(key, indices), error) from error


def _added(draw: Draw) -> Sample:
    (x, *indices), static = advanced(draw)
    chosen = x[filled(static["key"], tuple(indices))]
    return (draw.array(chosen.shape), *indices), {**static, "shape": x.shape}


@op(
    pullback=_index_again,
    jvp=_add_along,
    kind=Kind.LINEAR,
    samples=_added,
)
def _add_at(x: Any, /, *indices: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` added at `key`, repeatedly where `key` repeats a position."""
    return namespace(x).add_at(x, filled(key, indices), shape)


def add_at(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` added at `key`: the transpose of `getitem`.

    A position that the key repeats gets the sum; `x` broadcasts to what the key selects.
    """
    template, indices = split_key(x, key)
    return _add_at(x, *indices, key=template, shape=shape)
