"""Gradients of small batches are right on average, noisy as 1 / b, and go far for their price.

Talk: neural networks, "Stochastic gradient descent": the gradient of the entire data set is
"expensive"; that of a single example or a small batch is "noisy, leading to a less smooth path",
but "much faster". Let g be the gradient of the mean loss, g_b that of b examples drawn at random:

    E[g_b] = g        E|g_b - g|^2 = E|g_1 - g|^2 / b        (Robbins and Monro 1951)

Measured on softmax regression of the digits, half learned: the mean of 2,000 noisy gradients is g
to within 3 standard errors, and on log-log paper their variance falls with slope -1. Then three
descents see the same number of examples at the same learning rate: expect single examples and
batches far below the full gradient. What is weak: in NumPy a step costs nearly the same for 1 as
for 32 examples, so by the clock batches win, and at a rate that suits them all none ends at rest.
"""

import time
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    draws = np.random.default_rng(demo.seed)
    digits = data.load_digits().flatten()
    x, labels, n = digits.inputs.astype(float), digits.targets, len(digits)
    everything = np.arange(n)

    def loss(w: Any, rows: Any) -> Any:
        return nn.functional.cross_entropy(x[rows] @ w, labels[rows])

    slope = tg.grad(loss)

    def descent(batch: int, epochs: int) -> tuple[Any, Any]:
        """The weights, and how many examples were seen at which loss."""
        w, path, step = np.zeros((64, 10)), [(0, float(np.log(10)))], 0
        every = max(1, n // batch // 50)
        for _ in range(epochs):
            order = draws.permutation(n)
            for begin in range(0, n - n % batch, batch):
                w = w - 0.1 * slope(w, order[begin : begin + batch])
                step += 1
                if step % every == 0:
                    path.append((step * batch, float(loss(w, everything))))
        return w, np.array(path)

    w, _ = descent(n, epochs=20)
    g, count = slope(w, everything), 200 if demo.quick else 2000
    print(" b  E|g_b - g|^2   |mean of g_b - g| in standard errors")
    sizes = 2 ** np.arange(7)
    variances, errors = [], []
    for b in sizes:
        noisy = np.array([slope(w, draws.integers(n, size=b)) for _ in range(count)])
        variances.append(((noisy - g) ** 2).sum(axis=(1, 2)).mean())
        errors.append(np.linalg.norm(noisy.mean(axis=0) - g) / np.sqrt(variances[-1] / count))
        print(f"{b:2} {variances[-1]:12.4f} {errors[-1]:12.2f}")
    demo.expect(f"distance of the mean of {count} from g, standard errors", max(errors), at_most=3)
    power = np.polyfit(np.log(sizes), np.log(variances), 1)[0]
    demo.expect("power of b in the variance", power, at_least=-1.1, at_most=-0.9)

    epochs, paths = 1 if demo.quick else 5, {}
    for name, batch in (("full", n), ("32", 32), ("1", 1)):
        begun = time.perf_counter()
        paths[name] = descent(batch, epochs)[1]
        seconds, ups = time.perf_counter() - begun, np.mean(np.diff(paths[name][:, 1]) > 0)
        print(f"batch {name:4}: loss {paths[name][-1, 1]:.3f} after {epochs} epochs,", end=" ")
        print(f"uphill at {ups:.0%} of looks, {seconds:.2f} s")
        if name != "full":
            share, most = paths[name][-1, 1] / paths["full"][-1, 1], 0.8 if demo.quick else 0.5
            demo.expect(f"loss with batch {name}, over the full gradient's", share, at_most=most)
    rises = np.sum(np.diff(paths["full"][:, 1]) > 0)
    demo.expect("looks at which the full gradient went up", rises, at_most=0)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
        left.loglog(sizes, variances, "o", label="measured")
        left.loglog(sizes, variances[0] / sizes, color="grey", label="1 / b")
        left.set(xlabel="examples in a batch, b", ylabel="variance of the gradient E|g_b - g|²")
        left.set_title(f"Twice the batch, half the variance: b^{power:.2f}")
        for name, path in paths.items():
            right.plot(path[:, 0], path[:, 1], ".-", markersize=3, label=f"batch {name}")
        right.set(xlabel="examples seen", ylabel="loss over all examples", yscale="log")
        right.set_title("Small batches go further, less smoothly")
        for axis in (left, right):
            axis.legend()
        figure.savefig(demo.folder / "stochastic_descent.png", dpi=120)


if __name__ == "__main__":
    run(main)
