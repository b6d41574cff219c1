"""Convolutions that learned 0-4 help to learn 5-9 from few labels; a dense network's layers hurt.

Talk: neural networks that can learn, "Understanding learning" (transfer learning). Yosinski, Clune,
Bengio and Lipson, "How transferable are features in deep neural networks?" (2014): early layers
find what all images have, strokes and corners; late ones what the task needs. So the first layers
f of a network that learned one task are kept as they are, and only a new last layer learns,

    minimise over W, b   cross_entropy(W f(x) + b, t)       from 10, 25 or 50 labels of 5-9

against the same network learned from scratch from these labels. Expect the convolutions to be ahead
by 4 to 6 points, at .85 and .80 from 50 labels, and a dense network 784-64-32 to lose by 14: its
last hidden layer has thrown away what 0-4 do not need. What is weak: on images so simple strokes
are soon learned anew, and on the small digits of the package nothing is gained.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run

EACH = (2, 5, 10)  # labels of each digit


def convolutions(side: int, rng: Any) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
    )


def dense(side: int, rng: Any) -> nn.Sequential:
    first, second = nn.Linear(side * side, 64, rng=rng), nn.Linear(64, 32, rng=rng)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU())


def learn(net: nn.Module, batches: Any) -> None:
    optimizer = optim.Adam(net.parameters(), lr=0.002)

    @tg.jit(engine="numpy")
    def step(x: Any, labels: Any) -> None:
        loss = nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for x, labels in batches:
        step(x, labels)


def inside(f: Any, x: Any) -> Any:
    with tg.no_grad():
        return f(x).numpy()


def main(demo: Demo) -> None:
    known, test = data.load_handwriting(16, mnist=not demo.quick, rng=demo.seed)
    first, second = known.subset(known.targets < 5), known.subset(known.targets > 4)
    asked = test.subset(np.flatnonzero(test.targets > 4)[:2000])
    side, rng = known.inputs.shape[1], np.random.default_rng(demo.seed)
    found = {}
    for make, steps in ((convolutions, 700), (dense, 1000)):
        f = make(side, rng)
        width = inside(f, first.inputs[:1, None]).shape[1]
        chosen = (
            rng.integers(0, len(first), 64) for _ in range(steps // 3 if demo.quick else steps)
        )
        net = nn.Sequential(f, nn.Linear(width, 5, rng=rng))
        learn(net, ((first.inputs[rows, None], first.targets[rows]) for rows in chosen))
        scores = np.zeros((2, len(EACH)))
        draws = 2 if demo.quick else 5
        for _ in range(draws):
            order = rng.permutation(len(second))
            for column, each in enumerate(EACH):
                rows = [order[second.targets[order] == k][:each] for k in range(5, 10)]
                few = second.subset(np.concatenate(rows))
                x, labels = few.inputs[:, None], few.targets - 5
                head = nn.Linear(width, 5, rng=rng)
                learn(head, [(inside(f, x), labels)] * 300)
                whole = nn.Sequential(make(side, rng), nn.Linear(width, 5, rng=rng))
                learn(whole, [(x, labels)] * 60)
                answers = head(inside(f, asked.inputs[:, None])), whole(asked.inputs[:, None])
                scores[:, column] += [train.accuracy(z, asked.targets - 5) / draws for z in answers]
        found[make.__name__] = scores
        for name, row in zip(("moved", "from scratch"), scores, strict=True):
            print(f"{make.__name__}, {name:12} 10, 25, 50 labels:", *(f"{s:.3f}" for s in row))

    real = test.name.startswith("mnist")
    for name, (moved, scratch) in found.items():
        demo.expect(f"accuracy from 50 labels, {name} moved", moved[-1], at_least=0.4)
        demo.expect(f"accuracy from 50 labels, {name} from scratch", scratch[-1], at_least=0.65)
    gained = {name: 100 * (moved - scratch).mean() for name, (moved, scratch) in found.items()}
    demo.expect("points gained, convolutions", gained["convolutions"], at_least=0.5 if real else -8)
    demo.expect("points gained, dense", gained["dense"], at_most=-5)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
        for axis, (name, scores) in zip(axes, found.items(), strict=True):
            for row, label in zip(scores, ("layers moved from 0-4", "from scratch"), strict=True):
                axis.plot([5 * each for each in EACH], row, "o-", label=label)
            axis.set(xlabel="labels of 5-9", title=f"{name}: {gained[name]:+.1f} points by moving")
            axis.legend()
        axes[0].set_ylabel("test accuracy on 5-9")
        figure.savefig(demo.folder / "transfer.png", dpi=120)


if __name__ == "__main__":
    run(main)
