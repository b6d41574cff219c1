"""The same network in each library that is installed: same gradients, same digits, other times.

Talk: neural networks lecture, "Machine Learning Libraries" (PyTorch, TensorFlow, scikit-learn).
All of them apply the chain rule to the same formula, a network 64-32-10 with

    z = W2 relu(W1 x + b1) + b2        L = mean of -ln softmax(z)_t

so from the same weights they must get the same dL/dW1, to rounding: expect less than 1e-6 between
each two in float64, and the same accuracy on the digits after the same 10 epochs of plain descent.
Scikit-learn gives no gradients and draws its own weights; what it gets is accuracy in three lines.
What is weak: the time is that of a small network on one machine, and holds for no other. Libraries
that are missing are told and skipped; difference quotients judge our gradients in any case.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data
from tinygrad_nn.demo import Demo, run


def ours(w: Any, x: Any, t: Any) -> Any:
    z = tg.relu(x @ w[0] + w[1]) @ w[2] + w[3]
    return tg.nn.functional.cross_entropy(z, t)


def with_torch() -> Callable[..., Any]:
    import torch

    def gradients(w: Any, x: Any, t: Any) -> Any:
        w = [torch.tensor(p, requires_grad=True) for p in w]
        z = torch.relu(torch.tensor(x) @ w[0] + w[1]) @ w[2] + w[3]
        torch.nn.functional.cross_entropy(z, torch.tensor(t)).backward()
        return [p.grad.numpy() for p in w]

    return gradients


def with_jax() -> Callable[..., Any]:
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def loss(w: Any, x: Any, t: Any) -> Any:
        z = jax.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3]
        return -jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], axis=1).mean()

    compiled = jax.jit(jax.grad(loss))
    return lambda *arguments: [np.asarray(g) for g in compiled(*arguments)]


def descended(gradients: Callable[..., Any], w: Any, known: Any, epochs: int) -> Any:
    """Weights after plain descent, 32 examples a step, in the order in which they come."""
    for _ in range(epochs):
        for first in range(0, len(known) - 31, 32):
            slopes = gradients(w, *known[first : first + 32])
            w = [p - 0.2 * g for p, g in zip(w, slopes, strict=True)]
    return w


def main(demo: Demo) -> None:
    known, test = data.load_digits().flatten().split(rng=demo.seed)
    known, test = (data.Dataset(d.inputs.astype(float), d.targets) for d in (known, test))
    rng, epochs = np.random.default_rng(demo.seed), 3 if demo.quick else 10
    shapes = (64, 32), (32,), (32, 10), (10,)
    start = [rng.normal(0, 0.15, shape) for shape in shapes]
    libraries = {"tinygrad_nn": lambda: tg.grad(ours), "torch": with_torch, "jax": with_jax}
    slopes, scores, seconds = {}, {}, {}
    for name, make in libraries.items():
        if find_spec(name) is None:
            print(f"{name}: not installed, skipped; pip install {name}")
            continue
        gradients = make()
        slopes[name] = gradients(start, *known[:32])
        begun = time.perf_counter()
        w = descended(gradients, start, known, epochs)
        seconds[name] = time.perf_counter() - begun
        z = np.maximum(test.inputs @ w[0] + w[1], 0) @ w[2] + w[3]
        scores[name] = (z.argmax(axis=1) == test.targets).mean()
    if find_spec("sklearn") is None:
        print("sklearn: not installed, skipped; pip install 'tinygrad-nn[sklearn]'")
    else:
        from sklearn.neural_network import MLPClassifier

        net = MLPClassifier((32,), solver="sgd", momentum=0, batch_size=32, random_state=demo.seed)
        net.set_params(learning_rate_init=0.2, alpha=0, shuffle=False)
        begun = time.perf_counter()
        for _ in range(epochs):
            net.partial_fit(*known[:], classes=np.arange(10))
        scores["sklearn"] = net.score(test.inputs, test.targets)
        seconds["sklearn"] = time.perf_counter() - begun
    for name, score in scores.items():
        print(f"{name:12} accuracy {score:.4f} after {epochs} epochs, {seconds[name]:.2f} s")
        demo.expect(f"test accuracy, {name}", score, at_least=0.8 if demo.quick else 0.9)
    mine, along = slopes.pop("tinygrad_nn"), [rng.normal(size=shape) for shape in shapes]
    ends = [[p + h * d for p, d in zip(start, along, strict=True)] for h in (-1e-5, 1e-5)]
    below, above = (float(ours(w, *known[:32])) for w in ends)
    slope = sum(float((g * d).sum()) for g, d in zip(mine, along, strict=True))
    demo.expect(
        "our slope off (L(w + hd) - L(w - hd)) / 2h",
        abs(slope - (above - below) / 2e-5),
        at_most=1e-6,
    )
    for name, theirs in slopes.items():
        off = max(np.abs(a - b).max() for a, b in zip(mine, theirs, strict=True))
        demo.expect(f"our gradients off those of {name}", off, at_most=1e-6)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
        for axis, heights, label in zip(
            axes, (scores, seconds), ("test accuracy", "seconds"), strict=True
        ):
            bars = axis.barh([*heights], [*heights.values()], color="tab:blue")
            axis.bar_label(bars, fmt="%.3f", padding=3)
            axis.invert_yaxis()
            axis.set(xlabel=label, xlim=(0, 1.25 * max(heights.values())))
        figure.suptitle(f"One network, {epochs} epochs of 1,348 digits: the numbers agree")
        figure.savefig(demo.folder / "libraries.png", dpi=120)


if __name__ == "__main__":
    run(main)
