"""A neuron that spikes: its rate looks like a ReLU, but when its inputs come matters too.

Talk: neural networks lecture, "The metaphor breaks down" ("biological neurons are vastly more
complex: they ... have complex temporal dynamics"). The leaky integrate-and-fire neuron (Lapicque
1907) has a potential that leaks and sums, v <- β v + x; at v >= θ it fires a spike and starts
again from 0. A constant current x is therefore answered every n steps, where n is the first with
x (1 - β^n) / (1 - β) >= θ: never below x = θ (1 - β), above it at a rate that rises. A ReLU is a
caricature of this curve. What the caricature leaves out: the same four pulses fire the neuron if
they come together, and not if they come apart, while a unit w . x + b sees no difference.

A note, not a result: this neuron is itself very much simpler than those of a brain.
"""

import numpy as np
from numpy.typing import NDArray

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.demo import Demo, run

BETA = 0.95
PERIODS = np.arange(1, 2000)


def exact_rate(current: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / n for the first n at which the potential reaches 1; 0 if it never does."""
    reached = current[:, None] * (1 - BETA**PERIODS) / (1 - BETA) >= 1
    return np.where(reached.any(axis=1), 1 / PERIODS[reached.argmax(axis=1)], 0)


def main(demo: Demo) -> None:
    steps = 500 if demo.quick else 4000
    # Half a step off the round numbers: exactly at the threshold rounding would decide.
    current = np.linspace(0, 0.4, 201) + 0.001
    neuron = nn.LIF(beta=BETA, reset="zero")
    with tg.no_grad():
        spikes, _ = neuron(tg.tensor(np.broadcast_to(current, (steps, len(current))).copy()))
    rate = spikes.numpy().mean(axis=0)
    threshold = 1 - BETA
    for x in (0.04, 0.06, 0.1, 0.2, 0.4):
        print(f"current {x:.2f}: {rate[np.abs(current - x).argmin()]:.3f} spikes in each step")

    relu = np.maximum(current - threshold, 0)
    gain = float(relu @ rate / (relu @ relu))
    left_over = float(np.sum((rate - gain * relu) ** 2) / np.sum((rate - rate.mean()) ** 2))

    apart, together = np.zeros((2, 80, 1))
    apart[[10, 27, 44, 61]], together[[10, 11, 12, 13]] = 0.3, 0.3
    traces = {"four pulses together": together, "the same four, apart": apart}
    fired = {name: float(neuron(tg.tensor(x))[0].sum().item()) for name, x in traces.items()}
    print("spikes:", fired, "; a unit of the sum of its inputs sees", together.sum(), apart.sum())

    off = np.abs(rate - exact_rate(current)).max()
    demo.expect("rate less the formula", off, at_most=1 / steps)
    demo.expect("rate below the threshold", rate[current < threshold].max(), at_most=0)
    demo.expect("variance explained by the best ReLU", 1 - left_over, at_least=0.9, at_most=0.999)
    demo.expect("spikes, pulses together", fired["four pulses together"], at_least=1)
    demo.expect("spikes, pulses apart", fired["the same four, apart"], at_most=0)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
        left.plot(current, rate, label="leaky integrate-and-fire")
        left.plot(current, gain * relu, "--", label=f"{gain:.2f} ReLU(x − {threshold:.2f})")
        left.set(xlabel="constant current (threshold = 1)", ylabel="spikes in each step")
        left.set_title("What a ReLU keeps of a neuron: the rate")
        left.legend()
        for name, pulses in traces.items():
            potential = [0.0]
            for x in pulses[:, 0]:
                potential.append(BETA * potential[-1] * (potential[-1] < 1) + x)
            right.plot(potential[1:], label=name)
        right.axhline(1, color="black", linestyle=":", label="threshold")
        right.set(xlabel="step", ylabel="potential", title="What it leaves out: time")
        right.legend()
        figure.savefig(demo.folder / "spiking.png", dpi=120)


if __name__ == "__main__":
    run(main)
