"""Labels teach a network what labels say: more of them close the gap, shuffled ones teach nothing.

Talk: neural networks that can learn, "Understanding learning" (supervised learning). Each example
x comes with its label t, and learning lowers the mean loss over the examples that are given:

    minimise over w   1/n sum cross_entropy(net(x_i; w), t_i)

What counts is the loss on others. A network with more weights than examples learns every label that
it is given, right or not (Zhang and others, "Understanding deep learning requires rethinking
generalization", 2017). So expect 1.00 on what was learned each time, and on other digits .80 from
50 labels, .92 from 200, .97 from 1,348, and .10, which is chance, from 200 shuffled ones.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def learned(examples: data.Dataset, test: data.Dataset, steps: int, seed: int) -> list[float]:
    """Accuracy on the examples and on the test, after learning from the examples."""
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(64, 64, rng=rng), nn.ReLU(), nn.Linear(64, 10, rng=rng))
    optimizer = optim.Adam(net.parameters(), lr=0.005)

    @tg.jit(engine="numpy")
    def step(x: Any, labels: Any) -> Any:
        loss = nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(steps):
        step(*examples[rng.integers(0, len(examples), 64)])
    return [train.accuracy(net(each.inputs), each.targets) for each in (examples, test)]


def main(demo: Demo) -> None:
    known, test = data.load_digits().flatten().split(rng=demo.seed)
    rng = np.random.default_rng(demo.seed)
    order = rng.permutation(len(known))
    few = known.subset(order[:200])
    given = {f"{n} labels": known.subset(order[:n]) for n in (50, 200, len(known))}
    given["200 shuffled"] = data.Dataset(few.inputs, rng.permutation(few.targets), "shuffled")
    found = {}
    for name, examples in given.items():
        found[name] = learned(examples, test, 1000 if demo.quick else 2000, demo.seed)
        print(f"{name:12}: accuracy {found[name][0]:.3f} on these, {found[name][1]:.3f} on others")

    few_, some, all_, shuffled = found.values()
    demo.expect("least accuracy on what was learned", min(found.values())[0], at_least=0.97)
    demo.expect("test accuracy, 50 labels", few_[1], at_least=0.65, at_most=0.9)
    demo.expect("test accuracy, 200 labels", some[1], at_least=0.85, at_most=0.96)
    demo.expect("test accuracy, 1,348 labels", all_[1], at_least=0.95)
    demo.expect("test accuracy, 200 shuffled labels", shuffled[1], at_most=0.25)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        for shift, name in ((-0.2, "what was learned"), (0.2, "other digits")):
            heights = [pair[shift > 0] for pair in found.values()]
            bars = axes.bar(np.arange(4) + shift, heights, width=0.38, label=name)
            axes.bar_label(bars, fmt="%.2f")
        axes.axhline(0.1, color="black", linestyle=":", label="chance")
        axes.set_xticks(range(4), found)
        axes.set(
            ylim=(0, 1.3),
            ylabel="accuracy",
            title="It learns all labels; only true ones carry over",
        )
        axes.legend(ncols=3, loc="upper center")
        figure.savefig(demo.folder / "labels.png", dpi=120)


if __name__ == "__main__":
    run(main)
