"""Two networks play: one makes samples, one tells them from real ones, until it no longer can.

Talk: neural networks that can learn, "NN architectures" (generative adversarial networks).
Goodfellow and others, "Generative adversarial nets" (2014): the generator G makes noise z into a
sample, and the discriminator D gives the log odds that a sample is real. With s the sigmoid,

    D lowers   -ln s(D(x)) - ln(1 - s(D(G(z))))    real up, made down
    G lowers   -ln s(D(G(z)))                      "non-saturating": steep where D is sure

First single numbers: a generator a z + b of two weights has to find N(4, .5). It never sees a
sample; the slope of D is all it learns from. Expect |a| = .5 and b = 4 within .1. Then eight
Gaussians of deviation .05 on a ring: after 4,000 steps expect all eight to be made, and .85 to .95
of the samples within three deviations of one. What is weak: the losses do not tell how far it is
(at rest 2 ln 2 and ln 2); and G, being continuous, leaves bridges between the eight. With ReLU for
tanh it makes but one or two of them at first (seeds 0 and 1, 400 steps).
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

TURN, SPREAD = np.arange(8) * np.pi / 4, 0.05
RING = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)
softplus = nn.functional.softplus  # softplus(-d) = -ln s(d), softplus(d) = -ln(1 - s(d))


def play(real: Any, makes: nn.Module, judges: nn.Module, lr: float, steps: int, rng: Any) -> Any:
    """What is made at ten times on the way; `real(n)` draws n samples."""
    maker, judge = (optim.Adam(m.parameters(), lr=lr, betas=(0.5, 0.999)) for m in (makes, judges))

    @tg.jit(engine="numpy")
    def step(x: Any, z: Any) -> None:
        made = makes(z)
        judge.zero_grad()
        (softplus(-judges(x)) + softplus(judges(made.detach()))).mean().backward()
        judge.step()
        maker.zero_grad()
        softplus(-judges(made)).mean().backward()
        maker.step()

    def noise(like: Any) -> Any:
        return rng.standard_normal(like.shape, np.float32)

    seen = []
    for number in range(1, steps + 1):
        x = real(128).astype(np.float32)
        step(x, noise(x))
        if number % (steps // 10) == 0:
            seen.append(makes(noise(real(2000))).numpy())
    return seen


def main(demo: Demo) -> None:
    rng = np.random.default_rng(demo.seed)
    line, judges = nn.Linear(1, 1, rng=rng), nn.MLP(1, [32, 32, 1], rng=rng, tensor=True)
    steps = 1000 if demo.quick else 2000
    numbers = play(lambda n: rng.normal(4, 0.5, (n, 1)), line, judges, 0.01, steps, rng)
    a, b = (p.item() for p in line.parameters())
    print("mean, deviation on the way:", *(f"{x.mean():.2f} {x.std():.2f};" for x in numbers))
    demo.expect("one number: |a|, of .5", abs(a), at_least=0.4, at_most=0.6)
    demo.expect("one number: b, of 4", b, at_least=3.8, at_most=4.2)
    if demo.quick:
        return

    def ring(n: int) -> Any:
        return RING[rng.integers(8, size=n)] + rng.normal(0, SPREAD, (n, 2))

    makes = nn.MLP(2, [64, 64, 2], activation="tanh", rng=rng, tensor=True)
    seen = play(ring, makes, nn.MLP(2, [64, 64, 1], rng=rng, tensor=True), 0.001, 4000, rng)
    for x in seen[::3]:
        away = np.linalg.norm(x[:, None] - RING, axis=2)
        near, each = away.min(axis=1) < 3 * SPREAD, away.argmin(axis=1)
        counts = np.bincount(each[near], minlength=8)
        print(f"ring: {near.mean():.3f} near; made of each:", *counts)
    demo.expect("Gaussians made, of 8", (counts > 0.02 * len(x)).sum(), at_least=8, at_most=8)
    demo.expect("share of samples near one", near.mean(), at_least=0.85)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 4, figsize=(15, 4.2), layout="constrained")
        for x, label in ((numbers[0], "made, step 200"), (numbers[-1], "made, step 2000")):
            axes[0].hist(x[:, 0], bins=40, density=True, alpha=0.6, label=label)
        t = np.linspace(-2, 6, 300)
        bell = np.exp(-2 * (t - 4) ** 2) / np.sqrt(np.pi / 2)
        axes[0].plot(t, bell, color="black", label="real, N(4, .5)")
        axes[0].set(xlabel="number", ylabel="density", title=f"{a:.2f} z + {b:.2f} is found")
        axes[0].legend(loc="upper left")
        for axis, time in zip(axes[1:], (0, 2, 9), strict=True):
            axis.plot(*ring(2000).T, ".", color="tab:gray", markersize=2, label="real")
            axis.plot(*seen[time].T, ".", color="tab:orange", markersize=2, label="made")
            axis.set(xlabel="x₁", ylabel="x₂", aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
            axis.set_title(f"The ring after {400 * (time + 1):,} steps")
        axes[1].legend(loc="center", markerscale=5)
        figure.savefig(demo.folder / "gan.png", dpi=120)


if __name__ == "__main__":
    run(main)
