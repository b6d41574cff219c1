"""The weights of a neuron are a picture: strokes that it cares for, grain where it saw nothing.

Talk: neural networks, "Weights correspond to how much the neuron cares about each input"; and
neural networks that can learn, "Visualise our Neural Network", of 784-16-16-10 neurons. The weight
from pixel i to neuron j has, by the chain rule, the gradient

    dL/dw_ji = mean over images of delta_j x_i          so 0 where no image has ink,

and there it stays what chance made it. Elsewhere neighbours come to agree, though nobody told the
network who they are: their ink is alike. And to hide the pixels with the largest sum over j of
|w_ji| std(x_i) should hurt most. On MNIST expect a change of exactly 0 where no image has ink (67
pixels), of .38 elsewhere; a correlation of neighbours of .73, from 0 at the start; and with 112
pixels set to their mean, .5 to .6 right if the network cares most for them, .92 if chance chose.
What is weak: few of the pictures are strokes with a name, as each neuron serves all digits.
"""

from typing import Any

import numpy as np

from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def together(w: Any) -> float:
    """Correlation of each weight with that of the pixel to its right, and with the one below."""
    image = w.reshape(-1, 28, 28)
    across = np.corrcoef(image[:, :, 1:].ravel(), image[:, :, :-1].ravel())[0, 1]
    down = np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1]
    return float((across + down) / 2)


def main(demo: Demo) -> None:
    digits = data.load_handwriting(28, mnist=not demo.quick, rng=demo.seed)
    learn, test = (part.flatten() for part in digits)
    epochs = 3 if learn.name == "mnist train" else 10
    network = nn.MLP(784, [16, 16, 10], activation="sigmoid", rng=demo.seed, tensor=True)
    start = network.parameters()[0].numpy().copy()
    adam = optim.Adam(network.parameters(), lr=0.005)
    train.fit(network, nn.CrossEntropyLoss(), adam, learn, epochs, rng=demo.seed)
    w, inked = network.parameters()[0].numpy(), learn.inputs.max(axis=0) > 0
    changed = np.abs(w - start).mean(axis=0)
    print(f"{(~inked).sum()} of 784 pixels have no ink in any of {len(learn)} images")
    demo.expect("pixels without ink: largest change", changed[~inked].max(), at_least=0, at_most=0)
    demo.expect("pixels with ink: mean change", changed[inked].mean(), at_least=0.1)
    demo.expect("correlation of neighbours, start", together(start), at_least=-0.05, at_most=0.05)
    demo.expect("correlation of neighbours, learned", together(w), at_least=0.5)

    care, rng = np.abs(w).sum(axis=0) * learn.inputs.std(axis=0), np.random.default_rng(demo.seed)
    orders = {"most": (-care).argsort(), "chance": rng.permutation(784), "least": care.argsort()}
    counts, curves = range(0, 785, 28), {}
    for name, order in orders.items():
        ranks, blank = np.argsort(order), learn.inputs.mean(axis=0)
        hidden = (np.where(ranks < count, blank, test.inputs) for count in counts)
        curves[name] = [train.accuracy(train.predict(network, x), test.targets) for x in hidden]
        print(f"112 more hidden, {name:6}:", *(f"{a:.2f}" for a in curves[name][::4]))
        low, high = (0.1, 0.85) if name == "most" else (0.8, 1)
        demo.expect(f"accuracy, 112 hidden: {name}", curves[name][4], at_least=low, at_most=high)

    if plt := demo.pyplot():
        figure = plt.figure(figsize=(12, 5.2), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
        limit = np.quantile(np.abs(w), 0.995)
        for axis, row in zip(left.subplots(4, 4).flat, w, strict=True):
            image = axis.imshow(row.reshape(28, 28), cmap="RdBu", vmin=-limit, vmax=limit)
            axis.set(xticks=[], yticks=[])
        left.colorbar(image, ax=left.axes, label="weight: ink on blue excites, on red inhibits")
        left.suptitle("What the 16 neurons care about")
        axis = right.subplots()
        for name, curve in curves.items():
            axis.plot(counts, curve, ".-", label=name)
        axis.set(xlabel="pixels hidden", ylabel="test accuracy")
        axis.set_title("Hide first what it cares for, and the digit is lost")
        axis.legend(title="hidden first")
        figure.savefig(demo.folder / "weights.png", dpi=120)


if __name__ == "__main__":
    run(main)
