"""A plain recurrent network forgets: its gradient is a product of matrices, and that goes to 0.

Talk: neural networks that can learn, "NN architectures" (why LSTM and GRU follow the RNN). With
h_t = tanh(W x_t + U h_{t-1} + b) the chain rule goes back one matrix at each step,

    dL/dh_t = J'_{t+1} J'_{t+2} ... J'_T dL/dh_T,   J_t = dh_t/dh_{t-1} = diag(1 - h_t²) U

(Hochreiter 1991; Bengio, Simard and Frasconi 1994.) If U shrinks, so does the product, at each
step: what was long ago has no voice. If U stretches, the gradient may grow as well, as far as tanh
lets it. The engine's gradients are held against the product.

The adding task: two numbers are marked; say their sum. Saying the mean costs 1/6 = .167. Expect the
same network, after the same 1,200 batches, at .02 to .05 with 4 steps and .15 to .175 with 30. What
is weak: small is not zero. Adam scales small gradients up; with ten times this rate one seed of
seven learned the long task, and one blew up.
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


def trained(length: int, steps: int, seed: int) -> tuple[nn.RNN, float, list[float]]:
    """A network, its error on new sequences, and its losses on the way."""
    rnn, read = nn.RNN(2, 32, rng=seed), nn.Linear(32, 1, rng=seed)
    optimizer = optim.Adam([*rnn.parameters(), *read.parameters()], lr=0.001)

    def step(x: Any, sums: Any) -> Any:
        loss = nn.functional.mse_loss(read(rnn(x)[0][-1]), sums)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step, rng = tg.jit(step, engine="numpy"), np.random.default_rng(seed)
    losses = [float(step(*adding(64, length, rng))) for _ in range(steps)]
    x, sums = adding(5000, length, rng)
    with tg.no_grad():
        return rnn, float(((read(rnn(x)[0][-1]).numpy() - sums) ** 2).mean()), losses


def gradients(rnn: nn.RNN, x: Any, radius: float | None) -> tuple[Any, float]:
    """Norms of dL/dh_t for L = sum of h_T, by the engine; and how far the product is from them."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    W, U, b, b2 = (getattr(rnn, name).numpy().astype(float) for name in names)
    U = U if radius is None else U * radius / abs(np.linalg.eigvals(U)).max()
    nudges = tg.zeros((len(x), x.shape[1], len(U)), dtype=np.float64, requires_grad=True)
    h = [nudges[0] * 0]
    for x_t, nudge in zip(x, nudges, strict=True):
        h.append(tg.tanh(x_t @ W.T + h[-1] @ U.T + b + b2) + nudge)
    h[-1].sum().backward()
    product = found = nudges.grad.numpy()[-1]
    norms, gap = [1.0], 0.0
    for t in range(len(x) - 1, 0, -1):
        product = (product * (1 - h[t + 1].numpy() ** 2)) @ U  # J' times it
        gap = max(gap, abs(nudges.grad.numpy()[t - 1] - product).max() / abs(product).max())
        norms.append(np.linalg.norm(nudges.grad.numpy()[t - 1]) / np.linalg.norm(found))
    return norms[::-1], gap


def main(demo: Demo) -> None:
    steps, curves, lines, gaps = 600 if demo.quick else 1200, {}, {}, []
    for length, low, high in ((4, 0.0, 0.1 if demo.quick else 0.06), (30, 0.14, 0.185)):
        rnn, error, curves[length] = trained(length, steps, demo.seed)
        demo.expect(f"squared error, {length} steps", error, at_least=low, at_most=high)
    (x, _), fresh = adding(100, 30, np.random.default_rng(demo.seed)), nn.RNN(2, 32, rng=demo.seed)
    nets = {"as it starts": (fresh, None), "after learning": (rnn, None)}
    nets |= {f"eigenvalues of U up to {radius}": (fresh, radius) for radius in (1.0, 2.0)}
    for name, (net, radius) in nets.items():
        lines[name], gap = gradients(net, x, radius)
        gaps.append(gap)
        print(f"{name:26} |dL/dh_t|, t = 30, 23, ... 2:", *(f"{v:.0e}" for v in lines[name][::-7]))
    demo.expect("engine against product, largest gap, relative", max(gaps), at_most=1e-10)
    demo.expect("gradient, first step to last", lines["as it starts"][0], at_most=1e-4)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
        for name, line in lines.items():
            left.semilogy(range(1, 31), line, "o-", markersize=3, label=name)
        left.set(xlabel="step t", ylabel="|dL/dh_t| / |dL/dh_T|", title="The gradient going back")
        for length, losses in curves.items():
            right.plot(np.convolve(losses, np.ones(30) / 30, "valid"), label=f"{length} steps")
        right.axhline(1 / 6, color="black", linestyle=":", label="saying the mean")
        right.set(xlabel="batch", ylabel="squared error", title="Same network: 4 steps, 30 steps")
        right.set(ylim=(0, 0.3))
        left.legend()
        right.legend()
        figure.savefig(demo.folder / "gradient.png", dpi=120)


if __name__ == "__main__":
    run(main)
