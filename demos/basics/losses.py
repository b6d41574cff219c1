"""A loss measures how far a prediction is from the truth: five of them, and what pulls them down.

Talk: neural networks that can learn, "Loss function": it "measures the deviation between the
predicted output and the expected (correct) output values". The list is the talk's, and MAE.

    MSE            mean (p - t)^2      slope 2 (p - t) / n: far off pulls hard    (Gauss 1809)
    MAE            mean |p - t|        slope +-1 / n: every miss pulls alike      (Laplace 1774)
    Huber          d^2 / 2, beyond delta delta (|d| - delta / 2): of both         (Huber 1964)
    cross-entropy  -ln p(right class)  slope (p - t) / n, of the logits           (Good 1952)
    hinge          max(0, 1 - t y)     slope -t, or 0 beyond the margin; t = +-1  (Vapnik 1995)

Expect each slope, derived by the engine, to be that formula to rounding; MSE and MAE to be 0 for
the right answer and no other; cross-entropy to stay finite where a probability rounds to 0.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn
from tinygrad_nn.demo import Demo, run

F = nn.functional
OF_NUMBERS: dict[str, Any] = {"MSE": F.mse_loss, "MAE": F.l1_loss, "Huber": F.huber_loss}
OF_SCORES: dict[str, Any] = {"hinge": F.hinge_loss, "cross-entropy": F.soft_margin_loss}


def main(demo: Demo) -> None:
    draws = np.random.default_rng(demo.seed)
    n = 100 if demo.quick else 10_000
    p, t = draws.normal(size=(2, n))
    misses = (-3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0)
    print("p - t  " + "".join(f"{d:7.2f}" for d in misses))
    for name, loss in OF_NUMBERS.items():
        print(f"{name:7}" + "".join(f"{float(loss(d, 0.0)):7.3f}" for d in misses))
        demo.expect(f"{name} of the right answers", loss(t, t), at_most=0)
        least = np.asarray(loss(p, t, reduction="none")).min()
        demo.expect(f"least {name} of {n} wrong answers", least, at_least=1e-15)

    signs = np.where(t > 0, 1.0, -1.0)
    digits = data.load_digits().flatten()
    logits = digits.inputs @ draws.normal(size=(64, 10))
    right = np.eye(10)[digits.targets]
    off = (np.asarray(tg.softmax(logits, axis=-1)) - right) / len(digits)
    for name, loss, prediction, truth, wanted in (
        ("MSE", F.mse_loss, p, t, 2 * (p - t) / n),
        ("MAE", F.l1_loss, p, t, np.sign(p - t) / n),
        ("Huber", F.huber_loss, p, t, np.clip(p - t, -1, 1) / n),
        ("hinge", F.hinge_loss, p, signs, np.where(signs * p < 1, -signs, 0) / n),
        ("cross-entropy, digits", F.cross_entropy, logits, digits.targets, off),
    ):
        gap = np.abs(tg.grad(loss)(prediction, truth) - wanted).max()
        demo.expect(f"slope of {name}: gap to its formula", gap, at_most=1e-12)
    sure = np.array([[10_000.0, 0.0]])
    print("sure of class 0, probability of class 1:", np.asarray(tg.softmax(sure, axis=-1))[0, 1])
    blunder = F.cross_entropy(sure, np.array([1]))
    demo.expect("cross-entropy of being sure and wrong", blunder, at_least=10_000, at_most=10_000)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
        d = np.linspace(-3, 3, 601)
        for name, loss in OF_NUMBERS.items():
            left.plot(d, loss(d, 0 * d, reduction="none"), label=name)
        title = "Of numbers: how much does a large miss count?"
        left.set(xlabel="prediction - truth", ylabel="loss", ylim=(0, 6), title=title)
        for name, loss in OF_SCORES.items():
            right.plot(d, loss(d, 0 * d + 1, reduction="none"), label=name)
        right.plot(d, (tg.sigmoid(d) - 1) ** 2, label="MSE of the sigmoid")
        title = "Of classes: MSE is flat where it is wrong"
        right.set(xlabel="score of the right class", ylabel="loss", title=title)
        left.legend()
        right.legend()
        figure.savefig(demo.folder / "losses.png", dpi=120)


if __name__ == "__main__":
    run(main)
