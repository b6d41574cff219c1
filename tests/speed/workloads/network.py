"""W2: a step of stochastic gradient descent of the lecture's network for digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tests.speed.training import (
    UNITS,
    Training,
    by_hand_contender,
    contenders,
    sklearn_contender,
)
from tests.speed.workload import Workload, aims, left_out

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


def flat_weights(rows: int = 0) -> list[Any]:
    return [a for pair in weights() for a in pair]


def model(nn: Any, rows: int = 0) -> Any:
    return nn.Sequential(
        nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 10)
    )


def logits(lib: Any, p: Sequence[Any], x: Any, rows: int = 0) -> Any:
    h = lib.sigmoid(lib.np.dot(x, p[0].T) + p[1])
    h = lib.sigmoid(lib.np.dot(h, p[2].T) + p[3])
    return lib.np.dot(h, p[4].T) + p[5]


TRAINING = Training(batch, flat_weights, model, logits, "SGD", RATE, STEPS)


def by_hand(rows: int) -> Callable[[], Any]:
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

    return step


NETWORK = Workload(
    key="W2",
    title="784-16-16-10 sigmoid network, softmax cross-entropy, one SGD step, batch 32, float32",
    cases={"batch 32": {"rows": 32}},
    contenders=contenders(
        TRAINING,
        sklearn_contender(TRAINING, SIZES[1:-1], "logistic"),
        left_out("micrograd", "it has no exponential: neither sigmoid nor cross-entropy"),
        by_hand_contender(TRAINING, by_hand),
    ),
    standard=standard,
    reference="PyTorch",
    units=UNITS,
    goals=aims("batch 32", 0.22, 0.11),
)
