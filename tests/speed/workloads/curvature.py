"""W9: second order: a Hessian, and a product of a Hessian with a vector."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tests.speed.libraries import Hips, Jax
from tests.speed.training import Capture, all_ours
from tests.speed.workload import Contender, Timed, Workload, aims
from tests.speed.workloads import network


def point(size: int) -> Any:
    return np.random.default_rng(9).uniform(-1, 1, size).astype(np.float32)


def rosenbrock(x: Any) -> Any:
    """The same text for every library."""
    head, tail = x[:-1], x[1:]
    return (100.0 * (tail - head**2) ** 2 + (1.0 - head) ** 2).sum()


def hessian_standard(size: int) -> list[float]:
    x = point(size).astype(np.float64)
    found = np.zeros((size, size))
    for i in range(size - 1):
        found[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        found[i + 1, i + 1] += 200
        found[i, i + 1] = found[i + 1, i] = -400 * x[i]
    return found.ravel().tolist()  # type: ignore[no-any-return]


def _flat(step: Any) -> Timed:
    return Timed(step, lambda: np.asarray(step()).ravel())


def hessian_ours(capture: Capture, size: int) -> Timed:
    import tinygrad_nn as tg

    x, hessian = point(size), capture(tg.hessian(rosenbrock))
    return _flat(lambda: hessian(x))


def hessian_pytorch(size: int) -> Timed:
    import torch

    x = torch.tensor(point(size))
    return _flat(lambda: torch.autograd.functional.hessian(rosenbrock, x))


def hessian_jax(size: int, *, jit: bool) -> Timed:
    import jax

    x, hessian = jax.numpy.asarray(point(size)), jax.hessian(rosenbrock)
    if jit:
        hessian = jax.jit(hessian)
    return _flat(lambda: jax.block_until_ready(hessian(x)))


def hessian_hips(size: int) -> Timed:
    import autograd

    x, hessian = point(size), autograd.hessian(rosenbrock)
    return _flat(lambda: hessian(x))


HESSIAN = Workload(
    key="W9",
    title="Hessian of the Rosenbrock function of 10 numbers, float32",
    cases={"10 numbers": {"size": 10}},
    contenders=(
        *all_ours(hessian_ours),
        Contender("PyTorch", hessian_pytorch, "torch"),
        Contender("jax", partial(hessian_jax, jit=False), "jax"),
        Contender("jax.jit", partial(hessian_jax, jit=True), "jax"),
        Contender("HIPS autograd", hessian_hips, "autograd"),
    ),
    standard=hessian_standard,
    reference="PyTorch",
    goals=aims("10 numbers", 0.40, 0.01),
)


# ── Hessian of the loss of the network, times a vector ──────────────────────────────────


def direction() -> list[Any]:
    rng = np.random.default_rng(10)
    return [rng.standard_normal(a.shape).astype(np.float32) for a in network.flat_weights()]


def condensed(product: Any) -> list[float]:
    """Of each parameter's part of the product a few numbers in which all of it is."""
    found = []
    for part in product:
        flat = np.asarray(part, np.float64).ravel()
        found += [float(flat @ np.cos(k * np.arange(flat.size))) for k in (0, 1)]
    return found


def _gradients(flat: list[Any], rows: int) -> list[Any]:
    """Gradients of the loss in float64, written out."""
    x, labels = network.batch(rows)
    layers = [x.astype(np.float64)]
    for i in range(0, 6, 2):
        z = layers[-1] @ flat[i].T + flat[i + 1]
        layers.append(z if i == 4 else 1 / (1 + np.exp(-z)))
    p = np.exp(layers[-1])
    p /= p.sum(1, keepdims=True)
    g = (p - np.eye(p.shape[1])[labels]) / rows
    found: list[Any] = []
    for i in (2, 1, 0):
        found = [g.T @ layers[i], g.sum(0), *found]
        g = (g @ flat[2 * i]) * layers[i] * (1 - layers[i])
    return found


def hvp_standard(rows: int) -> list[float]:
    """By differences of the gradients along the direction, with an error of step⁴."""
    flat = [a.astype(np.float64) for a in network.flat_weights()]
    step, vs = 1e-3, direction()

    def along(t: float) -> list[Any]:
        return _gradients([a + t * v for a, v in zip(flat, vs, strict=True)], rows)

    far, near, back, beyond = (along(k * step) for k in (2, 1, -1, -2))
    return condensed(
        (8 * (n - b) - (f - y)) / (12 * step)
        for f, n, b, y in zip(far, near, back, beyond, strict=True)
    )


def hvp_ours(capture: Capture, rows: int) -> Timed:
    import tinygrad_nn as tg
    from tinygrad_nn.nn import functional as F  # noqa: N812

    x, labels = network.batch(rows)
    ws, vs = network.flat_weights(), direction()

    def loss(p: Any) -> Any:
        h = F.sigmoid(F.linear(x, p[0], p[1]))
        h = F.sigmoid(F.linear(h, p[2], p[3]))
        return F.cross_entropy(F.linear(h, p[4], p[5]), labels)

    product = capture(lambda ws, vs: tg.hvp(loss, ws, vs))
    return Timed(lambda: product(ws, vs), lambda: condensed(product(ws, vs)))


def hvp_pytorch(rows: int) -> Timed:
    import torch
    from torch.nn import functional as F  # noqa: N812

    x, labels = (torch.tensor(a) for a in network.batch(rows))
    ws, vs = (
        tuple(torch.tensor(a) for a in part) for part in (network.flat_weights(), direction())
    )

    def loss(*p: Any) -> Any:
        h = F.sigmoid(F.linear(x, p[0], p[1]))
        h = F.sigmoid(F.linear(h, p[2], p[3]))
        return F.cross_entropy(F.linear(h, p[4], p[5]), labels)

    def step() -> Any:
        return torch.autograd.functional.hvp(loss, ws, vs)[1]

    return Timed(step, lambda: condensed(step()))


def hvp_jax(rows: int, *, jit: bool) -> Timed:
    lib = Jax()
    x, labels = (lib.np.asarray(a) for a in network.batch(rows))
    ws, vs = ([lib.np.asarray(a) for a in part] for part in (network.flat_weights(), direction()))

    def product(ws: Any, vs: Any) -> Any:
        return lib.jax.jvp(lib.jax.grad(loss), (ws,), (vs,))[1]

    def loss(p: Any) -> Any:
        return lib.cross_entropy(network.logits(lib, p, x), labels)

    if jit:
        product = lib.jax.jit(product)

    def step() -> Any:
        return lib.jax.block_until_ready(product(ws, vs))

    return Timed(step, lambda: condensed(step()))


def hvp_hips(rows: int) -> Timed:
    from autograd import grad

    lib = Hips()
    x, labels = network.batch(rows)
    ws, vs = network.flat_weights(), direction()
    slope = grad(lambda p: lib.cross_entropy(network.logits(lib, p, x), labels))

    def along(p: Any) -> Any:
        return sum(lib.np.sum(g * v) for g, v in zip(slope(p), vs, strict=True))

    product = grad(along)
    return Timed(lambda: product(ws), lambda: condensed(product(ws)))


HVP = Workload(
    key="W9b",
    title="Hessian of the network's loss (as in W2) times a vector",
    cases={"batch 32": {"rows": 32}},
    contenders=(
        *all_ours(hvp_ours),
        Contender("PyTorch", hvp_pytorch, "torch"),
        Contender("jax", partial(hvp_jax, jit=False), "jax"),
        Contender("jax.jit", partial(hvp_jax, jit=True), "jax"),
        Contender("HIPS autograd", hvp_hips, "autograd"),
    ),
    standard=hvp_standard,
    reference="PyTorch",
    tolerance=1e-3,
    goals=aims("batch 32", 0.15, 0.05),
)
