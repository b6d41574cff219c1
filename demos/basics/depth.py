"""A network without hidden layers draws a straight line; hidden layers bend it around the moons.

Talk: neural networks that can learn, "Our NN architecture": "2 hidden layers increase depth of the
neural network. That's why we call it deep learning!" Without a hidden layer the boundary between
two classes is where w.x + b = 0, a line; layers f(W2 f(W1 x + b1) + b2) compose to curves, provided
f bends: without activation functions W2 W1 is one matrix again, and the line is back.

Two half moons with noise of 0.15: expect about .88 right without, and .99 with two hidden layers of
16. What is weak: one hidden layer does as well here, as it must for any boundary if it is wide
enough (Cybenko 1989). Depth pays where patterns are made of patterns: see the images.
"""

from typing import Any

import numpy as np

from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def learned(hidden: list[int], activation: str, learn: Any, steps: int, seed: int) -> nn.MLP:
    net = nn.MLP(2, [*hidden, 2], activation=activation, rng=seed, tensor=True)
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net(learn.inputs), learn.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


def main(demo: Demo) -> None:
    points = data.make_moons(1000 if demo.quick else 4000, noise=0.15, rng=demo.seed)
    learn, test = points.split(test=0.5, rng=demo.seed)
    steps = 200 if demo.quick else 500
    nets, scores = {}, {}
    for name, hidden, activation in (
        ("no hidden layer", [], "tanh"),
        ("2 hidden layers, no activation", [16, 16], "linear"),
        ("1 hidden layer", [16], "tanh"),
        ("2 hidden layers", [16, 16], "tanh"),
    ):
        nets[name] = learned(hidden, activation, learn, steps, demo.seed)
        scores[name] = train.accuracy(nets[name](test.inputs), test.targets)
        size = sum(p.size for p in nets[name].parameters())
        print(f"{name:31} {size:4} parameters: {scores[name]:.3f} of {len(test)} right")
    for name in ("no hidden layer", "2 hidden layers, no activation"):
        demo.expect(f"accuracy, {name}", scores[name], at_least=0.8, at_most=0.92)
    for name in ("1 hidden layer", "2 hidden layers"):
        demo.expect(f"accuracy, {name}", scores[name], at_least=0.96)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 4, figsize=(15, 3.8), sharey=True, layout="constrained")
        a, b = np.meshgrid(np.linspace(-1.6, 2.6, 211), np.linspace(-1.1, 1.6, 136))
        for axis, (name, net) in zip(axes, nets.items(), strict=True):
            z = net(np.stack([a, b], axis=-1).astype(np.float32)).numpy()
            axis.contourf(a, b, np.tanh(z[..., 1] - z[..., 0]), 20, cmap="coolwarm", alpha=0.7)
            axis.scatter(*test.inputs[:300].T, c=test.targets[:300], cmap="coolwarm", s=8)
            axis.set(xlabel="x1", title=f"{name}: {scores[name]:.3f}")
        axes[0].set_ylabel("x2")
        figure.savefig(demo.folder / "depth.png", dpi=120)


if __name__ == "__main__":
    run(main)
