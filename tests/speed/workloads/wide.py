"""W3: a step of Adam of a network wide enough that the products count."""

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
from tests.speed.workload import Workload, aims

SIZES = (784, 512, 512, 10)
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
STEPS = 5


def batch(rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(8)
    return rng.uniform(0, 1, (rows, SIZES[0])).astype(np.float32), rng.integers(0, 10, rows)


def weights(rows: int = 0) -> list[Any]:
    rng = np.random.default_rng(9)
    found = []
    for inputs, outputs in pairwise(SIZES):
        bound = inputs**-0.5
        found.append(rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32))
        found.append(rng.uniform(-bound, bound, outputs).astype(np.float32))
    return found


def _gradients(x: Any, labels: Any, p: list[Any]) -> tuple[float, list[Any]]:
    layers = [x]
    for i in range(0, 6, 2):
        z = layers[-1] @ p[i].T
        z += p[i + 1]
        layers.append(np.maximum(z, 0, out=z) if i < 4 else z)
    chances = np.exp(layers[-1] - layers[-1].max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    loss = -np.log(chances[np.arange(len(x)), labels]).mean()
    # In the dtype of the inputs: targets in float64 would make all gradients float64.
    g = (chances - np.eye(10, dtype=x.dtype)[labels]) / len(x)
    found: list[Any] = []
    for i in (4, 2, 0):
        h = layers[i // 2]
        found = [g.T @ h, g.sum(0), *found]
        if i:  # no gradient of the inputs is asked for
            g = g @ p[i]
            g *= h > 0
    return loss, found


def _move(w: Any, g: Any, m: Any, v: Any, t: int) -> None:
    """Adam; the gradient's memory is used for what comes after it."""
    root = (1 - BETA2**t) ** 0.5
    m *= BETA1
    m += (1 - BETA1) * g
    v *= BETA2
    v += (1 - BETA2) * (g * g)
    np.sqrt(v, out=g)
    g += EPSILON * root
    np.divide(m, g, out=g)
    g *= -RATE * root / (1 - BETA1**t)
    w += g


def _adam(p: list[Any]) -> Any:
    means, squares = [np.zeros_like(w) for w in p], [np.zeros_like(w) for w in p]

    def update(t: int, gradients: list[Any]) -> None:
        for w, g, m, v in zip(p, gradients, means, squares, strict=True):
            _move(w, g, m, v, t)

    return update


def _by_hand(x: Any, labels: Any, p: list[Any]) -> Any:
    update, count = _adam(p), [0]

    def step() -> float:
        count[0] += 1
        loss, gradients = _gradients(x, labels, p)
        update(count[0], gradients)
        return loss

    return step


def standard(rows: int) -> list[float]:
    """Losses in float64, with the gradients written out."""
    x, labels = batch(rows)
    step = _by_hand(x.astype(np.float64), labels, [w.astype(np.float64) for w in weights()])
    return [step() for _ in range(STEPS)]


def numpy(rows: int) -> Callable[[], float]:
    return _by_hand(*batch(rows), weights())  # type: ignore[no-any-return]


def model(nn: Any, rows: int = 0) -> Any:
    first, second, third, last = SIZES
    return nn.Sequential(
        nn.Linear(first, second), nn.ReLU(), nn.Linear(second, third), nn.ReLU(),
        nn.Linear(third, last),
    )  # fmt: skip


def logits(lib: Any, p: Sequence[Any], x: Any, rows: int = 0) -> Any:
    h = lib.relu(lib.np.dot(x, p[0].T) + p[1])
    h = lib.relu(lib.np.dot(h, p[2].T) + p[3])
    return lib.np.dot(h, p[4].T) + p[5]


TRAINING = Training(batch, weights, model, logits, "Adam", RATE, STEPS)

WIDE = Workload(
    key="W3",
    title="784-512-512-10 ReLU, softmax cross-entropy, one Adam step, batch 128, float32",
    cases={"batch 128": {"rows": 128}},
    contenders=contenders(
        TRAINING,
        sklearn_contender(TRAINING, SIZES[1:-1], "relu"),
        by_hand_contender(TRAINING, numpy),
    ),
    standard=standard,
    reference="PyTorch",
    units=UNITS,
    goals=aims("batch 128", 0.80, 0.62),
)
