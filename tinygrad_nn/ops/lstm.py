"""Long short-term memory over a whole sequence, as a single node.

How rows stand and steps are run is told in `ops.recurrent`. A batch of sequences of one length is
run by a kernel with the batch innermost in memory. A kernel for the gradient of such batches was
12 % quicker than the rule below (17.7 against 19.8 ms at W6), and dropped for that.
"""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.ops.elementwise import sigmoid, tanh
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.ops.recurrent import Carry, Sizes, before, check, drawn, run, steps
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import expand_dims, reshape

__all__: list[str] = []


def _inputs(draw: Draw) -> Sample:
    narrow = draw.choice([None, 1, 2])
    (x, first, inner, outer), static = drawn(draw, 4, narrow)
    if draw.choice([False, True]):
        static["sizes"] = (2,) * draw.integer(1, 3)
        x, first = draw.array((sum(static["sizes"]), x.shape[1])), draw.array((2, first.shape[1]))
    hidden = outer.shape[0] // 4
    cells = draw.array((first.shape[0], hidden))
    rest = draw.choice([(), (draw.array(outer.shape[:1]),)])
    if narrow is not None:
        rest = (*rest, draw.array((narrow, hidden)))
    return (x, first, cells, inner, outer, *rest), static


def _parts(rest: tuple[Any, ...]) -> tuple[Any, Any]:
    """Bias and projection, each None where it is not there."""
    bias = next((a for a in rest if a.ndim == 1), None)
    return bias, next((a for a in rest if a.ndim == 2), None)


def _is_even(sizes: Sizes) -> bool:
    return len(set(sizes)) == 1 and sizes[0] > 0


def _pull(
    g: Any, y: Any, *inputs: Any, needs: tuple[bool, ...], sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    x, first, cells, inner, outer, *rest = inputs
    bias, shrink = _parts(tuple(rest))
    wide, narrow = cells.shape[1], first.shape[1]
    old = before(y[:, :narrow], first, sizes, reverse)
    sums = linear(x, inner, *([] if bias is None else [bias])) + old @ outer.mT
    inlet, forget = sigmoid(sums[:, :wide]), sigmoid(sums[:, wide : 2 * wide])
    new, outlet = tanh(sums[:, 2 * wide : 3 * wide]), sigmoid(sums[:, 3 * wide :])
    bent = tanh(y[:, narrow:])
    # Slopes of the cells in the first three gates, and of the output in the last and in the cells.
    memory = before(y[:, narrow:], cells, sizes, reverse)
    slopes = stack(
        [
            new * inlet * (1.0 - inlet),
            memory * forget * (1.0 - forget),
            inlet * (1.0 - new * new),
        ],
        axis=1,
    )
    at_outlet, at_cells = bent * outlet * (1.0 - outlet), outlet * (1.0 - bent * bent)
    output, kept, parts, hidden = Carry(first, reverse), Carry(cells, reverse), {}, {}
    for start, count in steps(sizes, reverse)[::-1]:
        rows = slice(start, start + count)
        from_output, from_memory = output.take(count), kept.take(count)
        dh, dc = g[rows, :narrow], g[rows, narrow:]
        if from_output is not None:
            dh, dc = dh + from_output, dc + from_memory
        hidden[start] = dh
        if shrink is not None:
            dh = dh @ shrink
        dc = dc + dh * at_cells[rows]
        three = reshape(expand_dims(dc, 1) * slopes[rows], (count, 3 * wide))
        parts[start] = concat([three, dh * at_outlet[rows]], axis=1)
        output.now, kept.now = parts[start] @ outer, dc * forget[rows]
    order = [start for start, _ in steps(sizes, False)]
    dsum = concat([parts[start] for start in order])
    found = [dsum @ inner if needs[0] else None, output.start(), kept.start()]
    found += [dsum.mT @ x, dsum.mT @ old]
    if bias is not None:
        found.append(total(dsum, 0))
    if shrink is not None:
        found.append(concat([hidden[start] for start in order]).mT @ (outlet * bent))
    return tuple(found)


@op(pullback=_pull, samples=_inputs)
def _lstm(*inputs: Any, sizes: Sizes, reverse: bool) -> Any:
    """Long short-term memory; outputs and cells side by side in each row.

    `lstm(x, h₀, c₀, W, U)`, and behind them a bias b and a projection R where there are such:
    `(rows, I), (batch, P), (batch, H), (4H, I), (4H, P), (4H,), (P, H) -> (rows, P + H)`. With
    i, f, g, o the four parts of W xₜ + U hₜ₋₁ + b: cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g),
    hₜ = σ(o) tanh(cₜ) (Hochreiter and Schmidhuber 1997; the forget gate is that of Gers,
    Schmidhuber and Cummins 2000), or R times that (Sak, Senior and Beaufays 2014).

    Raises:
        ShapeError: The shapes do not fit.
    """
    x, first, cells, inner, outer, *rest = inputs
    check("lstm", x, first, inner, outer, sizes)
    bias, shrink = _parts(tuple(rest))
    xp = namespace(x)
    if _is_even(sizes):
        return xp.lstm_steps(x, first, cells, inner, outer, bias, shrink, reverse)
    sums = linear(x, inner, *([] if bias is None else [bias]))
    wide, narrow = cells.shape[1], first.shape[1]
    y = xp.empty((x.shape[0], narrow + wide), dtype=xp.result_type(*inputs))
    turned = xp.ascontiguousarray(outer.mT)
    h, c = first, cells
    for rows, count, fresh in run(sizes, reverse, first):
        if fresh is None:
            h, c = h[:count], c[:count]
        else:
            c = xp.concatenate((c, cells[len(c) : count]))
            h = xp.concatenate((h, fresh))
        gates = h @ turned
        gates += sums[rows]
        inlet = xp.sigmoid(gates[:, : 2 * wide])
        c = inlet[:, wide:] * c + inlet[:, :wide] * xp.tanh(gates[:, 2 * wide : 3 * wide])
        h = xp.sigmoid(gates[:, 3 * wide :]) * xp.tanh(c)
        if shrink is not None:
            h = h @ shrink.mT
        y[rows, :narrow], y[rows, narrow:] = h, c
    return y


def lstm(*inputs: Any, sizes: Sizes, reverse: bool) -> tuple[Any, Any]:
    """Outputs and cells of `_lstm`."""
    y = _lstm(*inputs, sizes=sizes, reverse=reverse)
    narrow = inputs[1].shape[1]
    return y[:, :narrow], y[:, narrow:]
