"""Hinge loss asks for a margin: a linear support vector machine, by gradient descent.

Talk: neural networks that can learn, "Common loss functions": hinge loss. One neuron without
activation, y = w.x + b, and labels t of -1 and 1 (Cortes and Vapnik 1995):

    L = mean max(0, 1 - t y) + lambda |w|^2 / 2

An example beyond the margin, t y > 1, costs nothing and pulls at nothing: only the others, the
support vectors, hold the line. The margin is 1 / |w| wide on each side, so the second term makes it
wide. Tumours (Street, Wolberg and Mangasarian 1993), 5 folds, expect .97 right. What is weak: y is
no probability, and at the kink the loss has no slope (the engine takes 0, a valid subgradient).
"""

import sys
from typing import Any

import numpy as np

from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

try:
    from sklearn.datasets import load_breast_cancer
except ImportError:
    sys.exit("the tumours come with scikit-learn: pip install 'tinygrad-nn[sklearn]'")


def standardised(x: Any, like: Any) -> Any:
    return (x - like.mean(axis=0)) / like.std(axis=0)


def machine(x: Any, t: Any, steps: int, seed: int) -> nn.Linear:
    neuron = nn.Linear(x.shape[1], 1, rng=seed, dtype=np.float64)
    # Weight decay adds lambda w to the gradient: the slope of lambda |w|^2 / 2.
    optimizer = optim.SGD(neuron.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    for _ in range(steps):
        loss = nn.functional.hinge_loss(neuron(x)[:, 0], t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return neuron


def main(demo: Demo) -> None:
    found = load_breast_cancer()
    x, t = found.data, np.where(found.target == 0, 1.0, -1.0)
    steps = 200 if demo.quick else 1000
    scores = []
    for held_out in np.array_split(np.random.default_rng(demo.seed).permutation(len(t)), 5):
        rest = np.setdiff1d(np.arange(len(t)), held_out)
        inputs, test = (standardised(x[rows], x[rest]) for rows in (rest, held_out))
        neuron = machine(inputs, t[rest], steps, demo.seed)
        scores.append(float(np.mean(t[held_out] * neuron(test).numpy()[:, 0] > 0)))
        support = np.mean(t[rest] * neuron(inputs).numpy()[:, 0] <= 1)
        width = 2 / np.linalg.norm(neuron.weight.numpy())
        print(f"{scores[-1]:.3f} right; street {width:.2f} wide; {support:.0%} hold the line")
    demo.expect("accuracy, mean of 5 held-out fifths", np.mean(scores), at_least=0.95)
    demo.expect("share of examples that pull, last fold", support, at_most=0.3)

    if plt := demo.pyplot():
        columns = [20, 27]
        (across, up), two = found.feature_names[columns], standardised(x, x)[:, columns]
        neuron = machine(two, t, steps, demo.seed)
        pulls = t * neuron(two).numpy()[:, 0] <= 1
        figure, axes = plt.subplots(figsize=(7, 5.5), layout="constrained")
        for label, name in ((1, "malignant"), (-1, "benign")):
            axes.plot(*two[t == label].T, ".", label=name)
        axes.plot(*two[pulls].T, "o", color="black", fillstyle="none", label="support vectors")
        a, b = np.meshgrid(np.linspace(-2, 4, 61), np.linspace(-2, 3, 61))
        y = neuron(np.stack([a, b], axis=-1)).numpy()[..., 0]
        axes.contour(a, b, y, [-1, 0, 1], colors="black", linestyles=["dashed", "solid", "dashed"])
        axes.set(xlabel=f"{across} (standardised)", ylabel=f"{up} (standardised)")
        axes.set_title(f"{pulls.mean():.0%} of the tumours hold the line; the others cost nothing")
        axes.legend(loc="lower right")
        figure.savefig(demo.folder / "hinge.png", dpi=120)


if __name__ == "__main__":
    run(main)
