"""How rows of inputs and states become outputs: what recurrent layers and cells have in common."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.nn.functional.operands import raw
from tinygrad_nn.ops.gather import take
from tinygrad_nn.ops.lstm import lstm, lstm_rows
from tinygrad_nn.ops.recurrent import gru, last_rows, rnn
from tinygrad_nn.ops.shape import reshape

__all__: list[str] = []


Sizes = tuple[int, ...]
Found = tuple[Any, tuple[Any, ...]]


class Step:
    """What one direction of one layer computes of a batch of sequences.

    Attributes:
        gates: Blocks of rows in its weights.
        has_cells: Whether there are cells besides the outputs.
    """

    gates: int
    has_cells = False

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Sizes, reverse: bool
    ) -> Found:
        """Outputs, and the last states: output, and cells if there are some.

        Args:
            x: Steps of sequences of one length `(T, N, in)`, or their rows behind one another.
            states: At the start.
            weights: And biases, in the order of the layer.
            sizes: Rows of each step.
            reverse: Whether it begins at the end.
        """
        raise NotImplementedError


class Elman(Step):
    """Of `RNN`."""

    gates = 1

    def __init__(self, nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Sizes, reverse: bool
    ) -> Found:
        inner, outer, *biases = weights
        bias = [biases[0] + biases[1]] if biases else []
        y = rnn(
            _rows(x), states[0], inner, outer, *bias,
            sizes=sizes, reverse=reverse, nonlinearity=self.nonlinearity,
        )  # fmt: skip
        return _like(x, y), (_ends(y, sizes, reverse),)


class LongShortTerm(Step):
    """Of `LSTM`."""

    gates = 4
    has_cells = True

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Sizes, reverse: bool
    ) -> Found:
        inner, outer, *rest = weights
        biases, shrink = rest[: len(rest) // 2 * 2], rest[len(rest) // 2 * 2 :]
        bias = [biases[0] + biases[1]] if biases else []
        given = (*states, inner, outer, *bias, *shrink)
        if x.ndim == 3 or len(set(sizes)) == 1:
            steps = x if x.ndim == 3 else reshape(x, (len(sizes), sizes[0], x.shape[1]))
            y, *last = lstm(steps, *given, reverse=reverse)
            return y if x.ndim == 3 else _rows(y), tuple(last)
        found = lstm_rows(x, *given, sizes=sizes, reverse=reverse)
        return found[0], tuple(_ends(rows, sizes, reverse) for rows in found)


class Gated(Step):
    """Of `GRU`."""

    gates = 3

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Sizes, reverse: bool
    ) -> Found:
        y = gru(_rows(x), states[0], *weights, sizes=sizes, reverse=reverse)
        return _like(x, y), (_ends(y, sizes, reverse),)


def _rows(x: Any) -> Any:
    """Steps as rows behind one another."""
    return x if x.ndim == 2 else reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def _like(x: Any, rows: Any) -> Any:
    """`rows` as steps, if x has these."""
    return rows if x.ndim == 2 else reshape(rows, (*x.shape[:2], rows.shape[-1]))


def _ends(y: Any, sizes: Sizes, reverse: bool) -> Any:
    """Rows of the last steps; of a batch of equal lengths they stand together."""
    ends = last_rows(sizes, reverse)
    first = ends[0] if ends else 0
    if ends == tuple(range(first, first + len(ends))):
        return y[first : first + len(ends)]
    return take(y, namespace(raw(y)).asarray(ends), axis=0)


def each(hx: Any, change: Any) -> Any:
    """`change` of a state, or of each of a pair; None stays None."""
    if hx is None:
        return None
    return tuple(map(change, hx)) if isinstance(hx, (tuple, list)) else change(hx)
