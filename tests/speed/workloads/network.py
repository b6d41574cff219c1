"""W2: a step of stochastic gradient descent of the lecture's network for digits."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tests.speed.workload import Contender, Goal, Timed, Workload

SIZES = (784, 16, 16, 10)
RATE = 0.5
STEPS = 10


def batch(rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    return rng.uniform(0, 1, (rows, SIZES[0])).astype(np.float32), rng.integers(0, SIZES[-1], rows)


def weights() -> list[tuple[Any, Any]]:
    """Weight (out, in) and bias (out,) of each layer."""
    rng = np.random.default_rng(3)
    return [
        (
            rng.uniform(-1, 1, (m, n)).astype(np.float32) / np.float32(np.sqrt(n)),
            rng.uniform(-0.1, 0.1, m).astype(np.float32),
        )
        for n, m in pairwise(SIZES)
    ]


def losses(step: Any) -> list[float]:
    return [float(step()) for _ in range(STEPS)]


def standard(rows: int) -> list[float]:
    """Losses in float64, with the gradients written out."""
    x, labels = batch(rows)
    parameters = [(w.astype(np.float64), b.astype(np.float64)) for w, b in weights()]
    found = []
    for _ in range(STEPS):
        layers = [x.astype(np.float64)]
        for i, (w, b) in enumerate(parameters):
            z = layers[-1] @ w.T + b
            layers.append(z if i == len(parameters) - 1 else 1 / (1 + np.exp(-z)))
        p = np.exp(layers[-1])
        p /= p.sum(1, keepdims=True)
        found.append(-np.log(p[np.arange(rows), labels]).mean())
        g = (p - np.eye(SIZES[-1])[labels]) / rows
        for i in reversed(range(len(parameters))):
            w, b = parameters[i]
            parameters[i] = (w - RATE * g.T @ layers[i], b - RATE * g.sum(0))
            g = (g @ w) * layers[i] * (1 - layers[i])
    return found


def ours(rows: int) -> Timed:
    import tinygrad_nn as tg
    from tinygrad_nn import nn, optim
    from tinygrad_nn.nn import functional as F  # noqa: N812

    x, labels = batch(rows)
    model = nn.Sequential(
        nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 10)
    )
    flat = [a for pair in weights() for a in pair]
    for p, a in zip(model.parameters(), flat, strict=True):
        p.data = a
    optimizer = optim.SGD(model.parameters(), lr=RATE)
    inputs, targets = tg.tensor(x), tg.tensor(labels)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Timed(step, lambda: losses(lambda: step().item()))


def pytorch(rows: int) -> Timed:
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812

    x, labels = batch(rows)
    model = nn.Sequential(
        nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 10)
    )
    flat = [a for pair in weights() for a in pair]
    with torch.no_grad():
        for p, a in zip(model.parameters(), flat, strict=True):
            p.copy_(torch.tensor(a))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    inputs, targets = torch.tensor(x), torch.tensor(labels)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Timed(step, lambda: losses(lambda: step().item()))


def jax(rows: int, *, jit: bool) -> Timed:
    import jax as library
    import jax.numpy as jnp

    x, labels = (jnp.asarray(a) for a in batch(rows))

    def loss_of(parameters: Any) -> Any:
        h = x
        for w, b in parameters[:-1]:
            h = library.nn.sigmoid(h @ w.T + b)
        w, b = parameters[-1]
        chances = library.nn.log_softmax(h @ w.T + b)
        return -jnp.take_along_axis(chances, labels[:, None], 1).mean()

    def update(parameters: Any) -> Any:
        loss, gradients = library.value_and_grad(loss_of)(parameters)
        return loss, library.tree.map(lambda p, g: p - RATE * g, parameters, gradients)

    if jit:
        update = library.jit(update)
    state = [library.tree.map(jnp.asarray, weights())]

    def step() -> Any:
        loss, state[0] = library.block_until_ready(update(state[0]))
        return loss

    return Timed(step, lambda: losses(step))


def by_hand(rows: int) -> Timed:
    """What the mathematics costs in NumPy: no graph, no layers, updates in place."""
    x, labels = batch(rows)
    (w1, b1), (w2, b2), (w3, b3) = weights()
    index, scale, half = np.arange(rows), np.float32(1 / rows), np.float32(0.5)
    ones, rate = np.ones(rows, np.float32), np.float32(RATE)

    def sigmoid(z: Any) -> Any:
        z *= half
        np.tanh(z, out=z)
        z *= half
        z += half
        return z

    def descend(w: Any, b: Any, g: Any, h: Any) -> None:
        dw = g.T @ h
        dw *= rate
        w -= dw
        db = ones @ g
        db *= rate
        b -= db

    def step() -> Any:
        h1 = x @ w1.T
        h1 += b1
        h1 = sigmoid(h1)
        h2 = h1 @ w2.T
        h2 += b2
        h2 = sigmoid(h2)
        z = h2 @ w3.T
        z += b3
        z -= np.maximum.reduce(z, 1, None, None, True)
        chosen = z[index, labels]
        p = np.exp(z)
        sums = np.add.reduce(p, 1, None, None, True)
        loss = np.add.reduce(np.log(sums[:, 0]) - chosen) * scale
        p /= sums
        p[index, labels] -= 1
        p *= scale
        g = p @ w3
        descend(w3, b3, p, h2)
        g *= h2 - h2 * h2
        g1 = g @ w2
        descend(w2, b2, g, h1)
        g1 *= h1 - h1 * h1
        descend(w1, b1, g1, x)
        return loss

    return Timed(step, lambda: losses(step))


NETWORK = Workload(
    key="W2",
    title="784-16-16-10 sigmoid network, softmax cross-entropy, one SGD step, batch 32, float32",
    cases={"batch 32": {"rows": 32}},
    contenders=(
        Contender("ours", ours),
        Contender("PyTorch", pytorch, "torch"),
        Contender("jax.jit", partial(jax, jit=True), "jax"),
        Contender("NumPy by hand", by_hand),
    ),
    standard=standard,
    reference="PyTorch",
    goals=(Goal("batch 32", "ratio", 0.25, "PyTorch"),),
)
