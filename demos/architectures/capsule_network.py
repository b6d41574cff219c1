"""Capsules say by their length whether a digit is there, and by their direction how it looks.

Talk: neural networks that can learn, "NN architectures" (capsule networks). Sabour, Frosst and
Hinton, "Dynamic routing between capsules" (2017). A capsule is a small vector whose length is a
probability, squash(s) = |s|² / (1 + |s|²) s / |s|. Each one below, u_i, forecasts each one above,
û_ij = W_ij u_i, and is heard where its forecast agrees with what all of them come to. Three times

    c_ij = softmax over j of b_ij,   v_j = squash(sum over i of c_ij û_ij),   b_ij += û_ij · v_j

from b = 0. The digit that is there should be longer than .9, the others shorter than .1: the margin
loss is the sum over j of t_j max(0, .9 - |v_j|)² + (1 - t_j) max(0, |v_j| - .1)² / 2. A decoder
draws the digit from its capsule, so that the numbers in it have to say how it looks.

Expect .99 of new digits. What is weak: routing, the heart of it, gains half a point over one round,
in which all are heard alike; even after three a capsule's favourite has a share of .16, not of 1.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


def squash(s: Any) -> Any:
    squares = (s * s).sum(axis=-1, keepdims=True)
    return s * tg.sqrt(squares + 1e-9) / (1 + squares)


def routed(forecast: Any, rounds: int) -> tuple[Any, Any]:
    """Capsules above (n, j, e) of forecasts (n, i, j, e), and the last shares c."""
    b = forecast[..., 0] * 0
    for _ in range(rounds):
        c = tg.softmax(b, axis=-1)
        v = squash(tg.einsum("nij,nije->nje", c, forecast))
        b = b + tg.einsum("nije,nje->nij", forecast, v)
    return v, c


class Capsules(nn.Module):
    """Images of 8 x 8 to 32 capsules of 8 numbers to 10 of 8, and one of these to an image."""

    def __init__(self, rounds: int, seed: int) -> None:
        super().__init__()
        self.rounds, rng = rounds, np.random.default_rng(seed)
        self.edges, self.below = nn.Conv2d(1, 32, 3, rng=rng), nn.Conv2d(32, 64, 3, 2, rng=rng)
        self.weight = nn.Parameter(rng.normal(0, 8**-0.5, (32, 10, 8, 8)).astype(np.float32))
        self.decoder = nn.MLP(80, [64, 64], output="sigmoid", rng=rng, tensor=True)

    def forward(self, images: Any) -> tuple[Any, Any]:
        """Capsules of the ten digits, and the shares of the last round."""
        maps = self.below(tg.relu(self.edges(images[:, None])))  # 64 numbers at 4 places
        u = squash(maps.reshape(-1, 8, 8, 4).mT.reshape(-1, 32, 8))
        return routed(tg.einsum("ijed,nid->nije", self.weight, u), self.rounds)

    def drawn(self, v: Any, labels: Any) -> Any:
        """The image that the capsule of the label stands for; the others are left out."""
        return self.decoder((tg.one_hot(labels, 10)[:, :, None] * v).reshape(-1, 80))


def learned(net: Capsules, digits: data.Dataset, epochs: int, seed: int) -> None:
    optimizer = optim.Adam(net.parameters(), lr=0.004)

    @tg.jit(engine="numpy")
    def step(x: Any, labels: Any) -> None:
        v, _ = net(x)
        off = ((net.drawn(v, labels) - x.reshape(-1, 64)) ** 2).sum(axis=1).mean()
        optimizer.zero_grad()
        (nn.functional.capsule_margin_loss(v, labels) + 0.1 * off).backward()
        optimizer.step()

    loader = data.DataLoader(digits, 32, rng=seed, drop_last=True)
    for _ in range(epochs):
        for x, labels in loader:
            step(x, labels)


def main(demo: Demo) -> None:
    digits, test = data.load_digits().split(rng=demo.seed)
    accuracy = {}
    for rounds in (1, 3):
        net = Capsules(rounds, demo.seed)
        learned(net, digits, 4 if demo.quick else 15, demo.seed)
        with tg.no_grad():
            v, c = (a.numpy() for a in net(tg.tensor(test.inputs)))
        length = np.linalg.norm(v, axis=2)
        accuracy[rounds] = (length.argmax(axis=1) == test.targets).mean()
        print(f"rounds {rounds}: accuracy of new digits {accuracy[rounds]:.3f}")
    demo.expect("accuracy", accuracy[3], at_least=0.92 if demo.quick else 0.97)
    gain = 100 * (accuracy[3] - accuracy[1])
    demo.expect("points gained by routing", gain, at_least=-1, at_most=4)
    demo.expect("largest share of a capsule, mean", c.max(axis=2).mean(), at_most=0.25)
    right = np.arange(10) == test.targets[:, None]
    demo.expect("mean length, right digit", length[right].mean(), at_least=0.75)
    demo.expect("mean length, other digits", length[~right].mean(), at_most=0.2)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
        means = [length[test.targets == digit].mean(axis=0) for digit in range(10)]
        figure.colorbar(left.imshow(means, vmin=0, vmax=1), label="mean length")
        left.set(xlabel="capsule", ylabel="digit shown", xticks=range(10), yticks=range(10))
        left.set_title("The length tells which digit it is")
        walks = np.zeros((10, 9, 10, 8), np.float32)
        for digit in range(10):
            own = v[test.targets == digit, digit]
            _, size, way = np.linalg.svd(own - own.mean(axis=0))
            far = np.linspace(-2, 2, 9)[:, None] * size[0] / len(own) ** 0.5
            walks[digit, :, digit] = own.mean(axis=0) + far * way[0]
        tiles = net.drawn(walks.reshape(90, 10, 8), np.repeat(np.arange(10), 9)).numpy()
        tiles = np.pad(tiles.reshape(10, 9, 8, 8), [(0, 0), (0, 0), (1, 1), (1, 1)])
        right.imshow(tiles.swapaxes(1, 2).reshape(100, 90), cmap="Greys")
        right.set_xticks(range(5, 90, 20), range(-2, 3))
        right.set(yticks=[], xlabel="moved along its capsule's widest direction (deviations)")
        right.set_title("The direction tells how it looks")
        figure.savefig(demo.folder / "capsules.png", dpi=120)


if __name__ == "__main__":
    run(main)
