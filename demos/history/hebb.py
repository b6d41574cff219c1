"""A neuron that fires together with its inputs finds the main direction of its data.

Talk: neural networks that can learn, history ("when two neurons fire together, the connection
between them strengthens"). Hebb, "The organization of behavior" (1949): dw = lr y x, with the
answer y = w . x. That is gradient ascent on y^2 / 2, which knows no end: w grows for ever. Oja,
"A simplified neuron model as a principal component analyzer" (1982), lets it forget as much as it
learns: dw = lr y (x - y w). This is the gradient of no function; the rule itself is written here.
On average it rests only where w is the first principal component, of length 1.

Expect an absolute cosine of at least .999 with the component that an eigenvalue solver finds on
iris, and a length of 1. No label is used.
"""

import sys

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.demo import Demo, run

try:
    from sklearn.datasets import load_iris
except ImportError:
    sys.exit("the flowers come with scikit-learn: pip install 'tinygrad-nn[sklearn]'")


def main(demo: Demo) -> None:
    x, kind = load_iris(return_X_y=True)  # four lengths in cm; the kind is for the picture
    x = x - x.mean(axis=0)
    rng = np.random.default_rng(demo.seed)
    first = rng.normal(size=4)
    first /= np.linalg.norm(first)
    rise, together = tg.grad(lambda w: (w @ x[0]) ** 2 / 2)(first), (first @ x[0]) * x[0]
    print("gradient of y^2 / 2:", rise.round(4), " y x:", together.round(4))

    component = np.linalg.eigh(x.T @ x)[1][:, -1]
    hebb, oja = first, first
    path = []
    epochs = 20 if demo.quick else 200
    for epoch in range(epochs):
        lr = 0.02 / (1 + epoch)
        for i in rng.permutation(len(x)):
            y = oja @ x[i]
            oja = oja + lr * y * (x[i] - y * oja)
            hebb = hebb + lr * (hebb @ x[i]) * x[i]
            cosine = abs(oja @ component) / np.linalg.norm(oja)
            path.append((np.linalg.norm(hebb), np.linalg.norm(oja), cosine))
        if epoch in (0, 1, 3, epochs - 1):
            by_hebb, by_oja, _ = path[-1]
            print(f"epoch {epoch + 1}: length {by_hebb:.3g} by Hebb, {by_oja:.4f} by Oja; "
                  f"|cosine| {cosine:.6f}")  # fmt: skip

    demo.expect("|cosine| with the first principal component", path[-1][2], at_least=0.999)
    demo.expect("length of w by Oja", path[-1][1], at_least=0.99, at_most=1.01)
    demo.expect("length of w by Hebb", path[-1][0], at_least=10)
    off = np.abs(together - rise).max()
    demo.expect("Hebb's rule less the gradient of y^2 / 2", off, at_most=1e-12)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        left.semilogy(np.array(path[:600])[:, :2], label=["by Hebb's rule", "by Oja's"])
        left.set(xlabel="flowers seen", ylabel="length of w")
        left.set_title("Hebb's weights grow for ever, Oja's come to length 1")
        left.legend(loc="center right")
        for label, colour in enumerate(("tab:blue", "tab:orange", "tab:green")):
            right.hist(x[kind == label] @ oja, bins=25, color=colour, alpha=0.7)
        right.set(xlabel="answer y = w . x (cm)", ylabel="flowers")
        right.set_title("The neuron's answer tells the kinds apart, unasked")
        right.legend(["setosa", "versicolor", "virginica"])
        figure.savefig(demo.folder / "hebb.png", dpi=120)


if __name__ == "__main__":
    run(main)
