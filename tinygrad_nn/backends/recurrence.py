"""Long short-term memory over a batch of sequences of one length, and its gradient.

Each step is one product with both weights, with inputs, a one for the bias and state side by
side, written to where the gates are kept: computing them anew in the backward pass would cost
4 of 14 ms (float32, 32 inputs, 128 cells, 64 steps of 32 rows). The logistic function is
½ + ½ tanh(x/2), with the ½ inside multiplied into the weights: one tanh over all four gates, half
the time of an exponential each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["lstm_slope", "lstm_steps"]

_HALF = np.dtype(np.float16)


def _widened(*arrays: Any) -> list[Any]:
    """float16 in float32: its products are slow, and it ends at 65504."""
    return [x.astype(np.float32) if x is not None and x.dtype is _HALF else x for x in arrays]


def _kept_order(rows: Any, wide: int) -> Any:
    """Blocks of rows i, f, g, o of a weight in the order in which gates are kept: i, f, o, g."""
    return np.concatenate((rows[: 2 * wide], rows[3 * wide :], rows[2 * wide : 3 * wide]))


def _below(inner: Any, outer: Any, bias: Any, dtype: Any) -> Any:
    """Weights for rows of inputs, a one and the state, halved but for the last gate."""
    wide, inputs = inner.shape[0] // 4, inner.shape[1]
    column = np.zeros((4 * wide, 1), dtype) if bias is None else bias[:, None]
    every = _kept_order(np.concatenate((inner, column, outer), axis=1, dtype=dtype), wide)
    every[: 3 * wide] *= 0.5
    return np.ascontiguousarray(every.T)


def lstm_steps(
    x: Any, first: Any, cells: Any, inner: Any, outer: Any, bias: Any, shrink: Any, reverse: bool
) -> Any:
    """Rows of outputs, cells and the gates i, f, o, g: `(T · N, I) -> (T · N, P + 5H)`."""
    dtype = np.result_type(*[a for a in (x, first, cells, inner, outer, bias) if a is not None])
    if dtype == _HALF:
        wide = _widened(x, first, cells, inner, outer, bias, shrink)
        return lstm_steps(*wide, reverse).astype(_HALF)
    (batch, wide), narrow, inputs = cells.shape, first.shape[1], x.shape[1]
    count = len(x) // batch
    y = np.empty((count, batch, narrow + 5 * wide), dtype)
    steps, weight = x.reshape(count, batch, inputs), _below(inner, outer, bias, dtype)
    row, space = np.ones((batch, len(weight)), dtype), np.empty((batch, wide), dtype)
    h, c = first, cells
    for t in range(count)[::-1] if reverse else range(count):
        row[:, :inputs], row[:, inputs + 1 :] = steps[t], h
        h, new, gates = y[t, :, :narrow], y[t, :, narrow : narrow + wide], y[t, :, narrow + wide :]
        np.matmul(row, weight, out=gates)
        np.tanh(gates, out=gates)
        between = gates[:, : 3 * wide]
        between *= 0.5
        between += 0.5
        inlet, forget, outlet, fresh = (gates[:, k * wide : (k + 1) * wide] for k in range(4))
        np.multiply(forget, c, out=new)
        np.multiply(inlet, fresh, out=space)
        new += space
        c = new
        np.tanh(c, out=space)
        if shrink is None:
            np.multiply(outlet, space, out=h)
        else:
            space *= outlet
            np.matmul(space, shrink.T, out=h)
    return y.reshape(count * batch, narrow + 5 * wide)


def lstm_slope(
    g: Any,
    y: Any,
    x: Any,
    first: Any,
    cells: Any,
    inner: Any,
    outer: Any,
    bias: Any,
    shrink: Any,
    reverse: bool,
    to_x: bool,
) -> list[Any]:
    """Gradients of the inputs and weights of `lstm_steps`, where `y` is its result.

    That of x is empty unless asked for; that of a bias, or of `shrink`, is left out with it.
    """
    given = (x, first, cells, inner, outer, bias, shrink)
    dtype = np.result_type(g, y, *[a for a in given if a is not None])
    if dtype == _HALF:
        found = lstm_slope(*_widened(g, y, *given), reverse, to_x)
        return [a.astype(_HALF) for a in found]
    (batch, wide), narrow = cells.shape, first.shape[1]
    sums, hidden, dh, dc = _down(
        *(a.reshape(-1, batch, a.shape[1]) for a in (g, y)), first, cells, outer, shrink, reverse
    )
    flat = sums.reshape(-1, 4 * wide)
    # The state before each step but the first; of those, one lies behind the other.
    earlier, later, start = (y[batch:], flat[:-batch], flat[-batch:]) if reverse else (
        y[:-batch], flat[batch:], flat[:batch])  # fmt: skip
    found = [
        flat @ _kept_order(inner, wide) if to_x else np.empty((0,), dtype),
        dh,
        dc,
        _given_order(flat.T @ x, wide),
        _given_order(later.T @ earlier[:, :narrow] + start.T @ first, wide),
    ]
    if bias is not None:
        found.append(_given_order(np.ones(len(flat), dtype) @ flat, wide))
    if shrink is not None:
        bent = np.tanh(y[:, narrow : narrow + wide])
        bent *= y[:, narrow + 3 * wide : narrow + 4 * wide]
        found.append(hidden.reshape(-1, narrow).T @ bent)
    return found


def _given_order(rows: Any, wide: int) -> Any:
    """Blocks i, f, o, g in the order i, f, g, o: what `_kept_order` undoes, and does."""
    return _kept_order(rows, wide)


def _down(
    g: Any, y: Any, first: Any, cells: Any, outer: Any, shrink: Any, reverse: bool
) -> tuple[Any, Any, Any, Any]:
    """Gradients of the sums in the gates at all steps, of the outputs, and of both states."""
    (count, batch, _), wide, narrow = y.shape, cells.shape[1], first.shape[1]
    dtype = np.result_type(g, y, outer)
    sums = np.empty((count, batch, 4 * wide), dtype)
    hidden = None if shrink is None else np.empty((count, batch, narrow), dtype)
    weight = np.ascontiguousarray(_kept_order(outer, wide))
    # What is nothing but zeros, as usual, need not be added at each step.
    to_cells, to_gates = g[..., narrow : narrow + wide], g[..., narrow + wide :]
    to_cells = to_cells if to_cells.any() else None
    to_gates = to_gates if to_gates.any() else None
    dh, dc = np.zeros((batch, narrow), dtype), np.zeros((batch, wide), dtype)
    space, more = np.empty((batch, 3 * wide), dtype), np.empty((batch, wide), dtype)
    bent, at_output = np.empty_like(dc), np.empty_like(dc)
    order = range(count) if reverse else range(count)[::-1]
    last = order[-1] if count else 0
    for t in order:
        gates, d = y[t, :, narrow + wide :], sums[t]
        inlet, forget, outlet, fresh = (gates[:, k * wide : (k + 1) * wide] for k in range(4))
        memory = cells if t == last else y[t + 1 if reverse else t - 1, :, narrow : narrow + wide]
        dh += g[t, :, :narrow]
        at = dh
        if hidden is not None:
            hidden[t] = dh
            at = np.matmul(dh, shrink, out=at_output)
        np.tanh(y[t, :, narrow : narrow + wide], out=bent)
        np.multiply(at, bent, out=d[:, 2 * wide : 3 * wide])
        bent *= bent
        np.subtract(1.0, bent, out=bent)
        bent *= outlet
        bent *= at
        dc += bent
        if to_cells is not None:
            dc += to_cells[t]
        np.multiply(dc, fresh, out=d[:, :wide])
        np.multiply(dc, memory, out=d[:, wide : 2 * wide])
        np.multiply(dc, inlet, out=d[:, 3 * wide :])
        if to_gates is not None:
            d += to_gates[t]
        between = gates[:, : 3 * wide]
        np.subtract(1.0, between, out=space)
        space *= between
        d[:, : 3 * wide] *= space
        np.multiply(fresh, fresh, out=more)
        np.subtract(1.0, more, out=more)
        d[:, 3 * wide :] *= more
        dc *= forget
        np.matmul(d, weight, out=dh)
    return sums, hidden, dh, dc
