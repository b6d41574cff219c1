"""The differentiable neural computer: a memory that is allocated, freed and read in order."""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from tinygrad_nn.nn.factory import Factory
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.memory import MemoryCell, MemorySequence, content_weights, oneplus, parts
from tinygrad_nn.ops.diagonal import tril, triu
from tinygrad_nn.ops.elementwise import sigmoid
from tinygrad_nn.ops.gather import take_along_axis
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.order import argsort
from tinygrad_nn.ops.products import matmul
from tinygrad_nn.ops.reduce import prod
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.scan import cumprod
from tinygrad_nn.ops.shape import expand_dims, ones_like, reshape
from tinygrad_nn.ops.softmax import softmax

__all__ = ["DNC", "DNCCell", "DNCState"]


class DNCState(NamedTuple):
    """What a `DNCCell` hands from step to step.

    Attributes:
        memory: M, `(N, memory_size, word_size)`.
        usage: u, `(N, memory_size)`, in [0, 1].
        link: L, `(N, memory_size, memory_size)`: L[i, j] says how far i was written right
            after j; rows and columns sum to at most 1, the diagonal is 0.
        precedence: p, `(N, memory_size)`: how far each word was the last written; sum ≤ 1.
        read_weights: `(N, read_heads, memory_size)`; each row sums to at most 1.
        write_weights: `(N, memory_size)`; the sum is at most 1.
        reads: What was read, `(N, read_heads, word_size)`.
        hidden: Output of an LSTM controller, `(N, hidden_size)`, else None.
        cells: Its cells, `(N, hidden_size)`, else None.
    """

    memory: Any
    usage: Any
    link: Any
    precedence: Any
    read_weights: Any
    write_weights: Any
    reads: Any
    hidden: Any = None
    cells: Any = None

    def detach(self) -> DNCState:
        """The same numbers without history, to go on from in truncated backpropagation."""
        return DNCState(*(x if x is None else x.detach() for x in self))


class DNCCell(MemoryCell):
    """One step of a differentiable neural computer: `(N, in), state -> (N, out), state`.

    From Graves, Wayne and others, "Hybrid computing using a neural network with dynamic external
    memory" (2016), by the sections of its Methods; oneplus(x) = 1 + ln(1 + eˣ), R read heads:

    - *Interface parameters*: the keys kʳ and strengths βʳ = oneplus of the read heads, kʷ and
      βʷ = oneplus of the write head, e = σ, v, free gates fʳ = σ, allocation gate gᵃ = σ, write
      gate gʷ = σ, and the read modes πʳ = softmax over (backward, content, forward).
    - *Content-based addressing*: C(M, k, β)[i] = softmax over i of β cos(k, M[i]).
    - *Dynamic memory allocation*: ψ = Πᵣ (1 − fʳ wʳₜ₋₁); u = (uₜ₋₁ + wʷₜ₋₁ − uₜ₋₁ wʷₜ₋₁) ψ;
      with φ the words in the order of rising usage,
      a[φ[j]] = (1 − u[φ[j]]) Π u[φ[i]] over i < j.
    - *Write weighting*: wʷ = gʷ (gᵃ a + (1 − gᵃ) C(Mₜ₋₁, kʷ, βʷ)).
    - *Memory writes*: M = Mₜ₋₁ (1 − wʷ eᵀ) + wʷ vᵀ.
    - *Temporal memory linkage*: L[i, j] = (1 − wʷ[i] − wʷ[j]) Lₜ₋₁[i, j] + wʷ[i] pₜ₋₁[j] and
      L[i, i] = 0; then p = (1 − Σ wʷ) pₜ₋₁ + wʷ; forward fʳ = L wʳₜ₋₁, backward
      bʳ = Lᵀ wʳₜ₋₁.
    - *Read weighting*: wʳ = πʳ₁ bʳ + πʳ₂ C(M, kʳ, βʳ) + πʳ₃ fʳ; what is read is Mᵀ wʳ.

    All starts from 0. As in the paper, the order φ counts as a constant in the gradient.

    Args:
        input_size: Numbers at each step.
        hidden_size: Units of the controller.
        output_size: Numbers that come out.
        memory_size: Words in the memory; a step takes memory and time by its square.
        word_size: Numbers in each.
        read_heads: Heads that read.
        controller: "lstm", or "linear" for one layer without a memory of its own, with tanh.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        controller: `LSTMCell` or `Linear`, fed with (in + read_heads · word_size).
        interface: `Linear` from the controller to the R · word_size + 3 · word_size + 5 R + 3
            numbers of the interface, in the paper's order: kʳ, βʳ, kʷ, βʷ, e, v, fʳ, gᵃ, gʷ, πʳ.
        output: `Linear` from the controller's output and all that was read.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> cell = nn.DNCCell(4, 20, 3, memory_size=8, word_size=5, read_heads=2, rng=0)
        >>> y, state = cell(tg.zeros((2, 4)))
        >>> y.shape, state.link.shape, state.reads.shape
        ((2, 3), (2, 8, 8), (2, 2, 5))
    """

    state = DNCState

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        memory_size: int = 16,
        word_size: int = 16,
        read_heads: int = 1,
        controller: str = "lstm",
        **factory: Unpack[Factory],
    ) -> None:
        sizes = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "output_size": output_size,
            "memory_size": memory_size,
            "word_size": whole("DNCCell", "word_size", word_size, 1),
            "read_heads": whole("DNCCell", "read_heads", read_heads, 1),
        }
        interface = (read_heads + 3) * word_size + 5 * read_heads + 3
        super().__init__(sizes, controller, interface, factory)

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the state, for so many sequences."""
        words = (batch, self.memory_size)
        return super().shapes(batch) | {
            "usage": words,
            "link": (*words, self.memory_size),
            "precedence": words,
            "write_weights": words,
        }

    def access(self, emitted: Any, state: DNCState) -> DNCState:
        """The state after writing and reading as `emitted` says."""
        heads, word = self.read_heads, self.word_size
        sizes = (heads * word, heads, word, 1, word, word, heads, 1, 1, 3 * heads)
        keys, strengths, key, strength, erase, write, free, allocate, gate, modes = parts(
            emitted, sizes
        )
        usage = _usage(state, sigmoid(free))
        found = content_weights(
            state.memory, expand_dims(key, 1), expand_dims(oneplus(strength), 1)
        )
        allocate = sigmoid(allocate)
        chosen = allocate * allocation(usage) + (1 - allocate) * found[:, 0]
        writing = sigmoid(gate) * chosen
        column = expand_dims(writing, 2)
        memory = state.memory * (1 - column * expand_dims(sigmoid(erase), 1))
        memory = memory + column * expand_dims(write, 1)
        link, precedence = _linked(state, writing)

        batch = emitted.shape[0]
        found = content_weights(
            memory, reshape(keys, (batch, heads, word)), expand_dims(oneplus(strengths), 2)
        )
        # Along the rows of weights: L w for each head is W Lᵀ, Lᵀ w is W L.
        before = state.read_weights
        backward, by_content, forward = parts(
            softmax(reshape(modes, (batch, heads, 3)), -1), (1, 1, 1)
        )
        reading = (
            backward * matmul(before, link) + by_content * found + forward * matmul(before, link.mT)
        )
        reads = matmul(reading, memory)
        return DNCState(
            memory, usage, link, precedence, reading, writing, reads, state.hidden, state.cells
        )


def _usage(state: DNCState, free: Any) -> Any:
    """u: what was in use or is written, but for what the read heads set free."""
    kept = prod(1 - expand_dims(free, 2) * state.read_weights, 1)
    used, written = state.usage, state.write_weights
    return (used + written - used * written) * kept


def allocation(usage: Any) -> Any:
    """a: how far each word is to be written, the least used first; `(N, M) -> (N, M)`."""
    order = argsort(usage, -1)
    rising = take_along_axis(usage, order, -1)
    ahead = concat([ones_like(rising[:, :1]), cumprod(rising, -1)[:, :-1]], -1)
    return take_along_axis((1 - rising) * ahead, argsort(order, -1), -1)


def _linked(state: DNCState, writing: Any) -> tuple[Any, Any]:
    """L and p after a write."""
    row, column = expand_dims(writing, 2), expand_dims(writing, 1)
    link = (1 - row - column) * state.link + row * expand_dims(state.precedence, 1)
    precedence = (1 - total(writing, -1, True)) * state.precedence + writing
    return tril(link, -1) + triu(link, 1), precedence


class DNC(MemorySequence):
    """Differentiable neural computer over a sequence: `(T, N, in) -> (T, N, out)`, last state.

    The formulas, and what each argument means, stand at `DNCCell`.

    Args:
        input_size: Numbers at each step.
        hidden_size: Units of the controller.
        output_size: Numbers that come out.
        options: The other arguments of `DNCCell`, by name.

    Attributes:
        cell: The `DNCCell`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> computer = nn.DNC(4, 20, 3, memory_size=8, word_size=5, rng=0)
        >>> outputs, state = computer(tg.zeros((6, 2, 4)))
        >>> outputs.shape
        (6, 2, 3)
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, **options: Any) -> None:
        super().__init__()
        self.cell = DNCCell(input_size, hidden_size, output_size, **options)
