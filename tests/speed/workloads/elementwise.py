"""W8: `((a * b + c).tanh()).sum()`, forward and backward: the cost of an operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tests.speed.training import Capture, all_ours, compiler_lacks
from tests.speed.workload import Contender, Timed, Workload, aims

Shape = tuple[int, ...]


def inputs(shape: Shape) -> list[Any]:
    rng = np.random.default_rng(8)
    return [np.asarray(rng.uniform(-1, 1, shape), np.float32) for _ in range(3)]


def summary(loss: Any, gradients: Sequence[Any]) -> list[float]:
    """The loss, and each gradient's weighted mean: few numbers, but all elements are in them."""
    found = [float(loss)]
    for g in gradients:
        flat = np.asarray(g, np.float64).ravel()
        found += [float(flat.mean()), float(flat @ np.cos(np.arange(flat.size)))]
    return found


def standard(shape: Shape) -> list[float]:
    a, b, c = (x.astype(np.float64) for x in inputs(shape))
    y = np.tanh(a * b + c)
    slope = 1 - y * y
    return summary(y.sum(), [slope * b, slope * a, slope])


def functional(step: Callable[[], tuple[Any, Sequence[Any]]]) -> Timed:
    """Runner of a function that returns the loss and its gradients."""
    return Timed(step, lambda: summary(*step()))


def ours(capture: Capture, shape: Shape) -> Timed:
    import tinygrad_nn as tg

    leaves = [tg.tensor(x, requires_grad=True) for x in inputs(shape)]

    @capture
    def step(a: Any, b: Any, c: Any) -> Any:
        a.grad = b.grad = c.grad = None
        loss = ((a * b + c).tanh()).sum()
        loss.backward()
        return loss

    return Timed(
        lambda: step(*leaves),
        lambda: summary(step(*leaves).item(), [x.grad.data for x in leaves]),
    )


def pytorch(shape: Shape) -> Timed:
    import torch

    a, b, c = leaves = [torch.tensor(x, requires_grad=True) for x in inputs(shape)]

    def step() -> Any:
        a.grad = b.grad = c.grad = None
        loss = ((a * b + c).tanh()).sum()
        loss.backward()
        return loss

    return Timed(step, lambda: summary(step().item(), [x.grad.numpy() for x in leaves]))


def compiled(shape: Shape) -> Timed:
    import torch

    leaves = [torch.tensor(x, requires_grad=True) for x in inputs(shape)]
    loss_of = torch.compile(lambda a, b, c: ((a * b + c).tanh()).sum())

    def step() -> Any:
        for x in leaves:
            x.grad = None
        loss = loss_of(*leaves)
        loss.backward()
        return loss

    return Timed(step, lambda: summary(step().item(), [x.grad.numpy() for x in leaves]))


def jax(shape: Shape, *, jit: bool) -> Timed:
    import jax as library
    import jax.numpy as jnp

    leaves = [jnp.asarray(x) for x in inputs(shape)]
    both = library.value_and_grad(lambda a, b, c: jnp.tanh(a * b + c).sum(), argnums=(0, 1, 2))
    if jit:
        both = library.jit(both)
    return functional(lambda: library.block_until_ready(both(*leaves)))


def hips(shape: Shape) -> Timed:
    import autograd
    import autograd.numpy as anp

    leaves = inputs(shape)
    both = autograd.value_and_grad(lambda x: anp.sum(anp.tanh(x[0] * x[1] + x[2])))
    return functional(lambda: both(leaves))


def by_hand(shape: Shape) -> Timed:
    a, b, c = inputs(shape)
    one = np.float32(1)

    def step() -> tuple[Any, Sequence[Any]]:
        y = a * b
        y += c
        y = np.tanh(y)
        loss = np.add.reduce(y, None)
        slope = y * y
        slope = np.subtract(one, slope)
        return loss, (slope * b, slope * a, slope)

    return functional(step)


ELEMENTWISE = Workload(
    key="W8",
    title="((a * b + c).tanh()).sum(), forward and backward, float32",
    cases={str(s): {"shape": s} for s in ((), (8,), (64, 64), (1024, 1024))},
    contenders=(
        *all_ours(ours),
        Contender("PyTorch", pytorch, "torch"),
        Contender("torch.compile", compiled, "torch", compiler_lacks),
        Contender("jax", partial(jax, jit=False), "jax"),
        Contender("jax.jit", partial(jax, jit=True), "jax"),
        Contender("HIPS autograd", hips, "autograd"),
        Contender("NumPy by hand", by_hand),
    ),
    standard=standard,
    reference="PyTorch",
    goals=(
        *aims("()", 0.18, 0.05),
        *aims("(8,)", 0.18, 0.05),
        *aims("(64, 64)", 0.25, 0.06),
        *aims("(1024, 1024)", 0.50, 0.12),
    ),
    quick=("()", "(8,)", "(64, 64)"),
)
