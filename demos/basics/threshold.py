"""A neuron with a threshold computes AND, OR and NOT, but has no slope to learn by.

Talk: neural networks, "Activation functions": "when I see enough activity, I get excited. Below
threshold: 0, above threshold: 1", and then "more useful: gradually increase excitement". The step
H(z) = 1 if z >= 0, else 0, is the activation of McCulloch and Pitts (1943). Their gates:

    AND = H(x1 + x2 - 1.5)      OR = H(x1 + x2 - 0.5)      NOT = H(0.5 - x)

Expect all rows right. But H is flat wherever it is not broken, so every gradient is exactly 0 and
descent cannot find such weights. sigmoid(k z) comes as near to H as one likes, and has a slope: a
sigmoid neuron learns AND and OR from their tables, from any start.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

PAIRS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
TABLES = {"AND": np.array([0, 0, 0, 1.0]), "OR": np.array([0, 1, 1, 1.0])}
fires = nn.functional.step


def learned(table: Any, activation: Any, seed: int, steps: int) -> tuple[int, float]:
    """How many rows a neuron has right after descent, and the norm of its first gradient."""
    neuron = nn.Linear(2, 1, rng=seed)
    optimizer = optim.SGD(neuron.parameters(), lr=5.0)
    slopes = []
    for _ in range(steps):
        loss = nn.functional.mse_loss(activation(neuron(PAIRS))[:, 0], table)
        optimizer.zero_grad()
        loss.backward()
        slopes.append(float(np.linalg.norm(np.asarray(neuron.weight.grad))))
        optimizer.step()
    return int((fires(neuron(PAIRS)).numpy()[:, 0] == table).sum()), slopes[0]


def main(demo: Demo) -> None:
    total = PAIRS.sum(axis=1)
    gates = {"AND": fires(total - 1.5), "OR": fires(total - 0.5)}
    print("x1 x2  AND OR")
    for (x1, x2), both, either in zip(PAIRS, gates["AND"], gates["OR"], strict=True):
        print(f"{x1:2.0f} {x2:2.0f} {both:4.0f} {either:2.0f}")
    for name, output in gates.items():
        right = (np.asarray(output) == TABLES[name]).sum()
        demo.expect(f"rows of {name} right, of 4", right, at_least=4, at_most=4)
    negation = np.asarray(fires(0.5 - np.array([0.0, 1.0])))
    print("NOT 0, NOT 1:", negation)
    demo.expect("rows of NOT right, of 2", (negation == [1, 0]).sum(), at_least=2, at_most=2)

    steps = 300 if demo.quick else 2000
    for name, table in TABLES.items():
        before, slope = learned(table, fires, demo.seed, steps)
        after, hill = learned(table, tg.sigmoid, demo.seed, steps)
        print(f"{name} learned with H: {before}/4, first gradient {slope:.3f}", end="; ")
        print(f"with sigmoid: {after}/4, first gradient {hill:.3f}")
        demo.expect(f"norm of the gradient through H, {name}", slope, at_most=0)
        demo.expect(f"rows of {name} learned with sigmoid", after, at_least=4, at_most=4)

    gap = np.abs(tg.sigmoid(100 * np.array([-0.1, 0.1])) - np.array([0, 1])).max()
    demo.expect("|sigmoid(100 z) - H(z)| at z = -0.1 and 0.1", gap, at_most=1e-4)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
        z = np.linspace(-2, 2, 2001)
        for k in (1, 3, 10):
            axes.plot(z, tg.sigmoid(k * z), label=f"sigmoid({k} z)")
        axes.plot(z, fires(z), "k", label="H(z): no slope, nothing to learn by")
        axes.set(xlabel="activity z = w.x + b", ylabel="excitement")
        axes.set_title("Gradual excitement is a threshold with a slope")
        axes.legend()
        figure.savefig(demo.folder / "threshold.png", dpi=120)


if __name__ == "__main__":
    run(main)
