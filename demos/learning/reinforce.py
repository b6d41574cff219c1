"""A network learns to balance a pole by doing more often what went well.

Talk: neural networks that can learn, "Understanding learning" (reinforcement learning). Williams,
"Simple statistical gradient-following algorithms for connectionist reinforcement learning"
(1992), called REINFORCE: the gradient of the expected return is the mean of
sum G_t grad log π(a_t | s_t), with G_t = r_t + γ r_(t+1) + ..., so the loss is -sum G_t log π. The
cart-pole is that of Barto, Sutton and Anderson (1983): a force of 10 N to the left or right every
.02 s, and an end at 12 degrees, at 2.4 m, or after 200 steps.

Five carts run at once, and learn together. What counts is whether one lasts longer than the
others: from G_t its mean over the five at that step is taken, which leaves four fifths of the
expected gradient and takes away most of the noise. Expect a mean of at least 190 of 200 steps over
the last 50 of 600 episodes, for each of three seeds. On the way a policy may lose what it had.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

Array = NDArray[np.float64]
CARTS, CAP = 5, 200


def push(state: Array, right: NDArray[np.bool_]) -> Array:
    """States (carts, 4) after .02 s: place, speed, angle, its speed."""
    _, v, angle, w = state.T
    gravity, cart, pole, half = 9.8, 1.0, 0.1, 0.5
    total = cart + pole
    pull = (np.where(right, 10.0, -10.0) + pole * half * w**2 * np.sin(angle)) / total
    turn = (gravity * np.sin(angle) - np.cos(angle) * pull) / (
        half * (4 / 3 - pole * np.cos(angle) ** 2 / total)
    )
    speed_up = pull - pole * half * turn * np.cos(angle) / total
    return state + 0.02 * np.stack([v, speed_up, w, turn], axis=1)


def returns(alive: Array, gamma: float) -> Array:
    """G_t of each step and cart, from rewards (steps, carts) of 1 while the pole stands."""
    found = np.zeros_like(alive)
    later = np.zeros(alive.shape[1])
    for t in reversed(range(len(alive))):
        later = alive[t] * (1 + gamma * later)
        found[t] = later
    return found


def episodes(policy: nn.Module, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """States, actions and which carts stand, for each step, of five carts at once."""
    state = rng.uniform(-0.05, 0.05, (CARTS, 4))
    stands = np.ones(CARTS, bool)
    seen: list[tuple[Any, Any, Any]] = []
    while stands.any() and len(seen) < CAP:
        with tg.no_grad():
            chance = tg.sigmoid(policy(state)).numpy()[:, 0]
        right = rng.random(CARTS) < chance
        seen.append((state, right, stands))
        state = push(state, right)
        stands = stands & (abs(state[:, 0]) < 2.4) & (abs(state[:, 2]) < np.pi / 15)
    states, actions, alive = map(np.array, zip(*seen, strict=True))
    return states, actions.astype(float), alive.astype(float)


def train(seed: int, updates: int) -> list[float]:
    """Steps that each episode lasted."""
    rng = np.random.default_rng(seed)
    with tg.default_dtype("float64"):
        policy = nn.Sequential(nn.Linear(4, 32, rng=rng), nn.Tanh(), nn.Linear(32, 1, rng=rng))
    optimizer = optim.Adam(policy.parameters(), lr=0.02)
    slower = optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, updates)
    lasted: list[float] = []
    for _ in range(updates):
        states, actions, alive = episodes(policy, rng)
        lasted += alive.sum(axis=0).tolist()
        counts = alive == 1
        gain = returns(alive, gamma=0.98)
        better = (gain - gain.mean(axis=1, keepdims=True))[counts]
        better = better / (better.std() + 1)
        logits = policy(states[counts])[:, 0]
        # Cross-entropy with the actions taken is -log π(a | s).
        surprise = nn.functional.binary_cross_entropy_with_logits(
            logits, actions[counts], reduction="none"
        )
        loss = (surprise * better).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        slower.step()
    return lasted


def main(demo: Demo) -> None:
    updates = 60 if demo.quick else 120
    runs = []
    for seed in (demo.seed,) if demo.quick else range(3 * demo.seed, 3 * demo.seed + 3):
        runs.append(train(seed, updates))
        means = np.reshape(runs[-1], (-1, 50)).mean(axis=1).round().astype(int)
        print(f"seed {seed}: mean of each 50 episodes", *means)
    for lasted in runs:
        wanted = 50 if demo.quick else 190
        demo.expect("steps, mean of the last 50", np.mean(lasted[-50:]), at_least=wanted)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        for number, lasted in enumerate(runs):
            smooth = np.convolve(lasted, np.ones(25) / 25, "valid")
            axes.plot(np.arange(24, len(lasted)), smooth, label=f"run {number + 1}")
        axes.axhline(CAP, color="black", linestyle=":", label="the most")
        axes.set(xlabel="episode", ylabel="steps that the pole stands (mean of 25)")
        axes.set_title("From falling at once to standing for ever")
        axes.legend()
        figure.savefig(demo.folder / "reinforce.png", dpi=120)


if __name__ == "__main__":
    run(main)
