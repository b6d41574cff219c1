"""A convolutional network looks for the same small patterns everywhere in a digit.

Talk: neural networks that can learn, "NN architectures" (convolutional neural networks). LeCun and
others (1989, 1998): kernel k, 3 x 3 numbers for each channel c, slides over the image (a
cross-correlation), and pooling keeps the strongest answer of each 2 x 2 square:

    y[k, i, j] = b[k] + sum over c, u, v of w[k, c, u, v] x[c, i + u, j + v]

Every place shares the weights: 160 in the first layer, where a dense one between the same images
has 66,560. Digits of 8 x 8, 15 epochs: expect .97 to .99. What is weak: on images so small and so
well centred a dense network is only a point or two behind.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def correlated(x: Any, kernels: Any, bias: Any) -> Any:
    """The formula: images (n, c, h, w) and a border of zeros, under each kernel."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("kcuv,ncijuv->nkij", kernels, windows) + bias[:, None, None]


def main(demo: Demo) -> None:
    learn, test = data.load_digits().split(rng=demo.seed)
    first = nn.Conv2d(1, 16, 3, padding=1, rng=demo.seed + 1)
    second = nn.Conv2d(16, 32, 3, padding=1, rng=demo.seed + 16)
    net = nn.Sequential(
        nn.Unflatten(1, (1, 8)), first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10, rng=demo.seed),
    )  # fmt: skip
    epochs = 4 if demo.quick else 15
    optimizer = optim.Adam(net.parameters(), lr=0.004)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    @tg.jit(engine="numpy")
    def step(images: Any, labels: Any) -> Any:
        loss = nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    batches = data.DataLoader(learn, 32, rng=demo.seed, drop_last=True)
    for epoch in range(1, epochs + 1):
        losses = [float(step(images, labels)) for images, labels in batches]
        schedule.step()
        right = train.accuracy(net(test.inputs), test.targets)
        print(f"epoch {epoch:2}: loss {np.mean(losses):.4f}, {right:.3f} of {len(test)} right")

    weights, bias, images = first.weight.numpy(), first.bias.numpy(), test.inputs[:, None]
    gap = abs(correlated(images, weights, bias) - first(images).numpy()).max()
    demo.expect("formula against the layer, largest gap", gap, at_most=1e-5)
    demo.expect("weights of the first layer", weights.size + bias.size, at_least=160, at_most=160)
    demo.expect("accuracy on new digits", right, at_least=0.92 if demo.quick else 0.97)

    if plt := demo.pyplot():
        shown = int(np.flatnonzero(test.targets == 3)[0])
        maps = np.maximum(first(images[shown : shown + 1]).numpy()[0], 0)
        figure, axes = plt.subplots(2, 9, figsize=(12, 3.4), layout="constrained")
        for column, k in enumerate(np.argsort(-maps.sum(axis=(1, 2)))[:8], start=1):
            bound = abs(weights[k]).max()
            axes[0, column].imshow(weights[k, 0], cmap="coolwarm", vmin=-bound, vmax=bound)
            axes[1, column].imshow(maps[k], cmap="gray")
        axes[0, 0].imshow(images[shown, 0], cmap="gray")
        for axis in axes.flat:
            axis.set_axis_off()
        figure.suptitle("The eight kernels that answer most to this 3, and where they answer")
        figure.savefig(demo.folder / "kernels.png", dpi=120)


if __name__ == "__main__":
    run(main)
