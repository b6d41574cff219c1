"""One image each of three digits never seen before: the likest one names a new image.

Talk: neural networks that can learn, "Understanding learning" (one-shot learning). Vinyals and
others, "Matching networks for one shot learning" (2016): the answer is the label of the shots, each
weighed by how like it is to x,

    p(k | x) = sum over shots i of class k of softmax over i of s cos(f(x), f(x_i))

f learns from episodes that are like the task to come, five of the digits 0-6 with one shot each,
and never sees 7, 8 and 9. Chance is 1/3; the likest image by raw pixels is right for .58, by
convolutions that learned nothing for .58: expect .65 to .77. What is weak: it rests on the one
image, so an odd one spoils its class; with five, few_shot.py gets .89.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run

QUERIES, SHARP = 10, 10.0


def episode(examples: data.Dataset, classes: Any, rng: Any) -> Any:
    """One image of each class, then the queries, class by class: (..., 1, side, side)."""
    rows = [
        rng.choice(np.flatnonzero(examples.targets == k), 1 + QUERIES, replace=False)
        for k in classes
    ]
    images = examples.inputs[np.array(rows)][:, :, None]
    return images[:, 0], np.concatenate(list(images[:, 1:]))


def likeness(f: Any, shots: Any, queries: Any) -> Any:
    """s cos(f(x), f(x_i)) of each query and shot."""
    a, b = f(queries), f(shots)
    a, b = (z / (1e-6 + (z**2).sum(axis=1, keepdims=True)) ** 0.5 for z in (a, b))
    return SHARP * a @ b.T


def accuracy(f: Any, test: data.Dataset, episodes: int, seed: int) -> float:
    """How many queries of 7, 8 and 9 are told right."""
    rng, truth = np.random.default_rng(seed), np.repeat(range(3), QUERIES)
    with tg.no_grad():
        found = [likeness(f, *episode(test, (7, 8, 9), rng)).numpy() for _ in range(episodes)]
    return float((np.argmax(found, axis=-1) == truth).mean())


def main(demo: Demo) -> None:
    known, test = data.load_handwriting(16, mnist=not demo.quick, rng=demo.seed)
    rng, truth = np.random.default_rng(demo.seed), np.repeat(range(5), QUERIES)
    f = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
    )
    optimizer = optim.Adam(f.parameters(), lr=0.002)

    @tg.jit(engine="numpy")
    def step(shots: Any, queries: Any) -> Any:
        loss = nn.functional.cross_entropy(likeness(f, shots, queries), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    tested = 100 if demo.quick else 200
    raw = accuracy(nn.Flatten(), test, tested, demo.seed)
    curve = [accuracy(f, test, tested, demo.seed)]
    print(f"7, 8 and 9 told right: raw pixels {raw:.3f}, nothing learned {curve[0]:.3f}")
    for part in range(1, 6):
        for _ in range(40 if demo.quick else 100):
            loss = step(*episode(known, rng.choice(7, 5, replace=False), rng))
        curve.append(accuracy(f, test, tested, demo.seed))
        print(f"after {part}/5 of the episodes: loss {float(loss):.3f}, 7, 8, 9 {curve[-1]:.3f}")
    least = 4 if test.name.startswith("mnist") else -5
    for name, value in (("raw pixels", raw), ("nothing learned", curve[0])):
        demo.expect(f"3-way 1-shot accuracy, {name}", value, at_least=0.45, at_most=0.9)
    demo.expect("3-way 1-shot accuracy, matching", curve[-1], at_least=0.6)
    demo.expect("points ahead of raw pixels", 100 * (curve[-1] - raw), at_least=least)

    if plt := demo.pyplot():
        shots, queries = episode(test, (7, 8, 9), np.random.default_rng(demo.seed))
        with tg.no_grad():
            p = tg.softmax(likeness(f, shots, queries), axis=1).numpy()
        figure, axes = plt.subplots(3, 11, figsize=(11, 3.8), layout="constrained")
        for axis, image in zip(axes[:, 0], shots[:, 0], strict=True):
            axis.imshow(image, cmap="gray_r")
            axis.set_title("the shot")
        for axis, image, row, k in zip(axes[:, 1:].flat, queries[:, 0], p, truth[:30], strict=True):
            axis.imshow(image, cmap="gray_r")
            axis.set_title(
                f"{row.argmax() + 7}: {row.max():.0%}", color="k" if row.argmax() == k else "r"
            )
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
        figure.suptitle(f"One shot of a kind names new images: {curve[-1]:.0%} right (red: wrong)")
        figure.savefig(demo.folder / "matching.png", dpi=120)


if __name__ == "__main__":
    run(main)
