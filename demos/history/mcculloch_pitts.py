"""The first artificial neuron: which of the 16 gates of two inputs one of them can be.

Talk: neural networks that can learn, history ("a model of a neuron that was binary and
deterministic"). McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous
activity" (1943): a unit fires if at least θ of its exciting inputs are active and none of its
inhibiting ones; inhibition is absolute, a veto. With signed weights instead, fires if w . x >= θ,
a unit draws a line between the four points. Both are enumerated here in full. Expect 11 of 16
with the veto, 14 with the line (all but XOR and XNOR), and all 16 with two units before a third.

Nothing learns here, and nothing can: the derivative of a threshold is 0 wherever it exists.
"""

from itertools import product
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.demo import Demo, run

Gate = tuple[int, ...]
CASES = np.array([*product([0, 1], repeat=2)])  # a and b: 00, 01, 10, 11
NAMES = [
    *("false", "and", "a and not b", "a", "not a and b", "b", "xor", "or"),
    *("nor", "xnor", "not b", "b implies a", "not a", "a implies b", "nand", "true"),
]
EVERY = dict(zip(product([0, 1], repeat=4), NAMES, strict=True))


def fires(excitation: Any, threshold: float, vetoed: Any = False) -> Gate:
    """H(excitation - θ), where H(0) = 1, but 0 where there is a veto."""
    answers = tg.heaviside(excitation - threshold, 1) * np.logical_not(vetoed)
    return tuple(int(y) for y in answers)


def veto_units(x: Any) -> set[Gate]:
    """All units of 1943: role 1 excites, -1 inhibits absolutely, 0 is not connected."""
    return {
        fires(x @ np.maximum(role, 0), threshold, x @ np.minimum(role, 0) < 0)
        for role in product([-1, 0, 1], repeat=2)
        for threshold in range(4)
    }


def main(demo: Demo) -> None:
    veto = veto_units(CASES)
    weights = product([-1, 0, 1], repeat=2)
    signed = {fires(CASES @ w, half) for w in weights for half in np.arange(-2.5, 3)}
    pairs = product(veto, repeat=2)
    two_layers = {gate for pair in pairs for gate in veto_units(np.array(pair).T)}
    for gate, name in EVERY.items():
        marks = ["one with veto"] * (gate in veto) + ["one with signs"] * (gate in signed)
        print(f"{name:>12}  {gate}  {', '.join(marks) or 'needs two layers'}")

    demo.expect("gates of one unit with veto", len(veto), at_least=11, at_most=11)
    demo.expect("gates of one unit with signed weights", len(signed), at_least=14, at_most=14)
    demo.expect("gates of two layers", len(two_layers), at_least=16, at_most=16)
    missing = {EVERY[gate] for gate in EVERY.keys() - signed}
    others = missing - {"xor", "xnor"}
    demo.expect("gates missing besides xor and xnor", len(others), at_least=0, at_most=0)
    slope = tg.grad(lambda w: tg.heaviside(CASES @ w - 1.5, 1).sum())(np.ones(2))
    demo.expect("size of the derivative of AND", np.abs(slope).max(), at_least=0, at_most=0)

    if plt := demo.pyplot():
        figure, grid = plt.subplots(2, 8, figsize=(12, 4.4), layout="constrained")
        for axes, (gate, name) in zip(grid.flat, EVERY.items(), strict=True):
            kind = (gate not in signed) + (gate not in veto)
            axes.set_facecolor(["#d9f0d3", "#fff3c4", "#f7d4d4"][kind])
            axes.scatter(*CASES.T, c=gate, cmap="Greys", vmin=0, vmax=1, edgecolor="black", s=90)
            axes.set(title=name, xticks=[0, 1], yticks=[0, 1], aspect="equal")
            axes.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), xlabel="a", ylabel="b")
        figure.suptitle("One unit: 11 gates with a veto (green), 14 with signs (yellow too)")
        figure.savefig(demo.folder / "sixteen-gates.png", dpi=120)


if __name__ == "__main__":
    run(main)
