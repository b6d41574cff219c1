"""The talk's own network, 784-16-16-10 with 13,002 parameters, learns to read handwritten digits.

Talk: neural networks that can learn, "Our NN architecture". 28 x 28 pixels are 784 inputs; then

    h = sigmoid(W1 x + b1)    16 x 784 weights + 16 biases = 12,560 parameters
    k = sigmoid(W2 h + b2)    16 x 16 + 16 = 272
    p = softmax(W3 k + b3)    10 x 16 + 10 = 170

so 42 of 826 neurons have an activation; the others hold a pixel. The loss is -ln p of the true
digit. The images are MNIST (LeCun, Bottou, Bengio and Haffner 1998) where it is at hand, or else
the digits of the package, stretched to 28 x 28. Expect .95 of the test images after 6 epochs. Weak:
16 neurons a layer are few, and none knows which pixels touch.
"""

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    rng = np.random.default_rng(demo.seed)
    first, second, third = (nn.Linear(*s, rng=rng) for s in ((784, 16), (16, 16), (16, 10)))
    network = nn.Sequential(first, nn.Sigmoid(), second, nn.Sigmoid(), third)
    activated = sum(layer.weight.shape[0] for layer in (first, second, third))
    for name, counted, told in (
        ("parameters, 784 to 16", sum(p.size for p in first.parameters()), 12_560),
        ("parameters, 16 to 16", sum(p.size for p in second.parameters()), 272),
        ("parameters, 16 to 10", sum(p.size for p in third.parameters()), 170),
        ("parameters", sum(p.size for p in network.parameters()), 13_002),
        ("neurons with an activation", activated, 42),
        ("neurons", first.weight.shape[1] + activated, 826),
    ):
        demo.expect(name, counted, at_least=told, at_most=told)

    digits = data.load_handwriting(28, mnist=not demo.quick, rng=demo.seed)
    learn, test = (part.flatten() for part in digits)
    epochs, batch, least = (12, 16, 0.8) if demo.quick else (40, 16, 0.9)
    if learn.name == "mnist train":
        epochs, batch, least = 6, 32, 0.93
    adam = optim.Adam(network.parameters(), lr=0.005)
    falling = optim.lr_scheduler.PolynomialLR(adam, total_iters=epochs)
    loader = data.DataLoader(learn, batch, rng=demo.seed)
    for epoch in range(epochs):
        history = train.fit(network, nn.CrossEntropyLoss(), adam, loader, 1, scheduler=falling)
        right = train.accuracy(train.predict(network, test.inputs), test.targets)
        print(f"epoch {epoch + 1}: loss {history.epochs[-1].loss:.3f}, test accuracy {right:.4f}")
    demo.expect(f"accuracy, {test.name}", right, at_least=least)

    if plt := demo.pyplot():
        wrong = train.predict(network, test.inputs).argmax(axis=1) != test.targets
        figure, axes = plt.subplots(
            3, 4, figsize=(11, 6), width_ratios=(1, 2, 2, 2), layout="constrained"
        )
        titles = ("x: 784 pixels", "h: 16 neurons", "k: 16 neurons", "p: 10 digits (truth: green)")
        shown = [*np.flatnonzero(~wrong)[:2], *np.flatnonzero(wrong)[:1]]
        for row, place in zip(axes, shown, strict=True):
            h = network[:2](test.inputs[place])
            k = network[2:4](h)
            p = tg.softmax(third(k), axis=-1)
            row[0].imshow(test.inputs[place].reshape(28, 28), cmap="gray_r")
            for axis, part, title in zip(row[1:], (h, k, p), titles[1:], strict=True):
                axis.bar(range(len(part)), part.numpy())
                axis.set(
                    ylim=(0, 1), xticks=range(0, len(part), 1 if part is p else 5), title=title
                )
            row[0].set(xticks=[], yticks=[], title=titles[0])
            row[3].patches[test.targets[place]].set_color("tab:green")
        figure.suptitle(f"Two images on their way through; one of the {wrong.mean():.1%} misread")
        figure.savefig(demo.folder / "on_the_way.png", dpi=120)


if __name__ == "__main__":
    run(main)
