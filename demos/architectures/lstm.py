"""An LSTM keeps two numbers through thirty steps and adds them, where a plain network cannot.

Talk: neural networks that can learn, "NN architectures" (LSTM networks). Hochreiter and Schmidhuber
(1997), with the forget gate of Gers, Schmidhuber and Cummins (2000): beside its outputs h it has
cells c, and each step multiplies them by one number near 1 instead of a whole matrix:

    i, f, o = σ(W x_t + U h_{t-1} + b), each with its own W, U, b;  g the same, but with tanh
    c_t = f c_{t-1} + i g,  h_t = o tanh(c_t),  so along the cells dL/dc_{t-1} = f dL/dc_t + ...

The adding task (theirs): two of 30 random numbers are marked; say their sum. Always saying the mean
costs 1/6, and vanishing_gradient.py shows a plain network stuck there. Expect below .001 after
1,200 batches of 64. At first each f is about 1/2 and the gradient vanishes as well. Then not all
gates open, their mean stays where it was: one cell of 32 does, to .98, and most of the gradient
goes back through it. What is weak: hundreds of batches pass before that.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run


def adding(n: int, length: int, rng: Any) -> tuple[Any, Any]:
    """n sequences of numbers and marks, (length, n, 2), one mark in each half; and the sums."""
    marks = np.zeros((length, n))
    for half in (0, length // 2):
        marks[half + rng.integers(length // 2, size=n), np.arange(n)] = 1
    x = np.stack([rng.random((length, n)), marks], axis=2).astype(np.float32)
    return x, x.prod(axis=2).sum(axis=0)[:, None]


def unrolled(lstm: nn.LSTM, x: Any, nudges: Any) -> tuple[Any, Any]:
    """The formula, with something added to each c_t: last h, and each cell's mean forget gate."""
    W, U, b = lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0
    h, c, forget = nudges[0] * 0, nudges[0] * 0, []
    for x_t, nudge in zip(x, nudges, strict=True):
        i, f, g, o = tg.split(x_t @ W.mT + h @ U.mT + b, 4, axis=1)
        c = tg.sigmoid(f) * c + tg.sigmoid(i) * tg.tanh(g) + nudge
        h = tg.sigmoid(o) * tg.tanh(c)
        forget.append(tg.sigmoid(f).numpy().mean(axis=0))
    return h, np.mean(forget, axis=0)


def main(demo: Demo) -> None:
    rng, length = np.random.default_rng(demo.seed), 12 if demo.quick else 30
    lstm, read = nn.LSTM(2, 32, rng=demo.seed), nn.Linear(32, 1, rng=demo.seed)
    optimizer = optim.Adam([*lstm.parameters(), *read.parameters()], lr=0.01)

    def step(x: Any, sums: Any) -> Any:
        loss = nn.functional.mse_loss(read(lstm(x)[0][-1]), sums)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*lstm.parameters(), *read.parameters()], 1.0)
        optimizer.step()
        return loss

    step, (x, sums) = tg.jit(step, engine="numpy"), adding(2000, length, rng)
    share, gates, error = {}, {}, 0.0
    for when in ("before learning", "after"):
        nudges = tg.zeros((length, 2000, 32), requires_grad=True)
        h, gates[when] = unrolled(lstm, x, nudges)
        gap = abs(h.numpy() - lstm(x)[0][-1].numpy()).max()
        demo.expect("formula against the layer, largest gap", gap, at_most=1e-5)
        error = ((read(h) - sums) ** 2).mean()
        error.backward()
        back = nudges.grad.numpy()
        norms, first = np.linalg.norm(back, axis=2).mean(axis=1), abs(back[0]).mean(axis=0)
        share[when] = norms / norms[-1]
        if when == "before learning":
            for i in range(1, (400 if demo.quick else 1200) + 1):
                loss = step(*adding(64, length, rng))
                if i % 100 == 0:
                    print(f"batch {i:4}: squared error {float(loss):.5f}")
    demo.expect("squared error of the mean (chance)", sums.var(), at_least=0.15, at_most=0.18)
    demo.expect("squared error of the LSTM", error, at_most=0.05 if demo.quick else 0.005)
    demo.expect("dL/dc, first step to last, before", share["before learning"][0], at_most=0.02)
    demo.expect("dL/dc, first step to last, after", share["after"][0], at_least=0.1)
    most, gate = gates["after"].argmax(), gates["after"].max()
    demo.expect("forget gate of the cell that opened", gate, at_least=0.8 if demo.quick else 0.95)
    demo.expect("its part of dL/dc_1 (one of 32)", first[most] / first.sum(), at_least=0.2)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        for when, norms in share.items():
            left.semilogy(range(1, length + 1), norms, "o-", label=when)
            right.plot(np.sort(gates[when])[::-1], "o-", label=when)
        left.set(xlabel="step t", ylabel="|dL/dc_t| / |dL/dc_T|", title="The way back opens ...")
        right.set(xlabel="cells, sorted", ylabel="forget gate f, mean", title="... in one cell")
        right.set(ylim=(0, 1))
        left.legend()
        figure.savefig(demo.folder / "cells.png", dpi=120)


if __name__ == "__main__":
    run(main)
