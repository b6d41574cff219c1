"""The training loop: predict, measure the loss, adjust; it falls at every step if lr < 2 / L.

Talk: neural networks that can learn, "Training": assign random weights, then loop: 1 predict the
output, 2 calculate the loss, 3 adjust the weights to reduce the loss, w <- w - lr dL/dw. And
neural networks, "Training the network". How large may lr be? A step changes the loss by at most

    -lr (1 - lr L / 2) |dL/dw|^2      L: the largest curvature, top eigenvalue of the Hessian

so each step lowers it if lr < 2 / L (Nesterov 2004). For a neuron without activation and squares
the curvature is the same everywhere, and the bound is sharp: at 1.99 / L the loss falls for ever,
at 2.01 / L it ends up rising. The curvature is derived: tg.hessian. What is weak: in a network it
changes from place to place, so the bound says only how the next step goes.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    moons = data.make_moons(200, rng=demo.seed, dtype=np.float64)
    x, t = np.column_stack([moons.inputs, np.ones(200)]), moons.targets.astype(float)
    random_weights = np.random.default_rng(demo.seed).normal(size=3)

    def loss_of(w: Any) -> Any:
        prediction = x @ w  # 1 predict: the bias is the weight of an input that is always 1
        return nn.functional.mse_loss(prediction, t)  # 2 calculate the loss

    def training(lr: float, steps: int) -> Any:
        w, losses = random_weights, []
        for _ in range(steps):
            loss, gradient = tg.value_and_grad(loss_of)(w)
            losses.append(float(loss))
            w = w - lr * gradient  # 3 adjust the weights
        return np.array(losses)

    curvature = np.linalg.eigvalsh(tg.hessian(loss_of)(random_weights))[-1]
    print(
        f"largest curvature L = {curvature:.4f}, so lr must stay below 2 / L = {2 / curvature:.4f}"
    )
    steps = 200 if demo.quick else 1000
    curves = {factor: training(factor / curvature, steps) for factor in (0.1, 1, 1.9, 1.99, 2.01)}
    print("lr L   loss at steps 0, 1, 2, 3, 10, 100, the last")
    for factor, losses in curves.items():
        print(f"{factor:4}", *(f"{losses[k]:8.4f}" for k in (0, 1, 2, 3, 10, 100, -1)))
    for factor in (0.1, 1, 1.9, 1.99):
        # Where the loss has settled, its last digits may still tremble.
        rises = (np.diff(curves[factor]) > 1e-15).sum()
        demo.expect(f"steps that raise the loss, lr = {factor} / L", rises, at_most=0)
    last = np.diff(curves[2.01])[-1]
    demo.expect("last change of the loss, lr = 2.01 / L", last, at_least=1e-6)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
        least = np.linalg.lstsq(x, t)[1][0] / len(t)
        for factor, losses in curves.items():
            axes.loglog(np.arange(1, steps + 1), losses - least, label=f"lr = {factor} / L")
        axes.set(xlabel="step", ylabel="loss above the lowest", ylim=(1e-10, 10))
        axes.set_title("Below 2 / L the loss falls at every step; above it, it ends up rising")
        axes.legend()
        figure.savefig(demo.folder / "training_loop.png", dpi=120)


if __name__ == "__main__":
    run(main)
