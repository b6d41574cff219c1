"""Single steps of recurrent networks: `RNNCell`, `LSTMCell`, `GRUCell`."""

from __future__ import annotations

from math import sqrt
from typing import Any, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.recurrent_steps import Elman, Gated, LongShortTerm, Step, each
from tinygrad_nn.ops.shape import expand_dims

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    """One step: `(N, in)` or `(in,)`, and the state before it."""

    rule: Step

    def __init__(self, input_size: int, hidden_size: int, bias: bool, factory: Factory) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = whole(name, "input_size", input_size)
        self.hidden_size = whole(name, "hidden_size", hidden_size, 1)
        self.bias = bias
        first, bound = Start(name, factory), 1 / sqrt(hidden_size)
        rows = self.rule.gates * hidden_size
        self.weight_ih = first.uniform((rows, input_size), bound)
        self.weight_hh = first.uniform((rows, hidden_size), bound)
        self.bias_ih = first.uniform((rows,), bound) if bias else None
        self.bias_hh = first.uniform((rows,), bound) if bias else None

    def forward(self, input: Any, hx: Any = None) -> Any:
        """State after the step; for an LSTM the pair of output and cells.

        Args:
            input: `(N, input_size)` or `(input_size,)`.
            hx: State before it, `(N, hidden_size)` or `(hidden_size,)`, or the pair of them;
                None for zeros.

        Raises:
            ShapeError: The shapes do not fit.
        """
        x = operand(type(self).__name__, input)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: got x {tuple(x.shape)}, expected (N, {self.input_size}) "
                f"or ({self.input_size},)"
            )
        single = x.ndim == 1
        if single:
            x, hx = expand_dims(x, 0), each(hx, lambda h: expand_dims(h, 0))
        states = self._states(hx, x)
        biases = (self.bias_ih, self.bias_hh) if self.bias else ()
        weights = (self.weight_ih, self.weight_hh, *biases)
        _, found = self.rule(x, states, weights, (x.shape[0],), False)
        new = tuple(state[0] for state in found) if single else tuple(found)
        return new if self.rule.has_cells else new[0]

    def _states(self, hx: Any, x: Any) -> tuple[Any, ...]:
        count = 2 if self.rule.has_cells else 1
        shape = (x.shape[0], self.hidden_size)
        if hx is None:
            payload = raw(x)
            return (namespace(payload).zeros(shape, payload.dtype),) * count
        states = tuple(hx) if self.rule.has_cells else (hx,)
        for state in states:
            if len(states) != count or tuple(state.shape) != shape:
                raise ShapeError(
                    f"{type(self).__name__}: got states {[tuple(s.shape) for s in states]} for x "
                    f"{tuple(x.shape)}, expected {count} of {shape}"
                )
        return states

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of `RNN`: `(N, in), (N, hidden) -> (N, hidden)`.

    Args:
        input_size: Numbers at each step.
        hidden_size: Neurons.
        bias: Whether there are b and b'.
        nonlinearity: "tanh" or "relu".
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight_ih: Parameter (hidden, in).
        weight_hh: Parameter (hidden, hidden).
        bias_ih: Parameter (hidden,), or None.
        bias_hh: Parameter (hidden,), or None.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        **factory: Unpack[Factory],
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise OptionError(
                f"RNNCell: got nonlinearity={nonlinearity!r}, expected 'tanh' or 'relu'"
            )
        self.__dict__["rule"] = Elman(nonlinearity)
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__(input_size, hidden_size, bias, factory)

    def extra_repr(self) -> str:
        """Sizes and options."""
        chosen = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + chosen


class LSTMCell(_Cell):
    """One step of `LSTM`: `(N, in), ((N, hidden), (N, hidden)) -> ((N, hidden), (N, hidden))`.

    Args:
        input_size: Numbers at each step.
        hidden_size: Cells.
        bias: Whether there are b and b'.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight_ih: Parameter (4 hidden, in), the gates in the order i, f, g, o.
        weight_hh: Parameter (4 hidden, hidden).
        bias_ih: Parameter (4 hidden,), or None.
        bias_hh: Parameter (4 hidden,), or None.
    """

    rule = LongShortTerm()

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, **factory: Unpack[Factory]
    ) -> None:
        super().__init__(input_size, hidden_size, bias, factory)


class GRUCell(_Cell):
    """One step of `GRU`: `(N, in), (N, hidden) -> (N, hidden)`.

    Args:
        input_size: Numbers at each step.
        hidden_size: Units.
        bias: Whether there are b and b'.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight_ih: Parameter (3 hidden, in), the gates in the order r, z, n.
        weight_hh: Parameter (3 hidden, hidden).
        bias_ih: Parameter (3 hidden,), or None.
        bias_hh: Parameter (3 hidden,), or None.
    """

    rule = Gated()

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, **factory: Unpack[Factory]
    ) -> None:
        super().__init__(input_size, hidden_size, bias, factory)
