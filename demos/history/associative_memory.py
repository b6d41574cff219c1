"""A network remembers whole patterns, completes damaged ones, and forgets all when overfilled.

Talk: neural networks that can learn, history (Hebbian learning; "memories ... are the result of a
neural network activity"). Hopfield, "Neural networks and physical systems with emergent collective
computational abilities" (1982): patterns ξ of N units, -1 or 1, are stored by Hebb's rule at
once, W = sum ξ ξᵀ / N without the diagonal. Then each unit takes the sign of its sum W s until
none changes; every change lowers the energy E = -s . W s / 2, so it must end. About .138 N random
patterns fit (Amit, Gutfreund and Sompolinsky 1985): beyond, memory breaks down at once.

10 % of the units are turned over; recalled is what agrees in at least 95 % of them at the end.
Expect for 100 units about 1.0, .99, .86 and .5 at 5, 10, 14 and 20 patterns (.4 at 20 if 97.5 %
must agree). With more units the edge at .138 becomes sharp: .138 belongs to infinitely many. Weak
is that patterns must be nearly independent: digits, which look alike, would run into one another.
"""

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn
from tinygrad_nn.demo import Demo, run

Array = NDArray[np.float64]


def recall(units: int, count: int, rng: np.random.Generator) -> Array:
    """Share of the units that agree with each pattern, after recall from a damaged copy."""
    patterns = rng.choice([-1.0, 1.0], size=(count, units))
    memory = nn.Hopfield(units, rng=rng).store(patterns)
    damaged = patterns.copy()
    for row in damaged:
        row[rng.choice(units, units // 10, replace=False)] *= -1
    agreement: Array = (memory(damaged).numpy() == patterns).mean(axis=1)
    return agreement


def share_recalled(units: int, count: int, times: int, rng: np.random.Generator) -> float:
    return float(np.mean([recall(units, count, rng) >= 0.95 for _ in range(times)]))


def main(demo: Demo) -> None:
    rng = np.random.default_rng(demo.seed)
    times = 20 if demo.quick else 200
    found = {}
    for count in (5, 10, 14, 20, 30):
        found[count] = share_recalled(100, count, times, rng)
        print(f"{count:3} patterns in 100 units: {found[count]:.3f} recalled")

    memory = nn.Hopfield(100, rng=rng).store(rng.choice([-1.0, 1.0], size=(5, 100)))
    state = rng.choice([-1.0, 1.0], size=100)
    energies = [memory.energy(state).item()]
    for _ in range(5):
        state = memory(state, sweeps=1).numpy()
        energies.append(memory.energy(state).item())
    print("energy after each sweep from a random state:", np.round(energies, 1))

    slack = 0.04 if demo.quick else 0
    demo.expect("recalled of 5", found[5], at_least=0.99 - slack)
    demo.expect("recalled of 10", found[10], at_least=0.96 - slack)
    demo.expect("recalled of 14", found[14], at_least=0.75 - slack, at_most=0.95 + slack)
    demo.expect("recalled of 20", found[20], at_least=0.3, at_most=0.65)
    demo.expect("largest rise of the energy in a sweep", np.diff(energies).max(), at_most=1e-4)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        loads = np.arange(0.04, 0.26, 0.04 if demo.quick else 0.02)
        for units in (100, 200) if demo.quick else (100, 200, 500):
            several = max(1, 5 * times // units)
            rates = [share_recalled(units, round(p * units), several, rng) for p in loads]
            axes.plot(loads, rates, "o-", label=f"{units} units")
        axes.axvline(0.138, color="black", linestyle=":", label=".138, the limit for many units")
        axes.set(xlabel="patterns per unit", ylabel="share recalled", ylim=(-0.05, 1.05))
        axes.set_title("An overfilled memory forgets everything, and more suddenly if large")
        axes.legend()
        figure.savefig(demo.folder / "capacity.png", dpi=120)


if __name__ == "__main__":
    run(main)
