"""Telling how far a digit is turned needs no labels, and teaches convolutions a little of digits.

Talk: neural networks that can learn, "Understanding learning" (self-supervised learning). Gidaris,
Singh and Komodakis, "Unsupervised representation learning by predicting image rotations" (2018):
turn each image by 0, 90, 180 or 270 degrees and learn which it was,

    loss = cross_entropy(head(f(turn_r x)), r)        the label r costs nothing

To tell, the convolutions f must find strokes. Then f is frozen, and one linear layer learns the
digits from 50 labels: expect .70 on f(x), .63 on the raw pixels, .61 on convolutions that learned
nothing. What is weak: going on with f on the labels is no better than that, and random convolutions
with max pooling, which are built to bear small shifts, reach .69 with nothing learned at all; so
what is built in was worth as much here as what was learned. On the small digits of the package
there is no gain.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def strided(rng: Any) -> nn.Sequential:
    first, second = nn.Conv2d(1, 16, 5, stride=2, rng=rng), nn.Conv2d(16, 32, 5, stride=2, rng=rng)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten())


def pooled(rng: Any) -> nn.Sequential:
    first, second = nn.Conv2d(1, 8, 3, rng=rng), nn.Conv2d(8, 16, 3, rng=rng)
    layers = first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    return nn.Sequential(*layers)


def learn(net: nn.Module, batches: Any, decay: float = 0.0) -> None:
    optimizer = optim.Adam(net.parameters(), lr=0.002, weight_decay=decay)

    @tg.jit(engine="numpy")
    def step(x: Any, labels: Any) -> None:
        loss = nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for x, labels in batches:
        step(x, labels)


def turned(x: Any, rng: Any) -> Any:
    """64 images, a quarter of them turned by each angle, and by which."""
    parts = x[rng.integers(0, len(x), 64)].reshape(4, 16, *x.shape[1:])
    return np.concatenate([np.rot90(p, k, (2, 3)) for k, p in enumerate(parts)]), np.arange(
        64
    ) // 16


def probe(f: nn.Module, few: Any, test: Any, seed: int) -> float:
    """Test accuracy of a linear layer that learned the few labels from f(x)."""
    with tg.no_grad():
        inside, outside = f(few[0]).numpy(), f(test[0]).numpy()
    size = np.sqrt((inside**2).sum(axis=1).mean()) / 10
    layer = nn.Linear(inside.shape[1], 10, rng=seed)
    learn(layer, [(inside / size, few[1])] * 200, decay=0.02)
    return train.accuracy(layer(outside / size), test[1])


def main(demo: Demo) -> None:
    known, test = data.load_handwriting(28, mnist=not demo.quick, rng=demo.seed)
    rng, seed = np.random.default_rng(demo.seed), demo.seed
    x, asked = known.inputs[:, None], (test.inputs[:2000, None], test.targets[:2000])
    f = strided(seed)
    with tg.no_grad():
        width = f(x[:1]).shape[1]
    head = nn.Linear(width, 64, rng=seed), nn.ReLU(), nn.Linear(64, 4, rng=seed + 1)
    pretext = nn.Sequential(f, *head)
    learn(pretext, (turned(x, rng) for _ in range(250 if demo.quick else 600)))
    images, angles = turned(asked[0], rng)
    told = train.accuracy(pretext(images), angles)

    frozen = {
        "rotation": f,
        "raw": nn.Flatten(),
        "random": strided(seed + 1),
        "random, pooled": pooled(seed + 1),
    }
    found: dict[str, list[float]] = {name: [] for name in [*frozen, "fine-tuned", "scratch"]}
    for draw in range(2 if demo.quick else 5):
        order = rng.permutation(len(x))
        rows = np.concatenate([order[known.targets[order] == k][:5] for k in range(10)])
        few = x[rows], known.targets[rows]
        for name, layers in frozen.items():
            found[name].append(probe(layers, few, asked, seed))
        for name, start in (("fine-tuned", f), ("scratch", strided(10 * seed + draw))):
            net = nn.Sequential(strided(0), nn.Linear(width, 10, rng=seed))
            net[0].load_state_dict(start.state_dict())
            learn(net, [few] * 60)
            found[name].append(train.accuracy(net(asked[0]), asked[1]))
    means = {name: float(np.mean(scores)) for name, scores in found.items()}
    for name, mean in means.items():
        print(f"{name:15} accuracy from 50 labels {mean:.3f}")

    slack = 0 if test.name.startswith("mnist") else 6
    rotation = means["rotation"]
    demo.expect("angle told right (chance .25)", told, at_least=0.6 if slack else 0.85)
    demo.expect("accuracy from 50 labels, rotation", rotation, at_least=0.62)
    for name, least in (("raw", 2), ("random", 2), ("random, pooled", -4), ("fine-tuned", -4)):
        gain = 100 * (rotation - means[name])
        demo.expect(f"points of rotation ahead of {name}", gain, at_least=least - slack)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        kernels = np.pad(f[0].weight.numpy()[:, 0], ((0, 0), (1, 1), (1, 1))).reshape(2, 8, 7, 7)
        size = np.abs(kernels).max()
        sheet = kernels.transpose(0, 2, 1, 3).reshape(14, 56)
        left.imshow(sheet, cmap="coolwarm", vmin=-size, vmax=size)
        left.set(xticks=[], yticks=[], title="What the first layer looks for, without any label")
        bars = right.barh([*means], [*means.values()])
        right.bar_label(bars, fmt="%.2f")
        right.invert_yaxis()
        right.set(xlim=(0, 1), xlabel="test accuracy", title="Learned from 50 labels on")
        figure.savefig(demo.folder / "rotation.png", dpi=120)


if __name__ == "__main__":
    run(main)
