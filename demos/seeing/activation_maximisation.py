"""From edges to parts of digits: images made to excite single units, layer by layer.

Talk: neural networks, "combinations of very basic patterns can then be recognized as a more
complicated one" (Hubel and Wiesel 1959) and its pictures of VGG-16 in layers 7, 14 and 40. Those
weights are no part of this package: a small network of three convolutions stands for them here.
Gradient ascent on the image x, not on the weights, maximises the answer a of one unit in the middle
of its map (Erhan and others 2009), before the ReLU, whose slope may be 0 at the start:

    x <- .99 x + g / 2|g|,  g = da(x) / dx;     x <- x |best| / |x|

In between, x is moved by a pixel or two (the deeper, the further) and now and then blurred. "Best"
is the patch of 2,000 real images that the unit likes most, and x has its norm, so that no contrast
is won. A unit sees 7, 16 and 26 pixels a side. How much of a bar the first layer sees is told by
its answers r to gratings of all angles: |sum r(a) exp(2 i a)| / sum r(a), 0 if all are liked alike.

Expect that index to grow from .23 to .32: edges, but not the sharp ones of a cortex. And expect 1.9
to 2.5 times the answer to the best patch. What is weak: 5 times were hoped for. A network so
shallow is nearly linear in x, and there nothing beats 1 / cosine of the patch and the weights.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run

BLUR = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)[None, None] / 16
# Of each layer: how many modules lead to it; unit i sees `side` pixels from stride i - back on.
LAYERS = (("conv1", 1, 1, 3, 7), ("conv2", 4, 2, 7, 16), ("conv3", 7, 4, 11, 26))


def orientation(filters: Any) -> Any:
    """How much each filter prefers one angle, at the frequency that it answers most."""
    y, x = np.mgrid[: filters.shape[1], : filters.shape[2]]
    angle = np.arange(16) * np.pi / 16
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    gratings = np.exp(
        2j * np.pi * np.array([0.1, 0.15, 0.2, 0.25, 0.3])[:, None, None, None] * along
    )
    answers = np.abs(np.einsum("uyx,fayx->ufa", filters, gratings))
    best = answers[np.arange(len(filters)), answers.max(axis=2).argmax(axis=1)]
    return np.abs((best * np.exp(2j * angle)).sum(axis=1)) / best.sum(axis=1)


def ascended(part: nn.Module, units: Any, norms: Any, reach: int, steps: int, rng: Any) -> Any:
    """For each unit an image of that norm, and what the unit in the middle answers to it."""

    def answers(x: Any) -> Any:
        maps = part(x)[np.arange(len(units)), units]
        return maps[:, maps.shape[1] // 2, maps.shape[2] // 2]

    @tg.jit(engine="numpy")
    def uphill(x: Any) -> Any:
        return tg.grad(lambda x: answers(x).sum())(x)

    x = rng.normal(size=(len(units), 1, 28, 28), scale=0.01).astype(np.float32)
    for step in range(steps):
        move = rng.integers(-reach, reach + 1, 2)
        g = np.roll(uphill(np.roll(x, move, (2, 3))).numpy(), -move, (2, 3))
        x = 0.99 * x + 0.5 * g / (np.linalg.norm(g, axis=(2, 3), keepdims=True) + 1e-8)
        if step % 10 == 0:
            x = nn.functional.conv2d(x, BLUR, padding=1)
        x *= norms / np.linalg.norm(x, axis=(2, 3), keepdims=True)
    return x, answers(x).numpy()


def main(demo: Demo) -> None:
    known, _ = data.load_handwriting(28, mnist=not demo.quick, rng=demo.seed)
    rng = np.random.default_rng(demo.seed)
    rows, least = rng.permutation(len(known))[:12_000], 1.0 if demo.quick else 1.5
    images, labels = known.inputs[rows][:, None], known.targets[rows]
    held = len(rows) // 6
    network = nn.Sequential(
        *(nn.Conv2d(1, 8, 7, padding=3, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1, rng=rng), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 10, rng=rng)),
    )
    before = orientation(network[0].weight.numpy()[:, 0])
    adam = optim.Adam(network.parameters(), lr=0.003)
    train.fit(network, nn.CrossEntropyLoss(), adam, (images[held:], labels[held:]), 2)
    after = orientation(network[0].weight.numpy()[:, 0])
    right = train.accuracy(train.predict(network, images[:held]), labels[:held])
    demo.expect("test accuracy", right, at_least=0.85)
    demo.expect("orientation index of conv1, random", before.mean(), at_least=0.1, at_most=0.3)
    demo.expect("orientation index of conv1, learned", after.mean(), at_least=0.1)

    shown = []
    for depth, modules, stride, back, side in LAYERS:
        part = network[:modules]
        maps = train.predict(part, images[:2000])
        most, middle = maps.max(axis=(0, 2, 3)), maps.shape[2] // 2
        units = np.argsort(-most)[: 4 if demo.quick else 8]
        patches = []
        for unit in units:
            example, *place = np.unravel_index(maps[:, unit].argmax(), maps[:, unit].shape)
            row, column = stride * np.array(place) - back + 14
            around = np.pad(images[example], ((0, 0), (14, 14), (14, 14)))
            patches.append(around[:, row : row + side, column : column + side])
        norms = np.linalg.norm(patches, axis=(2, 3), keepdims=True)
        made, answers = ascended(part, units, norms, side // 12, 40 if demo.quick else 200, rng)
        times = answers / most[units]
        print(f"{depth}: answer / that to the best patch:", *(f"{t:.2f}" for t in times))
        demo.expect(f"{depth}: answer / best, median", np.median(times), at_least=least)
        seen = slice(stride * middle - back, stride * middle - back + side)
        shown.append((depth, made[:, :, seen, seen], patches, times))

    if plt := demo.pyplot():
        figure, axes = plt.subplots(6, len(units), figsize=(10, 8), layout="constrained")
        for (depth, made, patches, times), rows in zip(shown, axes.reshape(3, 2, -1), strict=True):
            for unit, (above, below) in enumerate(rows.T):
                above.imshow(made[unit][0], cmap="gray_r")
                below.imshow(patches[unit][0], cmap="gray_r")
                above.set_title(f"{times[unit]:.1f} times", fontsize=9)
            rows[0, 0].set_ylabel(f"{depth}: made")
            rows[1, 0].set_ylabel("best real")
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
        figure.suptitle("What excites a unit: edges, then bars and corners, then strokes that meet")
        figure.savefig(demo.folder / "what_units_like.png", dpi=120)


if __name__ == "__main__":
    run(main)
