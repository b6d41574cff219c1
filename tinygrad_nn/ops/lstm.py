"""Long short-term memory over whole sequences, as a single node.

Sequences of one length are run by a kernel, with the batch innermost in memory; its result keeps
the gates, since to compute them anew is a third of the backward pass. Their gradient is found by
a kernel too: 10 ms in place of 20 in operations, at 32 sequences of 64 steps with 128 cells.
Sequences of different lengths stand in rows, as told in `ops.recurrent`.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.op import op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import ShapeError
from tinygrad_nn.ops.elementwise import sigmoid, tanh
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.ops.recurrent import Carry, Sizes, before, check, drawn, run, steps
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import copy, expand_dims, permute_dims, reshape, zeros_like

__all__: list[str] = []


def _drawn_rows(draw: Draw) -> Sample:
    narrow = draw.choice([None, 1, 2])
    (x, first, inner, outer), static = drawn(draw, 4, narrow)
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


# ── Sequences of one length ─────────────────────────────────────────────────────────────


def _drawn(draw: Draw) -> Sample:
    count, batch, inputs, wide = (draw.integer(1, 3) for _ in range(4))
    narrow = draw.choice([None, 1, 2])
    out = wide if narrow is None else narrow
    shapes = [(count, batch, inputs), (batch, out), (batch, wide), (4 * wide, inputs)]
    shapes += [(4 * wide, out), *draw.choice([[], [(4 * wide,)]])]
    shapes += [] if narrow is None else [(narrow, wide)]
    return tuple(map(draw.array, shapes)), {"reverse": draw.choice([False, True])}


def _drawn_slope(draw: Draw) -> Sample:
    inputs, static = _drawn(draw)
    y = _lstm(*inputs, **static)
    return (draw.array(y.shape), y, *inputs), {**static, "to_x": draw.choice([False, True])}


class _Steps(NamedTuple):
    """What was computed at all steps, each (T, H, N), and slopes (T, 4H, N) of the gates."""

    inlet: Any
    forget: Any
    outlet: Any
    fresh: Any
    memory: Any
    bent: Any
    slopes: Any

    @classmethod
    def of(cls, y: Any, cells: Any, narrow: int, reverse: bool) -> _Steps:
        wide = cells.shape[1]
        ends = range(narrow, narrow + 5 * wide, wide)
        c, *gates = (y[:, end : end + wide] for end in ends)
        between = y[:, narrow + wide : narrow + 4 * wide]
        slopes = concat([between * (1.0 - between), 1.0 - gates[3] * gates[3]], axis=1)
        inlet, forget, outlet, fresh = gates
        memory = _earlier(c, cells, reverse)
        return cls(inlet, forget, outlet, fresh, memory, tanh(c), slopes)


def _turned(rows: Any) -> Any:
    """Blocks i, f, g, o of rows as i, f, o, g, in which the gates are kept, and back."""
    wide = rows.shape[0] // 4
    return concat([rows[: 2 * wide], rows[3 * wide :], rows[2 * wide : 3 * wide]])


def _earlier(states: Any, first: Any, reverse: bool) -> Any:
    """State before each step, (T, H, N), where `first` is (N, H)."""
    start = expand_dims(first.mT, 0)
    return concat([states[1:], start]) if reverse else concat([start, states[:-1]])


def _later(slopes: Any, reverse: bool) -> tuple[Any, Any]:
    """Gradients of the states and of the first one, from those of `_earlier`."""
    last = -1 if reverse else 0
    nothing = zeros_like(slopes[:1])
    parts = [nothing, slopes[:-1]] if reverse else [slopes[1:], nothing]
    return concat(parts), slopes[last].mT


def _flat(steps: Any) -> Any:
    """(T, H, N) as (H, T · N)."""
    count, rows, batch = steps.shape
    return reshape(permute_dims(steps, (1, 0, 2)), (rows, count * batch))


def _descended(
    g: Any, s: _Steps, narrow: int, outer: Any, shrink: Any, reverse: bool
) -> tuple[Any, Any, Any]:
    """Gradients of the outputs, the cells, and the gates at each step."""
    wide, back = s.bent.shape[1], _turned(outer).mT
    at_cells = s.outlet * (1.0 - s.bent * s.bent)
    outputs, cells, gates = {}, {}, {}
    dh, dc, order = 0.0, 0.0, range(len(g))
    for t in order if reverse else order[::-1]:
        at = outputs[t] = g[t, :narrow] + dh
        if shrink is not None:
            at = shrink.mT @ at
        dc = cells[t] = g[t, narrow : narrow + wide] + dc + at * at_cells[t]
        direct = concat([dc * s.fresh[t], dc * s.memory[t], at * s.bent[t], dc * s.inlet[t]])
        gates[t] = direct + g[t, narrow + wide :]
        dh, dc = back @ (gates[t] * s.slopes[t]), dc * s.forget[t]
    return tuple(stack([found[t] for t in order]) for found in (outputs, cells, gates))


def _ascended(
    given: Any, ah: Any, ac: Any, turn: Any, s: _Steps, outer: Any, shrink: Any, reverse: bool
) -> tuple[Any, Any, Any, Any]:
    """The transpose of `_descended`: from `given` to its sums, and `turn` to its outputs.

    Gradients of the sums, the outputs, what they are projected from, and the cells.
    """
    wide, weight = s.bent.shape[1], _turned(outer)
    at_cells = s.outlet * (1.0 - s.bent * s.bent)
    sums, outputs, wholes, cells = {}, {}, {}, {}
    dh, dc, order = ah.mT, ac.mT, range(len(given))
    for t in order[::-1] if reverse else order:
        sums[t] = given[t] + weight @ dh
        direct = sums[t] * s.slopes[t]
        parts = [direct[k * wide : (k + 1) * wide] for k in range(4)]
        dc = dc * s.forget[t] + parts[0] * s.fresh[t] + parts[1] * s.memory[t]
        dc = cells[t] = dc + parts[3] * s.inlet[t]
        dh = wholes[t] = parts[2] * s.bent[t] + dc * at_cells[t]
        if shrink is not None:
            dh = shrink @ dh + turn[t]
        outputs[t] = dh
    found = (sums, outputs, wholes, cells)
    return tuple(stack([a[t] for t in order]) for a in found)


def _slope_pull(
    a: Any, flat: Any, g: Any, y: Any, *inputs: Any, needs: Any, reverse: bool, to_x: bool
) -> tuple[Any, ...]:
    """Of what `_descended` and the products behind it compute, line by line from the end."""
    x, first, cells, inner, outer, *rest = inputs
    bias, shrink = _parts(tuple(rest))
    ax, ah, ac, a_inner, a_outer, *more = _cut(a, inputs, to_x)
    wide, narrow = cells.shape[1], first.shape[1]
    s = _Steps.of(y, cells, narrow, reverse)
    outputs, dc, gates = _descended(g, s, narrow, outer, shrink, reverse)
    at, turn, sums = outputs, 0.0, gates * s.slopes
    old, projected = _earlier(y[:, :narrow], first, reverse), s.outlet * s.bent
    given = _turned(a_inner) @ x.mT + _turned(a_outer) @ old
    if bias is not None:
        given = given + expand_dims(_turned(more[0]), 1)
    if to_x:
        given = given + _turned(inner) @ ax.mT
    if shrink is not None:
        at, turn = shrink.mT @ outputs, more[-1] @ projected
    ds, dh, dwhole, dcells = _ascended(given, ah, ac, turn, s, outer, shrink, reverse)
    direct = ds * s.slopes
    to_inlet, to_forget, to_outlet, to_fresh = (
        direct[:, k * wide : (k + 1) * wide] for k in range(4)
    )
    level = ds * gates
    between = y[:, narrow + wide : narrow + 4 * wide]
    inside = level[:, : 3 * wide] * (1.0 - 2.0 * between)
    of_projected = more[-1].mT @ outputs if shrink is not None else 0.0
    bent, at_cells = s.bent, dcells * at
    to_bent = to_outlet * at - 2.0 * at_cells * s.outlet * bent + of_projected * s.outlet
    to_c, to_first_c = _later(to_forget * dc, reverse)
    to_h, to_first = _later(_turned(a_outer).mT @ sums, reverse)
    to_y = concat(
        [
            to_h,
            to_c + to_bent * (1.0 - bent * bent),
            inside[:, :wide] + to_fresh * dc,
            inside[:, wide : 2 * wide] + _earlier(dcells, ac, reverse) * dc,
            inside[:, 2 * wide :] + at_cells * (1.0 - bent * bent) + of_projected * bent,
            to_inlet * dc - 2.0 * level[:, 3 * wide :] * s.fresh,
        ],
        axis=1,
    )
    rows = _turned(_flat(sums))
    found = [concat([dh, dcells, direct], axis=1), to_y, (_turned(a_inner).mT @ sums).mT]
    found += [to_first, to_first_c]
    found.append(rows @ reshape(ax, (-1, x.shape[2])) if to_x else None)
    found.append(rows @ _flat(_earlier(dh, ah, reverse)).mT)
    found += [] if bias is None else [None]
    found += [] if shrink is None else [_flat(outputs) @ _flat(dwhole).mT]
    return tuple(found)


@op(pullback=_slope_pull, samples=_drawn_slope)
def _lstm_slope(*parts: Any, reverse: bool, to_x: bool) -> Any:
    """Gradients of all inputs of `_lstm` behind one another in a flat array.

    Of (g, y, *inputs), with y the result of `_lstm`; that of x only if asked for. A kernel finds
    them; in operations they would be `_descended`, and products of the sums in the gates.
    """
    g, y, x, first, cells, inner, outer, *rest = parts
    functions, both = namespace(x), _parts(tuple(rest))
    given = (g, y, x, first, cells, inner, outer, *both)
    found = functions.lstm_slope(*given, reverse, to_x)
    return functions.concatenate([a.reshape(-1) for a in found])


def _cut(flat: Any, inputs: tuple[Any, ...], to_x: bool) -> list[Any]:
    """Gradients of the inputs from one flat array; None for an x that was not asked for."""
    found: list[Any] = [] if to_x else [None]
    start = 0
    for x in inputs[len(found) :]:
        found.append(reshape(flat[start : start + prod(x.shape)], x.shape))
        start += prod(x.shape)
    return found


def _pull(g: Any, y: Any, *inputs: Any, needs: tuple[bool, ...], reverse: bool) -> list[Any]:
    return _cut(_lstm_slope(g, y, *inputs, reverse=reverse, to_x=needs[0]), inputs, needs[0])


@op(pullback=_pull, samples=_drawn)
def _lstm(*inputs: Any, reverse: bool) -> Any:
    """Long short-term memory; outputs, cells and gates below one another in each step.

    `lstm(x, h₀, c₀, W, U)`, and behind them a bias b and a projection R where there are such:
    `(T, N, I), (N, P), (N, H), (4H, I), (4H, P), (4H,), (P, H) -> (T, P + 5H, N)`. With i, f, g, o
    the four parts of W xₜ + U hₜ₋₁ + b: cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g), hₜ = σ(o) tanh(cₜ)
    (Hochreiter and Schmidhuber 1997; the forget gate is that of Gers, Schmidhuber and Cummins
    2000), or R times that (Sak, Senior and Beaufays 2014). A step is hₜ, cₜ, σ(i), σ(f), σ(o)
    and tanh(g).

    Raises:
        ShapeError: The shapes do not fit.
    """
    x, first, cells, inner, outer, *rest = inputs
    if x.ndim != 3:
        raise ShapeError(f"lstm: got x {x.shape}, expected (T, N, {inner.shape[1]})")
    _, batch, width = x.shape
    if first.shape[0] != batch or inner.shape[1] != width:
        raise ShapeError(
            f"lstm: got x {x.shape}, a state {first.shape} and a weight {inner.shape}, expected "
            f"x (T, {first.shape[0]}, {inner.shape[1]})"
        )
    bias, shrink = _parts(tuple(rest))
    return namespace(x).lstm_steps(x, first, cells, inner, outer, bias, shrink, reverse)


def lstm(*inputs: Any, reverse: bool) -> tuple[Any, Any, Any]:
    """Outputs `(T, N, P)` of sequences of one length, and the last output and cells.

    Takes what `_lstm` does.
    """
    y = _lstm(*inputs, reverse=reverse)
    narrow, wide = inputs[1].shape[1], inputs[2].shape[1]
    last = 0 if reverse else -1
    outputs, cells = y[:, :narrow].mT, y[last, narrow : narrow + wide].mT
    if getattr(y, "op", None) is None:
        # No graph keeps the gates, and views must not.
        outputs, cells = copy(outputs), copy(cells)
    return outputs, outputs[last], cells


# ── Sequences of different lengths ──────────────────────────────────────────────────────


def _pull_rows(
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


@op(pullback=_pull_rows, samples=_drawn_rows)
def _lstm_rows(*inputs: Any, sizes: Sizes, reverse: bool) -> Any:
    """The same as `_lstm` of sequences in rows; outputs and cells side by side in each row.

    `(rows, I), (batch, P), (batch, H), (4H, I), (4H, P), (4H,), (P, H) -> (rows, P + H)`.

    Raises:
        ShapeError: The shapes do not fit.
    """
    x, first, cells, inner, outer, *rest = inputs
    check("lstm", x, first, inner, outer, sizes)
    bias, shrink = _parts(tuple(rest))
    xp = namespace(x)
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


def lstm_rows(*inputs: Any, sizes: Sizes, reverse: bool) -> tuple[Any, Any]:
    """Outputs and cells of `_lstm_rows`."""
    y = _lstm_rows(*inputs, sizes=sizes, reverse=reverse)
    narrow = inputs[1].shape[1]
    return y[:, :narrow], y[:, narrow:]
