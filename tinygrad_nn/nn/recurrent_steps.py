"""How rows of inputs and states become outputs: what recurrent layers and cells have in common."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.ops.lstm import lstm
from tinygrad_nn.ops.recurrent import gru, rnn

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
        bias = [biases[0] + biases[1]] if biases else []
        options = {"sizes": sizes, "reverse": reverse, "nonlinearity": self.nonlinearity}
        return (rnn(x, states[0], inner, outer, *bias, **options),)


class LongShortTerm(Step):
    """Of `LSTM`."""

    gates = 4
    has_cells = True

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Any, reverse: bool
    ) -> tuple[Any, ...]:
        inner, outer, *rest = weights
        biases, shrink = rest[: len(rest) // 2 * 2], rest[len(rest) // 2 * 2 :]
        bias = [biases[0] + biases[1]] if biases else []
        return lstm(x, *states, inner, outer, *bias, *shrink, sizes=sizes, reverse=reverse)


class Gated(Step):
    """Of `GRU`."""

    gates = 3

    def __call__(
        self, x: Any, states: tuple[Any, ...], weights: tuple[Any, ...], sizes: Any, reverse: bool
    ) -> tuple[Any, ...]:
        return (gru(x, states[0], *weights, sizes=sizes, reverse=reverse),)


def each(hx: Any, change: Any) -> Any:
    """`change` of a state, or of each of a pair; None stays None."""
    if hx is None:
        return None
    return tuple(map(change, hx)) if isinstance(hx, (tuple, list)) else change(hx)
