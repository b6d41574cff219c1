"""Half network, half rule: it learns to read digits from nothing but the sums of pairs.

Talk: neural networks that can learn, "NN architectures" (hybrid models). A strip shows two digits,
and only their sum is told. The network reads each one, p(a) and p(b); that sums add is no matter
of learning but a rule, and the rule passes gradients,

    p(sum = s) = sum over a of p(a) p(b = s - a),   loss = -log p(sum)

(Manhaeve and others, "DeepProbLog", 2018.) No single digit is ever named: they follow from the
sums, as 0 can only be 0 + 0. Expect .95 or better of new pairs with both digits right, while the
same network without the rule, strip in and one of 19 sums out, has about .5 of the sums.
What is weak: where nobody knows the rule there is nothing to help.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


def reader(wide: int, names: int, seed: int) -> nn.Sequential:
    """A convolutional network for images of 8 x wide."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 16, 3, padding=1, rng=seed), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1, rng=seed + 1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * wide, names, rng=seed + 2),
    )  # fmt: skip


def strips(digits: data.Dataset, n: int, rng: Any) -> tuple[Any, Any]:
    """n strips (n, 8, 16), and their digits (n, 2)."""
    picked = rng.integers(len(digits), size=(n, 2))
    return np.concatenate(digits.inputs[picked.T], axis=2), digits.targets[picked]


RULE = np.zeros((10, 10, 19), np.float32)  # 1 where a + b = s
RULE[np.arange(10)[:, None], np.arange(10), np.add.outer(np.arange(10), np.arange(10))] = 1


def descend(answer: Any, network: nn.Module, digits: data.Dataset, rng: Any) -> Iterator[float]:
    """Descent on -log p(sum), no digit is named to it; gives the loss after each 100 batches."""
    optimizer = optim.Adam(network.parameters(), lr=0.003)

    def step(x: Any, sums: Any) -> Any:
        loss = nn.functional.cross_entropy(answer(x), sums)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = tg.jit(step, engine="numpy")
    while True:
        for _ in range(100):
            x, pair = strips(digits, 32, rng)
            loss = step(x, pair.sum(axis=1))
        yield float(loss)


def main(demo: Demo) -> None:
    learn, test = data.load_digits().split(rng=demo.seed)
    glyph, whole = reader(8, 10, demo.seed), reader(16, 19, demo.seed)

    def with_rule(x: Any) -> Any:
        p, q = (nn.functional.softmax(glyph(half), dim=1) for half in (x[..., :8], x[..., 8:]))
        return tg.log(tg.einsum("na,nb,abs->ns", p, q, RULE) + 1e-9)

    rng = np.random.default_rng(demo.seed)
    (x, pair), parts = strips(test, 2000, rng), 5 if demo.quick else 12
    curves: dict[str, list[float]] = {"with the rule": [], "without": []}
    for (name, curve), network in zip(curves.items(), (glyph, whole), strict=True):
        answer = with_rule if network is glyph else network
        for _ in islice(descend(answer, network, learn, rng), parts):
            with tg.no_grad():
                curve.append((answer(x).numpy().argmax(axis=1) == pair.sum(axis=1)).mean())
        print(f"{name}: sums right, each 100 batches:", *(f"{v:.2f}" for v in curve))
    with tg.no_grad():
        read = np.stack([glyph(half).numpy().argmax(axis=1) for half in (x[..., :8], x[..., 8:])])
    right, least = (read.T == pair).all(axis=1).mean(), 0.85 if demo.quick else 0.95
    demo.expect("both digits right", right, at_least=least)
    demo.expect("sums right, with the rule", curves["with the rule"][-1], at_least=least)
    demo.expect("sums right, without", curves["without"][-1], at_most=0.7)

    if plt := demo.pyplot():
        figure, (left, side) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        for name, curve in curves.items():
            left.plot(100 * np.arange(1, parts + 1), curve, "o-", label=name)
        left.set(
            xlabel="batches of 32", ylabel="sums right", title="Told nothing but sums", ylim=(0, 1)
        )
        left.legend()
        framed = np.pad(x[:4], ((0, 0), (1, 1), (1, 1)), constant_values=0.4)
        side.imshow(np.concatenate(framed), cmap="gray")
        for row in range(4):
            text = f"{read[0, row]} + {read[1, row]} = {read[:, row].sum()}"
            side.text(19, 10 * row + 5, text, fontsize=16, va="center")
        side.set(title="New strips, and how it reads them", xlim=(-0.5, 34))
        side.set_axis_off()
        figure.savefig(demo.folder / "sums.png", dpi=120)


if __name__ == "__main__":
    run(main)
