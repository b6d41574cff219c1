"""An autoencoder keeps more of a digit in two or eight numbers than any linear code can.

Talk: neural networks that can learn, "NN architectures" (autoencoders). Rumelhart, Hinton and
Williams (1986); deep ones: Hinton and Salakhutdinov (2006). An encoder makes 64 pixels into a code
of 2 or 8 numbers, and a decoder makes pixels of it; both lower the mean of |decode(encode(x)) - x|²
so that a digit is its own label. Without hidden layers they end at the principal components, PCA
(Baldi and Hornik, 1989). With 128 ReLUs on either side the code may bend: expect squares per pixel
of new digits of .035, not .053, with a code of 2, and .012, not .025, with 8. What is weak: nothing
says what lies between the codes, so it is no source of new digits.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


def learned(hidden: list[int], code: int, digits: data.Dataset, epochs: int, seed: int) -> Any:
    """Encoder and decoder after descent."""
    rng = np.random.default_rng(seed)
    encode = nn.MLP(64, [*hidden, code], rng=rng, tensor=True)
    decode = nn.MLP(code, [*hidden, 64], rng=rng, tensor=True)
    optimizer = optim.Adam([*encode.parameters(), *decode.parameters()], lr=0.004)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    @tg.jit(engine="numpy")
    def step(x: Any) -> None:
        loss = ((decode(encode(x)) - x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    loader = data.DataLoader(digits, 32, rng=rng, drop_last=True)
    for _ in range(epochs):
        for x, _ in loader:
            step(x)
        schedule.step()
    return encode, decode


def main(demo: Demo) -> None:
    digits, test = data.load_digits().flatten().split(rng=demo.seed)
    epochs, x, mean = 25 if demo.quick else 100, test.inputs, digits.inputs.mean(axis=0)
    components = np.linalg.svd(digits.inputs - mean, full_matrices=False)[2]
    codes, copies = {}, {}
    for code, least, most in ((2, 0.05, 0.042 if demo.quick else 0.038), (8, 0.022, 0.016)):
        codes["PCA", code] = (x - mean) @ components[:code].T
        copies["PCA", code] = codes["PCA", code] @ components[:code] + mean
        for name, hidden in (("linear", []), ("autoencoder", [128])):
            encode, decode = learned(hidden, code, digits, epochs, demo.seed)
            codes[name, code] = encode(x).numpy()
            copies[name, code] = decode(encode(x)).numpy()
        off = {key: ((copy - x) ** 2).mean() for key, copy in copies.items()}
        ratio = off["linear", code] / off["PCA", code]
        demo.expect(f"code of {code}: squares per pixel, PCA", off["PCA", code], at_least=least)
        demo.expect(f"code of {code}: linear over PCA", ratio, at_least=0.97, at_most=1.3)
        demo.expect(f"code of {code}: autoencoder", off["autoencoder", code], at_most=most)

    if plt := demo.pyplot():
        figure, places = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
        for axes, name in zip(places, ("PCA", "autoencoder"), strict=False):
            axes.scatter(*codes[name, 2].T, c=test.targets, cmap="tab10", s=12)
            for digit in range(10):
                middle = np.median(codes[name, 2][test.targets == digit], axis=0)
                axes.text(*middle, digit, fontsize=16, weight="bold", ha="center", va="center")
            axes.set(xlabel="number 1", ylabel="number 2", title=f"{name}: {off[name, 2]:.3f} off")
        rows = {"digit": x} | {f"{n}\n{k}": y for (n, k), y in copies.items() if n != "linear"}
        tiles = np.pad(np.stack([y[:7] for y in rows.values()]).reshape(5, 7, 8, 8), 1)[1:-1, 1:-1]
        places[2].imshow(tiles.swapaxes(1, 2).reshape(50, 70), cmap="Greys", vmin=0, vmax=1)
        places[2].set_yticks(range(5, 50, 10), [*rows])
        places[2].set(xticks=[], title="New digits, there and back")
        figure.savefig(demo.folder / "codes.png", dpi=120)


if __name__ == "__main__":
    run(main)
