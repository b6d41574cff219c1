"""A radial basis network: each neuron answers near one place, and their sum draws a curve.

Talk: neural networks that can learn, "NN architectures" (radial basis function networks). Broomhead
and Lowe, "Multivariable functional interpolation and adaptive networks" (1988): hidden neuron k
has a place c_k among the inputs and answers φ_k = exp(-|x - c_k|² / 2 s_k²); the output is linear,
y = sum w_k φ_k + b. The places are found without labels, by k-means, and the weights then follow
from linear equations, by least squares, without any descent. Or places, widths and weights all
learn by gradients. Both are done here.

Two moons, noise .15, 20 neurons: expect about .99 both ways where a straight line (logistic
regression) has about .87. What is weak: far from all places every neuron is silent, and in many
dimensions everything is far; and least squares alone asks for widths that overlap well.
"""

from copy import deepcopy
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


def accuracy(network: nn.Module, test: data.Dataset) -> float:
    with tg.no_grad():
        return float(((network(test.inputs).numpy()[:, 0] > 0) == test.targets).mean())


def descend(network: nn.Module, train: data.Dataset, steps: int) -> None:
    """Gradient descent on the cross-entropy of all examples at once."""
    optimizer = optim.Adam(network.parameters(), lr=0.03)
    targets = train.targets[:, None].astype(np.float32)
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(tg.tensor(train.inputs)), targets
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def solve(hidden: nn.RBF, output: nn.Linear, train: data.Dataset) -> None:
    """Set w and b so that sum w_k φ_k + b comes as near as can be to -1 and 1."""
    with tg.no_grad():
        phi = np.column_stack([hidden(tg.tensor(train.inputs)).numpy(), np.ones(len(train))])
    best = np.linalg.lstsq(phi, 2.0 * train.targets - 1)[0].astype(np.float32)
    output.load_state_dict({"weight": best[None, :-1], "bias": best[-1:]})


def picture(axes: Any, network: nn.Sequential, train: data.Dataset, title: str) -> None:
    """What the network answers everywhere; the places and, as circles, their widths."""
    x, y = np.meshgrid(np.linspace(-2, 3, 150), np.linspace(-1.5, 2, 105))
    grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    with tg.no_grad():
        p = network(tg.tensor(grid)).numpy().reshape(x.shape)
    axes.contourf(x, y, p, levels=[-1e9, -1, -0.5, 0, 0.5, 1, 1e9], cmap="coolwarm", alpha=0.5)
    axes.contour(x, y, p, levels=[0], colors="black")
    axes.scatter(*train.inputs.T, c=train.targets, cmap="coolwarm", s=8)
    centers, widths = network[0].centers.numpy(), np.exp(network[0].log_width.numpy())
    axes.scatter(*centers.T, marker="x", color="black", label="places c")
    angle = np.linspace(0, 2 * np.pi, 60)
    for c, s in zip(centers, widths, strict=True):
        axes.plot(c[0] + s * np.cos(angle), c[1] + s * np.sin(angle), color="gray", linewidth=0.5)
    axes.set(xlabel="x₁", ylabel="x₂", aspect="equal", xlim=(-2, 3), ylim=(-1.5, 2), title=title)
    axes.legend(loc="upper right")


def main(demo: Demo) -> None:
    train = data.make_moons(300, noise=0.15, rng=2 * demo.seed)
    test = data.make_moons(2000, noise=0.15, rng=2 * demo.seed + 1)
    steps = 300 if demo.quick else 1500
    line = nn.Linear(2, 1, rng=demo.seed)
    descend(line, train, steps)

    hidden, output = nn.RBF(2, 20, rng=demo.seed), nn.Linear(20, 1, rng=demo.seed)
    network = nn.Sequential(hidden, output)
    hidden.place(train.inputs, rng=demo.seed)
    print(f"20 places by k-means, of width {np.exp(hidden.log_width.numpy()[0]):.3f}")
    solve(hidden, output, train)
    placed, solved = deepcopy(network), accuracy(network, test)
    descend(network, train, steps)
    moved = np.linalg.norm(hidden.centers.numpy() - placed[0].centers.numpy(), axis=1).mean()
    widths = np.exp(hidden.log_width.numpy())
    print(f"moved by descent: {moved:.2f} on average; widths {widths.min():.2f}-{widths.max():.2f}")

    demo.expect("accuracy of a straight line", accuracy(line, test), at_least=0.8, at_most=0.92)
    demo.expect("accuracy by least squares", solved, at_least=0.95)
    demo.expect("accuracy by gradients", accuracy(network, test), at_least=0.95)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
        picture(left, placed, train, "Placed by k-means, solved by least squares")
        picture(right, network, train, "The same after gradient descent of everything")
        figure.savefig(demo.folder / "places.png", dpi=120)


if __name__ == "__main__":
    run(main)
