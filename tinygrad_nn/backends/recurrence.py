"""Long short-term memory over a batch of sequences of one length, and its gradient.

Memory is features first, the batch innermost: each gate is one contiguous block, and its product
with a weight is quick (W (4H, K) times (K, N) takes 57 µs where the transposed one takes 66, at
H = 128, N = 32, float32). Inputs, a one for the bias and state stand below one another, so that a
step is one product, written to where the gates are kept: to compute them anew in the backward
pass costs 4 of 14 ms. The logistic function is ½ + ½ tanh(x/2), with the ½ inside multiplied into
the weights: one tanh over all four gates, half the time of an exponential each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["lstm_slope", "lstm_steps"]

_HALF = np.dtype(np.float16)
# Columns of the products that give the gradients of the weights: their arrays stay in the cache.
_COLUMNS = 256


def _widened(*arrays: Any) -> list[Any]:
    """float16 in float32: its products are slow, and it ends at 65504."""
    return [x.astype(np.float32) if x is not None and x.dtype is _HALF else x for x in arrays]


def _turned(rows: Any) -> Any:
    """Blocks i, f, g, o of rows as i, f, o, g, in which the gates are kept, and back."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate((i, f, o, g))


def _side_by_side(inner: Any, outer: Any, bias: Any, dtype: Any) -> Any:
    """Weights for columns of inputs, a one and the state, halved but for the last gate."""
    rows = len(inner)
    column = np.zeros((rows, 1)) if bias is None else bias[:, None]
    every = _turned(np.concatenate((inner, column, outer), axis=1, dtype=dtype))
    every[: rows // 4 * 3] *= 0.5
    return every


def lstm_steps(
    x: Any, first: Any, cells: Any, inner: Any, outer: Any, bias: Any, shrink: Any, reverse: bool
) -> Any:
    """Outputs, cells and the gates i, f, o, g below one another: `(T, N, I) -> (T, P + 5H, N)`."""
    given = (x, first, cells, inner, outer, bias, shrink)
    dtype = np.result_type(*[a for a in given if a is not None])
    if dtype == _HALF:
        wider = [*_widened(*given), reverse]
        return lstm_steps(*wider).astype(_HALF)
    count, batch, inputs = x.shape
    wide, narrow = cells.shape[1], first.shape[1]
    y = np.empty((count, narrow + 5 * wide, batch), dtype)
    weight = _side_by_side(inner, outer, bias, dtype)
    below, space = np.ones((weight.shape[1], batch), dtype), np.empty((wide, batch), dtype)
    h, c = first.T, cells.T
    for t in range(count)[::-1] if reverse else range(count):
        below[:inputs], below[inputs + 1 :] = x[t].T, h
        h, new, inlet, forget, outlet, fresh = _blocks(y[t], narrow, wide)
        gates = y[t, narrow + wide :]
        np.matmul(weight, below, out=gates)
        np.tanh(gates, out=gates)
        between = gates[: 3 * wide]
        between *= 0.5
        between += 0.5
        np.multiply(forget, c, out=new)
        np.multiply(inlet, fresh, out=space)
        new += space
        c = new
        np.tanh(c, out=space)
        if shrink is None:
            np.multiply(outlet, space, out=h)
        else:
            space *= outlet
            np.matmul(shrink, space, out=h)
    return y


def _blocks(step: Any, narrow: int, wide: int) -> list[Any]:
    """Outputs, cells, and the four gates of a step."""
    ends = range(narrow, len(step) + 1, wide)
    return [step[:narrow], *[step[end : end + wide] for end in ends[:-1]]]


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
    """Gradients of the inputs and weights of `lstm_steps`, of which `y` is the result.

    That of x is empty if it is not asked for; those of `bias` and `shrink` are left out with them.
    """
    given = (x, first, cells, inner, outer, bias, shrink)
    dtype = np.result_type(g, y, *[a for a in given if a is not None])
    if dtype == _HALF:
        wider = [*_widened(g, y, *given), reverse, to_x]
        return [a.astype(_HALF) for a in lstm_slope(*wider)]
    (count, batch, inputs), narrow = x.shape, first.shape[1]
    back = _Back(g, y, first, cells, outer, shrink, reverse, dtype)
    across = _turned(inner).T
    found_x = np.empty(x.shape if to_x else 0, dtype)
    weights = np.zeros((len(inner), inputs + 1 + narrow), dtype)
    # The gradients of the weights are summed over some steps at a time, as products.
    size = max(1, _COLUMNS // max(batch, 1))
    sums, below = (np.ones((len(w), size, batch), dtype) for w in (inner, weights.T))
    starts = range(0, count, size)
    for start in starts if reverse else starts[::-1]:
        here = range(start, min(start + size, count))
        for t in here if reverse else here[::-1]:
            sums[:, t - start], h = back.step(t)
            below[inputs + 1 :, t - start] = h
        columns = len(here) * batch
        below[:inputs, : len(here)] = x[start : here.stop].transpose(2, 0, 1)
        wide, inside = (a.reshape(len(a), -1)[:, :columns] for a in (sums, below))
        weights += wide @ inside.T
        if to_x:
            found = (across @ wide).reshape(inputs, len(here), batch)
            found_x[start : here.stop] = found.transpose(1, 2, 0)
    weights = _turned(weights)
    return [
        found_x,
        back.dh.T,
        back.dc.T,
        weights[:, :inputs],
        weights[:, inputs + 1 :],
        *([] if bias is None else [weights[:, inputs]]),
        *([] if shrink is None else [back.to_shrink]),
    ]


class _Back:
    """The way back: gradients of the sums in the gates, step by step, and of what is carried."""

    def __init__(
        self,
        g: Any,
        y: Any,
        first: Any,
        cells: Any,
        outer: Any,
        shrink: Any,
        reverse: bool,
        dtype: Any,
    ) -> None:
        (batch, self.wide), self.narrow = cells.shape, first.shape[1]
        self.g, self.y, self.shrink = g, y, shrink
        self.start = (first.T, cells.T)
        self.earlier, self.last = (1, len(y) - 1) if reverse else (-1, 0)
        self.weight = np.ascontiguousarray(_turned(outer).T, dtype)
        # What is nothing but zeros, as usual, need not be added at each step.
        blocks = (slice(self.narrow, self.narrow + self.wide), slice(-4 * self.wide, None))
        self.besides = [g[:, b] if g[:, b].any() else None for b in blocks]
        self.dh, self.dc, self.bent, self.at, self.d, self.space = (
            np.zeros((rows, batch), dtype)
            for rows in (self.narrow, *[self.wide] * 3, 4 * self.wide, 3 * self.wide)
        )
        self.to_shrink = None if shrink is None else np.zeros(shrink.shape, dtype)

    def before(self, t: int) -> tuple[Any, Any]:
        """Outputs and cells of the step before."""
        if t == self.last:
            return self.start
        step = self.y[t + self.earlier]
        return step[: self.narrow], step[self.narrow : self.narrow + self.wide]

    def step(self, t: int) -> tuple[Any, Any]:
        """Gradient of the sums in the gates, in memory used again, and the outputs before."""
        wide, d, bent, dc, space = self.wide, self.d, self.bent, self.dc, self.space
        _, c, inlet, forget, outlet, fresh = _blocks(self.y[t], self.narrow, wide)
        h, memory = self.before(t)
        at = self._at_output(t)
        np.tanh(c, out=bent)
        _, to_inlet, to_forget, to_outlet, to_fresh = _blocks(d, 0, wide)
        if self.to_shrink is not None:
            np.multiply(outlet, bent, out=to_outlet)
            self.to_shrink += self.dh @ to_outlet.T
        np.multiply(at, bent, out=to_outlet)
        bent *= bent
        np.subtract(1.0, bent, out=bent)
        bent *= outlet
        bent *= at
        dc += bent
        to_cells, to_gates = self.besides
        if to_cells is not None:
            dc += to_cells[t]
        np.multiply(dc, fresh, out=to_inlet)
        np.multiply(dc, memory, out=to_forget)
        np.multiply(dc, inlet, out=to_fresh)
        if to_gates is not None:
            d += to_gates[t]
        # The slopes of the logistic function and of tanh, from their values.
        between = self.y[t, -4 * wide : -wide]
        np.subtract(1.0, between, out=space)
        space *= between
        d[: 3 * wide] *= space
        np.multiply(fresh, fresh, out=bent)
        np.subtract(1.0, bent, out=bent)
        to_fresh *= bent
        dc *= forget
        np.matmul(self.weight, d, out=self.dh)
        return d, h

    def _at_output(self, t: int) -> Any:
        """Gradient of σ(o) tanh(c); what arrives at the outputs is added to what is carried."""
        self.dh += self.g[t, : self.narrow]
        if self.shrink is None:
            return self.dh
        return np.matmul(self.shrink.T, self.dh, out=self.at)
