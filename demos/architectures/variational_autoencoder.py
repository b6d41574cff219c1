"""A variational autoencoder spreads its codes like noise, so that noise decodes to new digits.

Talk: neural networks that can learn, "NN architectures" (autoencoders). Kingma and Welling,
"Auto-encoding variational Bayes" (2013). A digit x is thought to come from a code z ~ N(0, 1) by
p(x|z), the decoder. Since ln p(x) asks for all codes there are, an encoder guesses those that
matter, q(z|x) = N(m, s²), and what is raised is a bound (ELBO),

    E ln p(x|z) - KL(q || N(0, 1)) <= ln p(x),     KL = sum of (m² + s² - 1) / 2 - ln s

The mean over z ~ q has no slope in m and s while z is drawn from it. Written z = m + s e with
e ~ N(0, 1) it has one: that is the reparameterisation.

Pixels are ink or paper, above or below one half, so that p is a probability. Expect of new digits
-18.4 nats with a code of 8 numbers and -20 with 2, where pixels by themselves have -24.7. With
200 draws for each digit the bound comes nearer to ln p(x), by 1.2 (Burda and others, 2015). Samples
lie as near to the learned digits as new digits do. What is weak: some are of no digit at all.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


class VAE(nn.Module):
    """64 pixels to the normal distribution of a code, and a code to 64 pixels."""

    def __init__(self, code: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.code, self.rng = code, rng
        self.encoder = nn.MLP(64, [128, 2 * code], rng=rng, tensor=True)
        self.decoder = nn.MLP(code, [128, 64], rng=rng, tensor=True)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """For each digit the bound, and ln p(x|z) p(z) / q(z|x), whose mean over z is the same."""
        told = self.encoder(x)
        m, log_s = told[:, : self.code], told[:, self.code :]
        e = tg.random.normal(size=m.shape, rng=self.rng, dtype="float32")
        z = m + tg.exp(log_s) * e
        logits = self.decoder(z)
        fit = (x * logits - nn.functional.softplus(logits)).sum(axis=1)  # ln p(x|z)
        kl = (m**2 + tg.exp(2 * log_s) - 1) / 2 - log_s
        drawn = (e**2 - z**2) / 2 + log_s  # ln p(z) / q(z|x)
        return fit - kl.sum(axis=1), fit + drawn.sum(axis=1)

    def ink(self, z: Any) -> Any:
        """Probability of ink in each pixel."""
        return tg.sigmoid(self.decoder(tg.tensor(z, dtype="float32"))).numpy()


def learned(code: int, x: Any, epochs: int, seed: int) -> VAE:
    net = VAE(code, np.random.default_rng(seed))
    optimizer = optim.Adam(net.parameters(), lr=0.003)

    @tg.jit(engine="numpy")
    def step(x: Any) -> None:
        optimizer.zero_grad()
        (-net(x)[0]).mean().backward()
        optimizer.step()

    loader = data.DataLoader(data.Dataset(x, x[:, 0]), 32, rng=seed, drop_last=True)
    for _ in range(epochs):
        for batch, _ in loader:
            step(batch)
    return net


def nearest(samples: Any, x: Any) -> float:
    """Mean number of pixels that differ from the nearest of x."""
    return float((samples[:, None] != x).sum(axis=2).min(axis=1).mean())


def main(demo: Demo) -> None:
    parts = data.load_digits().flatten().split(rng=demo.seed)
    x, new = ((part.inputs > 0.5).astype(np.float32) for part in parts)
    p = (x.sum(axis=0) + 1) / (len(x) + 2)
    alone = (new * np.log(p) + (1 - new) * np.log(1 - p)).sum(axis=1).mean()
    print(f"pixels by themselves: {alone:.2f} nats")
    epochs, rng = 20 if demo.quick else 100, np.random.default_rng(demo.seed)
    flat, deep = (learned(code, x, epochs, demo.seed) for code in (2, 8))
    with tg.no_grad():
        bounds = [net(tg.tensor(new))[0].numpy().mean() for net in (flat, deep)]
        many = np.stack([deep(tg.tensor(new))[1].numpy() for _ in range(50 if demo.quick else 200)])
    close = np.logaddexp.reduce(many, axis=0).mean() - np.log(len(many))
    demo.expect("ELBO, 2 numbers, over pixels alone", bounds[0] - alone, at_least=2.5)
    demo.expect("ELBO, 8 numbers (nats)", bounds[1], at_least=-20.5 if demo.quick else -19.2)
    demo.expect("bound of many draws, above it by", close - bounds[1], at_least=0.5, at_most=2)
    samples = deep.ink(rng.standard_normal((450, 8)))
    off = [nearest(a, x) for a in (new, samples > 0.5, rng.random((450, 64)) < p)]
    print("to the nearest learned: new {:.1f}, sample {:.1f}, pixels alone {:.1f}".format(*off))
    demo.expect("samples: pixels off the nearest, over new digits", off[1] / off[0], at_most=1.4)

    if plt := demo.pyplot():
        grid = tg.ndtri(np.linspace(0.03, 0.97, 12))
        sheet = flat.ink(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
        figure, axes = plt.subplots(1, 2, figsize=(11, 6.2), layout="constrained")
        titles = "All codes of 2 numbers, by their probability", "Noise, decoded from 8 numbers"
        for axis, images, title in zip(axes, (sheet, samples[:144]), titles, strict=True):
            tiles = np.pad(images.reshape(12, 12, 8, 8), [(0, 0), (0, 0), (1, 1), (1, 1)])
            axis.imshow(tiles.swapaxes(1, 2).reshape(120, 120), cmap="Greys")
            axis.set(xticks=[], yticks=[], title=title)
        axes[0].set(xlabel="number 1", ylabel="number 2")
        figure.savefig(demo.folder / "dreams.png", dpi=120)


if __name__ == "__main__":
    run(main)
