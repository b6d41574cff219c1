"""The captured step that the documents show: its program as text, and as a drawing."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim

__all__ = ["figures", "program"]

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


_ROWS = (
    ("W2", "784-16-16-10 network, batch 32, SGD step"),
    ("W3", "784-512-512-10 network, batch 128, Adam step"),
    ("W4", "LeNet, batch 64, Adam step"),
    ("W5", "GPT of 4 layers, 128 wide, batch 16, Adam step"),
    ("W6", "LSTM of 128 over 64 steps, batch 32"),
    ("W1", "micrograd's moons step, `nn.MLP` of `Value`"),
)
_COLUMNS = ("ours", "ours, captured", "ours, compiled", "jax.jit")


def figures(speed: dict[str, Any]) -> list[str]:
    """The README's table of captured steps, from the figures of `python -m tests.speed`.

    Args:
        speed: What is in docs/speed.json.
    """
    lines = []
    for key, title in _ROWS:
        cases = [w["cases"] for w in speed["workloads"] if w["key"] == key]
        if not cases or not cases[0]:
            continue
        times = {c["name"]: _time(c) for c in cases[0][0]["contenders"]}
        base = times.get("PyTorch") or times.get("micrograd")
        if not base or not times.get("ours, captured"):
            continue
        cells = [f"{times[name] / base:.2f}" if times.get(name) else "–" for name in _COLUMNS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    if not lines:
        return ["(Figures come with the next run of `python -m tests.speed`.)"]
    head = "| | eager | captured, NumPy | captured, compiled | jax.jit |"
    return [head, "|---|---|---|---|---|", *lines]


def _time(contender: dict[str, Any]) -> float | None:
    time = contender.get("measures", {}).get("time")
    return None if time is None else float(time["median"])
