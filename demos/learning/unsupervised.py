"""Ten heaps of digits without labels: k-means finds most of the digits, and descent derives it.

Talk: neural networks that can learn, "Understanding learning" (unsupervised learning). Without
labels there is only the shape of the data. Lloyd, "Least squares quantization in PCM" (1982): the
loss is the squared distance of each example from the nearest of k centres,

    L(c) = sum over i of min over k of |x_i - c_k|^2         dL/dc_k = 2 n_k (c_k - mean of heap k)

so that Newton's step, c_k - (dL/dc_k) / 2 n_k, is the mean of the heap: k-means. Labels only judge:
purity is the share of examples whose heap is mostly of their kind. Expect .79 for 10 heaps (chance
.14), and .91 for 30, named by one label each. What is weak: a heap is what looks alike, not what
means the same, and k must be given.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data
from tinygrad_nn.demo import Demo, run


def squares(x: Any, centres: Any) -> Any:
    """|x_i - c_k|^2 of each example and centre."""
    return (x**2).sum(1)[:, None] - 2 * x @ centres.T + (centres**2).sum(1)


def heaps(x: Any, count: int, rounds: int, rng: Any) -> tuple[Any, Any, float]:
    """Centres, the heap of each example, and the loss; from examples that lie apart."""
    centres = x[rng.integers(len(x), size=1)]
    for _ in range(count - 1):  # k-means++ (Arthur and Vassilvitskii 2007): far ones are likelier
        near = squares(x, centres).min(1).clip(0)
        centres = np.vstack([centres, x[rng.choice(len(x), p=near / near.sum())]])
    slope = tg.grad(lambda c: squares(x, c).min(axis=1).sum())
    for _ in range(rounds):
        sizes = np.bincount(squares(x, centres).argmin(1), minlength=count).clip(1)
        centres = centres - slope(centres) / (2 * sizes[:, None])
    away = squares(x, centres)
    return centres, away.argmin(1), float(away.min(1).mean())


def purity(heap: Any, labels: Any) -> float:
    """Share of examples that are of the commonest kind in their heap."""
    commonest = [np.bincount(labels[heap == k]).max() for k in np.unique(heap)]
    return float(sum(commonest) / len(labels))


def main(demo: Demo) -> None:
    digits = data.load_digits().flatten()
    x, labels = digits.inputs.astype(float), digits.targets
    rng, best = np.random.default_rng(demo.seed), {}
    for count in (10, 30):
        tries = [heaps(x, count, 20, rng) for _ in range(2 if demo.quick else 10)]
        best[count] = centres, heap, _ = min(tries, key=lambda found: found[2])
        print(f"{count} heaps, squared distance by start:", *(f"{loss:.3f}" for *_, loss in tries))
        off = max(np.abs(x[heap == k].mean(axis=0) - centres[k]).max() for k in range(count))
        print(f"  purity of the best {purity(heap, labels):.3f}; centres off means by {off:.2g}")
    centres, heap, _ = best[30]
    named = labels[squares(x, centres).argmin(0)][heap]
    demo.expect("purity at random", purity(rng.permutation(best[10][1]), labels), at_most=0.16)
    demo.expect("purity of 10 heaps", purity(best[10][1], labels), at_least=0.7)
    demo.expect("purity of 30 heaps", purity(heap, labels), at_least=0.84)
    demo.expect("accuracy, 30 labels on heaps", (named == labels).mean(), at_least=0.8)

    if plt := demo.pyplot():
        centres, heap, _ = best[10]
        kinds = [np.bincount(labels[heap == k], minlength=10) for k in range(10)]
        figure, axes = plt.subplots(2, 5, figsize=(9, 4.4), layout="constrained")
        for axis, k in zip(axes.flat, np.argsort(np.argmax(kinds, axis=1)), strict=True):
            axis.imshow(centres[k].reshape(8, 8), cmap="gray_r")
            axis.set_title(f"{kinds[k].argmax()}: {kinds[k].max() / kinds[k].sum():.0%}")
            axis.set(xticks=[], yticks=[])
        figure.suptitle("Centres of ten heaps without labels, and the commonest digit in each")
        figure.savefig(demo.folder / "heaps.png", dpi=120)


if __name__ == "__main__":
    run(main)
