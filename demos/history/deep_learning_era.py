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
from tinygrad_nn import data, errors, nn, optim, train
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
    steps, best = 400 if demo.quick else 1500, 0.9
    counts: tuple[int, ...] = (100, 300, 1000)
    known, test = data.load_digits().flatten().split(rng=demo.seed)
    if not demo.quick:
        try:
            known, test = (data.load_mnist(split=s).flatten() for s in ("train", "test"))
            counts, best = (100, 300, 1000, 3000, 10_000, 60_000), 0.955
        except errors.DataError:
            print("MNIST is not here (set TINYGRAD_NN_DATA): the digits of the package instead")
    order, pixels = np.random.default_rng(demo.seed).permutation(len(known)), known.inputs.shape[1]
    parts, found = [known.subset(order[:n]) for n in counts], {}
    for name, sizes in (("flat", (pixels, 10)), ("deep", (pixels, 128, 64, 10))):
        found[name] = [learned(sizes, part, test, steps, demo.seed) for part in parts]
        print(f"{name}: accuracy from {counts} examples", *(f"{a:.3f}" for a in found[name]))
    flat, deep = (np.array(scores) for scores in found.values())
    least = 100 * min(np.diff(deep))
    power = -np.polyfit(np.log(counts), np.log(1 - deep), 1)[0]
    demo.expect("accuracy, deep, 100 examples", deep[0], at_least=0.6, at_most=0.95)
    demo.expect("accuracy, deep, all examples", deep[-1], at_least=best)
    demo.expect(
        "least gain of a size over the last (points)", least, at_least=0 if best > 0.9 else -3
    )
    demo.expect("p of the error, c n^-p", power, at_least=0.1, at_most=0.7)
    ahead = 100 * (deep - flat)[-1]
    demo.expect("points deep is ahead, all examples", ahead, at_least=3 if best > 0.9 else -3)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
        for name, scores in found.items():
            axes.loglog(counts, 1 - np.array(scores), "o-", label=f"{name} network")
        line = np.exp(np.polyval(np.polyfit(np.log(counts), np.log(1 - deep), 1), np.log(counts)))
        axes.loglog(counts, line, ":", color="black", label=f"c n^-{power:.2f}")
        axes.set(xlabel="training examples", ylabel="test error")
        axes.set_title(f"{known.name}: the deep network goes on where the flat one stops")
        axes.legend()
        figure.savefig(demo.folder / "data.png", dpi=120)


if __name__ == "__main__":
    run(main)
