"""Backpropagation: all n derivatives for a few times the price of one run forward.

Talk: neural networks that can learn, history (backpropagation, "introduced by researchers like
Rumelhart, Hinton, and Williams"). Reverse accumulation (Linnainmaa 1970; Rumelhart, Hinton and
Williams, "Learning representations by back-propagating errors", 1986) visits each operation of
the run forward once, in reverse, and multiplies by a local derivative once for each of its
inputs: at most two. So the work is a constant times that of the run forward, however many
parameters there are (the cheap gradient principle, Baur and Strassen 1983). Without it each
derivative asks for runs of its own: (L(w + h) - L(w - h)) / 2h takes 2 n of them.

Counted: products by local derivatives over operations forward, at most 2 at every width. Timed:
forward and backward together over forward alone, 2 to 5 at every width. Times are the least of
several in the processor's clock, and still wobble: the bounds are generous.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.demo import Demo, run


class Count(tg.Observer):
    """Counts in a backward pass: operations that it visits, products by local derivatives."""

    operations = products = 0

    def gradient(self, node: Any, gradient: Any) -> None:  # noqa: D102
        self.operations += not node.is_leaf

    def edge(self, node: Any, p: Any, contribution: Any) -> None:  # noqa: D102
        self.products += 1


def seconds(call: Callable[[], object], times: int) -> float:
    """Least processor time of a call."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        call()
        found.append(time.process_time() - begun)
    return min(found)


def counted(width: int, seed: int) -> float:
    """Products on the way back over operations forward, in a graph of single numbers."""
    network = nn.MLP(3, [width, width, 1], activation="tanh", fused=False, rng=seed)
    loss = (network([1.0, -2.0, 0.5]) - 1) ** 2
    with tg.observe(Count()) as count:
        loss.backward()
    n = len(network.parameters())
    print(f"{n:10,} {count.operations:11,} {count.products:14,} {2 * n * count.operations:20,}")
    return count.products / count.operations


def timed(width: int, rounds: int, seed: int) -> tuple[int, float, float]:
    """Parameters, and seconds of a run forward and of one forward and backward, in tensors."""
    network = nn.Sequential(
        *(nn.Linear(width, width, rng=seed), nn.Tanh()),
        *(nn.Linear(width, width, rng=seed + 1), nn.Tanh()),
    )
    x = tg.random.normal(size=(64, width), rng=seed)

    def forward() -> Any:
        return (network(x) ** 2).mean()

    def forward_and_backward() -> None:
        network.zero_grad()
        forward().backward()

    with tg.no_grad():
        alone = seconds(forward, rounds)
    n = sum(p.size for p in network.parameters())
    return n, alone, seconds(forward_and_backward, rounds)


def main(demo: Demo) -> None:
    print("parameters  operations  products back  by 2 n runs forward")
    ratios = [counted(width, demo.seed) for width in (2, 4, 8, 16, 32)]
    demo.expect("products back / operations forward", max(ratios), at_least=1, at_most=2)

    print("parameters  forward (ms)  with backward (ms)  ratio  by 2 n runs forward (s)")
    found = []
    with tg.num_threads(1):
        for width in (32, 64, 128, 256) if demo.quick else (32, 64, 128, 256, 512, 1024):
            n, alone, both = timed(width, 20 if demo.quick else 60, demo.seed)
            found.append((n, alone, both))
            told = f"{1e3 * alone:13.3f} {1e3 * both:19.3f} {both / alone:6.2f}"
            print(f"{n:10,} {told} {2 * n * alone:24.1f}")
    numbers, forward, both_ways = np.array(found).T
    times = both_ways / forward
    demo.expect("time with backward / forward, least", times.min(), at_least=1.2)
    demo.expect("time with backward / forward, most", times.max(), at_most=8)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        axes.loglog(numbers, 2 * numbers * forward, "s-", label="2 n runs forward (worked out)")
        axes.loglog(numbers, both_ways, "o-", label="forward and backward")
        axes.loglog(numbers, forward, "o--", label="forward alone")
        axes.set(xlabel="parameters n", ylabel="time for all n derivatives (s)")
        axes.set_title("All derivatives for a few times the price of one run forward")
        axes.legend()
        figure.savefig(demo.folder / "cost.png", dpi=120)


if __name__ == "__main__":
    run(main)
