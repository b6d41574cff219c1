"""Long short-term memory: see `backends.recurrence`, whose layout this keeps.

The loop over the steps, and all that is done element by element, each in one pass.
"""

from __future__ import annotations

from typing import Any

from numba import float32 as real

from tinygrad_nn.compiler.kernels.memory import address, apart, compiled, entry
from tinygrad_nn.compiler.numba.mathematics import exp_f4 as exp
from tinygrad_nn.compiler.numba.mathematics import tanh_f4 as tanh
from tinygrad_nn.compiler.numba.runtime import gemm, gemm_add, loads, offset, stores

_at: Any = address["f4"]
_multiply: Any = gemm["s", 64]
_add: Any = gemm_add["s", 64]
_load: Any = loads[-1]
_store: Any = stores[-1]
_load0, _load1, _load2, _load3, _load4, _load5, _load6, _load7 = loads[:8]
_load8, _load9, _load10, _load11, _load12 = loads[8:13]
_store0, _store1, _store2, _store3, _store4, _store5, _store6, _store7 = stores[:8]
_store8 = stores[8]
_PLAIN, _TURNED = 111, 112


@compiled
def _copied(
    rows: Any, columns: Any, source: Any, down: Any, right: Any, target: Any, step: Any
) -> None:
    """Elements in steps `down` and `right` into rows."""
    apart()
    for i in range(rows):
        for j in range(columns):
            _store1(target, i * step + j, _load0(source, i * down + j * right))


@compiled
def _filled(count: Any, target: Any, value: Any) -> None:
    for i in range(count):
        _store(target, i, value)


@compiled
def _gates(size: Any, gates: Any, before: Any, new: Any, h: Any, below: Any) -> None:
    """Sums in the gates i, f, o, g become the gates; cells and outputs of the step."""
    apart()
    one = real(1)
    inlet, forget = gates, offset(gates, size)
    outlet, fresh = offset(gates, 2 * size), offset(gates, 3 * size)
    for j in range(size):
        i = one / (one + exp(-_load0(inlet, j)))
        f = one / (one + exp(-_load1(forget, j)))
        o = one / (one + exp(-_load2(outlet, j)))
        g = tanh(_load3(fresh, j))
        c = f * _load4(before, j) + i * g
        y = o * tanh(c)
        _store0(inlet, j, i)
        _store1(forget, j, f)
        _store2(outlet, j, o)
        _store3(fresh, j, g)
        _store5(new, j, c)
        _store6(h, j, y)
        _store7(below, j, y)


@compiled
def _turned(r: Any, wide: Any) -> Any:
    """Row of the order i, f, o, g that row `r` of the order i, f, g, o is."""
    block = r // wide
    return r + wide if block == 2 else r - wide if block == 3 else r


@compiled
def _side_by_side(
    wide: Any, inputs: Any, inner: Any, i0: Any, i1: Any, outer: Any, o0: Any, o1: Any, weight: Any
) -> None:  # fmt: skip
    """Weights for columns of inputs, a one and the state."""
    length = inputs + 1 + wide
    for r in range(0, 4 * wide, wide):
        row = offset(weight, _turned(r, wide) * length)
        _copied(wide, inputs, offset(inner, r * i0), i0, i1, row, length)
        _copied(wide, wide, offset(outer, r * o0), o0, o1, offset(row, inputs + 1), length)


@entry(28)
def forward(
    begin: Any, end: Any, space: Any, x: Any, first: Any, cells: Any, inner: Any, outer: Any,
    bias: Any, out: Any, count: Any, batch: Any, inputs: Any, wide: Any, biased: Any,
    reverse: Any, x0: Any, x1: Any, x2: Any, f0: Any, f1: Any, c0: Any, c1: Any,
    i0: Any, i1: Any, o0: Any, o1: Any, b0: Any,
) -> None:  # fmt: skip
    """Outputs, cells and gates of all steps."""
    size, rows, length = wide * batch, 4 * wide, inputs + 1 + wide
    y = _at(out, 0)
    weight, below = _at(space, 0), _at(space, rows * length)
    start = _at(space, rows * length + length * batch)
    _side_by_side(wide, inputs, _at(inner, 0), i0, i1, _at(outer, 0), o0, o1, weight)
    for r in range(rows):
        at = _turned(r, wide) * length + inputs
        _store(weight, at, _load(_at(bias, 0), r * b0) if biased else real(0))
    _filled(batch, offset(below, inputs * batch), real(1))
    state = offset(below, (inputs + 1) * batch)
    _copied(wide, batch, _at(first, 0), f1, f0, state, batch)
    _copied(wide, batch, _at(cells, 0), c1, c0, start, batch)
    before = start
    for s in range(count):
        t = count - 1 - s if reverse else s
        step = offset(y, t * 6 * size)
        _copied(inputs, batch, _at(x, t * x0), x2, x1, below, batch)
        gates = offset(step, 2 * size)
        _multiply(_PLAIN, _PLAIN, rows, batch, length, weight, length, below, batch, gates, batch)
        _gates(size, gates, before, offset(step, size), step, state)
        before = offset(step, size)


@compiled
def _slopes(
    wide: Any, batch: Any, step: Any, memory: Any, g: Any, rest: Any, down: Any, dh: Any, dc: Any,
    d: Any, columns: Any,
) -> None:  # fmt: skip
    """Gradients of the sums in the gates of a step, and of the cells before.

    `g` is what arrives at the outputs, `rest` what arrives at cells and gates, `down` apart.
    """
    apart()
    one, size = real(1), wide * batch
    cells, inlet, forget = offset(step, size), offset(step, 2 * size), offset(step, 3 * size)
    outlet, fresh = offset(step, 4 * size), offset(step, 5 * size)
    g1, g2, g3 = rest, offset(rest, down), offset(rest, 2 * down)
    g4, g5 = offset(rest, 3 * down), offset(rest, 4 * down)
    block = wide * columns
    d0, d1, d2, d3 = d, offset(d, block), offset(d, 2 * block), offset(d, 3 * block)
    for r in range(wide):
        for n in range(batch):
            j, k = r * batch + n, r * columns + n
            i, f = _load0(inlet, j), _load0(forget, j)
            o, new = _load0(outlet, j), _load0(fresh, j)
            bent = tanh(_load0(cells, j))
            at = _load1(dh, j) + _load2(g, j)
            slope = _load3(dc, j) + at * o * (one - bent * bent) + _load2(g1, j)
            _store4(d0, k, (slope * new + _load2(g2, j)) * (i * (one - i)))
            _store5(d1, k, (slope * _load8(memory, j) + _load2(g3, j)) * (f * (one - f)))
            _store6(d2, k, (at * bent + _load2(g4, j)) * (o * (one - o)))
            _store7(d3, k, (slope * i + _load2(g5, j)) * (one - new * new))
            _store3(dc, j, slope * f)


@compiled
def _weights(wide: Any, inputs: Any, weights: Any, out: Any, biased: Any) -> None:
    """Gradients of the two weights and the bias, from those of the columns."""
    rows, length = 4 * wide, inputs + 1 + wide
    for r in range(0, rows, wide):
        row = offset(weights, _turned(r, wide) * length)
        _copied(wide, inputs, row, length, 1, offset(out, r * inputs), inputs)
        to_outer = offset(out, rows * inputs + r * wide)
        _copied(wide, wide, offset(row, inputs + 1), length, 1, to_outer, wide)
        if biased:
            to_bias = offset(out, rows * (inputs + wide) + r)
            _copied(wide, 1, offset(row, inputs), length, 1, to_bias, 1)


@compiled
def _rows(batch: Any, inputs: Any, count: Any, found: Any, step: Any, out: Any) -> None:
    """Columns of inputs as rows, for some steps."""
    for t in range(count):
        mine = offset(found, t * batch)
        _copied(batch, inputs, mine, 1, step, offset(out, t * batch * inputs), inputs)


@compiled
def _transposed(
    wide: Any, inputs: Any, inner: Any, i0: Any, i1: Any, outer: Any, o0: Any, o1: Any,
    to_x: Any, across: Any, to_inputs: Any,
) -> None:  # fmt: skip
    """Weights for the way back."""
    rows = 4 * wide
    for r in range(0, rows, wide):
        turned = _turned(r, wide)
        _copied(wide, wide, offset(outer, r * o0), o1, o0, offset(across, turned), rows)
        if to_x:
            _copied(inputs, wide, offset(inner, r * i0), i1, i0, offset(to_inputs, turned), rows)


@entry(34)
def backward(
    begin: Any, end: Any, space: Any, g: Any, made: Any, x: Any, first: Any, cells: Any,
    inner: Any, outer: Any, out: Any, count: Any, batch: Any, inputs: Any, wide: Any, biased: Any,
    reverse: Any, to_x: Any, some: Any, x0: Any, x1: Any, x2: Any, f0: Any, f1: Any, c0: Any,
    c1: Any, i0: Any, i1: Any, o0: Any, o1: Any, g0: Any, g1: Any, single: Any, only: Any,
) -> None:  # fmt: skip
    """Gradients of all inputs behind one another, worked out for `some` steps at a time.

    If `single`, `g` is that of the outputs of step `only`, and there is no other.
    """
    size, rows, length, columns = wide * batch, 4 * wide, inputs + 1 + wide, some * batch
    y, d = _at(made, 0), _at(space, 0)
    below = offset(d, rows * columns)
    weights = offset(below, length * columns)
    across = offset(weights, rows * length)
    dh = offset(across, rows * wide)
    dc, start, end_h = offset(dh, size), offset(dh, 2 * size), offset(dh, 3 * size)
    given, zeros = offset(dh, 4 * size), offset(dh, 5 * size)
    to_inputs = offset(dh, 6 * size)
    from_inputs = offset(to_inputs, rows * inputs)
    if single:
        _filled(size, zeros, real(0))
        _copied(wide, batch, _at(g, 0), g1, g0, given, batch)
    _transposed(wide, inputs, _at(inner, 0), i0, i1, _at(outer, 0), o0, o1, to_x, across, to_inputs)
    _filled(rows * length, weights, real(0))
    _filled(2 * size, dh, real(0))
    _filled(length * columns, below, real(1))
    _copied(wide, batch, _at(first, 0), f1, f0, end_h, batch)
    _copied(wide, batch, _at(cells, 0), c1, c0, start, batch)
    parts = (count + some - 1) // some
    for p in range(parts):
        low = (p if reverse else parts - 1 - p) * some
        high = min(low + some, count)
        for s in range(high - low):
            t = low + s if reverse else high - 1 - s
            past = t + 1 if reverse else t - 1
            inside = 0 <= past < count
            before = offset(y, past * 6 * size)
            memory = offset(before, size) if inside else start
            h = before if inside else end_h
            column = (t - low) * batch
            mine = offset(d, column)
            here_g, rest, down = _at(g, t * g0), _at(g, t * g0 + size), size
            if single:
                here_g, rest, down = given if t == only else zeros, zeros, 0
            _slopes(
                wide, batch, offset(y, t * 6 * size), memory, here_g, rest, down, dh, dc, mine,
                columns,
            )  # fmt: skip
            _multiply(_PLAIN, _PLAIN, wide, batch, rows, across, rows, mine, columns, dh, batch)
            _copied(inputs, batch, _at(x, t * x0), x2, x1, offset(below, column), columns)
            state = offset(below, (inputs + 1) * columns + column)
            _copied(wide, batch, h, batch, 1, state, columns)
        here = (high - low) * batch
        _add(_PLAIN, _TURNED, rows, length, here, d, columns, below, columns, weights, length)
        if to_x:
            _multiply(
                _PLAIN, _PLAIN, inputs, here, rows, to_inputs, rows, d, columns, from_inputs, here
            )
            _rows(batch, inputs, high - low, from_inputs, here, _at(out, low * batch * inputs))
    at = count * batch * inputs if to_x else 0
    _copied(batch, wide, dh, 1, batch, _at(out, at), wide)
    _copied(batch, wide, dc, 1, batch, _at(out, at + size), wide)
    _weights(wide, inputs, weights, _at(out, at + 2 * size), biased)
