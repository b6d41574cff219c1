"""The captured step that the documents show: its program as text."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim

__all__ = ["program"]

F = nn.functional


def program() -> Any:
    """The program of a step of a small network, captured with NumPy alone."""
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @tg.jit(engine="numpy")
    def step(x, labels):
        loss = F.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(np.ones((8, 4), np.float32), np.arange(8) % 2)
    return step.program
