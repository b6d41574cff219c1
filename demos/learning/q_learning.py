"""Q-learning finds the shortest way through a grid from the cost of each step alone.

Talk: neural networks that can learn, "Understanding learning" (reinforcement learning). Watkins,
"Learning from delayed rewards" (1989): Q(s, a) is what action a in state s is worth, all that
comes later included. After each step from s to s' with reward r,
Q(s, a) <- Q(s, a) + lr (r + max Q(s', a') - Q(s, a)). This is gradient descent on half the
squared distance from the goal r + max Q(s', a') taken as a constant, and so the graph derives it.
The table has four numbers for each of the 25 squares, 0 at first.

From one corner to the other every step costs 1, and the best way has 8. A walk at random takes
about 130. While it learns, one step in ten stays random, so that it keeps looking: expect a mean
of 9 to 10 then, and exactly 8 when it may choose the best each time.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import optim
from tinygrad_nn.demo import Demo, run

SIDE, GOAL, MOVES = 5, 24, ((-1, 0), (1, 0), (0, -1), (0, 1))


def moved(state: int, action: int) -> int:
    """The square after a move; walls hold."""
    row, column = np.add(divmod(state, SIDE), MOVES[action]).clip(0, SIDE - 1)
    return int(row * SIDE + column)


def walk(q: tg.Tensor, optimizer: optim.SGD | None, chance: float, rng: Any) -> list[int]:
    """Squares of one walk; with an optimizer the table learns on the way."""
    squares = [0]
    while squares[-1] != GOAL and len(squares) <= 1000:
        state = squares[-1]
        values = q.numpy()[state]
        best = np.flatnonzero(values == values.max())
        action = int(rng.integers(4) if rng.random() < chance else rng.choice(best))
        squares.append(moved(state, action))
        if optimizer is not None:
            # The goal is never left, so its row stays 0: nothing comes later.
            loss = (q.numpy()[squares[-1]].max() - 1 - q[state, action]) ** 2 / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return squares


def main(demo: Demo) -> None:
    q = tg.zeros((SIDE * SIDE, 4), requires_grad=True)
    optimizer, rng = optim.SGD([q], lr=0.5), np.random.default_rng(demo.seed)
    at_random = [len(walk(q, None, 1.0, rng)) - 1 for _ in range(30)]
    episodes = 200 if demo.quick else 300
    lengths = [len(walk(q, optimizer, 0.1, rng)) - 1 for _ in range(episodes)]
    for first in range(0, episodes, episodes // 5):
        print(f"from episode {first + 1:3}: {np.mean(lengths[first : first + 20]):5.1f} steps")
    best, worth = walk(q, None, 0.0, rng), q.numpy().max(axis=1).reshape(SIDE, SIDE)
    print("worth of each square:\n", worth.round(1))
    demo.expect("steps at random, mean of 30 walks", np.mean(at_random), at_least=60)
    demo.expect("steps while learning, last 50", np.mean(lengths[-50:]), at_least=8, at_most=10.5)
    demo.expect("steps when done", len(best) - 1, at_least=8, at_most=8)
    off = max(abs(worth.flat[square] - n + 8) for n, square in enumerate(best))
    demo.expect("worth along the way, off by", off, at_most=0.05)

    if plt := demo.pyplot():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
        left.semilogy(lengths, ".", label="one walk, one step in ten random")
        left.axhline(8, color="black", linestyle=":", label="the best, 8")
        left.set(xlabel="episode", ylabel="steps to the goal", title="The walk gets short")
        left.legend()
        figure.colorbar(right.imshow(worth), label="worth: −(steps still to take)")
        right.plot(*np.divmod(best, SIDE)[::-1], "o-", color="tab:red")
        right.set(title="What each square is worth, and the way", xlabel="column", ylabel="row")
        figure.savefig(demo.folder / "q-learning.png", dpi=120)


if __name__ == "__main__":
    run(main)
