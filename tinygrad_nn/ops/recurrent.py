"""Recurrent layers over a whole sequence, each as a single node.

The rows of a batch stand behind one another, step by step: first the rows of step 0, then those
of step 1, and so on, as in a packed sequence. `sizes` says how many rows each step has, and never
rises: sequences that have ended have no rows any more. What a layer needs of its inputs, x Wᵀ + b
for all steps, is one product outside of it; inside, each step adds what comes from the last one.

The gradient goes through the steps backwards. All that can be computed for all steps at once is:
gates, slopes, and the gradient of the weights, which is one product over all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.elementwise import sigmoid, tanh
from tinygrad_nn.ops.gather import take
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import greater, where
from tinygrad_nn.ops.shape import expand_dims, reshape, zeros_like

__all__: list[str] = []

Sizes = tuple[int, ...]


def steps(sizes: Sizes, reverse: bool) -> list[tuple[int, int]]:
    """First row and number of rows of each step, in the order in which they are computed."""
    found, start = [], 0
    for count in sizes:
        found.append((start, count))
        start += count
    return found[::-1] if reverse else found


def previous_rows(sizes: Sizes, reverse: bool) -> list[int]:
    """For each row where the state before it stands, in the rows with those of the start behind."""
    rows = sum(sizes)
    found = [0] * rows
    last = [rows + i for i in range(max(sizes, default=0))]
    for start, count in steps(sizes, reverse):
        for i in range(count):
            found[start + i], last[i] = last[i], start + i
    return found


def last_rows(sizes: Sizes, reverse: bool) -> list[int]:
    """For each sequence the row of its last computed step."""
    last = [0] * max(sizes, default=0)
    for start, count in steps(sizes, reverse):
        for i in range(count):
            last[i] = start + i
    return last


def _before(y: Any, first: Any, sizes: Sizes, reverse: bool) -> Any:
    """State before each row."""
    if all(a == b for a, b in pairwise(sizes)):
        cut = len(first)
        return concat([y[cut:], first]) if reverse else concat([first, y[: len(y) - cut]])
    every = namespace(first if not hasattr(first, "_data") else first._data)
    return take(concat([y, first]), every.asarray(previous_rows(sizes, reverse)), axis=0)


class _Carry:
    """What the gradient brings from one step to the one before it, and at last to the start.

    In the reading direction sequences end as the steps go on: backwards they come in, with nothing
    to bring. Against it they begin as the steps go on: backwards they leave, at their start.
    """

    def __init__(self, like: Any, reverse: bool) -> None:
        self.like, self.reverse = like, reverse
        self.now: Any = None
        self.left: list[Any] = []

    def take(self, count: int) -> Any:
        """What arrives at a step of `count` rows; None at the first."""
        if self.now is None:
            return None
        there = len(self.now)
        if there > count:
            self.left.append(self.now[count:])
            self.now = self.now[:count]
        elif there < count:
            self.now = concat([self.now, zeros_like(self.like[there:count])])
        return self.now

    def start(self) -> Any:
        """Gradient of the state before the first step."""
        return self.now if not self.left else concat([self.now, *self.left[::-1]])


def _check(name: str, x: Any, first: Any, weight: Any, gates: int, sizes: Sizes) -> None:
    rows, batch = sum(sizes), max(sizes, default=0)
    hidden = weight.shape[0] // gates
    if x.shape != (rows, gates * hidden) or first.shape[:1] != (batch,):
        raise ShapeError(
            f"{name}: got inputs {x.shape}, a state {first.shape} and weights {weight.shape} for "
            f"steps of {sizes[:8]} rows, expected inputs ({rows}, {gates * hidden}) and a state "
            f"({batch}, {weight.shape[-1]})"
        )


def _run(sizes: Sizes, reverse: bool, first: Any) -> Iterator[tuple[slice, int, Any]]:
    """Rows, their number, and the rows of the start that come in at each step."""
    known = steps(sizes, reverse)
    there = known[0][1] if known else 0
    for start, count in known:
        fresh = first[there:count] if count > there else None
        there = max(there, count)
        yield slice(start, start + count), count, fresh


def _drawn_sizes(draw: Draw) -> Sizes:
    sizes = sorted((draw.integer(1, 3) for _ in range(draw.integer(1, 3))), reverse=True)
    return tuple(sizes)


def _drawn(draw: Draw, gates: int) -> tuple[list[Any], dict[str, Any]]:
    sizes, hidden = _drawn_sizes(draw), draw.integer(1, 2)
    x = draw.array((sum(sizes), gates * hidden))
    first, weight = draw.array((sizes[0], hidden)), draw.array((gates * hidden, hidden))
    return [x, first, weight], {"sizes": sizes, "reverse": draw.choice([False, True])}


# ── Elman's network ─────────────────────────────────────────────────────────────────────


def _rnn_inputs(draw: Draw) -> Sample:
    arrays, static = _drawn(draw, 1)
    return tuple(arrays), {**static, "nonlinearity": "tanh"}


def _rnn_pull(
    g: Any,
    y: Any,
    x: Any,
    first: Any,
    weight: Any,
    needs: tuple[bool, ...],
    sizes: Sizes,
    reverse: bool,
    nonlinearity: str,
) -> tuple[Any, ...]:
    slope = 1.0 - y * y if nonlinearity == "tanh" else where(greater(y, 0.0), 1.0, 0.0 * y)
    carry, parts = _Carry(first, reverse), {}
    for start, count in steps(sizes, reverse)[::-1]:
        rows = slice(start, start + count)
        arrived = carry.take(count)
        dh = g[rows] if arrived is None else g[rows] + arrived
        parts[start] = dh * slope[rows]
        carry.now = parts[start] @ weight
    dx = concat([parts[start] for start, _ in steps(sizes, False)])
    dweight = dx.mT @ _before(y, first, sizes, reverse) if needs[2] else None
    return dx, carry.start(), dweight


@op(pullback=_rnn_pull, samples=_rnn_inputs)
def rnn(
    x: Any, first: Any, weight: Any, /, sizes: Sizes, reverse: bool, nonlinearity: str = "tanh"
) -> Any:
    """hₜ = tanh(xₜ + W hₜ₋₁) for all steps: `(rows, H), (batch, H), (H, H) -> (rows, H)`.

    Elman, "Finding structure in time" (1990). With the nonlinearity "relu", max(0, ·).

    Raises:
        ShapeError: The shapes do not fit.
    """
    _check("rnn", x, first, weight, 1, sizes)
    xp = namespace(x)
    y = xp.empty(x.shape, dtype=xp.result_type(x, first, weight))
    turned, h = weight.mT, first
    for rows, count, fresh in _run(sizes, reverse, first):
        h = h[:count] if fresh is None else xp.concatenate((h, fresh))
        step = h @ turned
        step += x[rows]
        h = (
            xp.tanh(step, out=y[rows])
            if nonlinearity == "tanh"
            else xp.maximum(step, 0, out=y[rows])
        )
    return y


# ── Long short-term memory ──────────────────────────────────────────────────────────────


def _lstm_inputs(draw: Draw) -> Sample:
    (x, first, weight), static = _drawn(draw, 4)
    cells = draw.array(first.shape)
    if draw.choice([False, True]):
        narrow = draw.integer(1, 2)
        first = draw.array((first.shape[0], narrow))
        hidden = weight.shape[1]
        weight, shrink = draw.array((4 * hidden, narrow)), draw.array((narrow, hidden))
        return (x, first, cells, weight, shrink), static
    return (x, first, cells, weight), static


def _lstm_pull(
    g: Any,
    y: Any,
    x: Any,
    first: Any,
    cells: Any,
    weight: Any,
    *shrink: Any,
    needs: tuple[bool, ...],
    sizes: Sizes,
    reverse: bool,
) -> tuple[Any, ...]:
    wide, narrow = cells.shape[1], first.shape[1]
    before = _before(y[:, :narrow], first, sizes, reverse)
    gates = x + before @ weight.mT
    inlet, forget = sigmoid(gates[:, :wide]), sigmoid(gates[:, wide : 2 * wide])
    new, outlet = tanh(gates[:, 2 * wide : 3 * wide]), sigmoid(gates[:, 3 * wide :])
    bent = tanh(y[:, narrow:])
    # Slopes of the cells in the first three gates, and of the output in the last and in the cells.
    slopes = stack(
        [
            new * inlet * (1.0 - inlet),
            _before(y[:, narrow:], cells, sizes, reverse) * forget * (1.0 - forget),
            inlet * (1.0 - new * new),
        ],
        axis=1,
    )
    at_outlet, at_cells = bent * outlet * (1.0 - outlet), outlet * (1.0 - bent * bent)
    output, memory, parts, hidden = _Carry(first, reverse), _Carry(cells, reverse), {}, {}
    for start, count in steps(sizes, reverse)[::-1]:
        rows = slice(start, start + count)
        from_output, from_memory = output.take(count), memory.take(count)
        dh, dc = g[rows, :narrow], g[rows, narrow:]
        if from_output is not None:
            dh, dc = dh + from_output, dc + from_memory
        hidden[start] = dh
        if shrink:
            dh = dh @ shrink[0]
        dc = dc + dh * at_cells[rows]
        three = reshape(expand_dims(dc, 1) * slopes[rows], (count, 3 * wide))
        parts[start] = concat([three, dh * at_outlet[rows]], axis=1)
        output.now, memory.now = parts[start] @ weight, dc * forget[rows]
    order = [start for start, _ in steps(sizes, False)]
    dx = concat([parts[start] for start in order])
    dweight = dx.mT @ before if needs[3] else None
    found = (dx, output.start(), memory.start(), dweight)
    if not shrink:
        return found
    return (*found, concat([hidden[start] for start in order]).mT @ (outlet * bent))


@op(pullback=_lstm_pull, samples=_lstm_inputs)
def _lstm(*inputs: Any, sizes: Sizes, reverse: bool) -> Any:
    """Long short-term memory over all steps; outputs and cells side by side in each row.

    `lstm(x, h₀, c₀, W)`: `(rows, 4H), (batch, H), (batch, H), (4H, H) -> (rows, H + H)`. With
    i, f, g, o the four parts of xₜ + W hₜ₋₁, cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g) and
    hₜ = σ(o) tanh(cₜ) (Hochreiter and Schmidhuber 1997; the forget gate is that of Gers,
    Schmidhuber and Cummins 2000). A fifth input R, (P, H), makes outputs R hₜ of P numbers
    (Sak, Senior and Beaufays 2014); W is (4H, P) then.

    Raises:
        ShapeError: The shapes do not fit.
    """
    x, first, cells, weight, *shrink = inputs
    _check("lstm", x, first, weight, 4, sizes)
    xp = namespace(x)
    wide, narrow = cells.shape[1], first.shape[1]
    dtype = xp.result_type(*inputs)
    y = xp.empty((x.shape[0], narrow + wide), dtype=dtype)
    turned = xp.ascontiguousarray(weight.mT)
    h, c = first, cells
    for rows, count, fresh in _run(sizes, reverse, first):
        if fresh is None:
            h, c = h[:count], c[:count]
        else:
            c = xp.concatenate((c, cells[len(c) : count]))
            h = xp.concatenate((h, fresh))
        gates = h @ turned
        gates += x[rows]
        inlet = xp.sigmoid(gates[:, : 2 * wide])
        new = xp.tanh(gates[:, 2 * wide : 3 * wide])
        new *= inlet[:, :wide]
        c = inlet[:, wide:] * c
        c += new
        h = xp.tanh(c)
        h *= xp.sigmoid(gates[:, 3 * wide :])
        if shrink:
            h = h @ shrink[0].mT
        y[rows, :narrow], y[rows, narrow:] = h, c
    return y


def lstm(*inputs: Any, sizes: Sizes, reverse: bool) -> tuple[Any, Any]:
    """Outputs and cells of `_lstm`."""
    y = _lstm(*inputs, sizes=sizes, reverse=reverse)
    narrow = inputs[1].shape[1]
    return y[:, :narrow], y[:, narrow:]


# ── Gated recurrent unit ────────────────────────────────────────────────────────────────


def _gru_inputs(draw: Draw) -> Sample:
    (x, first, weight), static = _drawn(draw, 3)
    return (x, first, weight, draw.array(weight.shape[:1])), static


def _gru_pull(
    g: Any,
    y: Any,
    x: Any,
    first: Any,
    weight: Any,
    bias: Any,
    needs: tuple[bool, ...],
    sizes: Sizes,
    reverse: bool,
) -> tuple[Any, ...]:
    wide = first.shape[1]
    before = _before(y, first, sizes, reverse)
    inner = before @ weight.mT + bias
    gates = sigmoid(x[:, : 2 * wide] + inner[:, : 2 * wide])
    reset, keep = gates[:, :wide], gates[:, wide:]
    new = tanh(x[:, 2 * wide :] + reset * inner[:, 2 * wide :])
    at_new = (1.0 - keep) * (1.0 - new * new)
    at_reset = at_new * inner[:, 2 * wide :] * reset * (1.0 - reset)
    at_keep = (before - new) * keep * (1.0 - keep)
    slopes = stack([at_reset, at_keep, at_new * reset], axis=1)
    carry, parts = _Carry(first, reverse), {}
    for start, count in steps(sizes, reverse)[::-1]:
        rows = slice(start, start + count)
        arrived = carry.take(count)
        dh = g[rows] if arrived is None else g[rows] + arrived
        parts[start] = dh
        inside = reshape(expand_dims(dh, 1) * slopes[rows], (count, 3 * wide))
        carry.now = dh * keep[rows] + inside @ weight
    dh = concat([parts[start] for start, _ in steps(sizes, False)])
    dx = concat([dh * at_reset, dh * at_keep, dh * at_new], axis=1)
    dinner = concat([dx[:, : 2 * wide], dh * (at_new * reset)], axis=1)
    dweight = dinner.mT @ before if needs[2] else None
    return dx, carry.start(), dweight, total(dinner, 0)


@op(pullback=_gru_pull, samples=_gru_inputs)
def gru(x: Any, first: Any, weight: Any, bias: Any, /, sizes: Sizes, reverse: bool) -> Any:
    """Gated recurrent unit: `(rows, 3H), (batch, H), (3H, H), (3H,) -> (rows, H)`.

    With r, z, n the parts of xₜ and r', z', n' those of W hₜ₋₁ + b: r = σ(r + r'), z = σ(z + z'),
    n = tanh(n + r n'), hₜ = (1 − z) n + z hₜ₋₁ (Cho and others 2014, in the form in which the
    reset gate acts behind the product).

    Raises:
        ShapeError: The shapes do not fit.
    """
    _check("gru", x, first, weight, 3, sizes)
    xp = namespace(x)
    wide = first.shape[1]
    y = xp.empty((x.shape[0], wide), dtype=xp.result_type(x, first, weight, bias))
    turned, h = xp.ascontiguousarray(weight.mT), first
    for rows, count, fresh in _run(sizes, reverse, first):
        h = h[:count] if fresh is None else xp.concatenate((h, fresh))
        inner = h @ turned
        inner += bias
        gates = xp.sigmoid(x[rows, : 2 * wide] + inner[:, : 2 * wide])
        inner[:, 2 * wide :] *= gates[:, :wide]
        new = xp.tanh(x[rows, 2 * wide :] + inner[:, 2 * wide :])
        # (1 − z) n + z h, with one product less.
        y[rows] = new + gates[:, wide:] * (h - new)
        h = y[rows]
    return y
