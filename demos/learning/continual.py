"""A network that goes on to 5-9 forgets 0-4 entirely; replaying a hundred old examples saves it.

Talk: neural networks that can learn, "Future" (continual learning: "instead of static models,
future networks might continuously learn and adapt ... much like humans do"). The gradient of the
new task's loss knows nothing of the old task, and what served the old one is soon overwritten
(McCloskey and Cohen, "Catastrophic interference in connectionist networks", 1989). Replay (Robins,
"Catastrophic forgetting, rehearsal and pseudorehearsal", 1995) keeps a few old examples and learns
them along with the new: loss = loss of new + loss of old.

Expect the accuracy on 0-4 to fall from about .99 to .00 without replay and to about .94 with 100
examples; on 5-9 both reach about .97. Replay is a strong baseline, but it keeps data: it does not
do what humans do.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


def accuracy(network: nn.Module, test: data.Dataset) -> float:
    with tg.no_grad():
        return float((network(test.inputs).numpy().argmax(axis=1) == test.targets).mean())


def learn(network: Any, task: Any, tests: Any, epochs: int, seed: int, old: Any = None) -> Any:
    """Learn a task, with old examples if there are any; accuracy on both tasks by epoch."""
    optimizer, history = optim.Adam(network.parameters(), lr=0.003), []
    for epoch in range(epochs):
        for inputs, labels in data.DataLoader(task, batch_size=32, rng=1000 * seed + epoch):
            loss = nn.functional.cross_entropy(network(inputs), labels)
            if old is not None:
                loss = loss + nn.functional.cross_entropy(network(old.inputs), old.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append([accuracy(network, test) for test in tests])
    return history


def main(demo: Demo) -> None:
    train, test = data.load_digits().flatten().split(rng=demo.seed)
    first, second = train.subset(train.targets < 5), train.subset(train.targets > 4)
    tests = test.subset(test.targets < 5), test.subset(test.targets > 4)
    kept = first.subset(np.random.default_rng(demo.seed).permutation(len(first))[:100])
    epochs = 8 if demo.quick else 20
    found: dict[str, Any] = {}
    for name, old in (("without replay", None), ("with 100 replayed", kept)):
        rng = np.random.default_rng(demo.seed)
        network = nn.Sequential(nn.Linear(64, 64, rng=rng), nn.ReLU(), nn.Linear(64, 10, rng=rng))
        history = learn(network, first, tests, epochs, demo.seed)
        found[name] = np.array(history + learn(network, second, tests, epochs, demo.seed + 1, old))
        for moment, row in (("0-4", epochs - 1), ("5-9", -1)):
            print(f"{name}, {moment} learned: accuracy on 0-4 and 5-9", found[name][row].round(3))

    slack = 0.04 if demo.quick else 0
    forgetful, replaying = found.values()
    demo.expect("0-4 when just learned", forgetful[epochs - 1, 0], at_least=0.96 - slack)
    demo.expect("0-4 at the end, without replay", forgetful[-1, 0], at_most=0.1)
    demo.expect("0-4 at the end, with replay", replaying[-1, 0], at_least=0.9 - slack)
    demo.expect("5-9 at the end, without replay", forgetful[-1, 1], at_least=0.94 - slack)
    demo.expect("5-9 at the end, with replay", replaying[-1, 1], at_least=0.93 - slack)

    if plt := demo.pyplot():
        figure, both = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
        for axes, (name, history) in zip(both, found.items(), strict=True):
            axes.plot(np.arange(1, 2 * epochs + 1), history, label=["0-4", "5-9"])
            axes.axvline(epochs, color="black", linestyle=":")
            axes.set(xlabel="epoch: first of 0-4, then of 5-9", ylabel="test accuracy", title=name)
            axes.legend()
        figure.suptitle("What is not rehearsed is lost within a few epochs")
        figure.savefig(demo.folder / "forgetting.png", dpi=120)


if __name__ == "__main__":
    run(main)
