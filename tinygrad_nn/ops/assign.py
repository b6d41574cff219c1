"""Assignment: as functions with gradients, and into tensors that have none."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import CLOCK, Node
from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OperandError
from tinygrad_nn.ops.index import advanced, filled, getitem, refused, select_at, split_key
from tinygrad_nn.ops.select import where
from tinygrad_nn.ops.shape import zeros_like

__all__ = ["index_put"]


def _puts(draw: Draw) -> Sample:
    (x, *indices), static = advanced(draw)
    chosen = x[filled(static["key"], tuple(indices))].shape
    values = draw.choice([(), chosen, chosen[1:]])
    return (x, draw.array(values), *indices), static


def _put_pullback(
    g: Any, y: Any, x: Any, values: Any, *indices: Any, needs: Any, key: Any
) -> tuple[Any, ...]:
    kept = put_at(g, 0.0, *indices, key=key) if needs[0] else None
    won = last_writers(g, *indices, key=key) if needs[1] else None
    written = where(won, select_at(g, *indices, key=key), 0.0) if needs[1] else None
    return (kept, written, *[None] * len(indices))


@op(kind=Kind.CONSTANT, samples=advanced)
def last_writers(x: Any, /, *indices: Any, key: tuple[Any, ...]) -> Any:
    """Which of the elements assigned to `x[key]` are not overwritten by a later one."""
    return namespace(x).last_writers(filled(key, indices), x.shape)


def _put_along(t: Any, y: Any, x: Any, values: Any, *indices: Any, key: Any) -> Any:
    into = zeros_like(x) if t[0] is None else t[0]
    return put_at(into, 0.0 if t[1] is None else t[1], *indices, key=key)


@op(
    pullback=_put_pullback,
    jvp=_put_along,
    kind=Kind.GENERAL,
    samples=_puts,
)
def put_at(x: Any, values: Any, /, *indices: Any, key: tuple[Any, ...]) -> Any:
    """Copy of `x` with `x[key] = values`."""
    functions = namespace(x)
    out = functions.array(x, dtype=functions.result_type(x, values))
    try:
        out[filled(key, indices)] = values
    except IndexError as error:
        raise refused("index_put", x, filled(key, indices), error) from error
    return out


def _index_puts(draw: Draw) -> Sample:
    (x, values, *indices), static = _puts(draw)
    return (x, filled(static["key"], tuple(indices)), values), {}


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
    template, indices = split_key(x, key)
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
    template, indices = split_key(x, key)
    payloads = tuple(i.synced() if isinstance(i, Node) else i for i in indices)
    out = x.synced().copy()
    try:
        out[filled(template, payloads)] = values.synced() if isinstance(values, Node) else values
    except IndexError as error:
        raise refused("setitem", x, filled(template, payloads), error) from error
    x._data = out
    x.epoch = CLOCK.tick()
    x.show_shared()


def rows(x: Any) -> Any:
    """The slices of `x` along its first axis, one after the other."""
    if not x.ndim:
        raise OperandError(
            "iteration over a tensor without axes; expected at least one axis, or use x.item()"
        )
    return (getitem(x, i) for i in range(len(x)))
