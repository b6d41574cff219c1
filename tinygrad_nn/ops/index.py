"""Indexing, its transpose, and its functional counterpart of assignment.

A key is split into arrays, which are inputs of the operation (so they may be Tensors, and
are copied), and a template, in which `HERE` stands for each array.
"""

from __future__ import annotations

import operator
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import CLOCK, Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OperandError, PositionError
from tinygrad_nn.ops.select import where

__all__ = ["add_at", "getitem", "index_put", "last_writers", "put_at", "select_at", "unslice"]

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
    template, indices = _split(x, key)
    return select_at(x, *indices, key=template) if indices else _getitem(x, key=template)


def _split(x: Any, key: Any) -> tuple[tuple[Any, ...], list[Any]]:
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
            f"getitem: got the index {describe(entry)}, expected integers or booleans; convert "
            "with astype(int), or compare (x > 0) for a mask"
        )
    return entry


def _filled(key: tuple[Any, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key that a template and its index arrays stand for."""
    arrays = iter(indices)
    return tuple(next(arrays) if isinstance(entry, str) else entry for entry in key)


def _refused(name: str, x: Any, key: Any, error: Exception) -> PositionError:
    return PositionError(
        f"{name}: {error}; got shape {tuple(x.shape)} and the key {key!r:.200}, expected "
        "-size <= index < size on each axis, and at most one index for each"
    )


# ── Basic indexing ──────────────────────────────────────────────────────────────────────


def _basic(draw: Draw) -> Sample:
    shape = draw.shape(max_dims=3)
    return (draw.array(shape),), {"key": _basic_key(draw, shape)}


def _basic_key(draw: Draw, shape: tuple[int, ...]) -> tuple[Any, ...]:
    key: list[Any] = []
    for side in shape[: draw.integer(0, len(shape))]:
        if draw.choice([False, False, True]):
            key.append(None)
        options: list[Any] = [slice(None), slice(1, None), slice(None, None, -1), slice(-2, None, 2)]
        if side:
            options.append(draw.integer(-side, side - 1))
        key.append(draw.choice(options))
    if draw.choice([False, True]):
        key.append(...)
    return tuple(key)


@op(
    vjp=lambda g, y, x, key: unslice(g, key=key, shape=x.shape),
    kind=Kind.LINEAR,
    samples=_basic,
)
def _getitem(x: Any, /, key: Any) -> Any:
    """View `x[key]` for integers, slices, None and Ellipsis."""
    try:
        return x[key]
    except IndexError as error:
        raise _refused("getitem", x, key, error) from error


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


def _advanced(draw: Draw) -> Sample:
    """Integer arrays and masks at any place of a key, with slices and None between them."""
    shape = draw.shape(min_dims=1, min_side=1)
    common = draw.choice([(), (2,), (3, 2), (0,)])
    key: list[Any] = []
    indices = []
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


@op(
    pullback=_put_back,
    jvp=lambda t, y, x, *indices, key: select_at(t[0], *indices, key=key),
    kind=Kind.LINEAR,
    samples=_advanced,
)
def select_at(x: Any, /, *indices: Any, key: tuple[Any, ...]) -> Any:
    """Copy of `x[key]`, with the next of `indices` at each `HERE` of `key`."""
    try:
        return x[_filled(key, indices)]
    except IndexError as error:
        raise _refused("getitem", x, _filled(key, indices), error) from error


def _added(draw: Draw) -> Sample:
    (x, *indices), static = _advanced(draw)
    chosen = x[_filled(static["key"], tuple(indices))]
    return (draw.array(chosen.shape), *indices), {**static, "shape": x.shape}


@op(
    pullback=_index_again,
    jvp=lambda t, y, x, *indices, key, shape: _add_at(t[0], *indices, key=key, shape=shape),
    kind=Kind.LINEAR,
    samples=_added,
)
def _add_at(x: Any, /, *indices: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` added at `key`, repeatedly where `key` repeats a position."""
    return namespace(x).add_at(x, _filled(key, indices), shape)


def add_at(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` added at `key`: the transpose of `getitem`.

    A position that the key repeats gets the sum; `x` broadcasts to what the key selects.
    """
    template, indices = _split(x, key)
    return _add_at(x, *indices, key=template, shape=shape)


# ── Writing ─────────────────────────────────────────────────────────────────────────────


def _puts(draw: Draw) -> Sample:
    (x, *indices), static = _advanced(draw)
    chosen = x[_filled(static["key"], tuple(indices))].shape
    values = draw.choice([(), chosen, chosen[1:]])
    return (x, draw.array(values), *indices), static


def _put_pullback(
    g: Any, y: Any, x: Any, values: Any, *indices: Any, needs: Any, key: Any
) -> tuple[Any, ...]:
    kept = put_at(g, 0.0, *indices, key=key) if needs[0] else None
    won = last_writers(g, *indices, key=key) if needs[1] else None
    written = where(won, select_at(g, *indices, key=key), 0.0) if needs[1] else None
    return (kept, written, *[None] * len(indices))


@op(kind=Kind.CONSTANT, samples=_advanced)
def last_writers(x: Any, /, *indices: Any, key: tuple[Any, ...]) -> Any:
    """Which of the elements assigned to `x[key]` are not overwritten by a later one."""
    return namespace(x).last_writers(_filled(key, indices), x.shape)


@op(
    pullback=_put_pullback,
    jvp=lambda t, y, x, values, *indices, key: put_at(
        where(False, x, 0.0) if t[0] is None else t[0],
        0.0 if t[1] is None else t[1],
        *indices,
        key=key,
    ),
    kind=Kind.GENERAL,
    samples=_puts,
)
def put_at(x: Any, values: Any, /, *indices: Any, key: tuple[Any, ...]) -> Any:
    """Copy of `x` with `x[key] = values`."""
    functions = namespace(x)
    out = functions.array(x, dtype=functions.result_type(x, values))
    try:
        out[_filled(key, indices)] = values
    except IndexError as error:
        raise _refused("index_put", x, _filled(key, indices), error) from error
    return out


def _index_puts(draw: Draw) -> Sample:
    (x, values, *indices), static = _puts(draw)
    return (x, _filled(static["key"], tuple(indices)), values), {}


@composed(samples=_index_puts)
def index_put(x: Any, key: Any, values: Any) -> Any:
    """A copy of `x` with `x[key] = values`; `x` itself is not changed.

    The gradient of `x` is 0 at `key`, that of `values` is what arrives there. Of several
    values for one position the last stays, and it alone gets a gradient.

    Args:
        x: Array.
        key: As for `getitem`.
        values: Number or array that broadcasts to `x[key]`.

    Example:
        >>> import tinygrad_nn as tg
        >>> tg.index_put(tg.tensor([1.0, 2.0, 3.0]), slice(1, None), 0.0)
        tensor([1., 0., 0.])
    """
    template, indices = _split(x, key)
    return put_at(x, values, *indices, key=template)


def setitem(x: Any, key: Any, values: Any) -> None:
    """`x[key] = values` for a tensor without gradient; later operations see the new values.

    The array is replaced by a changed copy, so that what earlier operations used, and views
    such as `x[0]`, keep the old numbers.

    Raises:
        OperandError: `x` or `values` is part of a graph.
    """
    if x.op is not None or (isinstance(values, Node) and values.op is not None):
        whose = "x requires" if x.op is not None else "the values require"
        raise OperandError(
            f"x[key] = values: {whose} a gradient, which a write would lose; use "
            "x = index_put(x, key, values), which has one, or write into x.data[key] of a leaf"
        )
    template, indices = _split(x, key)
    payloads = tuple(i._data if isinstance(i, Node) else i for i in indices)
    out = x.synced().copy()
    try:
        out[_filled(template, payloads)] = values._data if isinstance(values, Node) else values
    except IndexError as error:
        raise _refused("setitem", x, _filled(template, payloads), error) from error
    shared = None if x.extra is None else x.extra.shared
    if shared is not None and shared.flags.writeable:
        shared[...] = out
    x._data = out
    x.epoch = CLOCK.tick()


def rows(x: Any) -> Any:
    """The slices of `x` along its first axis, one after the other."""
    if not x.ndim:
        raise OperandError(
            "iteration over a tensor without axes; expected at least one axis, or use x.item()"
        )
    return (getitem(x, i) for i in range(len(x)))
