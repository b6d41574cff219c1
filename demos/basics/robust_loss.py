"""Huber's loss draws the line through the crowd; squares let a tenth of the points pull it away.

Talk: neural networks that can learn, "Common loss functions": MSE and Huber loss. With d = y - t

    MSE    d^2                                        a point pulls as hard as it is far away
    Huber  d^2 / 2 if |d| <= delta, else delta (|d| - delta / 2)       no pull exceeds delta

(Huber 1964). The points lie on t = 2 x + 1, up to noise of 0.1; at a tenth of them, whichever, the
sign slipped and the number was tripled. For squares that moves the slope by about
0.1 (-3 * 2 - 2) = -0.8. What is weak: delta = 0.1 is the spread of the noise, which one has to know
or guess, and points with a wrong x (leverage) would still pull Huber's line away.
"""

from typing import Any

import numpy as np

from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run


def squares(y: Any, t: Any) -> Any:
    return nn.functional.mse_loss(y, t)


def huber(y: Any, t: Any) -> Any:
    return nn.functional.huber_loss(y, t, delta=0.1)


def fitted(x: Any, t: Any, loss_of: Any, steps: int, seed: int) -> list[float]:
    """Slope and height of the line after gradient descent."""
    line = nn.Linear(1, 1, rng=seed)
    optimizer = optim.SGD(line.parameters(), lr=0.3)
    for _ in range(steps):
        loss = loss_of(line(x[:, None])[:, 0], t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [p.item() for p in line.parameters()]


def main(demo: Demo) -> None:
    draws = np.random.default_rng(demo.seed)
    x = draws.uniform(-2, 2, 200)
    t = 2 * x + 1 + draws.normal(scale=0.1, size=200)
    slipped = draws.permutation(200) < 20
    wrong = np.where(slipped, -3 * t, t)

    steps = 300 if demo.quick else 2000
    lines = {}
    for name, loss, targets in (
        ("squares", squares, wrong),
        ("Huber", huber, wrong),
        ("squares, no outliers", squares, t),
    ):
        lines[name] = fitted(x, targets, loss, steps, demo.seed)
        print("{:22} t = {:6.3f} x + {:6.3f}".format(name, *lines[name]))
    demo.expect("slope error of squares", abs(lines["squares"][0] - 2), at_least=0.4)
    demo.expect("slope error of Huber", abs(lines["Huber"][0] - 2), at_most=0.05)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
        axes.plot(x[~slipped], wrong[~slipped], ".", color="grey", label="180 points")
        axes.plot(x[slipped], wrong[slipped], "x", color="black", label="20 outliers")
        ends = np.array([-2.0, 2.0])
        for name in ("squares", "Huber"):
            slope, height = lines[name]
            axes.plot(ends, slope * ends + height, label=f"{name}: slope {slope:.2f}")
        axes.set(xlabel="x", ylabel="t")
        axes.set_title("True slope 2: outliers pull squares away, and hardly Huber")
        axes.legend()
        figure.savefig(demo.folder / "robust_loss.png", dpi=120)


if __name__ == "__main__":
    run(main)
