"""A neural Turing machine learns to copy: it writes word after word, goes back, and reads.

Talk: neural networks that can learn, "NN architectures" (neural Turing machines). Graves, Wayne
and Danihelka, "Neural Turing machines" (2014). A controller steers a head over a memory M:

    w_c = softmax(β cos(k, M_i))           by content: which word resembles the key k
    w_g = g w_c + (1 - g) w_before         or from where the head stood
    w   ∝ (w_g moved by s)^γ               a place to the left or right, and sharpened
    M_i <- M_i (1 - w_i e) + w_i a         erase and add; reading gives sum w_i M_i

All of it has gradients, so the program is learned from examples: 1 to 5 words of 4 bits, then a
sign to give them back. The controller is one layer without a memory of its own: what is kept is
kept in M. Expect all bits right at 5 words, and as good as all at 8 and 10, where an LSTM of more
than twice as many weights falls towards chance, .5. What is weak: at 20 words four of five seeds
had .84 to .99, and one only chance: nothing in training asks for it.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

BITS, LENGTHS = 4, (5, 8, 10, 20)


def words(count: int, rows: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """A sign, the words, a sign, and silence (2 count + 2, rows, 6), in which to give them back."""
    bits = rng.integers(2, size=(count, rows, BITS)).astype(np.float32)
    x = np.zeros((2 * count + 2, rows, BITS + 2), np.float32)
    x[0, :, BITS] = x[count + 1, :, BITS + 1] = 1
    x[1 : count + 1, :, :BITS] = bits
    return x, bits


class Remembering(nn.Module):
    """The rival: an LSTM, and a linear map of what it holds."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.lstm, self.output = nn.LSTM(BITS + 2, 32, rng=rng), nn.Linear(32, BITS, rng=rng)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Answers at all steps, and the last state."""
        held, state = self.lstm(x)
        return self.output(held), state


def learn(net: nn.Module, steps: int, longest: int, rng: np.random.Generator) -> None:
    """Descent on the cross-entropy of the bits, for sequences of one word to the longest."""
    optimizer = optim.Adam(net.parameters(), lr=0.01)

    @tg.jit(engine="numpy")
    def step(x: Any, bits: Any) -> Any:
        answer = net(x)[0][-bits.shape[0] :]
        loss = nn.functional.binary_cross_entropy_with_logits(answer, bits)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    losses = []
    for number in range(1, steps + 1):
        losses.append(float(step(*words(int(rng.integers(1, longest + 1)), 16, rng))))
        if number % (steps // 5) == 0:
            print(f"  step {number:4}: loss {np.mean(losses[-50:]):.4f}")


def accuracy(net: nn.Module, count: int, rng: np.random.Generator) -> float:
    """Which part of the bits of 200 sequences comes back."""
    x, bits = words(count, 200, rng)
    with tg.no_grad():
        answer = net(x)[0].numpy()[-count:]
    return float(((answer > 0) == (bits > 0.5)).mean())


def program(machine: nn.NTM, count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Where the heads stand, to write and to read, at each step of one sequence."""
    x, _ = words(count, 1, rng)
    state, writing, reading = None, [], []
    with tg.no_grad():
        for step in x:
            _, state = machine.cell(step, state)
            writing.append(state.write_weights.numpy()[0, 0])
            reading.append(state.read_weights.numpy()[0, 0])
    return np.array(writing).T, np.array(reading).T


def main(demo: Demo) -> None:
    rng = np.random.default_rng(demo.seed)
    steps, longest = (200, 3) if demo.quick else (1000, 5)
    options = {"memory_size": 32, "word_size": 8, "controller": "linear"}
    nets = {"Turing machine": nn.NTM(BITS + 2, 32, BITS, rng=rng, **options)}
    if not demo.quick:
        nets["LSTM"] = Remembering(rng)
    found, lengths = {}, LENGTHS[:2] if demo.quick else LENGTHS
    for name, net in nets.items():
        print(name, "with", sum(p.size for p in net.parameters()), "weights")
        learn(net, steps, longest, rng)
        found[name] = [accuracy(net, count, rng) for count in lengths]
        print(f"  right bits of {lengths} words:", *np.round(found[name], 3))
    bounds = (0.7, 0.6) if demo.quick else (0.999, 0.97, 0.9, 0.45)
    for count, right, least in zip(lengths, found["Turing machine"], bounds, strict=True):
        demo.expect(f"right bits of {count} words", right, at_least=least)
    if not demo.quick:
        demo.expect("right bits of 10 words, LSTM", found["LSTM"][2], at_most=0.8)

    if plt := demo.pyplot():
        writing, reading = program(nets["Turing machine"], 10, rng)
        figure, axes = plt.subplots(1, 3, figsize=(14, 4.5), layout="constrained")
        for axis, weights, name in ((axes[0], writing, "written"), (axes[1], reading, "read")):
            shown = axis.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axis.axvline(11, color="tab:red", linestyle=":")
            axis.set(xlabel="step (red: the sign to give back)", ylabel="word of the memory")
            axis.set_title(f"Where it is {name}")
        figure.colorbar(shown, label="weight")
        for name, right in found.items():
            axes[2].plot(lengths, right, "o-", label=name)
        axes[2].axvspan(0, longest, color="0.9", label="lengths in training")
        axes[2].axhline(0.5, color="black", linestyle=":", label="chance")
        axes[2].set(xlabel="words to copy", ylabel="right bits", xlim=(0, 21))
        axes[2].legend()
        figure.suptitle("Ten words are copied by a program learned from five: write, go back, read")
        figure.savefig(demo.folder / "copying.png", dpi=120)


if __name__ == "__main__":
    run(main)
