"""A gated recurrent unit remembers with two gates, no cells and three quarters of the weights.

Talk: neural networks that can learn, "NN architectures" (gated recurrent units). Cho and others,
"Learning phrase representations using RNN encoder-decoder" (2014): gate z mixes old state and new,

    r, z = σ(W x_t + b + U h_{t-1} + b'), each with its own W, U, b, b'
    n = tanh(W x_t + b + r (U h_{t-1} + b')),  h_t = (1 - z) n + z h_{t-1}

Where z is 1, the state stays and so does the gradient. Two of 30 numbers are marked; say their sum.
To say the mean costs 1/6 (lstm.py). Expect below .001 after 1,200 batches of 64, and z lower at the
marks. What is weak: one gate decides on keeping and writing.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run


def adding(n: int, length: int, rng: Any) -> tuple[Any, Any]:
    """n sequences of numbers and marks, (length, n, 2), one mark in each half; and the sums."""
    places = np.array([[0], [length // 2]]) + rng.integers(length // 2, size=(2, n))
    marks = (np.arange(length)[:, None, None] == places).any(axis=1)
    x = np.stack([rng.random((length, n)), marks], axis=2).astype(np.float32)
    return x, x.prod(axis=2).sum(axis=0)[:, None]


def unrolled(gru: nn.GRU, x: Any) -> tuple[Any, Any]:
    """The formula: last states (n, units), and gates z at each step (length, n, units)."""
    W, U, b, b2 = (p.numpy() for p in gru.parameters())
    h, kept = np.zeros((x.shape[1], gru.hidden_size), np.float32), []
    for x_t in x:
        new, old = np.split(x_t @ W.T + b, 3, axis=1), np.split(h @ U.T + b2, 3, axis=1)
        r, z = (1 / (1 + np.exp(-new[i] - old[i])) for i in (0, 1))
        h = (1 - z) * np.tanh(new[2] + r * old[2]) + z * h
        kept.append(z)
    return h, np.array(kept)


def main(demo: Demo) -> None:
    rng, length = np.random.default_rng(demo.seed), 12 if demo.quick else 30
    gru, read = nn.GRU(2, 32, rng=demo.seed), nn.Linear(32, 1, rng=demo.seed)
    optimizer = optim.Adam([*gru.parameters(), *read.parameters()], lr=0.01)

    @tg.jit(engine="numpy")
    def step(x: Any, sums: Any) -> Any:
        loss = nn.functional.mse_loss(read(gru(x)[0][-1]), sums)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*gru.parameters(), *read.parameters()], 1.0)
        optimizer.step()
        return loss

    for i in range(1, (400 if demo.quick else 1200) + 1):
        loss = step(*adding(64, length, rng))
        if i % 100 == 0:
            print(f"batch {i:4}: squared error {float(loss):.5f}")
    x, sums = adding(2000, length, rng)
    h, kept = unrolled(gru, x)
    error, gap = ((read(h) - sums) ** 2).mean(), abs(gru(x)[0][-1].numpy() - h).max()
    marked = x[:, :, 1] == 1
    sizes = [sum(p.size for p in net.parameters()) for net in (gru, nn.LSTM(2, 32, rng=0))]
    demo.expect("formula against the layer, largest gap", gap, at_most=1e-5)
    demo.expect("squared error of the GRU", error, at_most=0.02 if demo.quick else 0.003)
    demo.expect("weights, of 1 of an LSTM", sizes[0] / sizes[1], at_least=0.75, at_most=0.75)
    demo.expect("z lower at marks, by", kept[~marked].mean() - kept[marked].mean(), at_least=0.05)

    if plt := demo.pyplot():
        figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
        figure.colorbar(axis.imshow(kept[:, 0].T, aspect="auto"), label="z, kept")
        axis.set_xticks(np.flatnonzero(marked[:, 0]), ["marked", "marked"])
        axis.set(ylabel="unit", title=f"{length} steps: at the marks the state may change")
        figure.savefig(demo.folder / "gates.png", dpi=120)


if __name__ == "__main__":
    run(main)
