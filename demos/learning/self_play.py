"""A network learns tic-tac-toe from games against itself, until nobody can beat it.

Talk: neural networks that can learn, "Learn more": "Mastering chess and shogi by self-play with a
general reinforcement learning algorithm" (Silver et al. 2017), called AlphaZero. One network
tells for a position s the chances p of each move and the value v for who is to move. A search
visits positions, from the present one down, each time by the move with the largest

    Q(s, a) + c p(a) √(visits of s) / (1 + visits of a)        Q: mean value found behind a

until it meets a new position, whose v then counts on the whole way back. How often each move was
visited, π, is a better guess than p; the game is played by it, and z is how it ends. Then

    loss = (z - v)² - sum π(a) log p(a)

and the better network searches better. No example of good play is ever shown; positions are
turned or mirrored by chance, which AlphaZero does without. Tic-tac-toe ends in a draw if nobody
errs, and is so small that all ways to play against the player can be followed: expect that none
beats it, neither random moves nor perfect ones (which then always draw), and few beat p alone.
Much is the search: it takes 50 visits while it learns and 200 here. On the way a search by a
network that has learned half is no better than its p, at times worse: v errs where p does not.
"""

from functools import cache
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run

State = tuple[int, ...]  # nine squares: 1 of who is to move, -1 of the other, 0 free
EMPTY, ROWS = (0,) * 9, "012 345 678 036 147 258 048 246".split()
BOARD = np.arange(9).reshape(3, 3)
TURNED = [np.rot90(board, k).ravel() for board in (BOARD, BOARD.T) for k in range(4)]


@cache
def end(s: State) -> int | None:
    """How it ended for who would be next, -1 or 0; None while it goes on."""
    if any(all(s[int(i)] == -1 for i in row) for row in ROWS):
        return -1
    return None if 0 in s else 0


@cache
def after(s: State, a: int) -> State:
    return tuple(-x for x in (*s[:a], 1, *s[a + 1 :]))


def moves(s: State) -> list[int]:
    return [a for a in range(9) if s[a] == 0]


@cache
def best(s: State) -> list[int]:
    """The moves of perfect play: after them the other gets least."""
    worths = {a: worth(after(s, a)) for a in moves(s)}
    return [a for a in worths if worths[a] == min(worths.values())]


def worth(s: State) -> int:
    return -worth(after(s, best(s)[0])) if (z := end(s)) is None else z


class Player:
    """The network, its search, and how it learns."""

    def __init__(self, rounds: int, rng: np.random.Generator) -> None:
        self.rng, self.known = rng, {}
        first, second, last = (nn.Linear(n, m, rng=rng) for n, m in ((18, 64), (64, 64), (64, 10)))
        self.net = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)
        self.optimizer = optim.Adam(self.net.parameters(), lr=0.003, weight_decay=1e-4)
        self.slower = optim.lr_scheduler.LinearLR(self.optimizer, 1.0, 0.05, rounds)
        self.quick_answer = tg.jit(self.answer, engine="numpy")
        self.quick_descend = tg.jit(self.descend, engine="numpy")

    def answer(self, x: Any) -> Any:
        """log p, next to nothing where a square is taken, and v."""
        y = self.net(tg.concat([x > 0, x < 0], -1).astype("float32"))
        return tg.log_softmax(y[:, :9] - 1000 * abs(x), -1), tg.tanh(y[:, 9])

    def descend(self, x: Any, pi: Any, z: Any) -> None:
        """A step down the loss."""
        log_p, v = self.answer(x)
        self.optimizer.zero_grad()
        (((z - v) ** 2).mean() - (pi * log_p).sum(-1).mean()).backward()
        self.optimizer.step()

    def ask(self, s: State) -> Any:
        """p and v, kept until something is learned."""
        if s not in self.known:
            with tg.no_grad():
                log_p, v = self.quick_answer(np.array([s], np.float32))
            self.known[s] = np.exp(log_p.numpy()[0].astype(float)), float(v.numpy()[0])
        return self.known[s]

    def visit(self, s: State, tree: dict[State, Any]) -> float:
        """One visit of a position: its value for who is to move."""
        if (z := end(s)) is not None:
            return z
        if s not in tree:
            p, v = self.ask(s)
            tree[s] = p.copy(), np.where(s, -np.inf, 0), np.zeros(9), np.zeros(9)
            return float(v)
        p, barred, n, w = tree[s]
        a = int((w / (n + 1e-9) + 1.5 * p * (n.sum() + 1) ** 0.5 / (1 + n) + barred).argmax())
        v = -self.visit(after(s, a), tree)
        n[a] += 1
        w[a] += v
        return v

    def search(self, s: State, tree: dict[State, Any], visits: int, noise: float = 0) -> Any:
        """π; with noise p is disturbed here, so that every move is tried now and then."""
        self.visit(s, tree)
        p, _, n, _ = tree[s]
        p[moves(s)] += noise * (self.rng.dirichlet(np.ones(s.count(0))) - p[moves(s)])
        for _ in range(visits):
            self.visit(s, tree)
        return n / n.sum()

    def game(self) -> list[tuple[Any, Any, float]]:
        """Against itself: each position, π, and how it ended for who was to move."""
        s, seen, tree = EMPTY, [], {}
        while (z := end(s)) is None:
            seen.append((s, self.search(s, tree, 50, noise=0.25)))
            s = after(s, int(self.rng.choice(9, p=seen[-1][1])))
        return [(s, pi, z * (-1.0) ** (len(seen) - k)) for k, (s, pi) in enumerate(seen)]

    def learn(self, examples: list[Any], steps: int) -> None:
        """Descent on examples, each batch turned or mirrored by chance."""
        x, pi, z = (np.array(part, np.float32) for part in zip(*examples, strict=True))
        for _ in range(steps):
            some, turned = self.rng.integers(len(z), size=64), TURNED[self.rng.integers(8)]
            self.quick_descend(x[some][:, turned], pi[some][:, turned], z[some])
        self.slower.step()
        self.known.clear()


def lost(player: Any, replies: Any, s: State, its_turn: bool) -> float:
    """The exact chance to lose from here, if the other takes any of its replies by chance."""
    if (z := end(s)) is not None:
        return float(z == -1 and its_turn)
    chosen = [player(s)] if its_turn else replies(s)
    return sum(lost(player, replies, after(s, a), not its_turn) for a in chosen) / len(chosen)


def main(demo: Demo) -> None:
    rounds, visits = (6, 25) if demo.quick else (30, 200)
    player, examples = Player(rounds, np.random.default_rng(demo.seed)), []
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        if number % (rounds // 3) == 0:
            search = cache(lambda s: int(player.search(s, {}, visits).argmax()))
            alone = cache(lambda s: int(player.ask(s)[0].argmax()))
            for name, rule, replies in (
                ("to random moves", search, moves),
                ("to perfect moves", search, best),
                ("to random moves, by p alone", alone, moves),
            ):
                chance = sum(lost(rule, replies, EMPTY, first) for first in (True, False)) / 2
                found.setdefault(name, []).append(chance)
                print(f"after {20 * number:3} games lost {name}: {chance:.4f}")
        if number < rounds:
            examples += [example for _ in range(20) for example in player.game()]
            player.learn(examples[-3000:], 100)
    for name, most in zip(found, (0.1, 0.9, 0.2) if demo.quick else (0, 0, 0.05), strict=True):
        demo.expect(f"part of games lost {name}", found[name][-1], at_most=most)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 4, figsize=(15, 4), width_ratios=(2, 1, 1, 1))
        for name, parts in found.items():
            axes[0].plot(20 * (rounds // 3) * np.arange(len(parts)), parts, "o-", label=name)
        axes[0].set_yscale("symlog", linthresh=0.001)
        axes[0].set(xlabel="games against itself", ylabel="part of games lost", ylim=(-1e-4, 1))
        axes[0].set_title("In the end nobody can beat it")
        axes[0].legend(loc="upper right")
        positions = ((0,) * 9, (0, 0, 0, 0, -1, 0, 0, 0, 0), (-1, 0, 0, 0, 1, 0, 0, 0, -1))
        for axis, s in zip(axes[1:], positions, strict=True):
            p, v = player.ask(s)
            axis.imshow(p.reshape(3, 3), cmap="Blues", vmin=0, vmax=1)
            for a, holder in enumerate(s):
                text, color = (
                    ("", "X", "O")[holder] or f"{p[a]:.2f}",
                    ("gray", "red", "red")[holder],
                )
                axis.text(a % 3, a // 3, text, ha="center", va="center", color=color, fontsize=14)
            axis.set(xticks=[], yticks=[], title=f"p of X to move, v {v:+.2f}")
        figure.savefig(demo.folder / "self-play.png", dpi=120, bbox_inches="tight")


if __name__ == "__main__":
    run(main)
