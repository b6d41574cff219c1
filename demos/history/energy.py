"""What a network costs: multiply-adds, bytes and time of a step, and a guess at its energy.

Talk: neural networks that can learn, "Future" ("energy-efficient models: reducing the power
consumption of training and inference"). A layer from n to m takes n m multiply-adds for each
example; a convolution takes, for each number that it gives out, one for each weight behind it.
The backward pass takes up to twice as many again: once for the gradient of the weights, once for
that of the inputs. The library's summary counts them, and what is kept for the backward pass;
here its counts are held against those by hand, and must be equal.

The energy is no measurement of this machine: it is arithmetic with the figures of Horowitz,
"Computing's energy problem" (ISSCC 2014), for a 45 nm chip: 3.7 pJ for a 32-bit product, 0.9 pJ for
a sum, and 1.3 to 2.6 nJ to fetch 64 bits from DRAM. Han, Pool, Tran and Dally, "Learning both
weights and connections" (2015), take the lower end, 640 pJ for 32 bits, and so is it taken here. So
a weight that is fetched for one image costs more than a hundred multiply-adds, and a batch, which
shares the weights, is what saves.
"""

import time

import numpy as np

from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

MULTIPLY_ADD, FETCH = 4.6e-12, 640e-12  # joule, 32 bits


def dense() -> nn.Sequential:
    """The talk's network, 784-16-16-10."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 16), nn.Sigmoid()),
        *(nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 10)),
    )


def convolutional() -> nn.Sequential:
    """Two convolutions of 5 x 5, each followed by a pooling of 2 x 2, and one layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 4 * 4, 10)),
    )


def step_seconds(model: nn.Sequential, batch: int, times: int, seed: int) -> float:
    """Least processor time of one training step."""
    rng = np.random.default_rng(seed)
    x = rng.random((batch, 1, 28, 28), np.float32)
    labels = rng.integers(0, 10, batch)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    found = []
    for _ in range(times):
        begun = time.process_time()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        found.append(time.process_time() - begun)
    return min(found)


def kept_by_hand(batch: int) -> int:
    """Bytes for the backward pass of 784-16-16-10: float32 results of its five layers."""
    return 4 * batch * (16 + 16 + 16 + 16 + 10)


def main(demo: Demo) -> None:
    batch = 32
    by_hand = {
        "784-16-16-10": 784 * 16 + 16 * 16 + 16 * 10,
        "convolutional": 24 * 24 * 6 * (5 * 5) + 8 * 8 * 16 * (5 * 5 * 6) + 16 * 4 * 4 * 10,
    }
    costs = []
    for name, model in (("784-16-16-10", dense()), ("convolutional", convolutional())):
        told = nn.summary(model, (batch, 1, 28, 28))
        each = told.multiply_adds / batch
        seconds = step_seconds(model, batch, 5 if demo.quick else 50, demo.seed)
        arithmetic, fetching = 3 * each * MULTIPLY_ADD, 3 * told.parameters * FETCH
        costs.append((arithmetic, fetching, fetching / batch))
        print(told)
        print(f"{each:,.0f} multiply-adds an image; a step of {batch}: {1e3 * seconds:.2f} ms")
        energy = [round(1e9 * x) for x in costs[-1]]
        print("nJ an image: arithmetic, fetching weights for it alone, in a batch:", *energy, "\n")
        off = abs(told.multiply_adds - batch * by_hand[name])
        demo.expect(f"{name}: multiply-adds, off by", off, at_least=0, at_most=0)
        demo.expect(f"{name}: time of a step (ms)", 1e3 * seconds, at_most=1000)
        if name == "784-16-16-10":
            bytes_ = told.parameter_bytes
            demo.expect(f"{name}: bytes of parameters", bytes_, at_least=52_008, at_most=52_008)
            off = abs(told.saved_bytes - kept_by_hand(batch))
            demo.expect(f"{name}: bytes kept, off by", off, at_least=0, at_most=0)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        labels = ["arithmetic", "weights fetched\nfor each image", f"weights fetched\nfor {batch}"]
        for place, (name, row) in enumerate(zip(by_hand, costs, strict=True)):
            axes.bar(np.arange(3) + 0.4 * place, 1e9 * np.array(row), width=0.38, label=name)
        axes.set_xticks(np.arange(3) + 0.2, labels)
        axes.set(yscale="log", ylim=(10, 1e5), ylabel="energy of training on an image (nJ)")
        axes.set_title("Weights cost more to fetch than to use; shared ones save most")
        axes.legend()
        figure.savefig(demo.folder / "energy.png", dpi=120)


if __name__ == "__main__":
    run(main)
