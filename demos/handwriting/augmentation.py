"""Turned, moved, slanted, noisy copies teach a network the variations of handwriting.

Talk: neural networks that can learn, "Recognizing complex patterns": the same word in many hands.
A variation T that does not change what is written keeps the label, so an example stands for all its
copies, and the loss becomes the mean over them (Simard, Steinkraus and Platt 2003):

    L(w) = mean over examples (x, t) and draws of T of -ln p(t | T(x); w)

Every epoch draws new copies; the network never sees one twice. The digits of 8 x 8 lie in a frame
of 12 x 12; T turns by up to 20 degrees, slants by up to 15, moves by up to 2 pixels and adds noise
of .15. Both networks take the same number of steps.

Expect .22 and .85 on varied copies of held-out digits, and .98 and .96 on the clean ones. What is
weak: it learns the variations that somebody thought of, and pays for them in steps. For one of them
there is an architecture that has it for nothing: shift_invariance.py.
"""

import numpy as np

from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.data import transforms
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    variation = transforms.Compose(
        [
            transforms.RandomAffine(degrees=20, shear=15, shift=2),
            transforms.GaussianNoise(0.15, clip=False),
        ]
    )
    learn, test = data.load_digits().split(rng=demo.seed)
    frame = transforms.Pad(2)
    images, clean = frame.batch(learn.inputs), frame.batch(test.inputs)
    varied = variation.batch(clean, rng=1000 + demo.seed)

    epochs, least = (20, 0.55) if demo.quick else (150, 0.82)
    found = {}
    for name, taught in (("plain", None), ("augmented", variation)):
        network = nn.Sequential(
            nn.Flatten(), nn.MLP(144, [128, 64, 10], rng=demo.seed, tensor=True)
        )
        adam = optim.Adam(network.parameters(), lr=0.003)
        falling = optim.lr_scheduler.PolynomialLR(adam, total_iters=epochs)
        loader = data.DataLoader((images, learn.targets), rng=demo.seed, transform=taught)
        train.fit(network, nn.CrossEntropyLoss(), adam, loader, epochs, scheduler=falling)
        answers = [train.predict(network, x).argmax(axis=1) for x in (clean, varied)]
        found[name] = [(answer == test.targets).mean() for answer in answers]
        print("{:9}: {:.3f} of the clean digits, {:.3f} of the varied".format(name, *found[name]))
    demo.expect("plain: accuracy on varied copies", found["plain"][1], at_most=0.4)
    demo.expect("augmented: accuracy on varied copies", found["augmented"][1], at_least=least)
    demo.expect("plain: accuracy on clean digits", found["plain"][0], at_least=0.94)
    demo.expect("augmented: accuracy on clean digits", found["augmented"][0], at_least=least + 0.1)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(4, 10, figsize=(11, 5), layout="constrained")
        draws = np.random.default_rng(demo.seed)
        for digit, column in enumerate(axes.T):
            example = images[learn.targets == digit][0]
            copies = [example, *(variation(example, rng=draws) for _ in range(3))]
            for axis, image in zip(column, copies, strict=True):
                axis.imshow(image, cmap="gray_r", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
        axes[0, 0].set_ylabel("written")
        axes[2, 0].set_ylabel("copies")
        without, with_copies = (f"{found[name][1]:.0%}" for name in ("plain", "augmented"))
        figure.suptitle(
            f"Of new copies, a network reads {without}; one that learned such, {with_copies}"
        )
        figure.savefig(demo.folder / "copies.png", dpi=120)


if __name__ == "__main__":
    run(main)
