"""The gradient is a direction and a size: none of 1,000 other directions goes down as fast.

Talk: neural networks that can learn, "Adjusting the weights": the gradient "indicates the direction
and magnitude of change needed". For a step of length h in the direction u, |u| = 1 (Taylor 1715):

    L(w + h u) = L(w) + h |g| cos(angle between u and g) + O(h^2)

so u = -g / |g| is the steepest way down, and |g| is what a step there is worth. Both are measured,
by evaluating the loss alone. A neuron of two weights shows the cosine whole. In a network of 1,482
weights nearly every direction is level: a random cosine is about 1 / sqrt(1,482) = .026. The best
of 1,000 guesses there is worth about a tenth of the gradient, which costs a few of them.
"""

from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn
from tinygrad_nn.demo import Demo, run

SIZES = (64, 16, 16, 10)
STEP = 1e-3


def network(w: Any, x: Any) -> Any:
    """64-16-16-10 with tanh; all its weights and biases in one vector."""
    begin = 0
    for layer, (fan_in, fan_out) in enumerate(pairwise(SIZES)):
        end = begin + fan_in * fan_out
        z = x @ w[begin:end].reshape(fan_in, fan_out) + w[end : end + fan_out]
        x = tg.tanh(z) if layer < 2 else z
        begin = end + fan_out
    return x


def falls(loss: Any, w: Any, directions: Any, h: float = STEP) -> Any:
    """How far each direction goes down per length, in a step of length h."""
    here = float(loss(w))
    return np.array([(here - float(loss(w + h * u))) / h for u in directions])


def main(demo: Demo) -> None:
    draws = np.random.default_rng(demo.seed)
    moons = data.make_moons(200, rng=demo.seed, dtype=np.float64)
    digits = data.load_digits().flatten().subset(slice(200 if demo.quick else 1797))
    pixels = digits.inputs.astype(float)
    problems = {
        "neuron": (
            lambda w: nn.functional.binary_cross_entropy_with_logits(
                moons.inputs @ w, moons.targets.astype(float)
            ),
            draws.normal(size=2),
        ),
        "network": (
            lambda w: nn.functional.cross_entropy(network(w, pixels), digits.targets),
            draws.normal(scale=0.25, size=sum((i + 1) * o for i, o in pairwise(SIZES))),
        ),
    }
    seen = {}
    for name, (loss, w) in problems.items():
        gradient = tg.grad(loss)(w)
        size = np.linalg.norm(gradient)
        directions = draws.normal(size=(1000, len(w)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        down, half = (
            falls(loss, w, [-gradient / size]),
            falls(loss, w, [-gradient / size], STEP / 2),
        )
        tried = falls(loss, w, directions)
        print(f"{name} of {len(w)} weights: |g| = {size:.5f}; a step of {STEP} along -g")
        print(f"  falls {down[0]:.5f} per length, the best of 1,000 directions {tried.max():.5f}")
        cosines = -directions @ gradient / size
        seen[name] = (cosines, tried, size)
        demo.expect(f"{name}: fall along -g, over |g|", down[0] / size, at_least=0.99, at_most=1.01)
        order = np.log2((size - down[0]) / (size - half[0]))
        demo.expect(f"{name}: its error's power of h", order, at_least=0.9, at_most=1.1)
        demo.expect(
            f"{name}: directions better than -g", (tried > down[0] * (1 + STEP)).sum(), at_most=0
        )
        gap = np.abs(tried - size * cosines).max() / size
        demo.expect(f"{name}: |fall - |g| cos| over |g|", gap, at_most=0.01)
    worth = seen["network"][1].max() / seen["network"][2]
    demo.expect("network: best of 1,000 directions, over |g|", worth, at_most=0.2)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
        titles = ("2 weights: every cosine occurs", "1,482 weights: all but -g are level")
        for axis, title, (cosines, tried, size) in zip(axes, titles, seen.values(), strict=True):
            axis.plot([-1, 1], [-1, 1], color="lightgrey", label="|g| cos")
            axis.plot(cosines, tried / size, ".", markersize=3, label="1,000 directions, measured")
            axis.plot(1, 1, "r*", markersize=14, label="-g")
            axis.set(xlabel="cosine of the angle to -g", title=title)
            axis.legend(loc="upper left")
        axes[0].set_ylabel("fall of the loss per length, over |g|")
        figure.savefig(demo.folder / "gradient_direction.png", dpi=120)


if __name__ == "__main__":
    run(main)
