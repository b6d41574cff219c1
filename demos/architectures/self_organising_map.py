"""A self-organising map lays the digits out on a sheet, like beside like, without any label.

Talk: neural networks that can learn, "NN architectures" (self organizing maps). Kohonen,
"Self-organized formation of topologically correct feature maps" (1982): units sit on a grid. For
an example x the nearest unit c is found, and it and its neighbours move towards x:
w_i <- w_i + lr exp(-|r_i - r_c|² / 2 s²) (x - w_i), with places r on the grid, and a rate lr and a
radius s that fall. This is the gradient of no loss; the layer of the library follows the rule.

On 10 x 10 units after 15,000 examples, expect the mean distance to the nearest unit to fall from
3.4 to 1.3, and the share of digits whose two nearest units are no neighbours from .9 to below .05.
Afterwards each unit is called by the most frequent label near it; those names alone answer about
.91 of new digits. A sheet cannot hold all of 64 dimensions: some digits lie in several islands.
"""

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import data, nn
from tinygrad_nn.demo import Demo, run

SIDE = 10


def units_of(som: nn.SelfOrganizingMap, digits: data.Dataset) -> NDArray[np.int64]:
    """Number of the nearest unit to each digit."""
    rows, columns = som(digits.inputs).numpy().T
    unit: NDArray[np.int64] = rows * SIDE + columns
    return unit


def main(demo: Demo) -> None:
    train, test = data.load_digits().flatten().split(rng=demo.seed)
    som = nn.SelfOrganizingMap(SIDE, SIDE, 64, rng=demo.seed)
    steps = 4000 if demo.quick else 15_000
    distance, broken = som.quantization_error(test.inputs), som.topographic_error(test.inputs)
    print(f"before: distance {distance:.3f}, not neighbours {broken:.3f}")
    demo.expect("distance to the nearest unit, before", distance, at_least=2.5)
    demo.expect("nearest two no neighbours, before", broken, at_least=0.7)

    som.fit(train.inputs, steps, rng=demo.seed)
    votes = np.zeros((SIDE * SIDE, 10), int)
    np.add.at(votes, (units_of(som, train), train.targets), 1)
    name = votes.argmax(axis=1)
    accuracy = (name[units_of(som, test)] == test.targets).mean()
    distance, broken = som.quantization_error(test.inputs), som.topographic_error(test.inputs)
    for row in np.where(votes.sum(axis=1) > 0, name.astype(str), ".").reshape(SIDE, SIDE):
        print("   ", *row)

    demo.expect("distance to the nearest unit", distance, at_most=1.5)
    demo.expect("nearest two no neighbours", broken, at_most=0.08)
    demo.expect("accuracy of the units' names", accuracy, at_least=0.85 if demo.quick else 0.87)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(6, 6.4), layout="constrained")
        units = som.weight.numpy().reshape(SIDE, SIDE, 8, 8)
        tiles = np.pad(units, ((0, 0), (0, 0), (1, 1), (1, 1)))
        axes.imshow(tiles.transpose(0, 2, 1, 3).reshape(10 * SIDE, 10 * SIDE), cmap="Greys")
        for unit, label in enumerate(name):
            y, x = divmod(unit, SIDE)
            axes.text(10 * x, 10 * y + 2, label, color="tab:red", fontsize=8)
        axes.set(xticks=[], yticks=[], xlabel="column", ylabel="row")
        axes.set_title("Like digits come to lie together\n(red: the label most often near)")
        figure.savefig(demo.folder / "sheet.png", dpi=120)


if __name__ == "__main__":
    run(main)
