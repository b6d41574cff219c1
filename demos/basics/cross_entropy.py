"""Cross-entropy learns from confident mistakes, of which the sigmoid hides most from squares.

Talk: neural networks that can learn, "Common loss functions": MSE and cross-entropy, on the talk's
own network of 784-16-16-10 sigmoids. Let p = sigmoid(z) be the answer and t the truth, 0 or 1:

    d(p - t)^2 / dz                       = 2 (p - t) p (1 - p)   nearly 0 where p is sure and wrong
    d(-t ln p - (1 - t) ln(1 - p)) / dz   = p - t                 about 1 there

(Solla, Levin and Fleisher 1988). All networks start from the same weights and see the same batches
of 32 under plain SGD. Expect .930 and .945 after 6 epochs of MNIST at the same rate of 3, and .55
and .90 after the first. What is weak: that is speed, not skill. At a rate of 10, their best, the
squares end level with cross-entropy. Without MNIST the digits of the package take its place,
in 64-16-16-10.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def squares(z: Any, t: Any) -> Any:
    return nn.functional.mse_loss(tg.sigmoid(z), t)


def entropy(z: Any, t: Any) -> Any:
    return nn.functional.binary_cross_entropy_with_logits(z, t)


def learned(loss_of: Any, lr: float, learn: Any, test: Any, epochs: int, seed: int) -> list[float]:
    """Test accuracy after each epoch."""
    inputs = learn.inputs.shape[1]
    net = nn.MLP(inputs, [16, 16, 10], activation="sigmoid", rng=seed, tensor=True)
    optimizer = optim.SGD(net.parameters(), lr=lr)

    @tg.jit(engine="numpy")
    def step(x: Any, t: Any) -> Any:
        loss = loss_of(net(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    scores = []
    loader = data.DataLoader(learn, 32, rng=seed, drop_last=True)
    for _ in range(epochs):
        for images, labels in loader:
            step(images, np.eye(10, dtype=np.float32)[labels])
        scores.append(train.accuracy(net(test.inputs), test.targets))
    return scores


def main(demo: Demo) -> None:
    z = np.linspace(-8, 8, 401)
    slopes = {
        name: tg.grad(lambda z, f=f: f(z, z * 0 + 1) * len(z))(z)
        for name, f in (("squares", squares), ("cross-entropy", entropy))
    }
    print("truth 1, answer p  " + "".join(f"{p:9.4f}" for p in np.asarray(tg.sigmoid(z[::100]))))
    for name, slope in slopes.items():
        print(f"{name:13} slope" + "".join(f"{g:9.4f}" for g in slope[::100]))
    demo.expect("pull of a sure mistake, squares", abs(slopes["squares"][0]), at_most=0.001)
    demo.expect(
        "pull of a sure mistake, cross-entropy", abs(slopes["cross-entropy"][0]), at_least=0.999
    )

    digits = data.load_handwriting(8, mnist=not demo.quick, rng=demo.seed)
    learn, test = (part.flatten() for part in digits)
    epochs, least = (20, 0.4) if demo.quick else (100, 0.9)
    if learn.name == "mnist train":
        epochs, least = 6, 0.93
    curves = {}
    for name, f, lr in (
        ("squares, lr 3", squares, 3.0),
        ("squares, lr 10", squares, 10.0),
        ("cross-entropy, lr 3", entropy, 3.0),
    ):
        curves[name] = learned(f, lr, learn, test, epochs, demo.seed)
        along = curves[name][epochs // 6 - 1 :: epochs // 6]
        print(f"{name:20} test accuracy on the way:", *(f"{a:.3f}" for a in along))
    slow, fast, best = curves.values()
    demo.expect("test accuracy, cross-entropy", best[-1], at_least=least)
    demo.expect("points ahead of squares, same rate", 100 * (best[-1] - slow[-1]), at_least=0.5)
    demo.expect("points ahead of squares at 10", 100 * (best[-1] - fast[-1]), at_least=-1)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
        for name, slope in slopes.items():
            left.plot(z, np.abs(slope), label=name)
        for name, curve in curves.items():
            right.plot(range(1, epochs + 1), curve, ".-", label=name)
        left.set(xlabel="z of an output that should be 1 (left: sure and wrong)", ylabel="|dL/dz|")
        left.set_title("Squares hardly pull at a confident mistake")
        right.set(xlabel="epoch", ylabel="test accuracy")
        right.set_title(f"{learn.name}: ahead at the same rate, level at each one's best")
        for axis in (left, right):
            axis.legend()
        figure.savefig(demo.folder / "cross_entropy.png", dpi=120)


if __name__ == "__main__":
    run(main)
