"""Guess the number: the learning rate decides whether descent crawls, jumps, swings or flies off.

Talk: neural networks, "Gradient descent": "guess what number I'm thinking of: if your guess is too
high, you decrease it; if it is too low, you increase it. The error function is a parabola." And
neural networks that can learn: "the risk of overshooting". With L = (g - n)^2 each step,

    g <- g - lr * 2 (g - n)      makes the distance (1 - 2 lr) times what it was (Cauchy 1847)

lr 0.5 is there in one step, 0.1 crawls, 0.9 swings as fast, 1.0 for ever; above it the distance
grows. With `--play` think of a number, and say "high" or "low": the sign of the slope.
"""

import sys

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import optim
from tinygrad_nn.demo import Demo, run

NUMBER = 42.0


def guesses(lr: float, steps: int) -> list[float]:
    guess = tg.Value(0.0, name="guess")
    optimizer, path = optim.SGD([guess], lr=lr), [guess.data]
    for _ in range(steps):
        error = (guess - NUMBER) ** 2
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        path.append(guess.data)
    return path


def play() -> None:
    """Ask for the sign of the slope only; halve the step whenever it turns."""
    guess, step, last = 50.0, 32.0, ""
    print("Think of a number. Answer high, low or yes.")
    while (answer := input(f"Is it {guess:g}? ").strip().lower()[:1]) in {"h", "l"}:
        step = step / 2 if last and answer != last else step
        guess, last = guess + (step if answer == "l" else -step), answer
    print(f"The error is 0: {guess:g}.")


def main(demo: Demo) -> None:
    rates, steps = (0.05, 0.1, 0.5, 0.9, 1.0, 1.05), 100 if demo.quick else 1000
    paths = {lr: guesses(lr, steps) for lr in rates}
    for lr, path in paths.items():
        print(f"lr {lr:<5}", *(f"{guess:8.2f}" for guess in path[:7]))
    for lr, needed in {0.05: 43, 0.1: 20, 0.5: 1, 0.9: 20}.items():
        near = next(k for k, guess in enumerate(paths[lr]) if abs(guess - NUMBER) < 0.5)
        demo.expect(f"lr {lr}: steps to within 0.5", near, at_least=needed, at_most=needed)
    distance = np.abs(np.array(paths[1.0]) - NUMBER)
    demo.expect("lr 1.0: nearest in all steps", distance.min(), at_least=42, at_most=42)
    demo.expect("lr 1.05: distance after 100 steps", abs(paths[1.05][100] - NUMBER), at_least=5e5)

    guess, number = np.random.default_rng(demo.seed).uniform(0, 100, (2, 1000))
    slope = tg.grad(lambda g: ((g - number) ** 2).sum())(guess)
    right = np.mean(np.sign(-slope) == np.sign(number - guess))
    demo.expect("steps toward the number, share of 1,000", right, at_least=1, at_most=1)

    error = (tg.Value(30.0, name="guess") - tg.Value(NUMBER, name="number")) ** 2
    tg.draw(error, backward=True).save(demo.folder / "error.svg")
    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), sharey=True, layout="constrained")
        g = np.linspace(-12, 96, 300)
        says = {0.1: "crawls", 0.5: "jumps there", 0.9: "swings in", 1.05: "flies off"}
        for axis, (lr, what) in zip(axes, says.items(), strict=True):
            axis.plot(g, (g - NUMBER) ** 2, color="lightgrey")
            first = np.array(paths[lr][:9])
            axis.plot(first, (first - NUMBER) ** 2, "o-", markersize=4)
            axis.set(xlabel="guess", title=f"lr = {lr}: {what}", xlim=(-12, 96), ylim=(-100, 2800))
        axes[0].set_ylabel("error (guess - 42)^2")
        figure.savefig(demo.folder / "guess_the_number.png", dpi=120)


if __name__ == "__main__":
    play() if "--play" in sys.argv else run(main)
