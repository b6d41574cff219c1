"""The perceptron learns two kinds of iris after a few mistakes, and never learns XOR.

Talk: neural networks that can learn, history ("the perceptron ... and an associated learning
algorithm"). Rosenblatt, "The perceptron" (1958): for each example (x, t), t = 1 or -1, that is
answered wrong, t (w . x) <= 0, take w <- w + t x. That is a step of gradient descent with rate 1
on the loss -t (w . x) of this one example. If a unit vector u has t (u . x) >= g for all examples
and none is longer than R, there are at most (R / g)^2 mistakes in all (Novikoff 1962), in
whatever order they come. XOR has no such u (Minsky and Papert 1969): no line separates it, the
mistakes never end, and at no moment are more than 3 of its 4 points right.

Expect 2 to 20 mistakes on iris, by the order of the flowers, and none at all after the third round
of them. The bound is 165: it is for the worst order of the worst data. For g the widest margin is
wanted; it is looked for by gradient ascent, and any that is found gives a valid bound.
"""

import sys

import numpy as np
from numpy.typing import NDArray

import tinygrad_nn as tg
from tinygrad_nn import optim
from tinygrad_nn.demo import Demo, run

try:
    from sklearn.datasets import load_iris
except ImportError:
    sys.exit("the flowers come with scikit-learn: pip install 'tinygrad-nn[sklearn]'")

Array = NDArray[np.float64]


def perceptron(x: Array, t: Array, epochs: int, seed: int) -> tuple[Array, list[int], float]:
    """Weights, examples seen at each mistake, and the best accuracy on the way."""
    order = np.random.default_rng(seed)
    w, seen, best = np.zeros(x.shape[1]), 0, 0.0
    mistakes: list[int] = []
    for _ in range(epochs):
        for i in order.permutation(len(x)):
            seen += 1
            if t[i] * (w @ x[i]) <= 0:
                w = w - tg.grad(lambda w, i=i: -t[i] * (w @ x[i]))(w)  # that is, w + t x
                mistakes.append(seen)
                best = max(best, float(np.mean(t * (x @ w) > 0)))
    return w, mistakes, best


def widest_margin(x: Array, t: Array, steps: int) -> float:
    """Largest g that gradient ascent finds: of min t (u . x), u of length 1."""
    w = tg.tensor(x.T @ t / len(t), requires_grad=True)
    optimizer = optim.Adam([w], lr=0.01)
    margin = 0.0
    for _ in range(steps):
        smallest = tg.min(t * (x @ w)) / tg.linalg.norm(w)
        margin = max(margin, smallest.item())
        optimizer.zero_grad()
        (-smallest).backward()
        optimizer.step()
    return margin


def main(demo: Demo) -> None:
    lengths, kind = load_iris(return_X_y=True)
    two = kind < 2  # setosa and versicolor: four lengths in cm, and a 1 for the bias
    x, t = np.column_stack([lengths, np.ones(150)])[two], 2.0 * kind[two] - 1
    w, mistakes, _ = perceptron(x, t, 10, demo.seed)
    accuracy = np.mean(t * (x @ w) > 0)
    print(f"iris: wrong at flowers number {mistakes} of {10 * len(x)} shown; w = {w.round(1)}")
    margin = widest_margin(x, t, 300 if demo.quick else 2000)
    bound = np.linalg.norm(x, axis=1).max() ** 2 / margin**2
    print(f"margin g = {margin:.3f}, so at most (R / g)^2 = {bound:.0f} mistakes")

    corners = np.array([[-1, -1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, 1.0]])
    xor = np.array([-1, 1, 1, -1.0])
    epochs = 100 if demo.quick else 1000
    _, endless, most = perceptron(corners, xor, epochs, demo.seed)
    print(f"XOR: {len(endless)} mistakes in {4 * epochs} answers, the last at {endless[-1]}")

    demo.expect("accuracy on iris", accuracy, at_least=1)
    demo.expect("mistakes on iris", len(mistakes), at_least=1, at_most=30)
    demo.expect("mistakes / bound of Novikoff", len(mistakes) / bound, at_most=1)
    demo.expect("best accuracy on XOR", most, at_least=0.5, at_most=0.75)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        away = x @ w / np.linalg.norm(w[:4])
        for kind, label in ((-1, "setosa"), (1, "versicolor")):
            left.hist(away[t == kind], bins=np.arange(-3, 3.1, 0.2), label=label)
        left.axvline(0, color="black")
        left.set(xlabel="distance from the plane w . x = 0 (cm)", ylabel="flowers")
        left.set_title(f"Iris: a plane between the kinds after {len(mistakes)} mistakes")
        left.legend()
        for moments, label in ((endless, "XOR"), (mistakes, "iris")):
            so_far = range(len(moments) + 1)
            right.step([0, *moments, 400], [*so_far, so_far[-1]], where="post", label=label)
        right.set(xlabel="examples shown", ylabel="mistakes so far", xlim=(0, 400), ylim=(0, 250))
        right.set_title("Mistakes on XOR never end")
        right.legend()
        figure.savefig(demo.folder / "perceptron.png", dpi=120)


if __name__ == "__main__":
    run(main)
