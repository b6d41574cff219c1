"""Too high a learning rate kills ReLU neurons: they answer 0 to everything and never come back.

Talk: neural networks that can learn, "Activation functions": ReLU, max(0, z); and the learning rate
with its "risk of overshooting". Where z < 0 the slope of ReLU is 0. A step that throws a neuron to
where z < 0 for every example leaves it without any gradient, dL/dw = sum of dL/dh 1[z > 0] x = 0,
so there it stays ("dying ReLU": Maas, Hannun and Ng 2013, who propose leaky ReLU).

Counted on the digits, 64-64-10 under plain SGD: hidden neurons that are 0 for all training images,
beside what the doctor, train.diagnose, says; it warns from 75 % on. Expect hardly any up to a rate
of 0.1, more than half at 3, and none of them back after as much training again at 0.1. The
doctor's advice is tried too: start the layer anew, at a lower rate. Leaky ReLU is no cure at 3.
"""

from typing import Any

from tinygrad_nn import data, nn, optim, train
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    learn, test = data.load_digits().flatten().split(rng=demo.seed)
    epochs = 5 if demo.quick else 15

    def taught(net: nn.Sequential, lr: float) -> float:
        """Accuracy after training."""
        optimizer = optim.SGD(net.parameters(), lr=lr)
        for _ in range(epochs):
            for inputs, labels in data.DataLoader(learn, 64, rng=demo.seed):
                loss = nn.functional.cross_entropy(net(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return train.accuracy(net(test.inputs), test.targets)

    def fresh(unit: nn.Module) -> nn.Sequential:
        first, last = nn.Linear(64, 64, rng=demo.seed), nn.Linear(64, 10, rng=demo.seed + 1)
        return nn.Sequential(first, unit, last)

    def dead(net: nn.Sequential) -> Any:
        """Which hidden neurons are off for every example."""
        return (net[0](learn.inputs).numpy() <= 0).all(axis=0)

    nets = {lr: fresh(nn.ReLU()) for lr in (0.01, 0.1, 0.5, 1.0, 3.0, 10.0)}
    scores, warned = {}, {}
    print("   lr   dead   right   the doctor")
    for lr, net in nets.items():
        scores[lr] = taught(net, lr)
        found = train.diagnose(net, nn.CrossEntropyLoss(), learn)
        warned[lr] = "dead-units" in found
        print(f"{lr:5}  {dead(net).mean():5.0%}  {scores[lr]:.3f}  ", *found.names)
    shares = {lr: dead(net).mean() for lr, net in nets.items()}
    demo.expect("share of dead neurons, lr 0.1", shares[0.1], at_most=0.3)
    demo.expect("share of dead neurons, lr 3", shares[3.0], at_least=0.5)
    demo.expect("doctor's warnings, lr 0.1", warned[0.1], at_most=0)
    demo.expect("doctor's warnings, lr 3", warned[3.0], at_least=1)
    print(f"leaky ReLU at lr 3: {taught(fresh(nn.LeakyReLU()), 3.0):.3f} right")

    gone = dead(nets[3.0])
    stuck = taught(nets[3.0], 0.1)
    back = (gone & ~dead(nets[3.0])).sum()
    print(f"going on at 0.1: {back} of {gone.sum()} dead neurons back, {stuck:.3f} right")
    demo.expect("dead neurons that came back", back, at_most=0)
    nets[3.0][0] = nn.Linear(64, 64, rng=demo.seed + 2)
    demo.expect("accuracy, layer started anew, lr 0.1", taught(nets[3.0], 0.1), at_least=0.7)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
        names = [str(lr) for lr in nets]
        colours = ["firebrick" if warned[lr] else "lightgrey" for lr in nets]
        axes.bar(names, [100 * share for share in shares.values()], color=colours)
        axes.plot(names, [100 * right for right in scores.values()], "ko-", label="test accuracy")
        axes.set(xlabel="learning rate", ylabel="%", ylim=(0, 105))
        axes.set_title("Too high a rate kills the hidden neurons (bars; red: the doctor warns)")
        axes.legend(loc="upper left")
        figure.savefig(demo.folder / "dead_units.png", dpi=120)


if __name__ == "__main__":
    run(main)
