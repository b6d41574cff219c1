"""Weights say how much a neuron cares about each input, if the inputs are on one scale.

Talk: neural networks, "View inside an artificial neuron": "weights correspond to how much the
neuron cares about each input". One sigmoid neuron (logistic regression, Cox 1958) tells malignant
from benign tumours by 30 measurements (Street, Wolberg and Mangasarian 1993). To shuffle one of
them over the tumours (permutation importance, Breiman 2001) moves

    z = w.x + b     by     sqrt(2) |w_i| std(x_i)     in the root mean square, for any input

so |w| std is how much the neuron cares, exactly; and the loss? Expect .98 right, rankings of care
and harm that agree by .8 or more, and the same input on top on 4 splits of 5. What is weak: radius,
perimeter and area tell the same, so each looks less important than all of them are.
"""

import sys

import numpy as np

from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run

try:
    from sklearn.datasets import load_breast_cancer
except ImportError:
    sys.exit("the tumours come with scikit-learn: pip install 'tinygrad-nn[sklearn]'")


def main(demo: Demo) -> None:
    found = load_breast_cancer()
    malignant = (found.target == 0).astype(float)[:, None]
    learn, held_out = data.Dataset(found.data, malignant).split(rng=demo.seed)
    middle, spread = learn.inputs.mean(axis=0), learn.inputs.std(axis=0)
    inputs, test = (learn.inputs - middle) / spread, (held_out.inputs - middle) / spread

    loss_of = nn.functional.binary_cross_entropy_with_logits
    neuron = nn.Linear(30, 1, rng=demo.seed, dtype=np.float64)
    optimizer = optim.SGD(neuron.parameters(), lr=0.1, momentum=0.9, weight_decay=0.003)
    train.fit(neuron, loss_of, optimizer, (inputs, learn.targets), 500, batch_size=len(inputs))
    right = train.accuracy(neuron(test), held_out.targets.astype(int), threshold=0)

    names, draws = found.feature_names, np.random.default_rng(demo.seed)
    weights, z = neuron.weight.numpy()[0], neuron(test).numpy()
    before = loss_of(z, held_out.targets)
    care, harm, moved = np.abs(weights) * test.std(axis=0), np.zeros(30), np.zeros(30)
    repeats = 10 if demo.quick else 100
    for i in np.repeat(np.arange(30), repeats):
        shuffled = test.copy()
        shuffled[:, i] = draws.permutation(test[:, i])
        after = neuron(shuffled).numpy()
        moved[i] += ((after - z) ** 2).mean() / repeats
        harm[i] += (loss_of(after, held_out.targets) - before).item() / repeats
    order = np.argsort(-care)
    print("the neuron cares most about       |w| std   loss rises by, if shuffled")
    for i in [*order[:5], *order[-2:]]:
        print(f"  {names[i]:30} {care[i]:8.3f} {harm[i]:12.4f}")

    demo.expect("accuracy on held-out tumours", right, at_least=0.94)
    law = np.sqrt(moved) / (np.sqrt(2) * care)
    demo.expect("largest gap of z's move to its law, relative", abs(law - 1).max(), at_most=0.2)
    ranks = np.argsort(np.argsort([care, harm]))
    agreement = np.corrcoef(ranks[0], ranks[1])[0, 1]
    demo.expect("rank correlation of care and harm", agreement, at_least=0.6)
    demo.expect("rank by harm of the top weight", 30 - ranks[1, order[0]], at_most=8)

    if plt := demo.pyplot():
        figure, (left, side) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
        top = order[:12][::-1]
        left.barh(names[top], (np.sign(weights) * care)[top])
        left.set(xlabel="w std(x); to the right: malignant", title="What the neuron cares about")
        side.plot(care, harm, "o")
        side.annotate(names[order[0]], (care[order[0]], harm[order[0]]), ha="right", va="bottom")
        side.set(xlabel="|w| std(x)", ylabel="rise of the loss when the input is shuffled")
        side.set_title(f"The harm follows the care, roughly: rank correlation {agreement:.2f}")
        figure.savefig(demo.folder / "caring_weights.png", dpi=120)


if __name__ == "__main__":
    run(main)
