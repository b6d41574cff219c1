"""A neuron without activation function is a linear model: it learns what least squares knows.

Talk: neural networks, "View inside an artificial neuron": it "behaves like a linear regression
model", y = w1 x1 + w2 x2 + ... + wn xn + b. The mean of (y - t)^2 is a bowl with a single lowest
point, which the normal equations name at once (Legendre 1805, Gauss 1809) and gradient descent
with momentum reaches step by step. The data are 442 patients with ten measurements each, and how
far their diabetes had gone a year later (Efron, Hastie, Johnstone and Tibshirani 2004).

Expect the same coefficients to 1e-6. On patients that were held out R2 is about .48: a straight
line explains half of what differs between them. That is the data's limit, not the descent's.
"""

import sys
from typing import Any

import numpy as np

from tinygrad_nn import nn, optim, train
from tinygrad_nn.demo import Demo, run

try:
    from sklearn.datasets import load_diabetes
except ImportError:
    sys.exit("the patients come with scikit-learn: pip install 'tinygrad-nn[sklearn]'")


def standardised(x: Any, like: Any) -> Any:
    return (x - like.mean(axis=0)) / like.std(axis=0)


def descended(x: Any, t: Any, seed: int) -> tuple[nn.Linear, list[Any]]:
    """A neuron after gradient descent on all examples, and its weights along the way."""
    neuron = nn.Linear(x.shape[1], 1, rng=seed, dtype=np.float64)
    optimizer = optim.SGD(neuron.parameters(), lr=0.2, momentum=0.9)
    path = []
    for _ in range(600):
        loss = nn.functional.mse_loss(neuron(x), t[:, None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(neuron.weight.numpy()[0].copy())
    return neuron, path


def main(demo: Demo) -> None:
    x, t = load_diabetes(return_X_y=True, scaled=False)
    inputs = standardised(x, x)
    neuron, path = descended(inputs, t, demo.seed)
    *slopes, height = np.linalg.lstsq(np.column_stack([inputs, np.ones(len(t))]), t)[0]
    print("                  " + "      ".join("age sex bmi  bp  s1  s2  s3  s4  s5  s6".split()))
    for who, weights in (("descent", path[-1]), ("least squares", slopes)):
        print(f"{who:14}" + "".join(f"{w:9.3f}" for w in weights))
    apart = max(np.abs(path[-1] - slopes).max(), np.abs(neuron.bias - height).max())
    demo.expect("largest difference of a coefficient", apart, at_most=1e-6)

    predicted, scores = np.empty_like(t), []
    for held_out in np.array_split(np.random.default_rng(demo.seed).permutation(len(t)), 5):
        rest = np.setdiff1d(np.arange(len(t)), held_out)
        fitted, _ = descended(standardised(x[rest], x[rest]), t[rest], demo.seed)
        predicted[held_out] = fitted(standardised(x[held_out], x[rest])).numpy().ravel()
        scores.append(train.r2_score(predicted[held_out], t[held_out]))
    print("R2 of each held-out fifth:", np.round(scores, 3))
    demo.expect("R2, mean of 5 held-out fifths", np.mean(scores), at_least=0.45, at_most=0.52)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
        left.plot(np.arange(1, len(path) + 1), path)
        left.scatter([len(path)] * 10, slopes, c=[f"C{i}" for i in range(10)])
        title = "Gradient descent ends at least squares (dots)"
        left.set(xlabel="step", ylabel="weight", xscale="log", title=title)
        right.plot([25, 350], [25, 350], color="grey", linewidth=1)
        right.plot(predicted, t, ".", alpha=0.6)
        right.set(xlabel="predicted, patient held out", ylabel="measured disease progression")
        right.set_title(f"A line explains half of it: R2 = {np.mean(scores):.2f}")
        figure.savefig(demo.folder / "neuron.png", dpi=120)


if __name__ == "__main__":
    run(main)
