"""A deep belief network learns digits layer by layer without labels, and so needs fewer of them.

Talk: neural networks that can learn, "NN architectures" (deep belief networks). Each layer is a
restricted Boltzmann machine, P(v) ~ e^(-F(v)), F(v) = -a·v - sum ln(1 + e^(Wv + b)). Hinton,
"Training products of experts" (2002), lowers F at a digit v and raises it at v', where one step of
sampling leads from v (CD-1). No loss has this as its slope, since v' depends on W too; but with v'
held constant the gradient of F(v) - F(v') is exactly his rule dW ~ h v^T - h' v'^T with
h = sigmoid(Wv + b), and so the graph finds it. What a layer makes of v is what the next one learns
(Hinton, Osindero and Teh, 2006); in the end labels tune all of them.

Expect squares of .02 per pixel there and back through two layers; the mean digit has .073. With 50
labels expect 5 points more than from random weights. What is weak: most of that makes good what
depth costs there; 1 to 2 points are left over no hidden layer at all, and 1 or so with all labels.
"""

from copy import deepcopy
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def contrast(rbm: nn.RBM, v: Any, far: Any) -> Any:
    return (rbm.free_energy(v) - rbm.free_energy(far)).mean()


def descend(optimizer: Any, loss_of: Any, examples: data.Dataset, epochs: int) -> None:
    @tg.jit(engine="numpy")
    def step(x: Any, labels: Any) -> None:
        optimizer.zero_grad()
        loss_of(x, labels).backward()
        optimizer.step()

    loader = data.DataLoader(examples, 25, rng=0, drop_last=True)
    for _ in range(epochs):
        for x, labels in loader:
            step(x, labels)


def tuned(hidden: Any, labelled: data.Dataset, test: data.Dataset) -> float:
    """Test accuracy after all layers learned from labels."""
    net = nn.Sequential(*deepcopy(hidden), nn.Linear(64, 10, rng=0))
    optimizer = optim.Adam(net.parameters(), lr=0.005)
    epochs = 150 if len(labelled) < 100 else 40
    descend(optimizer, lambda x, t: nn.functional.cross_entropy(net(x), t), labelled, epochs)
    return train.accuracy(net(test.inputs), test.targets)


def main(demo: Demo) -> None:
    rng = np.random.default_rng(demo.seed)
    digits, test = data.load_digits().flatten().split(rng=demo.seed)
    first, second = layers = [nn.RBM(64, 128, rng=rng), nn.RBM(128, 64, rng=rng)]
    v, far = digits.inputs, first.sample(digits.inputs)
    contrast(first, v, far).backward()
    rule = (first(v).mT @ v - first(far).mT @ far) / len(v)
    off = abs(first.weight.grad + rule).max()
    demo.expect("gradient of F(v) - F(v'), off the rule by", off, at_most=2e-6)

    for rbm in layers:
        optimizer = optim.SGD(rbm.parameters(), lr=0.1, momentum=0.8)
        examples = data.Dataset(v, digits.targets)
        epochs = 15 if demo.quick else 30
        descend(optimizer, lambda v, _, r=rbm: contrast(r, v, r.sample(v)), examples, epochs)
        v = rbm(v).numpy()
    back = first.visible_given(second.reconstruct(first(test.inputs))).numpy()
    mean = ((test.inputs - digits.inputs.mean(axis=0)) ** 2).mean()
    demo.expect("squares per pixel of the mean digit", mean, at_least=0.07)
    demo.expect("there and back", ((test.inputs - back) ** 2).mean(), at_most=0.025)

    chance = [nn.Linear(64, 128, rng=rng), nn.Sigmoid(), nn.Linear(128, 64, rng=rng), nn.Sigmoid()]
    starts: dict[str, Any] = {"no hidden layer": [], "random layers": chance, "learned": layers}
    draws = [digits.split(test=50 / len(digits), rng=n)[1] for n in range(3 if demo.quick else 12)]
    found = {name: [tuned(s, few, test) for few in draws] for name, s in starts.items()}
    few = {name: 100 * np.mean(a) for name, a in found.items()}
    print("accuracy with 50 labels:", *(f"{name} {a:.1f} %" for name, a in few.items()))
    gain = few["learned"] - few["random layers"]
    demo.expect("50 labels: points over random layers", gain, at_least=3)
    gain = few["learned"] - few["no hidden layer"]
    demo.expect("50 labels: points over no hidden layer", gain, at_least=-2 if demo.quick else 0)
    if not demo.quick:
        gain = 100 * (tuned(layers, digits, test) - tuned(chance, digits, test))
        demo.expect("all labels: points over random layers", gain, at_least=-1, at_most=4)

    if plt := demo.pyplot():
        noise = (rng.random((10, 128)) < 0.5).astype(np.float32)
        dreams = first.visible_given(second.sample(noise, 1000)).numpy()
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
        tiles = np.pad(np.stack([test.inputs[:10], back[:10], dreams]).reshape(3, 10, 8, 8), 1)
        left.imshow(tiles[1:-1, 1:-1].swapaxes(1, 2).reshape(30, 100), cmap="Greys")
        left.set_yticks([5, 15, 25], ["digit", "there and\nback", "dreamt from\nnoise"])
        left.set(xticks=[], title="What two layers keep, and what they dream")
        right.plot(list(found.values()), color="tab:gray", alpha=0.4)
        right.plot(list(few), np.array(list(few.values())) / 100, "o-", linewidth=3)
        right.set(ylabel="test accuracy", title="50 labels: learned layers win, not by much")
        figure.savefig(demo.folder / "belief.png", dpi=120)


if __name__ == "__main__":
    run(main)
