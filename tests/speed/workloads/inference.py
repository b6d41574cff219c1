"""W2i: the network's outputs for one sample, without gradients: what a call costs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tests.speed.libraries import Jax
from tests.speed.training import Capture, all_ours, compiler_lacks
from tests.speed.workload import Contender, Timed, Workload, aims, left_out
from tests.speed.workloads import network


def standard(rows: int) -> list[float]:
    h = network.batch(rows)[0].astype(np.float64)
    for i, (w, b) in enumerate(network.weights()):
        z = h @ w.T.astype(np.float64) + b
        h = z if i == 2 else 1 / (1 + np.exp(-z))
    return h.ravel().tolist()  # type: ignore[no-any-return]


def _runner(call: Any, x: Any, detached: Any = np.asarray) -> Timed:
    return Timed(lambda: call(x), lambda: np.ravel(detached(call(x))))


def ours(capture: Capture, rows: int) -> Timed:
    import tinygrad_nn as tg

    model = network.model(tg.nn)
    for p, a in zip(model.parameters(), network.flat_weights(), strict=True):
        p.data = a
    call = capture(tg.no_grad()(model.__call__))
    return _runner(call, tg.tensor(network.batch(rows)[0]), lambda y: y.data)


def pytorch(rows: int, *, compiled: bool = False) -> Timed:
    import torch

    model = network.model(torch.nn)
    with torch.no_grad():
        for p, a in zip(model.parameters(), network.flat_weights(), strict=True):
            p.copy_(torch.tensor(a))
    call = torch.compile(model) if compiled else model
    return _runner(torch.no_grad()(call.__call__), torch.tensor(network.batch(rows)[0]))


def jax(rows: int) -> Timed:
    lib = Jax()
    p = [lib.np.asarray(a) for a in network.flat_weights()]
    call = lib.jax.jit(lambda p, x: network.logits(lib, p, x))
    x = lib.np.asarray(network.batch(rows)[0])
    return _runner(lambda x: lib.jax.block_until_ready(call(p, x)), x)


def by_hand(rows: int) -> Timed:
    (w1, b1), (w2, b2), (w3, b3) = [(w.T.copy(), b) for w, b in network.weights()]
    half = np.float32(0.5)

    def call(x: Any) -> Any:
        h = np.tanh((x @ w1 + b1) * half) * half + half
        h = np.tanh((h @ w2 + b2) * half) * half + half
        return h @ w3 + b3

    return _runner(call, network.batch(rows)[0])


INFERENCE = Workload(
    key="W2i",
    title="Outputs of the 784-16-16-10 network for one sample, no gradients, float32",
    cases={"batch 1": {"rows": 1}},
    contenders=(
        *all_ours(ours),
        Contender("PyTorch", pytorch, "torch"),
        Contender("torch.compile", partial(pytorch, compiled=True), "torch", compiler_lacks),
        Contender("jax.jit", jax, "jax"),
        left_out("HIPS autograd", "without a gradient it is NumPy by hand"),
        left_out("scikit-learn", "it gives chances, after a softmax, and checks its input"),
        Contender("NumPy by hand", by_hand),
    ),
    standard=standard,
    reference="PyTorch",
    goals=aims("batch 1", 0.60, 0.25),
)
