"""W1: micrograd's demonstration: a network of single numbers learns to part two half moons."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tests.speed.training import Capture, all_ours, uncaptured
from tests.speed.workload import (
    CAPTURED,
    COLUMNS,
    COMPILED,
    OURS,
    Contender,
    Goal,
    Timed,
    Workload,
)

POINTS, RATE, DECAY, STEPS = 100, 0.2, 1e-4, 2
LAYERS = (2, 16, 16, 1)


def moons() -> tuple[list[list[float]], list[int]]:
    rng = np.random.default_rng(1)
    angle = np.linspace(0, np.pi, POINTS // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (POINTS, 2))
    return points.tolist(), [-1] * (POINTS // 2) + [1] * (POINTS // 2)


def weights() -> list[float]:
    """For each neuron its weights and bias, as `parameters()` lists them."""
    rng = np.random.default_rng(4)
    count = sum((n + 1) * m for n, m in pairwise(LAYERS))
    return rng.uniform(-1, 1, count).tolist()


def matrices() -> list[Any]:
    """The same by layer, (out, in + 1) with the bias last."""
    flat, found = np.asarray(weights()), []
    for n, m in pairwise(LAYERS):
        found.append(flat[: m * (n + 1)].reshape(m, n + 1).copy())
        flat = flat[m * (n + 1) :]
    return found


def vectorised(layers: list[Any], x: Any, y: Any) -> float:
    """Loss, and one step of descent in place."""
    outputs = [x]
    for i, w in enumerate(layers):
        z = outputs[-1] @ w[:, :-1].T + w[:, -1]
        outputs.append(np.maximum(z, 0) if i < len(layers) - 1 else z)
    margins = 1 - y * outputs[-1][:, 0]
    loss = np.maximum(margins, 0).mean() + DECAY * sum((w * w).sum() for w in layers)
    g = ((margins > 0) * -y / len(y))[:, None]
    for i in reversed(range(len(layers))):
        w, h = layers[i], outputs[i]
        slope = 2 * DECAY * w
        slope[:, :-1] += g.T @ h
        slope[:, -1] += g.sum(0)
        g = (g @ w[:, :-1]) * (h > 0)
        w -= RATE * slope
    return float(loss)


def standard() -> list[float]:
    points, labels = moons()
    layers, x, y = matrices(), np.asarray(points), np.asarray(labels)
    return [vectorised(layers, x, y) for _ in range(STEPS)]


def by_hand() -> Timed:
    points, labels = moons()
    layers, x, y = matrices(), np.asarray(points), np.asarray(labels)
    return Timed(
        lambda: vectorised(layers, x, y),
        lambda: [vectorised(layers, x, y) for _ in range(STEPS)],
    )


def scalar(model: Any, value: Any, capture: Capture) -> Timed:
    """The loop of micrograd's notebook, for its classes and for ours."""
    points, labels = moons()
    for p, number in zip(model.parameters(), weights(), strict=True):
        p.data = number

    @capture
    def step() -> Any:
        inputs = [list(map(value, row)) for row in points]
        scores = list(map(model, inputs))
        hinges = [(1 + -yi * score).relu() for yi, score in zip(labels, scores, strict=True)]
        data_loss = sum(hinges) * (1.0 / len(hinges))
        total = data_loss + DECAY * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        return total

    return Timed(step, lambda: [step().data for _ in range(STEPS)])


def ours(capture: Capture, *, fused: bool) -> Timed:
    from tinygrad_nn import Value
    from tinygrad_nn.nn import MLP

    return scalar(MLP(LAYERS[0], list(LAYERS[1:]), fused=fused), Value, capture)


def micrograd() -> Timed:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return scalar(MLP(LAYERS[0], list(LAYERS[1:])), Value, lambda step: step)


CASE, FUSED = "100 points", "ours, one node a neuron"

MOONS = Workload(
    key="W1",
    title="micrograd's moons: MLP 2-16-16-1 of numbers, 100 points, max-margin + L2, one update",
    cases={CASE: {}},
    contenders=(
        Contender(OURS, partial(ours, uncaptured, fused=False)),
        Contender(FUSED, partial(ours, uncaptured, fused=True)),
        *all_ours(partial(ours, fused=False))[1:],
        Contender("micrograd", micrograd, "micrograd"),
        Contender("NumPy by hand", by_hand),
    ),
    standard=standard,
    reference="micrograd",
    tolerance=1e-9,
    goals=(
        Goal(CASE, "gain", 12, "micrograd"),
        Goal(CASE, "gain", 50, "micrograd", (FUSED,)),
        Goal(CASE, "gain", 400, "micrograd", (CAPTURED,), column=COLUMNS[1]),
        Goal(CASE, "gain", 2000, "micrograd", (COMPILED,), column=COLUMNS[1]),
    ),
    units={"time": ("ms", 1e3)},
    note="The same notebook loop for all; weights start the same. `NumPy by hand` is vectorised.",
)
