"""The README's tables of speed, from the figures of `python -m tests.speed` in docs/speed.json."""

from __future__ import annotations

from typing import Any

__all__ = ["against_micrograd", "against_pytorch"]

_NETWORKS = (
    ("W8", "(8,)", "`((a*b + c).tanh()).sum()`, 8 numbers"),
    ("W8", "(64, 64)", "the same, 64×64"),
    ("W8", "(1024, 1024)", "the same, 1024×1024"),
    ("W2", "batch 32", "784-16-16-10 network, batch 32, SGD step"),
    ("W3", "batch 128", "784-512-512-10 network, batch 128, Adam step"),
    ("W4", "batch 64", "LeNet, batch 64, Adam step"),
    ("W5", "batch 16, context 128", "GPT of 4 layers, 128 wide, batch 16, Adam step"),
    ("W6", "batch 32", "LSTM of 128 over 64 steps, batch 32, SGD step"),
    ("W9", "10 numbers", "Hessian of ten numbers"),
)
_WHO = (
    ("ours", "eager"),
    ("ours, captured", "captured, NumPy"),
    ("ours, compiled", "captured, compiled"),
    ("jax.jit", "jax.jit"),
    ("torch.compile", "torch.compile"),
    ("HIPS autograd", "HIPS autograd"),
    ("NumPy by hand", "NumPy by hand"),
)
_MOONS = (
    ("ours, one node a neuron", "micrograd's moons step, a node for each neuron"),
    ("ours", "the same, a node for each operation"),
    ("ours, captured", "the same, captured in NumPy"),
    ("ours, compiled", "the same, captured and compiled"),
)


def _measures(speed: dict[str, Any], key: str, case: str) -> dict[str, dict[str, Any]]:
    """What was measured of each contender of a case."""
    (found,) = [
        c for w in speed["workloads"] if w["key"] == key for c in w["cases"] if c["name"] == case
    ]
    return {c["name"]: c["measures"]["time"] for c in found["contenders"] if c["measures"]}


def against_pytorch(speed: dict[str, Any]) -> list[str]:
    """Ratios to PyTorch eager of the same round, at the median.

    Args:
        speed: What is in docs/speed.json.
    """
    lines = [f"| | {' | '.join(title for _, title in _WHO)} |", f"|---{'|---' * len(_WHO)}|"]
    for key, case, title in _NETWORKS:
        found = _measures(speed, key, case)
        cells = [
            f"{found[name]['ratio']['median']:.2g}" if name in found else "–" for name, _ in _WHO
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def against_micrograd(speed: dict[str, Any]) -> list[str]:
    """Times of scalar graphs, and of an import.

    Args:
        speed: What is in docs/speed.json.
    """
    moons = _measures(speed, "W1", "100 points")
    theirs = moons["micrograd"]["median"]
    lines = ["| | tinygrad_nn | peer |", "|---|---|---|"]
    lines += [
        f"| {title} | {_ms(moons[name]['median'])} | micrograd {_ms(theirs)} |"
        for name, title in _MOONS
    ]
    chain = _measures(speed, "W1b", "chain 1M")["ours"]["median"]
    lines.append(
        f"| a chain of a million `Value` operations, forward and backward | {chain * 1e6:.1f} µs "
        "each | micrograd: RecursionError |"
    )
    imports = _measures(speed, "W7", "fresh process")
    lines.append(
        f"| import, in a fresh process | NumPy + {_ms(imports['ours']['median'])} | "
        f"PyTorch {_ms(imports['PyTorch']['median'])} |"
    )
    return lines


def _ms(seconds: float) -> str:
    return f"{float(f'{seconds * 1e3:.2g}'):g} ms"
