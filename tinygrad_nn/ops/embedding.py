"""Rows of a table by number, and their transpose: adding rows into a table."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import op
from tinygrad_nn.core.samples import Draw, Sample

__all__: list[str] = []


def _picked(draw: Draw) -> Sample:
    count, width = draw.integer(1, 4), draw.integer(0, 4)
    index = draw.integers(draw.shape(), 0, count - 1)
    return (draw.array((count, width)), index, draw.array((width,))), {
        "skip": draw.choice([None, 0, count - 1])
    }


def _pick_slope(g: Any, y: Any, table: Any, index: Any, fill: Any, skip: Any) -> Any:
    return add_rows(g, index, count=table.shape[0], skip=skip)


def _pick_push(tangents: Any, y: Any, table: Any, index: Any, fill: Any, skip: Any) -> Any:
    return rows(tangents[0], index, 0.0, skip=skip)


@op(vjp=(_pick_slope, None, None), jvp=_pick_push, samples=_picked)
def rows(table: Any, index: Any, fill: Any, /, skip: int | None = None) -> Any:
    """Rows of `table` at `index`, and `fill` where the index is `skip`.

    `(rows, width), (...), (width,) -> (..., width)`. The row `skip` and `fill` get no gradient.
    """
    y = table.take(index, 0)
    if skip is not None:
        y[index == skip] = fill
    return y


def _added(draw: Draw) -> Sample:
    count = draw.integer(1, 4)
    index = draw.integers(draw.shape(max_dims=2), 0, count - 1)
    x = draw.array((*index.shape, draw.integer(0, 4)))
    return (x, index), {"count": count, "skip": draw.choice([None, 0, count - 1])}


def _add_slope(g: Any, y: Any, x: Any, index: Any, count: int, skip: Any) -> Any:
    return rows(g, index, 0.0, skip=skip)


def _add_push(tangents: Any, y: Any, x: Any, index: Any, count: int, skip: Any) -> Any:
    return add_rows(tangents[0], index, count=count, skip=skip)


@op(vjp=(_add_slope, None), jvp=_add_push, samples=_added)
def add_rows(x: Any, index: Any, /, count: int, skip: int | None = None) -> Any:
    """A table of `count` rows, each the sum of those of `x` with its number; `skip` stays 0.

    `(..., width), (...) -> (count, width)`: the transpose of `rows`.
    """
    width = x.shape[-1]
    table = namespace(x).add_rows(x.reshape(index.size, width), index.reshape(-1), count)
    if skip is not None:
        table[skip] = 0
    return table
