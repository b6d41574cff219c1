"""Recurrent networks over sequences: `RNN`, `LSTM`, `GRU`."""

from __future__ import annotations

from math import sqrt
from typing import Any, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.dropout import dropout
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.recurrent_steps import Elman, Gated, LongShortTerm, Step, each
from tinygrad_nn.nn.utils.rnn import PackedSequence
from tinygrad_nn.ops.gather import take
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.rearrange import swapaxes
from tinygrad_nn.ops.shape import expand_dims

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Module):
    """What the three share: layers, directions, batches, packed sequences."""

    rule: Step

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        factory: Factory,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = whole(name, "input_size", input_size)
        self.hidden_size = whole(name, "hidden_size", hidden_size, 1)
        self.num_layers = whole(name, "num_layers", num_layers, 1)
        self.proj_size = whole(name, "proj_size", proj_size)
        if proj_size >= hidden_size:
            raise OptionError(
                f"{name}: got proj_size={proj_size} and hidden_size={hidden_size}, expected a "
                "smaller proj_size"
            )
        if not 0 <= dropout <= 1:
            raise OptionError(f"{name}: got dropout={dropout!r}, expected a number in [0, 1]")
        self.bias, self.batch_first = bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        self._make(Start(name, factory))

    def _make(self, first: Start) -> None:
        self.rng = first.rng
        hidden, out = self.hidden_size, self.proj_size or self.hidden_size
        rows, bound = self.rule.gates * hidden, 1 / sqrt(hidden)
        for layer in range(self.num_layers):
            width = out * self._directions if layer else self.input_size
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (rows, width),
                "weight_hh": (rows, out),
            }
            if self.bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if self.proj_size:
                shapes["weight_hr"] = (self.proj_size, hidden)
            for suffix in self._suffixes(layer):
                for name, shape in shapes.items():
                    setattr(self, name + suffix, first.uniform(shape, bound))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def _weights(self, suffix: str) -> tuple[Any, ...]:
        names = ["weight_ih", "weight_hh"]
        names += ["bias_ih", "bias_hh"] if self.bias else []
        names += ["weight_hr"] if self.proj_size else []
        return tuple(getattr(self, name + suffix) for name in names)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Outputs of the last layer at each step, and the last states of all layers.

        Args:
            input: `(T, N, input_size)`, with batch_first `(N, T, input_size)`; `(T, input_size)`
                for one sequence; or a `nn.utils.rnn.PackedSequence`.
            hx: First states, `(layers · directions, N, size)`; None for zeros.

        Raises:
            ShapeError: The shapes do not fit.
        """
        if isinstance(input, PackedSequence):
            sizes = tuple(input.batch_sizes.tolist())
            states = self._first(hx, sizes[0], input.data, input.sorted_indices)
            y, last = self._layers(input.data, states, sizes)
            packed = PackedSequence(y, *input[1:])
            return packed, self._packaged(last, input.unsorted_indices)
        x = operand(type(self).__name__, input)
        single = x.ndim == 2
        self._check(x)
        if single:
            x = expand_dims(x, 0 if self.batch_first else 1)
            hx = each(hx, lambda h: expand_dims(h, 1))
        if self.batch_first:
            x = swapaxes(x, 0, 1)
        length, batch = x.shape[:2]
        states = self._first(hx, batch, x, None)
        y, last = self._layers(x, states, (batch,) * length)
        if self.batch_first:
            y = swapaxes(y, 0, 1)
        if single:
            y, last = y[:, 0] if not self.batch_first else y[0], [s[:, 0] for s in last]
        return y, self._packaged(last, None)

    def _check(self, x: Any) -> None:
        order = "(N, T, {})" if self.batch_first else "(T, N, {})"
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: got x {tuple(x.shape)}, expected "
                f"{order.format(self.input_size)} or (T, {self.input_size})"
            )
        if not x.shape[1 if self.batch_first and x.ndim == 3 else 0]:
            raise ShapeError(
                f"{type(self).__name__}: got x {tuple(x.shape)}, expected at least one step"
            )

    def _first(self, hx: Any, batch: int, x: Any, order: Any) -> list[Any]:
        """States at the start, one array for each kind."""
        count = self.num_layers * self._directions
        sides = [self.proj_size or self.hidden_size]
        sides += [self.hidden_size] if self.rule.has_cells else []
        if hx is None:
            payload = raw(x)
            zeros = namespace(payload).zeros
            return [zeros((count, batch, side), payload.dtype) for side in sides]
        given = list(hx) if self.rule.has_cells else [hx]
        names = ("h_0", "c_0")
        if len(given) != len(sides):
            raise ShapeError(
                f"{type(self).__name__}: got {len(given)} states, expected the pair (h_0, c_0)"
            )
        for name, state, side in zip(names, given, sides, strict=False):
            if tuple(state.shape) != (count, batch, side):
                raise ShapeError(
                    f"{type(self).__name__}: got {name} {tuple(state.shape)}, expected "
                    f"({count}, {batch}, {side}): layers and directions, batch, numbers"
                )
        return given if order is None else [take(s, raw(order), axis=1) for s in given]

    def _layers(self, x: Any, states: list[Any], sizes: tuple[int, ...]) -> Any:
        """Outputs of the last layer, and the last states as arrays of one kind each."""
        last: list[list[Any]] = [[] for _ in states]
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = dropout(x, self.dropout, True, rng=self.rng)
            outputs = []
            for way, suffix in enumerate(self._suffixes(layer)):
                place, reverse = layer * self._directions + way, bool(way)
                first = tuple(state[place] for state in states)
                y, ends = self.rule(x, first, self._weights(suffix), sizes, reverse)
                outputs.append(y)
                for kind, end in zip(last, ends, strict=True):
                    kind.append(end)
            x = outputs[0] if len(outputs) == 1 else concat(outputs, axis=-1)
        return x, [stack(kind) for kind in last]

    def _packaged(self, last: list[Any], order: Any) -> Any:
        if order is not None:
            last = [take(s, raw(order), axis=1) for s in last]
        return tuple(last) if self.rule.has_cells else last[0]

    def extra_repr(self) -> str:
        """Sizes, and the options that are not PyTorch's defaults."""
        parts = [str(self.input_size), str(self.hidden_size)]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        defaults |= {"dropout": 0, "bidirectional": False}
        parts += [f"{n}={getattr(self, n)}" for n, d in defaults.items() if getattr(self, n) != d]
        return ", ".join(parts)


class RNN(_Recurrent):
    """Elman's network, hₜ = tanh(W xₜ + b + U hₜ₋₁ + b'): `(T, N, in) -> (T, N, hidden)`.

    From Elman, "Finding structure in time" (1990).

    Args:
        input_size: Numbers at each step.
        hidden_size: Neurons.
        num_layers: Layers, each fed by the one below.
        nonlinearity: "tanh" or "relu".
        bias: Whether there are b and b'.
        batch_first: Whether inputs and outputs are `(N, T, ...)`; states never are.
        dropout: Probability of dropping a number between layers, in training.
        bidirectional: Whether a second network reads from the end; outputs stand side by side.
        factory: rng (of weights and dropout), dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight_ih_l0: Parameter W (hidden, in) of layer 0; `_reverse` behind it for the other way.
        weight_hh_l0: Parameter U (hidden, hidden).
        bias_ih_l0: Parameter b (hidden,).
        bias_hh_l0: Parameter b' (hidden,).

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> outputs, last = nn.RNN(3, 4, rng=0)(tg.zeros((5, 2, 3)))
        >>> outputs.shape, last.shape
        ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **factory: Unpack[Factory],
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise OptionError(f"RNN: got nonlinearity={nonlinearity!r}, expected 'tanh' or 'relu'")
        self.__dict__["rule"] = Elman(nonlinearity)
        self.__dict__["nonlinearity"] = nonlinearity
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0)
        super().__init__(input_size, hidden_size, *options, factory)


class LSTM(_Recurrent):
    """Long short-term memory: `(T, N, in) -> (T, N, hidden)`.

    With i, f, g, o the four parts of W xₜ + b + U hₜ₋₁ + b': cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g),
    hₜ = σ(o) tanh(cₜ) (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and
    Cummins 2000). With a `proj_size`, outputs are R hₜ (Sak, Senior and Beaufays 2014).

    Args:
        input_size: Numbers at each step.
        hidden_size: Cells.
        num_layers: Layers, each fed by the one below.
        bias: Whether there are b and b'.
        batch_first: Whether inputs and outputs are `(N, T, ...)`; states never are.
        dropout: Probability of dropping a number between layers, in training.
        bidirectional: Whether a second network reads from the end; outputs stand side by side.
        proj_size: Numbers of an output; 0 for no R.
        factory: rng (of weights and dropout), dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight_ih_l0: Parameter W (4 hidden, in) of layer 0, the gates in the order i, f, g, o.
        weight_hh_l0: Parameter U (4 hidden, hidden or proj_size).
        bias_ih_l0: Parameter b (4 hidden,).
        bias_hh_l0: Parameter b' (4 hidden,).
        weight_hr_l0: Parameter R (proj_size, hidden), where there is one.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> outputs, (h, c) = nn.LSTM(3, 4, rng=0)(tg.zeros((5, 2, 3)))
        >>> outputs.shape, h.shape, c.shape
        ((5, 2, 4), (1, 2, 4), (1, 2, 4))
    """

    rule = LongShortTerm()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        **factory: Unpack[Factory],
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, proj_size)
        super().__init__(input_size, hidden_size, *options, factory)


class GRU(_Recurrent):
    """Gated recurrent unit: `(T, N, in) -> (T, N, hidden)`.

    r = σ(W_r x + b_r + U_r h + b'_r), z = σ(W_z x + b_z + U_z h + b'_z),
    n = tanh(W_n x + b_n + r (U_n h + b'_n)), hₜ = (1 − z) n + z h (Cho and others 2014).

    Args:
        input_size: Numbers at each step.
        hidden_size: Units.
        num_layers: Layers, each fed by the one below.
        bias: Whether there are b and b'.
        batch_first: Whether inputs and outputs are `(N, T, ...)`; states never are.
        dropout: Probability of dropping a number between layers, in training.
        bidirectional: Whether a second network reads from the end; outputs stand side by side.
        factory: rng (of weights and dropout), dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight_ih_l0: Parameter W (3 hidden, in) of layer 0, the gates in the order r, z, n.
        weight_hh_l0: Parameter U (3 hidden, hidden).
        bias_ih_l0: Parameter b (3 hidden,).
        bias_hh_l0: Parameter b' (3 hidden,).

    Raises:
        OptionError: An option is out of range.
    """

    rule = Gated()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **factory: Unpack[Factory],
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0)
        super().__init__(input_size, hidden_size, *options, factory)
