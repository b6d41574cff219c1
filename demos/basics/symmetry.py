"""Equal weights stay equal for ever, so XOR is never learned; random ones part and learn it.

Talk: neural networks that can learn, "Training": "Assign random weights. (It is important to be
random.)" Hidden neurons with the same weights compute the same, so they get the same gradient

    dL/dw_i = sum over examples of dL/dh_i f'(z_i) x        the same for every i

and stay the same: a layer of 8 is one neuron wide (Rumelhart, Hinton and Williams 1986). From zero
it is worse: with tanh not even the gradient of the hidden weights differs from 0. One hidden neuron
cannot tell XOR (Minsky and Papert 1969), so 3 of 4 rows is the most. Expect the rows of the weight
matrix to stay equal to the last bit, and 4 of 4 from random weights.
"""

from typing import Any

import numpy as np

from tinygrad_nn import nn, optim, train
from tinygrad_nn.demo import Demo, run

TABLE = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
XOR = np.array([[0], [1], [1], [0]], np.float32)


def trained(start: Any, steps: int, seed: int) -> tuple[nn.Sequential, Any]:
    """A 2-8-1 network after descent, and its hidden weights along the way."""
    net = nn.Sequential(nn.Linear(2, 8, rng=seed), nn.Tanh(), nn.Linear(8, 1, rng=seed + 1))
    if start is not None:
        for parameter in net.parameters():
            nn.init.constant_(parameter, start)
    optimizer = optim.SGD(net.parameters(), lr=0.5)
    hidden = []
    for _ in range(steps):
        hidden.append(net[0].weight.numpy().copy())
        loss = nn.functional.binary_cross_entropy_with_logits(net(TABLE), XOR)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net, np.array(hidden)


def main(demo: Demo) -> None:
    steps = 300 if demo.quick else 1000
    paths = {}
    for name, start in (("zero", 0.0), ("all 0.5", 0.5), ("random", None)):
        net, paths[name] = trained(start, steps, demo.seed)
        weights = net[0].weight.numpy()
        right = ((net(TABLE).numpy() > 0) == XOR).sum()
        spread = np.ptp(weights, axis=0).max()
        print(f"{name:8} start: {right} of 4 right; hidden neurons differ by {spread:.3g}")
        if start is None:
            demo.expect("random: rows of XOR right, of 4", right, at_least=4, at_most=4)
        else:
            demo.expect(f"{name}: rows of XOR right, of 4", right, at_most=3)
            demo.expect(f"{name}: largest difference of hidden neurons", spread, at_most=0)
            found = train.diagnose(net, nn.BCEWithLogitsLoss(), (TABLE, XOR))
            print("  the doctor:", *found.names)
    moved = np.abs(paths["all 0.5"][-1] - paths["all 0.5"][0]).max()
    demo.expect("all 0.5: how far the equal neurons moved", moved, at_least=0.01)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(
            1, 3, figsize=(12, 4), sharex=True, sharey=True, layout="constrained"
        )
        for axis, (name, path) in zip(axes, paths.items(), strict=True):
            for neuron in range(8):
                axis.plot(*path[:, neuron].T, color=f"C{neuron}", linewidth=1)
                axis.plot(*path[-1, neuron], "o", color=f"C{neuron}")
            axis.set(xlabel="weight of input 1", title=f"start: {name}")
        axes[0].set_ylabel("weight of input 2")
        figure.suptitle("Eight hidden neurons while they learn XOR: equal ones stay one")
        figure.savefig(demo.folder / "symmetry.png", dpi=120)


if __name__ == "__main__":
    run(main)
