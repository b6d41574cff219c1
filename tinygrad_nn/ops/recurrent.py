"""Recurrent layers over a whole sequence, each as a single node.

The rows of a batch stand behind one another, step by step: first the rows of step 0, then those
of step 1, and so on, as in a packed sequence. `sizes` says how many rows each step has, and never
rises: sequences that have ended have no rows any more.

What comes from the inputs, x Wᵀ + b, is one product for all steps; each step adds what comes from
the last one. The gradient goes through the steps backwards, and again all that can be computed
for all steps at once is: gates, slopes, and the gradients of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.elementwise import sigmoid, tanh
from tinygrad_nn.ops.gather import take
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.neural import linear
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


@lru_cache(maxsize=64)
def last_rows(sizes: Sizes, reverse: bool) -> tuple[int, ...]:
    """For each sequence the row of its last computed step.

    Kept, as a training asks for the same each step: 0.2 ms for 64 steps of 32 rows.
    """
    last = [0] * max(sizes, default=0)
    for start, count in steps(sizes, reverse):
        for i in range(count):
            last[i] = start + i
    return tuple(last)


def before(y: Any, first: Any, sizes: Sizes, reverse: bool) -> Any:
    """State before each row, of outputs `y` and the first state."""
    if all(a == b for a, b in pairwise(sizes)):
        cut = len(first)
        return concat([y[cut:], first]) if reverse else concat([first, y[: len(y) - cut]])
    return take(concat([y, first]), previous_rows(sizes, reverse), axis=0)


class Carry:
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


def check(name: str, x: Any, first: Any, inner: Any, outer: Any, sizes: Sizes) -> None:
    """Refuse inputs and weights that do not fit.

    Raises:
        ShapeError: They do not.
    """
    rows, batch = sum(sizes), max(sizes, default=0)
    if x.shape != (rows, inner.shape[1]) or first.shape != (batch, outer.shape[1]):
        raise ShapeError(
            f"{name}: got inputs {x.shape}, a state {first.shape} and weights {inner.shape} and "
            f"{outer.shape} for steps of {sizes[:8]} rows, expected inputs "
            f"({rows}, {inner.shape[1]}) and a state ({batch}, {outer.shape[1]})"
        )


def run(sizes: Sizes, reverse: bool, first: Any) -> Iterator[tuple[slice, int, Any]]:
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


def drawn(draw: Draw, gates: int, narrow: int | None = None) -> tuple[list[Any], dict[str, Any]]:
    """Inputs, first state and both weights, and the static arguments."""
    sizes, hidden, inputs = _drawn_sizes(draw), draw.integer(1, 2), draw.integer(1, 2)
    out = hidden if narrow is None else narrow
    x, first = draw.array((sum(sizes), inputs)), draw.array((sizes[0], out))
    inner, outer = draw.array((gates * hidden, inputs)), draw.array((gates * hidden, out))
    return [x, first, inner, outer], {"sizes": sizes, "reverse": draw.choice([False, True])}


# ── Elman's network ─────────────────────────────────────────────────────────────────────


def _rnn_inputs(draw: Draw) -> Sample:
    (x, first, inner, outer), static = drawn(draw, 1)
    bias = draw.choice([(), (draw.array(outer.shape[:1]),)])
    return (x, first, inner, outer, *bias), {**static, "nonlinearity": "tanh"}


def _rnn_pull(
    g: Any,
    y: Any,
    x: Any,
    first: Any,
    inner: Any,
    outer: Any,
    *bias: Any,
    needs: tuple[bool, ...],
    sizes: Sizes,
    reverse: bool,
    nonlinearity: str,
) -> tuple[Any, ...]:
    slope = 1.0 - y * y if nonlinearity == "tanh" else where(greater(y, 0.0), 1.0, 0.0 * y)
    carry, parts = Carry(first, reverse), {}
    for start, count in steps(sizes, reverse)[::-1]:
        rows = slice(start, start + count)
        arrived = carry.take(count)
        dh = g[rows] if arrived is None else g[rows] + arrived
        parts[start] = dh * slope[rows]
        carry.now = parts[start] @ outer
    dsum = concat([parts[start] for start, _ in steps(sizes, False)])
    return (
        dsum @ inner if needs[0] else None,
        carry.start(),
        dsum.mT @ x if needs[2] else None,
        dsum.mT @ before(y, first, sizes, reverse) if needs[3] else None,
        *([total(dsum, 0)] if bias else []),
    )


@op(pullback=_rnn_pull, samples=_rnn_inputs)
def rnn(*inputs: Any, sizes: Sizes, reverse: bool, nonlinearity: str = "tanh") -> Any:
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b) for all steps: `rnn(x, h₀, W, U)` or `rnn(x, h₀, W, U, b)`.

    `(rows, I), (batch, H), (H, I), (H, H), (H,) -> (rows, H)`. Elman, "Finding structure in time"
    (1990). With the nonlinearity "relu", max(0, ·).

    Raises:
        ShapeError: The shapes do not fit.
    """
    x, first, inner, outer, *bias = inputs
    check("rnn", x, first, inner, outer, sizes)
    xp = namespace(x)
    sums = linear(x, inner, *bias)
    y = xp.empty(sums.shape, dtype=xp.result_type(sums, first, outer))
    turned, h = outer.mT, first
    for rows, count, fresh in run(sizes, reverse, first):
        h = h[:count] if fresh is None else xp.concatenate((h, fresh))
        step = h @ turned
        step += sums[rows]
        h = y[rows] = xp.tanh(step) if nonlinearity == "tanh" else xp.maximum(step, 0)
    return y


# ── Gated recurrent unit ────────────────────────────────────────────────────────────────


def _gru_inputs(draw: Draw) -> Sample:
    (x, first, inner, outer), static = drawn(draw, 3)
    rows = outer.shape[:1]
    biases = draw.choice([(), (draw.array(rows), draw.array(rows))])
    return (x, first, inner, outer, *biases), static


def _gru_pull(
    g: Any,
    y: Any,
    x: Any,
    first: Any,
    inner: Any,
    outer: Any,
    *biases: Any,
    needs: tuple[bool, ...],
    sizes: Sizes,
    reverse: bool,
) -> tuple[Any, ...]:
    wide = first.shape[1]
    old = before(y, first, sizes, reverse)
    ahead, inside = linear(x, inner, *biases[:1]), linear(old, outer, *biases[1:])
    gates = sigmoid(ahead[:, : 2 * wide] + inside[:, : 2 * wide])
    reset, keep = gates[:, :wide], gates[:, wide:]
    new = tanh(ahead[:, 2 * wide :] + reset * inside[:, 2 * wide :])
    at_new = (1.0 - keep) * (1.0 - new * new)
    at_reset = at_new * inside[:, 2 * wide :] * reset * (1.0 - reset)
    at_keep = (old - new) * keep * (1.0 - keep)
    slopes = stack([at_reset, at_keep, at_new * reset], axis=1)
    carry, parts = Carry(first, reverse), {}
    for start, count in steps(sizes, reverse)[::-1]:
        rows = slice(start, start + count)
        arrived = carry.take(count)
        dh = g[rows] if arrived is None else g[rows] + arrived
        parts[start] = dh
        sums = reshape(expand_dims(dh, 1) * slopes[rows], (count, 3 * wide))
        carry.now = dh * keep[rows] + sums @ outer
    dh = concat([parts[start] for start, _ in steps(sizes, False)])
    dahead = concat([dh * at_reset, dh * at_keep, dh * at_new], axis=1)
    dinside = concat([dahead[:, : 2 * wide], dh * (at_new * reset)], axis=1)
    return (
        dahead @ inner if needs[0] else None,
        carry.start(),
        dahead.mT @ x if needs[2] else None,
        dinside.mT @ old if needs[3] else None,
        *([total(dahead, 0), total(dinside, 0)] if biases else []),
    )


@op(pullback=_gru_pull, samples=_gru_inputs)
def gru(*inputs: Any, sizes: Sizes, reverse: bool) -> Any:
    """Gated recurrent unit: `gru(x, h₀, W, U)` or `gru(x, h₀, W, U, b, b')`.

    `(rows, I), (batch, H), (3H, I), (3H, H), (3H,), (3H,) -> (rows, H)`. With r, z, n the parts of
    W xₜ + b and r', z', n' those of U hₜ₋₁ + b': r = σ(r + r'), z = σ(z + z'), n = tanh(n + r n'),
    hₜ = (1 − z) n + z hₜ₋₁ (Cho and others 2014, in the form in which the reset gate acts behind
    the product).

    Raises:
        ShapeError: The shapes do not fit.
    """
    x, first, inner, outer, *biases = inputs
    check("gru", x, first, inner, outer, sizes)
    xp = namespace(x)
    wide = first.shape[1]
    ahead = linear(x, inner, *biases[:1])
    y = xp.empty((x.shape[0], wide), dtype=xp.result_type(ahead, first, outer))
    turned, h = xp.ascontiguousarray(outer.mT), first
    for rows, count, fresh in run(sizes, reverse, first):
        h = h[:count] if fresh is None else xp.concatenate((h, fresh))
        inside = h @ turned
        if biases:
            inside += biases[1]
        gates = xp.sigmoid(ahead[rows, : 2 * wide] + inside[:, : 2 * wide])
        inside[:, 2 * wide :] *= gates[:, :wide]
        new = xp.tanh(ahead[rows, 2 * wide :] + inside[:, 2 * wide :])
        # (1 − z) n + z h, with one product less.
        y[rows] = new + gates[:, wide:] * (h - new)
        h = y[rows]
    return y
