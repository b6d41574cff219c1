"""More data makes every network better, and the deep one goes on where the flat one stops.

Talk: neural networks that can learn, "History": with "more powerful computing hardware & the
availability of large datasets, neural networks have seen a resurgence". The mathematics was there
by 1986; the data and the computers were not. Test error falls about as a power of the number n of
examples,

    error(n) = c n^-p        a straight line on paper with two logarithmic scales

(Cortes and others, "Learning curves", 1993; Hestness and others, "Deep learning scaling is
predictable, empirically", 2017). Softmax regression, 784-10, has too few ways to bend the line, and
levels off; 784-128-64-10 goes on. Both take 1,500 steps of 64 at each size. Expect the deep one to
rise from .74 at 100 examples to .96 at all 60,000, and the flat one to stop at .92. What is weak:
it is no proof for large networks, and one run wavers by half a point.
"""

from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def learned(sizes: tuple[int, ...], known: data.Dataset, test: Any, steps: int, seed: int) -> float:
    """Test accuracy of a network after as many steps of 64 examples."""
    rng = np.random.default_rng(seed)
    layers = [nn.Linear(n, m, rng=rng) for n, m in pairwise(sizes)]
    net = nn.Sequential(layers[0], *(part for layer in layers[1:] for part in (nn.ReLU(), layer)))
    optimizer = optim.Adam(net.parameters(), lr=0.002)

    @tg.jit(engine="numpy")
    def step(x: Any, labels: Any) -> None:
        loss = nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(steps):
        step(*known[rng.integers(0, len(known), 64)])
    return train.accuracy(net(test.inputs), test.targets)


def main(demo: Demo) -> None:
    digits = data.load_handwriting(8, mnist=not demo.quick, rng=demo.seed)
    known, test = (part.flatten() for part in digits)
    many, steps = known.name == "mnist train", 400 if demo.quick else 1500
    counts = (100, 300, 1000, *((3000, 10_000, 60_000) if many else ()))
    order, pixels = np.random.default_rng(demo.seed).permutation(len(known)), known.inputs.shape[1]
    parts, found = [known.subset(order[:n]) for n in counts], {}
    for name, sizes in (("flat", (pixels, 10)), ("deep", (pixels, 128, 64, 10))):
        found[name] = [learned(sizes, part, test, steps, demo.seed) for part in parts]
        print(f"{name}: accuracy from {counts} examples", *(f"{a:.3f}" for a in found[name]))
    flat, deep = (np.array(scores) for scores in found.values())
    least, ahead = 100 * min(np.diff(deep)), 100 * (deep - flat)[-1]
    line = np.polyfit(np.log(counts), np.log(1 - deep), 1)
    demo.expect("accuracy, deep, 100 examples", deep[0], at_least=0.6, at_most=0.95)
    demo.expect("accuracy, deep, all examples", deep[-1], at_least=0.955 if many else 0.9)
    demo.expect("least points gained by a size", least, at_least=0 if many else -3)
    demo.expect("p of the error, c n^-p", -line[0], at_least=0.1, at_most=0.7)
    demo.expect("points deep is ahead, all examples", ahead, at_least=3 if many else -3)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
        for name, scores in found.items():
            axes.loglog(counts, 1 - np.array(scores), "o-", label=f"{name} network")
        fitted = np.exp(np.polyval(line, np.log(counts)))
        axes.loglog(counts, fitted, ":", color="black", label=f"c n^-{-line[0]:.2f}")
        axes.set(xlabel="training examples", ylabel="test error")
        axes.set_title(f"{known.name}: the deep network goes on where the flat one stops")
        axes.legend()
        figure.savefig(demo.folder / "data.png", dpi=120)


if __name__ == "__main__":
    run(main)
