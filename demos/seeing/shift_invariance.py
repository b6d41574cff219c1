"""A digit that moves is lost to a dense network; convolution and a global maximum keep it.

Talk: neural networks, "we want to be able to recognize something regardless of where it is in the
image. For fully-connected networks, the order of the inputs is fixed." Let S move an image around
the edge of its frame. A convolution has the same weights at every place, so it moves its answer (it
is equivariant); the largest answer over all places does not move at all (it is invariant):

    conv(S x) = S conv(x),    max over places of S y = max over places of y

(LeCun and others 1989; the maximum over all places: Oquab and others 2015.) So such a network gives
the same answers wherever the digit is, to the last bits. Both networks learn the digits of 8 x 8 in
the middle of 16 x 16 pixels, and are asked about held-out ones at all 81 places.

Expect .97 of the dense one in the middle, and .12 as the mean of all places, which is little more
than guessing; .98 of the other, the same everywhere. What is weak: the maximum also forgets how
the parts of 9 x 9 pixels that it sees lie to one another, and turning a digit still breaks it.
"""

from typing import Any

import numpy as np

from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    known, test = data.load_digits().split(rng=demo.seed)
    frame = data.transforms.Pad(4)
    images, asked = (frame.batch(part.inputs)[:, None] for part in (known, test))
    around: dict[str, Any] = {"padding": 2, "padding_mode": "circular"}
    rng = np.random.default_rng(demo.seed)
    networks = {
        "dense": nn.Sequential(
            *(nn.Flatten(), nn.Linear(256, 64, rng=rng), nn.ReLU(), nn.Linear(64, 10, rng=rng))
        ),
        "convolution": nn.Sequential(
            *(nn.Conv2d(1, 8, 5, rng=rng, **around), nn.ReLU()),
            *(nn.Conv2d(8, 32, 5, rng=rng, **around), nn.ReLU()),
            *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 10, rng=rng)),
        ),
    }
    moves, maps = range(-4, 5, 4 if demo.quick else 1), {}
    middle, least = len(moves) // 2, 0.88 if demo.quick else 0.95
    for name, network in networks.items():
        epochs = 20 if name == "dense" else 3 if demo.quick else 15
        adam = optim.Adam(network.parameters(), lr=0.004)
        falling = optim.lr_scheduler.PolynomialLR(adam, total_iters=epochs)
        loader = data.DataLoader((images, known.targets), rng=demo.seed)
        train.fit(network, nn.CrossEntropyLoss(), adam, loader, epochs, scheduler=falling)
        answers = np.array(
            [[train.predict(network, np.roll(asked, (i, j), (2, 3))) for j in moves] for i in moves]
        )
        maps[name] = found = (answers.argmax(axis=-1) == test.targets).mean(axis=-1)
        for place in (0, middle, -1):
            print(f"{name:11} moved by {moves[place]:2}:", *(f"{a:.2f}" for a in found[place]))
        demo.expect(f"{name}: accuracy in the middle", found[middle, middle], at_least=least)
        if name == "dense":
            demo.expect("dense: mean accuracy of all places", found.mean(), at_most=0.35)
        else:
            demo.expect("convolution: least accuracy of all", found.min(), at_least=least)
            change = np.abs(answers - answers[middle, middle]).max()
            demo.expect("convolution: largest change of an answer", change, at_most=1e-4)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
        axes[0].imshow(np.roll(asked[0, 0], (-4, 3), (0, 1)), cmap="gray_r")
        axes[0].set(title="A digit moved right by 3, up by 4", xlabel="column", ylabel="row")
        for axis, (name, found) in zip(axes[1:], maps.items(), strict=True):
            image = axis.imshow(found, vmin=0, vmax=1, extent=(-4.5, 4.5, 4.5, -4.5))
            axis.set(title=f"{name}: {found.mean():.2f} on average", xlabel="moved right (pixels)")
            axis.set_ylabel("moved down (pixels)")
        figure.colorbar(image, label="test accuracy")
        figure.savefig(demo.folder / "places.png", dpi=120)


if __name__ == "__main__":
    run(main)
