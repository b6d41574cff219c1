"""How rows of inputs and states become outputs: what recurrent layers and cells have in common."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.nn.functional.losses import raw
from tinygrad_nn.ops import recurrent as ops
from tinygrad_nn.ops.neural import linear

__all__: list[str] = []


class Step:
    """What one direction of one layer computes of all its rows.

    Attributes:
        gates: Blocks of rows in its weights.
        has_cells: Whether there are cells besides the outputs.
    """

    gates: int
    has_cells = False

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Any, reverse: bool
    ) -> tuple[Any, ...]:
        """Outputs of all rows, and the cells besides if there are some."""
        raise NotImplementedError


class Elman(Step):
    """Of `RNN`."""

    gates = 1

    def __init__(self, nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Any, reverse: bool
    ) -> tuple[Any, ...]:
        inner, outer, *biases = weights
        rows = linear(x, inner, *([biases[0] + biases[1]] if biases else []))
        options = {"sizes": sizes, "reverse": reverse, "nonlinearity": self.nonlinearity}
        return (ops.rnn(rows, states[0], outer, **options),)


class LongShortTerm(Step):
    """Of `LSTM`."""

    gates = 4
    has_cells = True

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Any, reverse: bool
    ) -> tuple[Any, ...]:
        inner, outer, *rest = weights
        biases, shrink = rest[: len(rest) // 2 * 2], rest[len(rest) // 2 * 2 :]
        rows = linear(x, inner, *([biases[0] + biases[1]] if biases else []))
        return ops.lstm(rows, *states, outer, *shrink, sizes=sizes, reverse=reverse)


class Gated(Step):
    """Of `GRU`."""

    gates = 3

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Any, reverse: bool
    ) -> tuple[Any, ...]:
        inner, outer, *biases = weights
        rows = linear(x, inner, *biases[:1])
        payload = raw(outer)
        bias = biases[1] if biases else namespace(payload).zeros(payload.shape[0], payload.dtype)
        return (ops.gru(rows, states[0], outer, bias, sizes=sizes, reverse=reverse),)


def each(hx: Any, change: Any) -> Any:
    """`change` of a state, or of each of a pair; None stays None."""
    if hx is None:
        return None
    return tuple(map(change, hx)) if isinstance(hx, (tuple, list)) else change(hx)
