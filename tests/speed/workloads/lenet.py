"""W4: a step of Adam of LeNet, the first convolutional network for digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.speed.training import UNITS, Training, contenders
from tests.speed.workload import Workload, aims

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
STEPS = 5
SHAPES = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84))


def batch(rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, (rows, 1, 28, 28)).astype(np.float32)
    return x, rng.integers(0, SHAPES[-1][0], rows)


def weights(rows: int = 0) -> list[Any]:
    """Weight and bias of each layer, one after the other."""
    rng = np.random.default_rng(5)
    found = []
    for shape in SHAPES:
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        found.append(rng.uniform(-bound, bound, shape).astype(np.float32))
        found.append(rng.uniform(-bound, bound, shape[0]).astype(np.float32))
    return found


def _convolved(x: Any, w: Any, b: Any) -> Any:
    windows = sliding_window_view(x, (5, 5), (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w, optimize=True) + b[:, None, None]


def _convolved_back(g: Any, x: Any, w: Any) -> tuple[Any, Any, Any]:
    windows = sliding_window_view(x, (5, 5), (2, 3))
    to_w = np.einsum("nohw,nchwij->ocij", g, windows, optimize=True)
    around = sliding_window_view(np.pad(g, ((0, 0), (0, 0), (4, 4), (4, 4))), (5, 5), (2, 3))
    to_x = np.einsum("nohwij,ocij->nchw", around, w[:, :, ::-1, ::-1], optimize=True)
    return to_x, to_w, g.sum((0, 2, 3))


def _blocks(x: Any) -> Any:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(
        n, c, h // 2, w // 2, 4
    )  # fmt: skip


def _pooled_back(g: Any, x: Any) -> Any:
    blocks = _blocks(x)
    spread = g[..., None] * (np.arange(4) == blocks.argmax(-1)[..., None])
    n, c, h, w = g.shape
    return spread.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)


def _gradients(x: Any, labels: Any, p: list[Any]) -> tuple[float, list[Any]]:
    w1, b1, w2, b2, *rest = p
    x = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    z1 = _convolved(x, w1, b1)
    h1 = _blocks(np.maximum(z1, 0)).max(-1)
    z2 = _convolved(h1, w2, b2)
    h2 = _blocks(np.maximum(z2, 0)).max(-1)
    layers = [h2.reshape(len(x), -1)]
    for i in range(0, 6, 2):
        z = layers[-1] @ rest[i].T + rest[i + 1]
        layers.append(np.maximum(z, 0) if i < 4 else z)
    chances = np.exp(layers[-1])
    chances /= chances.sum(1, keepdims=True)
    loss = -np.log(chances[np.arange(len(x)), labels]).mean()
    g = (chances - np.eye(10)[labels]) / len(x)
    found: list[Any] = []
    for i in (4, 2, 0):
        h = layers[i // 2]
        found = [g.T @ h, g.sum(0), *found]
        g = (g @ rest[i]) * (h > 0 if i else 1)
    g = _pooled_back(g.reshape(h2.shape), np.maximum(z2, 0)) * (z2 > 0)
    g, dw2, db2 = _convolved_back(g, h1, w2)
    g = _pooled_back(g, np.maximum(z1, 0)) * (z1 > 0)
    _, dw1, db1 = _convolved_back(g, x, w1)
    return loss, [dw1, db1, dw2, db2, *found]


def standard(rows: int) -> list[float]:
    """Losses in float64, with the gradients written out."""
    x, labels = batch(rows)
    p = [w.astype(np.float64) for w in weights()]
    means, squares = [np.zeros_like(w) for w in p], [np.zeros_like(w) for w in p]
    found = []
    for t in range(1, STEPS + 1):
        loss, gradients = _gradients(x.astype(np.float64), labels, p)
        found.append(loss)
        for w, g, m, v in zip(p, gradients, means, squares, strict=True):
            m[...] += (1 - BETA1) * (g - m)
            v[...] += (1 - BETA2) * (g * g - v)
            w[...] -= RATE * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + EPSILON)
    return found


def model(nn: Any, rows: int = 0) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def logits(lib: Any, p: Sequence[Any], x: Any, rows: int) -> Any:
    for i, padding in ((0, 2), (2, 0)):
        x = lib.pool(lib.relu(lib.conv(x, p[i], padding) + p[i + 1][:, None, None]))
    h = lib.np.reshape(x, (rows, -1))
    for i in (4, 6):
        h = lib.relu(lib.np.dot(h, p[i].T) + p[i + 1])
    return lib.np.dot(h, p[8].T) + p[9]


TRAINING = Training(batch, weights, model, logits, "Adam", RATE, STEPS)

LENET = Workload(
    key="W4",
    title="LeNet on 28x28, softmax cross-entropy, one Adam step, batch 64, float32",
    cases={"batch 64": {"rows": 64}},
    contenders=contenders(TRAINING),
    standard=standard,
    reference="PyTorch",
    units=UNITS,
    goals=aims("batch 64", 0.85, 0.75),
    note="HIPS autograd convolves by its `scipy.signal.convolve`, as its own example does.",
)
