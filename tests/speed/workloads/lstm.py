"""W6: a step of SGD of an LSTM that reads a sequence and names its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.speed.training import UNITS, Training, contenders
from tests.speed.workload import Workload, aims

INPUTS, HIDDEN, LENGTH, BATCH, CLASSES = 32, 128, 64, 32, 10
RATE, STEPS = 0.1, 3
SHAPES = ((4 * HIDDEN, INPUTS), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,))
SHAPES += ((CLASSES, HIDDEN), (CLASSES,))


def batch() -> tuple[Any, Any]:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((LENGTH, BATCH, INPUTS)).astype(np.float32)
    return x, rng.integers(0, CLASSES, BATCH)


def weights() -> list[Any]:
    rng, bound = np.random.default_rng(7), HIDDEN**-0.5
    return [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in SHAPES]


def _gradients(x: Any, labels: Any, p: list[Any]) -> tuple[float, list[Any]]:
    """Loss and gradients, one step in time after the other."""
    inner, outer, b1, b2, last, bias = p
    h, c = np.zeros((BATCH, HIDDEN)), np.zeros((BATCH, HIDDEN))
    kept = []
    for t in range(LENGTH):
        i, f, g, o = np.split(x[t] @ inner.T + h @ outer.T + b1 + b2, 4, axis=1)
        i, f, g, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
        before = (h, c)
        c = f * c + i * g
        h = o * np.tanh(c)
        kept.append((*before, i, f, g, o, c))
    z = h @ last.T + bias
    chances = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    loss = -np.log(chances[np.arange(BATCH), labels]).mean()
    dz = (chances - np.eye(CLASSES)[labels]) / BATCH
    found = [np.zeros_like(w) for w in p]
    found[4], found[5] = dz.T @ h, dz.sum(0)
    dh, dc = dz @ last, np.zeros_like(c)
    for t in reversed(range(LENGTH)):
        h, c, i, f, g, o, new = kept[t]
        bent = np.tanh(new)
        dc = dc + dh * o * (1 - bent * bent)
        parts = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g))
        gates = np.concatenate((*parts, dh * bent * o * (1 - o)), axis=1)
        found[0] += gates.T @ x[t]
        found[1] += gates.T @ h
        found[2] += gates.sum(0)
        found[3] += gates.sum(0)
        dh, dc = gates @ outer, dc * f
    return loss, found


def standard() -> list[float]:
    """Losses in float64, with the gradients written out."""
    x, labels = batch()
    p = [w.astype(np.float64) for w in weights()]
    found = []
    for _ in range(STEPS):
        loss, gradients = _gradients(x.astype(np.float64), labels, p)
        found.append(loss)
        for w, g in zip(p, gradients, strict=True):
            w[...] -= RATE * g
    return found


def model(nn: Any) -> Any:
    class Reader(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.reader, self.head = nn.LSTM(INPUTS, HIDDEN), nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            _, (h, _) = self.reader(x)
            return self.head(h[0])

    return Reader()


def logits(lib: Any, p: Sequence[Any], x: Any) -> Any:
    """All of the inputs' part in one product, as libraries of functions like it."""
    inner, outer, b1, b2, last, bias = p
    xp = lib.np
    inputs = xp.reshape(xp.dot(xp.reshape(x, (-1, INPUTS)), inner.T) + b1 + b2, (LENGTH, BATCH, -1))

    def cell(state: Any, z: Any) -> Any:
        h, c = state
        z = z + xp.dot(h, outer.T)
        i, f, g, o = (z[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(4))
        c = lib.sigmoid(f) * c + lib.sigmoid(i) * xp.tanh(g)
        return lib.sigmoid(o) * xp.tanh(c), c

    zeros = xp.zeros((BATCH, HIDDEN), np.float32)
    h, _ = lib.fold(cell, (zeros, zeros), inputs)
    return xp.dot(h, last.T) + bias


TRAINING = Training(batch, weights, model, logits, "SGD", RATE, STEPS)

LSTM = Workload(
    key="W6",
    title="LSTM 32 to 128 over 64 steps, cross-entropy of the last, SGD, batch 32, float32",
    cases={"batch 32": {}},
    contenders=contenders(TRAINING),
    standard=standard,
    reference="PyTorch",
    units=UNITS,
    goals=aims("batch 32", 1.25, 0.95),
)
