"""Rows brought to mean 0 and variance 1, and the way back: see `backends.normalization`."""

from __future__ import annotations

from math import sqrt
from typing import Any

from numba import float32 as real

from tinygrad_nn.compiler.kernels.memory import address, apart, compiled, entry
from tinygrad_nn.compiler.numba.runtime import add, loads, offset, stores

_at: Any = address["f4"]
_load: Any = loads[-1]
_store: Any = stores[-1]
_load0, _load1, _load2, _load3, _load4, _load5 = loads[:6]
_store3, _store4, _store5 = stores[3:6]
_ROWS = 64


@compiled
def _mean(count: Any, x: Any) -> Any:
    total = real(0)
    for j in range(count):
        total = add(total, _load0(x, j))
    return total / real(count)


@compiled
def _spread(count: Any, x: Any, mean: Any, eps: Any) -> Any:
    """One over the root of the mean square."""
    total = real(0)
    for j in range(count):
        c = _load0(x, j) - mean
        total = add(total, c * c)
    return real(1) / real(sqrt(total / real(count) + real(eps)))


@compiled
def _scaled(
    count: Any, x: Any, mean: Any, r: Any, weighted: Any, weight: Any, biased: Any, bias: Any,
    out: Any,
) -> None:  # fmt: skip
    apart()
    if biased:
        for j in range(count):
            _store3(out, j, (_load0(x, j) - mean) * (r * _load1(weight, j)) + _load2(bias, j))
    elif weighted:
        for j in range(count):
            _store3(out, j, (_load0(x, j) - mean) * (r * _load1(weight, j)))
    else:
        for j in range(count):
            _store3(out, j, (_load0(x, j) - mean) * r)


@entry(11, 1)
def standardize(
    begin: Any, end: Any, space: Any, x: Any, weight: Any, bias: Any, out: Any, count: Any,
    weighted: Any, biased: Any, centred: Any, eps: Any,
) -> None:  # fmt: skip
    """Some rows."""
    for i in range(begin, end):
        row = _at(x, i * count)
        mean = _mean(count, row) if centred else real(0)
        r = _spread(count, row, mean, eps)
        _scaled(
            count, row, mean, r, weighted, _at(weight, 0), biased, _at(bias, 0), _at(out, i * count)
        )


@compiled
def _levels(count: Any, g: Any, x: Any, mean: Any, weighted: Any, weight: Any) -> Any:
    """Means of k and of k c, with k = g · weight and c = x − mean."""
    level, along = real(0), real(0)
    if weighted:
        for j in range(count):
            k = _load1(g, j) * _load2(weight, j)
            level = add(level, k)
            along = add(along, k * (_load0(x, j) - mean))
    else:
        for j in range(count):
            k = _load1(g, j)
            level = add(level, k)
            along = add(along, k * (_load0(x, j) - mean))
    return level / real(count), along / real(count)


@compiled
def _sloped(
    count: Any, g: Any, x: Any, mean: Any, r: Any, level: Any, along: Any, weighted: Any,
    weight: Any, out: Any, to_weight: Any, to_bias: Any,
) -> None:  # fmt: skip
    """r (k − level − c r² along), and what the row adds to the gradients of weight and bias."""
    apart()
    bent = along * r * r
    if weighted:
        for j in range(count):
            c, k = _load0(x, j) - mean, _load1(g, j)
            _store3(out, j, r * (k * _load2(weight, j) - level - c * bent))
            _store4(to_weight, j, _load4(to_weight, j) + k * (c * r))
            _store5(to_bias, j, _load5(to_bias, j) + k)
    else:
        for j in range(count):
            c = _load0(x, j) - mean
            _store3(out, j, r * (_load1(g, j) - level - c * bent))


@compiled
def _moved(count: Any, source: Any, target: Any) -> None:
    """Add to the target, and begin again with zeros."""
    for j in range(count):
        _store(target, j, _load(target, j) + _load(source, j))
        _store(source, j, real(0))


@entry(11, 1)
def row_slopes(
    begin: Any, end: Any, space: Any, g: Any, x: Any, weight: Any, out: Any, rows: Any,
    count: Any, weighted: Any, centred: Any, eps: Any,
) -> None:  # fmt: skip
    """Gradient of x, and behind it those of weight and bias, added up over few rows at a time."""
    sums, both = _at(space, 0), 2 * count if weighted else 0
    to_bias = offset(sums, count)
    found = _at(out, rows * count)
    for j in range(both):
        _store(sums, j, real(0))
        _store(found, j, real(0))
    for i in range(rows):
        k, c = _at(g, i * count), _at(x, i * count)
        mean = _mean(count, c) if centred else real(0)
        r = _spread(count, c, mean, eps)
        level, along = _levels(count, k, c, mean, weighted, _at(weight, 0))
        level = level if centred else real(0)
        _sloped(
            count, k, c, mean, r, level, along, weighted, _at(weight, 0), _at(out, i * count),
            sums, to_bias,
        )  # fmt: skip
        if i % _ROWS == _ROWS - 1:
            _moved(both, sums, found)
    _moved(both, sums, found)
