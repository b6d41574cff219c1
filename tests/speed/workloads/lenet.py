"""W4: a step of Adam of LeNet, the first convolutional network for digits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.speed.workload import Contender, Goal, Timed, Workload

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
STEPS = 5
SHAPES = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84))


def batch(rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, (rows, 1, 28, 28)).astype(np.float32)
    return x, rng.integers(0, SHAPES[-1][0], rows)


def weights() -> list[Any]:
    """Weight and bias of each layer, one after the other."""
    rng = np.random.default_rng(5)
    found = []
    for shape in SHAPES:
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        found.append(rng.uniform(-bound, bound, shape).astype(np.float32))
        found.append(rng.uniform(-bound, bound, shape[0]).astype(np.float32))
    return found


def losses(step: Any) -> list[float]:
    return [float(step()) for _ in range(STEPS)]


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


def _layers(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def ours(rows: int) -> Timed:
    import tinygrad_nn as tg
    from tinygrad_nn import nn, optim

    x, labels = batch(rows)
    model = _layers(nn)
    for p, a in zip(model.parameters(), weights(), strict=True):
        p.data = a
    return _trained(model, nn, optim, tg.tensor(x), tg.tensor(labels))


def pytorch(rows: int) -> Timed:
    import torch

    x, labels = batch(rows)
    model = _layers(torch.nn)
    with torch.no_grad():
        for p, a in zip(model.parameters(), weights(), strict=True):
            p.copy_(torch.tensor(a))
    return _trained(model, torch.nn, torch.optim, torch.tensor(x), torch.tensor(labels))


def _trained(model: Any, nn: Any, optim: Any, inputs: Any, targets: Any) -> Timed:
    """The same lines for both libraries."""
    optimizer = optim.Adam(model.parameters(), lr=RATE)

    def step() -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Timed(step, lambda: losses(lambda: step().item()))


def jax(rows: int) -> Timed:
    import jax as library
    import jax.numpy as jnp
    from jax import lax

    x, labels = (jnp.asarray(a) for a in batch(rows))

    def block(x: Any, w: Any, b: Any, padding: int) -> Any:
        pads = ((padding, padding),) * 2
        x = lax.conv_general_dilated(x, w, (1, 1), pads) + b[:, None, None]
        window = (1, 1, 2, 2)
        return lax.reduce_window(library.nn.relu(x), -jnp.inf, lax.max, window, window, "VALID")

    def loss_of(p: Any) -> Any:
        h = block(block(x, p[0], p[1], 2), p[2], p[3], 0).reshape(rows, -1)
        h = library.nn.relu(h @ p[4].T + p[5])
        h = library.nn.relu(h @ p[6].T + p[7])
        chances = library.nn.log_softmax(h @ p[8].T + p[9])
        return -jnp.take_along_axis(chances, labels[:, None], 1).mean()

    @library.jit
    def update(p: Any, means: Any, squares: Any, t: Any) -> Any:
        loss, gradients = library.value_and_grad(loss_of)(p)
        means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients, strict=True)]
        squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, gradients, strict=True)]
        c1, c2 = 1 - BETA1**t, 1 - BETA2**t
        moved = [
            w - RATE * (m / c1) / (jnp.sqrt(v / c2) + EPSILON)
            for w, m, v in zip(p, means, squares, strict=True)
        ]
        return loss, moved, means, squares

    first = [jnp.asarray(w) for w in weights()]
    state = [first, [jnp.zeros_like(w) for w in first], [jnp.zeros_like(w) for w in first], 0.0]

    def step() -> Any:
        state[3] += 1.0
        loss, *state[:3] = library.block_until_ready(update(*state))
        return loss

    return Timed(step, lambda: losses(step))


LENET = Workload(
    key="W4",
    title="LeNet on 28x28, softmax cross-entropy, one Adam step, batch 64, float32",
    cases={"batch 64": {"rows": 64}},
    contenders=(
        Contender("ours", ours),
        Contender("PyTorch", pytorch, "torch"),
        Contender("jax.jit", jax, "jax"),
    ),
    standard=standard,
    reference="PyTorch",
    goals=(Goal("batch 64", "ratio", 0.85, "PyTorch"),),
)
