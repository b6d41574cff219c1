"""Networks with a memory beside them: the neural Turing machine, and what it shares with `DNC`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.creation import full, zeros
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.cells import LSTMCell
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.linear import Linear
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.activation import softplus
from tinygrad_nn.ops.elementwise import log, sigmoid, sqrt, tanh
from tinygrad_nn.ops.extrema import maximum
from tinygrad_nn.ops.join import concat, stack
from tinygrad_nn.ops.products import matmul
from tinygrad_nn.ops.rearrange import roll
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import broadcast_to, expand_dims, reshape
from tinygrad_nn.ops.softmax import softmax

__all__ = ["NTM", "NTMCell", "NTMState"]

# ── What both machines do ───────────────────────────────────────────────────────────────


def parts(x: Any, sizes: Sequence[int]) -> list[Any]:
    """`x` cut along its last axis into pieces of the given sizes."""
    found, start = [], 0
    for size in sizes:
        found.append(x[..., start : start + size])
        start += size
    return found


def oneplus(x: Any) -> Any:
    """1 + ln(1 + eˣ): what is at least 1."""
    return 1 + softplus(x, 1.0, float("inf"))


def content_weights(memory: Any, keys: Any, strengths: Any) -> Any:
    """softmax over i of β K[k, M(i)]: `(N, M, W), (N, H, W), (N, H, 1) -> (N, H, M)`.

    K[u, v] = u · v / (‖u‖ ‖v‖), with 10⁻⁶ added below the roots, so that rows of zeros have
    similarity 0 and small gradients.
    """
    return softmax(strengths * matmul(_unit(keys), _unit(memory).mT), -1)


def _unit(x: Any) -> Any:
    return x / sqrt(total(x * x, -1, True) + 1e-6)


class MemoryCell(Module):
    """One step of a controller with a memory: what `NTMCell` and `DNCCell` share.

    The controller sees the input beside what was read a step before; a linear map of its output
    steers the heads, another of its output beside what is read now is the output of the step.
    """

    state: type[Any]

    def __init__(
        self, sizes: dict[str, int], controller: str, interface: int, factory: Factory
    ) -> None:
        super().__init__()
        name = type(self).__name__
        for key, size in sizes.items():
            setattr(self, key, whole(name, key, size, 1))
        if controller not in ("lstm", "linear"):
            raise OptionError(f"{name}: got controller={controller!r}, expected 'lstm' or 'linear'")
        first = Start(name, factory)
        made: Factory = {"rng": first.rng, "dtype": first.dtype}
        hidden, read = sizes["hidden_size"], sizes["read_heads"] * sizes["word_size"]
        kind = LSTMCell if controller == "lstm" else Linear
        self.controller = kind(sizes["input_size"] + read, hidden, **made)
        self.interface = Linear(hidden, interface, **made)
        self.output = Linear(hidden + read, sizes["output_size"], **made)

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the state, for so many sequences."""
        hidden = (batch, self.hidden_size)
        recurrent = isinstance(self.controller, LSTMCell)
        return {
            "memory": (batch, self.memory_size, self.word_size),
            "read_weights": (batch, self.read_heads, self.memory_size),
            "reads": (batch, self.read_heads, self.word_size),
            **({"hidden": hidden, "cells": hidden} if recurrent else {}),
        }

    def first_state(self, batch: int) -> Any:
        """The state before the first step of so many sequences."""
        dtype = self.interface.weight.dtype
        return self.state(**{k: zeros(s, dtype) for k, s in self.shapes(batch).items()})

    def forward(self, input: Any, state: Any = None) -> tuple[Any, Any]:
        """Output of one step, `(N, input_size) -> (N, output_size)`, and the state after it.

        Args:
            input: `(N, input_size)`.
            state: What the step before returned; None for `first_state(N)`.

        Raises:
            ShapeError: The shapes do not fit.
        """
        name = type(self).__name__
        x = operand(name, input)
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ShapeError(
                f"{name}: got x {tuple(x.shape)}, expected (N, {self.input_size}), one step; a "
                f"sequence goes to {name.removesuffix('Cell')}"
            )
        if state is None:
            state = self.first_state(x.shape[0])
        for key, shape in self.shapes(x.shape[0]).items():
            got = getattr(getattr(state, key, None), "shape", None)
            if got != shape:
                raise ShapeError(f"{name}: got state.{key} {got}, expected {shape}, as x has it")
        flat = (x.shape[0], self.read_heads * self.word_size)
        seen = concat([x, reshape(state.reads, flat)], -1)
        if isinstance(self.controller, LSTMCell):
            hidden, cells = self.controller(seen, (state.hidden, state.cells))
            state = state._replace(hidden=hidden, cells=cells)
        else:
            hidden = tanh(self.controller(seen))
        state = self.access(self.interface(hidden), state)
        reads = reshape(state.reads, flat)
        return self.output(concat([hidden, reads], -1)), state

    def access(self, emitted: Any, state: Any) -> Any:
        """The state after writing and reading as `emitted` says; defined by each kind."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"{self.input_size}, {self.hidden_size}, {self.output_size}, "
            f"memory_size={self.memory_size}, word_size={self.word_size}, "
            f"read_heads={self.read_heads}"
        )


class MemorySequence(Module):
    """A cell run over a sequence: what `NTM` and `DNC` share."""

    cell: MemoryCell

    def forward(self, input: Any, state: Any = None) -> tuple[Any, Any]:
        """Outputs at each step, `(T, N, in) -> (T, N, out)`, and the state after the last.

        Args:
            input: Steps first.
            state: Where to start; None for the first state of the cell.

        Raises:
            ShapeError: The shapes do not fit, or there is no step.
        """
        x = operand(type(self).__name__, input)
        if x.ndim != 3 or not x.shape[0]:
            raise ShapeError(
                f"{type(self).__name__}: got {tuple(x.shape)}, expected at least one step, "
                f"(T, N, {self.cell.input_size})"
            )
        outputs = []
        for t in range(x.shape[0]):
            output, state = self.cell(x[t], state)
            outputs.append(output)
        return stack(outputs), state


# ── The neural Turing machine ───────────────────────────────────────────────────────────


class NTMState(NamedTuple):
    """What an `NTMCell` hands from step to step.

    Attributes:
        memory: M, `(N, memory_size, word_size)`.
        read_weights: `(N, read_heads, memory_size)`; each row sums to 1.
        write_weights: `(N, write_heads, memory_size)`; each row sums to 1.
        reads: What was read, `(N, read_heads, word_size)`.
        hidden: Output of an LSTM controller, `(N, hidden_size)`, else None.
        cells: Its cells, `(N, hidden_size)`, else None.
    """

    memory: Any
    read_weights: Any
    write_weights: Any
    reads: Any
    hidden: Any = None
    cells: Any = None

    def detach(self) -> NTMState:
        """The same numbers without history, to go on from in truncated backpropagation."""
        return NTMState(*(x if x is None else x.detach() for x in self))


class NTMCell(MemoryCell):
    """One step of a neural Turing machine: `(N, in), state -> (N, out), state`.

    Each head has from the controller a key k, its strength β = softplus, a gate g = sigmoid, a
    distribution s of shifts (softmax) and a sharpness γ = 1 + softplus; a write head also what
    it erases, e = sigmoid, and adds, a. From Graves, Wayne and Danihelka, "Neural Turing
    machines" (2014), with their numbers of equations:

    - by content: wᶜ(i) = softmax over i of β K[k, M(i)], K the cosine (5, 6);
    - or from where the head was: wᵍ = g wᶜ + (1 − g) wₜ₋₁ (7);
    - moved in a circle: w̃(i) = Σⱼ wᵍ(j) s(i − j) (8);
    - and sharpened: w(i) = w̃(i)^γ / Σⱼ w̃(j)^γ (9), computed as a softmax of γ ln w̃;
    - writing: M(i) ← M(i) Π (1 − w(i) e) + Σ w(i) a over the write heads (3, 4);
    - then reading: r = Σᵢ w(i) M(i) (2).

    Write heads look for their keys in the memory before the step, read heads in that after the
    write. The paper leaves the start open. With memory="constant" all words hold 10⁻⁶ and all
    heads stand at word 0, with "learned" both are parameters (Collier and Beel, "Implementing
    neural Turing machines", 2018, found the constant to learn fastest).

    Args:
        input_size: Numbers at each step.
        hidden_size: Units of the controller.
        output_size: Numbers that come out.
        memory_size: Words in the memory.
        word_size: Numbers in each.
        read_heads: Heads that read.
        write_heads: Heads that write.
        shift: Farthest that a head moves in a step, to either side.
        controller: "lstm", or "linear" for one layer without a memory of its own, with tanh.
        memory: "constant" or "learned" at the start.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        controller: `LSTMCell` or `Linear`, fed with (in + read_heads · word_size).
        interface: `Linear` from the controller to the heads: of each read head, then of each
            write head k, β, g, γ, s, and after these e and a of each write head.
        output: `Linear` from the controller's output and all that was read.
        first_memory: With "learned", parameter (memory_size, word_size).
        first_weights: With "learned", parameter (read_heads + write_heads, memory_size), of
            which the softmax is where the heads start.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> cell = nn.NTMCell(4, 20, 3, memory_size=8, word_size=5, rng=0)
        >>> y, state = cell(tg.zeros((2, 4)))
        >>> y.shape, state.memory.shape, state.read_weights.sum(-1).shape
        ((2, 3), (2, 8, 5), (2, 1))
    """

    state = NTMState

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        memory_size: int = 128,
        word_size: int = 20,
        read_heads: int = 1,
        write_heads: int = 1,
        shift: int = 1,
        controller: str = "lstm",
        memory: str = "constant",
        **factory: Unpack[Factory],
    ) -> None:
        sizes = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "output_size": output_size,
            "memory_size": memory_size,
            "word_size": word_size,
            "read_heads": whole("NTMCell", "read_heads", read_heads, 1),
            "write_heads": whole("NTMCell", "write_heads", write_heads, 1),
        }
        if 2 * whole("NTMCell", "shift", shift) >= memory_size:
            raise OptionError(
                f"NTMCell: got shift={shift} with memory_size={memory_size}, expected "
                "2 * shift < memory_size, so that no two shifts lead to one word"
            )
        if memory not in ("constant", "learned"):
            raise OptionError(f"NTMCell: got memory={memory!r}, expected 'constant' or 'learned'")
        first = Start("NTMCell", factory)
        heads, head_sizes = read_heads + write_heads, (word_size, 1, 1, 1, 2 * shift + 1)
        interface = heads * sum(head_sizes) + 2 * write_heads * word_size
        made: Factory = {"rng": first.rng, "dtype": first.dtype}
        super().__init__(sizes, controller, interface, made)
        self.shift, self.head_sizes = shift, head_sizes
        self.learned = memory == "learned"
        if self.learned:
            self.first_memory = first.normal((memory_size, word_size), word_size**-0.5)
            self.first_weights = first.normal((heads, memory_size))

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the state, for so many sequences."""
        return super().shapes(batch) | {
            "write_weights": (batch, self.write_heads, self.memory_size)
        }

    def first_state(self, batch: int) -> NTMState:
        """The state before the first step of so many sequences."""
        shapes, dtype = self.shapes(batch), self.interface.weight.dtype
        state: NTMState = super().first_state(batch)
        heads = (self.read_heads + self.write_heads, self.memory_size)
        memory: Any
        if self.learned:
            memory, weights = self.first_memory, softmax(self.first_weights, -1)
        else:
            memory = full(shapes["memory"][1:], 1e-6, dtype)
            standing = full((heads[0], 1), 1.0, dtype)
            weights = concat([standing, zeros((heads[0], heads[1] - 1), dtype)], -1)
        reading = weights[: self.read_heads]
        return state._replace(
            memory=broadcast_to(memory, shapes["memory"]),
            read_weights=broadcast_to(reading, shapes["read_weights"]),
            write_weights=broadcast_to(weights[self.read_heads :], shapes["write_weights"]),
            reads=broadcast_to(matmul(reading, memory), shapes["reads"]),
        )

    def access(self, emitted: Any, state: NTMState) -> NTMState:
        """The state after writing and reading as `emitted` says."""
        batch, readers, writers = emitted.shape[0], self.read_heads, self.write_heads
        width = sum(self.head_sizes)
        steering, changes = parts(
            emitted, ((readers + writers) * width, 2 * writers * self.word_size)
        )
        steering = reshape(steering, (batch, readers + writers, width))
        erase, add = parts(
            reshape(changes, (batch, writers, 2 * self.word_size)), (self.word_size,) * 2
        )
        writing = self._addressed(state.memory, steering[:, readers:], state.write_weights)
        memory, erase = state.memory, sigmoid(erase)
        for head in range(writers):
            gone = expand_dims(writing[:, head], -1) * expand_dims(erase[:, head], -2)
            memory = memory * (1 - gone)
        memory = memory + matmul(writing.mT, add)
        reading = self._addressed(memory, steering[:, :readers], state.read_weights)
        reads = matmul(reading, memory)
        return NTMState(memory, reading, writing, reads, state.hidden, state.cells)

    def _addressed(self, memory: Any, steering: Any, before: Any) -> Any:
        """Where the heads go: `(N, M, W), (N, H, ...), (N, H, M) -> (N, H, M)`."""
        key, strength, gate, sharpness, shifts = parts(steering, self.head_sizes)
        found = content_weights(memory, key, softplus(strength, 1.0, float("inf")))
        gate, shifts = sigmoid(gate), softmax(shifts, -1)
        weights = gate * found + (1 - gate) * before
        moved: Any = 0.0
        for k in range(2 * self.shift + 1):
            moved = moved + roll(weights, k - self.shift, -1) * shifts[..., k : k + 1]
        # The logarithm of the smallest normal number stands for that of 0.
        least = float(namespace(raw(moved)).finfo(moved.dtype).tiny)
        return softmax(oneplus(sharpness) * log(maximum(moved, least)), -1)


class NTM(MemorySequence):
    """Neural Turing machine over a sequence: `(T, N, in) -> (T, N, out)`, and the last state.

    The formulas, and what each argument means, stand at `NTMCell`.

    Args:
        input_size: Numbers at each step.
        hidden_size: Units of the controller.
        output_size: Numbers that come out.
        options: The other arguments of `NTMCell`, by name.

    Attributes:
        cell: The `NTMCell`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> machine = nn.NTM(4, 20, 3, memory_size=8, word_size=5, rng=0)
        >>> outputs, state = machine(tg.zeros((6, 2, 4)))
        >>> outputs.shape
        (6, 2, 3)
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, **options: Any) -> None:
        super().__init__()
        self.cell = NTMCell(input_size, hidden_size, output_size, **options)
