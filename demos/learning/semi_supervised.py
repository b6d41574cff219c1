"""Forty labels, 1,300 digits without: the network labels those that it is sure of, and gains.

Talk: neural networks that can learn, "Understanding learning" (semi-supervised learning). Lee,
"Pseudo-label" (2013): learn the few labels; answer the unlabelled examples; take those answers for
labels that are surer than .9, max softmax(z) > .9, and learn from all of them anew; repeat. It
helps as far as examples of a kind lie together, since the boundary then moves to where few are.

Expect about 5 points more in 100 than the .84 that forty labels give, four of each digit. Which
forty matters as much, so twelve draws are averaged; what is labelled wrong is learned as well.
"""

import numpy as np
from numpy.typing import NDArray

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run

Labels = NDArray[np.int64]


def taught(inputs: NDArray[np.float32], labels: Labels, steps: int, seed: int) -> nn.Sequential:
    """A network 64-64-10 that has learned these examples, 64 of them in each step."""
    rng = np.random.default_rng(seed)
    network = nn.Sequential(nn.Linear(64, 64, rng=rng), nn.ReLU(), nn.Linear(64, 10, rng=rng))
    optimizer = optim.Adam(network.parameters(), lr=0.005, weight_decay=1e-4)
    for _ in range(steps):
        rows = rng.integers(0, len(inputs), 64)
        loss = nn.functional.cross_entropy(network(inputs[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def answers(network: nn.Module, inputs: NDArray[np.float32]) -> tuple[Labels, NDArray[np.float32]]:
    with tg.no_grad():
        p = tg.softmax(network(inputs), axis=-1).numpy()
    return p.argmax(axis=1), p.max(axis=1)


def main(demo: Demo) -> None:
    steps, rounds = (150, 2) if demo.quick else (300, 5)
    accuracies = []
    for draw in range(3 if demo.quick else 12):
        seed = 100 * demo.seed + draw
        train, test = data.load_digits().flatten().split(rng=seed)
        unlabelled, labelled = train.split(test=40 / len(train), rng=seed)
        x, labels = labelled.inputs, labelled.targets
        found = []
        for _ in range(rounds + 1):
            network = taught(x, labels, steps, seed)
            found.append((answers(network, test.inputs)[0] == test.targets).mean())
            guesses, surety = answers(network, unlabelled.inputs)
            sure = surety > 0.9
            x = np.concatenate([labelled.inputs, unlabelled.inputs[sure]])
            labels = np.concatenate([labelled.targets, guesses[sure]])
        wrong = (guesses != unlabelled.targets)[sure].mean()
        by_round = " ".join(f"{a:.3f}" for a in found)
        print(f"draw {draw}: accuracy {by_round}; {sure.sum()} sure, {wrong:.1%} of these wrong")
        accuracies.append(found)

    means = np.mean(accuracies, axis=0)
    demo.expect("accuracy, 40 labels alone", means[0], at_least=0.75, at_most=0.92)
    demo.expect("accuracy with pseudo-labels", means[-1], at_least=0.8 if demo.quick else 0.85)
    demo.expect("gain", means[-1] - means[0], at_least=0.005 if demo.quick else 0.03)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        axes.plot(np.transpose(accuracies), color="tab:gray", alpha=0.5)
        axes.plot(means, "o-", color="tab:blue", linewidth=3, label="mean of the draws")
        axes.set(xlabel="round of pseudo-labels", ylabel="test accuracy", xticks=range(rounds + 1))
        axes.set_title(f"Unlabelled digits are worth {100 * (means[-1] - means[0]):.1f} points")
        axes.legend()
        figure.savefig(demo.folder / "pseudo-labels.png", dpi=120)


if __name__ == "__main__":
    run(main)
