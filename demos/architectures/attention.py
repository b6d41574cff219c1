"""Attention: every place looks at all others, and takes most where a key answers its query.

Talk: neural networks that can learn, "Learn more": "Attention is all you need" (Vaswani et al.
2017). Each place i of a sequence has a query q_i, a key k_i and a value v_i, linear maps of it:

    Attention(Q, K, V) = softmax(Q Kᵀ / √d) V        each row of the softmax sums to 1

If the d numbers of q and k have variance 1, then q·k has standard deviation √d; the softmax of
such scores gives nearly all to one place, and its gradient is almost 0: hence the √d.

The task: on each of eight cards stand a letter and a number, and each is to tell the mean of the
numbers on all cards with its letter, which it cannot know from itself. Expect each card to look
at its own letter only, and the same weights to do for 30 cards: nothing in the formula counts
places or knows their order. What is weak: for n places n² weights, and order has to be added.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run


def attention(q: Any, k: Any, v: Any, hidden: Any = False) -> tuple[Any, Any]:
    """What each place takes, and its weights; `hidden` is True where it may not look."""
    scores = q @ k.mT / q.shape[-1] ** 0.5
    weights = tg.softmax(tg.where(hidden, -np.inf, scores), -1)
    return weights @ v, weights


def cards(count: int, rows: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Cards (rows, count, 4 + 1), which of them share a letter, and the means of these."""
    letters = np.sort(rng.integers(4, size=(rows, count)))  # sorted for the picture's sake only
    numbers, same = rng.normal(size=(rows, count, 1)), letters[:, :, None] == letters[:, None]
    x = np.concatenate([np.eye(4)[letters], numbers], axis=2).astype(np.float32)
    return x, same, (same @ numbers / same.sum(2, keepdims=True)).astype(np.float32)


def probe(rule: Callable[..., Any], qkv: Any) -> Any:
    """What a rule gives for Q, K and V, beside the gradients of the sum of its squares."""
    gradients = tg.grad(lambda *x: (rule(*x) ** 2).sum(), (0, 1, 2))(*qkv)
    return np.stack([rule(*map(tg.tensor, qkv)).numpy(), *gradients])


def main(demo: Demo) -> None:
    rng = np.random.default_rng(demo.seed)
    library, later = nn.functional.scaled_dot_product_attention, np.triu(np.ones((50, 50)), 1) > 0
    qkv = rng.normal(size=(3, 50, 64))
    off = probe(lambda *x: attention(*x)[0], qkv) - probe(library, qkv)
    past = probe(lambda *x: attention(*x, later)[0], qkv)
    off_past = past - probe(lambda *x: library(*x, is_causal=True), qkv)
    demo.expect("off the library's, gradients too", abs(off).max(), at_most=1e-12)
    demo.expect("the same where the future is hidden", abs(off_past).max(), at_most=1e-12)
    scores = qkv[0] @ qkv[1].T
    demo.expect("standard deviation of q·k for d = 64", scores.std(), at_least=7, at_most=9)
    for d, bounds in ((1, {"at_least": 0.7}), (64, {"at_most": 0.2})):
        most = tg.softmax(tg.tensor(scores / d**0.5), -1).numpy().max(axis=1).mean()
        demo.expect(f"largest of 50 weights, scores / √{d}", most, **bounds)

    maps = nn.ModuleList(nn.Linear(5, size, bias=False, rng=rng) for size in (8, 8, 1))
    optimizer = optim.Adam(maps.parameters(), lr=0.02)

    @tg.jit(engine="numpy")
    def step(x: Any, means: Any) -> Any:
        loss = ((attention(*(linear(x) for linear in maps))[0] - means) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for number in range(400 if demo.quick else 1000):
        x, _, means = cards(8, 64, rng)
        loss = float(step(x, means))
        if number % 100 == 0:
            print(f"step {number:4}: squared error {loss:.5f}")
    seen = {}
    for count in (8, 30):
        x, same, means = cards(count, 200, rng)
        with tg.no_grad():
            answer, weights = (y.numpy() for y in attention(*(w(tg.tensor(x)) for w in maps)))
        error, share = ((answer - means) ** 2).mean() / means.var(), (weights * same).sum(2).mean()
        demo.expect(f"{count} cards: error, of the variance", error, at_most=0.002)
        demo.expect(f"{count} cards: looks at the own letter", share, at_least=0.98)
        names = [f"{'ABCD'[card[:4].argmax()]} {card[4]:+.1f}" for card in x[0]]
        seen[count] = names, weights[0]

    if plt := demo.pyplot():
        figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
        for axis, (count, (names, weights)) in zip(axes, seen.items(), strict=True):
            figure.colorbar(axis.imshow(weights, cmap="Blues", vmin=0), shrink=0.8, label="weight")
            small = {"fontsize": 9 if count == 8 else 6}
            axis.set_xticks(range(count), names, rotation=90, **small)
            axis.set_yticks(range(count), names, **small)
            axis.set(xlabel="looks at", ylabel="card", title=f"{count} cards")
        figure.suptitle("Learned from 8 cards: each looks at its own letter, equally")
        figure.savefig(demo.folder / "attention.png", dpi=120)


if __name__ == "__main__":
    run(main)
