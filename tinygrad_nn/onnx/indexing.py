"""Converters of indexing: basic keys, arrays of positions, masks, tables and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call, Operand
from tinygrad_nn.onnx.registry import converter
from tinygrad_nn.onnx.shapes import argument
from tinygrad_nn.onnx.sizes import Size, fixed

__all__: list[str] = []

_INT = np.dtype(np.int64)
_FAR = 2**62
_FULL = slice(None)


def _entries(key: Any, ndim: int, masks: Sequence[int] = ()) -> list[Any]:
    """The key with an entry for each axis, None for new ones; `masks`: axes that arrays take."""
    given = list(key) if isinstance(key, tuple) else [key]
    widths = iter(masks)
    used = sum(next(widths, 1) if isinstance(e, str) else e is not None and e is not ...
               for e in given)  # fmt: skip
    fill = [_FULL] * (ndim - used)
    if any(e is ... for e in given):
        at = next(i for i, e in enumerate(given) if e is ...)
        return given[:at] + fill + given[at + 1 :]
    return given + fill


def _cut(g: Graph, name: str, entries: Sequence[Any]) -> str:
    """The slices of a key, where they are not whole."""
    starts, ends, axes, steps, axis = [], [], [], [], 0
    for entry in entries:
        if isinstance(entry, slice) and entry != _FULL:
            step = 1 if entry.step is None else entry.step
            down = not isinstance(step, Size) and step < 0
            starts.append((_FAR if down else 0) if entry.start is None else entry.start)
            ends.append((-_FAR if down else _FAR) if entry.stop is None else entry.stop)
            steps.append(step)
            axes.append(axis)
        axis += entry is not None
    return g.slice(name, starts, ends, axes, steps) if axes else name


@converter("_getitem")
def _getitem(g: Graph, call: Call) -> str:
    key, x = call.params["key"], call.args[0]
    part = _part_of_cells(call)
    if part is not None:
        return part
    entries = _entries(key, x.ndim)
    name = _cut(g, argument(g, call), entries)
    numbers = [(i, e) for i, e in enumerate(e for e in entries if e is not None)
               if not isinstance(e, slice)]  # fmt: skip
    for axis, number in reversed(numbers):
        index = g.name(Operand("scalar", number), _INT)
        name = g.node("Gather", name, index, axis=axis)
    kept = [e for e in entries if e is None or isinstance(e, slice)]
    name = g.unsqueeze(name, [i for i, e in enumerate(kept) if e is None])
    return g.node("Identity", name) if not numbers and name in g.input_names else name


def _part_of_cells(call: Call) -> str | None:
    """Of an LSTM's outputs, cells and gates: the outputs, and of the cells the last."""
    source, key = call.args[0].call, call.params["key"]
    if source is None or source.op.key != "_lstm":
        return None
    narrow, wide = (state.shape[-1] for state in source.args[1:3])
    if key == (slice(None), slice(None, narrow)):
        return str(source.parts["outputs"])
    last = 0 if source.params["reverse"] else -1
    if key == (last, slice(narrow, narrow + wide)):
        return str(source.parts["last cells"])
    return ""


# ── Arrays of positions ─────────────────────────────────────────────────────────────────


class _Advanced(NamedTuple):
    """A key with arrays of positions, in ONNX's terms.

    Attributes:
        name: The array, with new axes and cut.
        order: Its axes, those with positions first.
        depth: How many these are.
        places: Vectors of positions, `(*common, count)`.
        common: Axes of the positions.
        at: Where the common axes stand in the result.
        rest: Number of the other axes.
    """

    name: str
    order: list[int]
    depth: int
    places: str
    common: int
    at: int
    rest: int


def _arrays(entries: Sequence[Any], indices: Sequence[Operand]) -> Iterator[tuple[int, Operand]]:
    rest = iter(indices)
    for axis, entry in enumerate(entries):
        if isinstance(entry, str):
            yield axis, next(rest)
        elif not isinstance(entry, slice):
            yield axis, Operand("scalar", entry)


def _advanced(
    g: Graph, name: str, ndim: int, key: Any, indices: Sequence[Operand], shape: Sequence[Any]
) -> _Advanced:
    """Read a key; `shape` is that of what it selects."""
    masks = [i.ndim if i.dtype == np.bool_ else 1 for i in indices]
    entries = _entries(key, ndim, masks)
    if any(i.dtype == np.bool_ for i in indices):
        whole = all(e == _FULL for e in entries[1:])
        if len(indices) > 1 or not isinstance(entries[0], str) or not whole:
            raise ExportError("a mask among other indices; write what it selects with where")
        mask = indices[0]
        places = g.transpose(g.node("NonZero", g.name(mask)), [1, 0])
        order = list(range(ndim))
        return _Advanced(name, order, mask.ndim, places, 1, 0, ndim - mask.ndim)
    name = _cut(g, name, entries)
    name = g.unsqueeze(name, [i for i, e in enumerate(entries) if e is None])
    entries = [_FULL if e is None else e for e in entries]
    arrays = list(_arrays(entries, indices))
    axes = [axis for axis, _ in arrays]
    together = axes == list(range(axes[0], axes[0] + len(axes)))
    rest = [i for i in range(len(entries)) if i not in axes]
    common = max(i.ndim for _, i in arrays)
    at = axes[0] if together else 0
    sides = list(shape[at : at + common])
    parts = []
    for _, index in arrays:
        part = g.name(index, _INT)
        if len(arrays) > 1:
            part = g.expand(part, sides)
        parts.append(g.unsqueeze(part, [common]))
    places = parts[0] if len(parts) == 1 else g.node("Concat", *parts, axis=common)
    return _Advanced(name, axes + rest, len(axes), places, common, at, len(rest))


@converter("select_at")
def _select(g: Graph, call: Call) -> str:
    x, *indices = call.args
    key = call.params["key"]
    entries = _entries(key, x.ndim)
    simple = len(indices) == 1 and indices[0].dtype != np.bool_
    if simple and all(isinstance(e, (str, slice)) for e in entries):
        axis = next(i for i, e in enumerate(entries) if isinstance(e, str))
        name = _cut(g, argument(g, call), entries)
        return g.node("Gather", name, g.name(indices[0], _INT), axis=axis)
    found = _advanced(g, argument(g, call), x.ndim, key, indices, call.shape)
    y = g.node("GatherND", g.transpose(found.name, found.order), found.places)
    front, c = list(range(found.common)), found.common
    others = [c + i for i in range(found.rest)]
    return g.transpose(y, [*others[: found.at], *front, *others[found.at :]])


def _scatter(g: Graph, call: Call, base: str, values: str, chosen: Any, add: bool) -> str:
    """`base` with `values`, of the shape `chosen`, written or added at the key."""
    first = 1 if add else 2
    indices, key, ndim = call.args[first:], call.params["key"], len(call.shape)
    entries = _entries(key, ndim, [i.ndim if i.dtype == np.bool_ else 1 for i in indices])
    if any(isinstance(e, slice) and e != _FULL for e in entries) or None in entries or not indices:
        return _scatter_flat(g, call, base, values, indices, add)
    found = _advanced(g, base, ndim, key, indices, chosen)
    c, at = found.common, found.at
    others = [i for i in range(c + found.rest) if not at <= i < at + c]
    updates = g.transpose(values, [*range(at, at + c), *others])
    y = g.node(
        "ScatterND", g.transpose(base, found.order), found.places, updates,
        reduction="add" if add else None,
    )  # fmt: skip
    return g.transpose(y, sorted(range(ndim), key=found.order.__getitem__))


def _scatter_flat(
    g: Graph, call: Call, base: str, values: str, indices: Sequence[Operand], add: bool
) -> str:
    """For keys that are known: positions in the flattened array."""
    if any(i.kind not in ("constant", "scalar") for i in indices):
        raise ExportError(
            "positions that depend on the inputs, together with slices; index all axes with arrays"
        )
    if any(isinstance(n, Size) for n in call.shape):
        next(n for n in call.shape if isinstance(n, Size)).refuse()
    given = iter([i.value for i in indices])
    key = call.params["key"]
    key = tuple(next(given) if isinstance(e, str) else e for e in
                (key if isinstance(key, tuple) else (key,)))  # fmt: skip
    places = np.arange(call.value.size).reshape(call.value.shape)[key].reshape(-1, 1)
    flat = g.node("Reshape", base, g.ints([-1]))
    updates = g.node("Reshape", values, g.ints([-1]))
    y = g.node("ScatterND", flat, g.constant(places, _INT), updates,
               reduction="add" if add else None)  # fmt: skip
    return g.reshape(y, call.shape)


@converter("put_at")
def _put(g: Graph, call: Call) -> str:
    x, values, *indices = call.args
    if len(indices) == 1 and indices[0].dtype == np.bool_ and values.ndim == 0:
        mask = indices[0]
        more = list(range(mask.ndim, x.ndim))
        return g.node("Where", g.unsqueeze(g.name(mask), more), g.name(values, call.dtype),
                      g.name(x, call.dtype))  # fmt: skip
    chosen = _chosen(call, x, indices)
    updates = g.expand(g.name(values, call.dtype), chosen)
    return _scatter(g, call, g.name(x, call.dtype), updates, chosen, add=False)


def _chosen(call: Call, x: Operand, indices: Sequence[Operand]) -> list[Any]:
    """Shape of what the key selects."""
    given = iter([i.value for i in indices])
    key = call.params["key"]
    filled = tuple(next(given) if isinstance(e, str) else e for e in key)
    sides: list[Any] = list(x.value[filled].shape)
    known = [n for part in (x, *indices) for n in part.shape if isinstance(n, Size)]
    # An axis of the selection that is as long as an open size of the inputs is that one.
    return [next((k for k in known if k.values[0] == n), n) for n in sides]


@converter("_add_at")
def _add(g: Graph, call: Call) -> str:
    zeros = g.expand(g.like(0, call), call.shape)
    x = call.args[0]
    chosen = _chosen(call, Operand("constant", call.value, call.shape), call.args[1:])
    values = g.expand(g.name(x, call.dtype), chosen)
    return _scatter(g, call, zeros, values, chosen, add=True)


@converter("fold_index")
def _fold_index(g: Graph, call: Call) -> str:
    side = call.params["side"]
    x, top = g.name(call.args[0], _INT), g.name(Operand("scalar", side), _INT)
    if call.params["mode"] == "wrap":
        return g.cast(g.node("Mod", x, top), _INT, call.dtype)
    last = g.node("Sub", top, g.constant(1, _INT))
    return g.cast(g.node("Min", g.node("Max", x, g.constant(0, _INT)), last), _INT, call.dtype)


@converter("flatnonzero", "argwhere")
def _places(g: Graph, call: Call) -> str:
    there = g.name(call.args[0], np.bool_)
    if call.op.key == "argwhere":
        return g.transpose(g.node("NonZero", there), [1, 0])
    found = g.node("NonZero", g.node("Reshape", there, g.ints([-1])))
    return g.node("Reshape", found, g.ints([-1]))


# ── Rows of tables, classes ─────────────────────────────────────────────────────────────


@converter("rows")
def _rows(g: Graph, call: Call) -> str:
    table, index, fill = call.args
    places = g.name(index, _INT)
    y = g.node("Gather", g.name(table, call.dtype), places, axis=0)
    skip = call.params["skip"]
    if skip is None or np.array_equal(table.value[skip], np.broadcast_to(
            fill.value, table.value[skip].shape)):  # fmt: skip
        return y
    hit = g.unsqueeze(g.node("Equal", places, g.constant(skip, _INT)), [index.ndim])
    return g.node("Where", hit, g.name(fill, call.dtype), y)


@converter("add_rows")
def _add_rows(g: Graph, call: Call) -> str:
    x, index = call.args
    values, places = g.name(x, call.dtype), g.unsqueeze(g.name(index, _INT), [index.ndim])
    if call.params["skip"] is not None:
        left = g.node("Equal", places, g.constant(call.params["skip"], _INT))
        values = g.node("Where", left, g.like(0, call), values)
    zeros = g.expand(g.like(0, call), call.shape)
    return g.node("ScatterND", zeros, places, values, reduction="add")


@converter("one_hot")
def _one_hot(g: Graph, call: Call) -> str:
    index = call.args[0]
    places = g.unsqueeze(g.name(index, _INT), [index.ndim])
    return g.node("Equal", places, g.constant(np.arange(call.params["classes"]), _INT))


@converter("pick", "nll")
def _pick(g: Graph, call: Call) -> str:
    x, index = call.args
    places = g.unsqueeze(g.name(index, _INT), [index.ndim])
    found = g.node("GatherElements", g.name(x, call.dtype), places, axis=x.ndim - 1)
    found = g.node("Squeeze", found, g.ints([index.ndim]))
    if call.op.key == "pick":
        return found
    found = g.node("Neg", found)
    kind = {"mean": "ReduceMean", "sum": "ReduceSum"}.get(call.params["reduction"])
    return found if kind is None else g.node(kind, found, keepdims=0)


@converter("argmax_at")
def _argmax_at(g: Graph, call: Call) -> str:
    """Of windows with known places: the place of each one's greatest element."""
    x, *places = call.args
    if any(p.kind != "constant" for p in places):
        raise ExportError("windows whose places depend on the inputs")
    dims = len(places)
    lead, sides = x.shape[: x.ndim - dims], fixed(x.shape[x.ndim - dims :])
    flat: Any = np.zeros((1,) * (2 * dims), np.int64)
    for d, at in enumerate(p.value for p in places):
        ones = [1] * (2 * dims)
        ones[d], ones[dims + d] = at.shape[-2:]
        flat = flat * sides[d] + at.reshape(*at.shape[:-2], *ones)
    counts = flat.shape[flat.ndim - 2 * dims :]
    number, taps = int(np.prod(counts[:dims])), int(np.prod(counts[dims:]))
    flat = flat.reshape(*flat.shape[: flat.ndim - 2 * dims], number, taps)
    table = g.expand(g.constant(flat, _INT), [*lead, number, taps])
    line = g.reshape(argument(g, call), [*lead, int(np.prod(sides))])
    read = g.node("GatherElements", line, g.reshape(table, [*lead, number * taps]), axis=len(lead))
    axis = len(lead) + 1
    best = g.node("ArgMax", g.reshape(read, [*lead, number, taps]), axis=axis, keepdims=1)
    found = g.node("GatherElements", table, best, axis=axis)
    return g.cast(g.reshape(found, call.shape), _INT, call.dtype)
