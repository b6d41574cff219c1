"""A transformer of four layers learns to continue Shakespeare, character by character.

PyTorch's twin is the same text: network, loop and recipe are written once, and the two libraries
are handed in. Each draws its own first weights, from the same distributions; the batches of a
seed are the same numbers for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.speed.learned.result import OURS, PYTORCH, Case, Result, close_to_pytorch, text_file
from tinygrad_nn.data import TextDataset

LAYERS, WIDTH, HEADS, CONTEXT = 4, 128, 4, 64
VALIDATION = 0.1  # Of the text, its end.


@dataclass(frozen=True)
class Recipe:
    """How it is trained; the rate was chosen in runs of PyTorch, with another seed."""

    steps: int = 1000
    batch: int = 16
    rate: float = 4e-3
    warm: float = 0.1
    decay: float = 0.1
    clip: float = 1.0
    written: int = 240  # Characters, in the end.


RECIPE = Recipe()
QUICK = replace(RECIPE, steps=20)


@dataclass(frozen=True)
class Library:
    """What of a library is used, which both name alike but for the last two."""

    nn: Any
    optim: Any
    tensor: Any
    no_grad: Any


def ours() -> Library:
    import tinygrad_nn as tg

    return Library(tg.nn, tg.optim, tg.tensor, tg.no_grad)


def pytorch() -> Library:
    import torch

    return Library(torch.nn, torch.optim, torch.as_tensor, torch.no_grad)


def network(nn: Any, characters: int, **seeded: Any) -> Any:
    """Embeddings of character and place, four layers with the norms first, and a linear map."""
    return nn.ModuleDict(
        {
            "characters": nn.Embedding(characters, WIDTH, **seeded),
            "places": nn.Embedding(CONTEXT, WIDTH, **seeded),
            "layers": nn.ModuleList(
                [
                    nn.TransformerEncoderLayer(
                        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="relu",
                        batch_first=True, norm_first=True, **seeded,
                    )
                    for _ in range(LAYERS)
                ]
            ),
            "norm": nn.LayerNorm(WIDTH),
            "scores": nn.Linear(WIDTH, characters, **seeded),
        }
    )  # fmt: skip


def scores(net: Any, x: Any, places: Any, mask: Any) -> Any:
    """Of each character that could come next, at every place: (N, L) -> (N, L, characters)."""
    length = x.shape[1]
    h = net["characters"](x) + net["places"](places[:length])
    for layer in net["layers"]:
        h = layer(h, src_mask=mask[:length, :length], is_causal=True)
    return net["scores"](net["norm"](h))


class Training:
    """One network, its optimiser and its schedule, in the library given.

    Args:
        library: `nn`, `optim` and what makes its tensors of arrays.
        characters: how many there are.
        seeded: what the layers take their first weights from.
        recipe: how to train.
    """

    def __init__(self, library: Library, characters: int, seeded: Any, recipe: Recipe) -> None:
        nn, optim = library.nn, library.optim
        self.library, self.recipe = library, recipe
        self.net = network(nn, characters, **seeded)
        self.places = library.tensor(np.arange(CONTEXT))
        # True hides: nobody sees what comes later.
        self.mask = library.tensor(~np.tri(CONTEXT, dtype=bool))
        self.optimizer = optim.AdamW(
            self.net.parameters(), lr=recipe.rate, betas=(0.9, 0.95), weight_decay=recipe.decay
        )
        self.schedule = optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.rate, recipe.steps, pct_start=recipe.warm, cycle_momentum=False
        )

    def loss(self, x: Any, y: Any) -> Any:
        x, y = self.library.tensor(x), self.library.tensor(y)
        found = scores(self.net, x, self.places, self.mask)
        return self.library.nn.functional.cross_entropy(
            found.reshape(-1, found.shape[-1]), y.reshape(-1)
        )

    def step(self, x: Any, y: Any) -> None:
        self.optimizer.zero_grad()
        self.loss(x, y).backward()
        self.library.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.schedule.step()

    def validated(self, windows: TextDataset) -> float:
        """Mean loss of windows that do not overlap."""
        total = 0.0
        with self.library.no_grad():
            for start in range(0, len(windows), 64):
                x, y = windows[start : start + 64]
                total += self.loss(x, y).item() * len(x)
        return total / len(windows)

    def written(self, vocabulary: Any, rng: np.random.Generator) -> str:
        """A text that the network goes on with from a line break."""
        numbers = vocabulary.encode("\n").tolist()
        with self.library.no_grad():
            for _ in range(self.recipe.written):
                x = self.library.tensor(np.array([numbers[-CONTEXT:]]))
                last = np.asarray(scores(self.net, x, self.places, self.mask)[0, -1])
                chances = np.exp(last.astype(np.float64) - last.max())
                numbers.append(int(rng.choice(len(chances), p=chances / chances.sum())))
        return str(vocabulary.decode(numbers))


def train(text: str, seed: int, recipe: Recipe, library: Library, seeded: Any) -> Result:
    """Train on the first nine tenths of `text`; the loss is that of the last tenth."""
    whole = TextDataset(text, CONTEXT)
    cut = len(text) - int(len(text) * VALIDATION)
    vocabulary = whole.vocabulary
    learned = TextDataset(text[:cut], CONTEXT, vocabulary=vocabulary)
    held = TextDataset(text[cut:], CONTEXT, vocabulary=vocabulary, stride=CONTEXT)
    training = Training(library, len(vocabulary), seeded, recipe)
    rng = np.random.default_rng(seed)
    for _ in range(recipe.steps):
        training.step(*learned.sample(recipe.batch, rng))
    loss = training.validated(held)
    return Result(loss, text=training.written(vocabulary, rng))


def run_ours(seed: int, quick: bool) -> Result:
    seeded = {"rng": np.random.default_rng(seed)}
    return train(text_file("tinyshakespeare"), seed, _recipe(quick), ours(), seeded)


def run_pytorch(seed: int, quick: bool) -> Result:
    import torch

    torch.manual_seed(seed)
    return train(text_file("tinyshakespeare"), seed, _recipe(quick), pytorch(), {})


def _recipe(quick: bool) -> Recipe:
    return QUICK if quick else RECIPE


WORDS = f"""\
A transformer of {LAYERS} layers, {WIDTH} wide, with {HEADS} heads and a context of {CONTEXT}
characters; {RECIPE.steps} steps of batches of {RECIPE.batch}, AdamW with one cycle of the rate up
to {RECIPE.rate}, decay {RECIPE.decay}, gradients clipped at {RECIPE.clip}, no dropout. The same
lines train PyTorch's network; each library draws the first weights from the same distributions, and
a seed has the same batches in both. The score is the mean cross-entropy, in nats, of the last tenth
of the text. The rate was chosen in runs of PyTorch, with another seed."""

SHAKESPEARE = Case(
    "Shakespeare, character by character",
    WORDS,
    "validation loss",
    {OURS: run_ours, PYTORCH: run_pytorch},
    close_to_pytorch(0.02),
    "3 minutes for each of the two",
    needs={PYTORCH: "torch"},
)
