"""A recurrent network learns to make up names, letter by letter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import tinygrad_nn as tg
from tests.speed.learned.result import OURS, Case, Result, below_baseline, text_file
from tinygrad_nn import nn, optim
from tinygrad_nn.data import CharacterVocabulary, DataLoader, LineDataset
from tinygrad_nn.data.text import IGNORED
from tinygrad_nn.nn import functional as F  # noqa: N812

HELD = 0.1  # Of the names, for the score.
WRITTEN = 12  # Names that the network makes up in the end.


@dataclass(frozen=True)
class Recipe:
    epochs: int = 10
    batch: int = 64
    rate: float = 4e-3
    warm: float = 0.2
    decay: float = 0.1


RECIPE = Recipe()
QUICK = replace(RECIPE, epochs=1)
QUICK_NAMES = 1000


class Namer(nn.Module):
    """Of each letter that could come next, a score at every step: (N, T) -> (N, T, letters)."""

    def __init__(self, letters: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.letters = nn.Embedding(letters, 32, rng=rng)
        self.memory = nn.GRU(32, 128, batch_first=True, rng=rng)
        self.dropout = nn.Dropout(0.2, rng=rng)
        self.scores = nn.Linear(128, letters, rng=rng)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        states, _ = self.memory(self.letters(x))
        return self.scores(self.dropout(states))


def loss(
    net: nn.Module, inputs: np.ndarray, targets: np.ndarray, reduction: str = "mean"
) -> tg.Tensor:
    """Surprise of each letter and each end of a name; what stands behind is left out."""
    # No further than the longest name of the batch.
    steps = int((targets != IGNORED).sum(1).max())
    scores = net(tg.tensor(inputs[:, :steps]))
    return F.cross_entropy(
        scores.reshape(-1, scores.shape[-1]), targets[:, :steps].reshape(-1), reduction=reduction
    )


def train(names: LineDataset, seed: int, recipe: Recipe) -> nn.Module:
    rng = np.random.default_rng(seed)
    net = Namer(len(names.vocabulary), rng)
    loader = DataLoader(names, recipe.batch, drop_last=True, rng=rng)
    optimizer = optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, recipe.epochs * len(loader), pct_start=recipe.warm
    )
    for _ in range(recipe.epochs):
        for inputs, targets, _ in loader:
            optimizer.zero_grad()
            loss(net, inputs, targets).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net


def surprise(net: nn.Module, names: LineDataset) -> float:
    """Mean over all letters and ends, in nats."""
    net.eval()
    with tg.no_grad():
        parts = [
            loss(net, inputs, targets, "sum").item()
            for inputs, targets, _ in DataLoader(names, 512, shuffle=False)
        ]
    return sum(parts) / int(names.mask.sum())


def bigram_surprise(learned: LineDataset, held: LineDataset) -> float:
    """The same of a table that counts how often a letter follows another, plus one."""
    counts = np.ones((len(learned.vocabulary),) * 2)
    np.add.at(counts, (learned.inputs[learned.mask], learned.targets[learned.mask]), 1)
    chances = counts / counts.sum(1, keepdims=True)
    return float(-np.log(chances[held.inputs[held.mask], held.targets[held.mask]]).mean())


def written(net: nn.Module, vocabulary: CharacterVocabulary, seed: int) -> str:
    """Names that the network makes up, each letter drawn by its chance."""
    net.eval()
    rng, numbers = np.random.default_rng(seed), np.zeros((WRITTEN, 1), np.int64)
    with tg.no_grad():
        for _ in range(20):
            drawn = tg.random.categorical(net(tg.tensor(numbers))[:, -1], rng=rng)
            numbers = np.hstack([numbers, drawn.numpy()[:, None]])
    return ", ".join(vocabulary.decode(row) for row in numbers)


def split(text: str) -> tuple[LineDataset, LineDataset]:
    """Names to learn from and names held out, always the same; each name once."""
    lines = sorted({line.strip() for line in text.splitlines()} - {""})
    order = np.random.default_rng(0).permutation(len(lines))
    vocabulary = CharacterVocabulary.from_text(lines, boundary=True)
    cut = int(len(lines) * HELD)
    parts = ([lines[i] for i in order[cut:]], [lines[i] for i in order[:cut]])
    learned, held = (LineDataset(part, vocabulary=vocabulary) for part in parts)
    return learned, held


def run(seed: int, quick: bool) -> Result:
    learned, held = split(text_file("names"))
    baseline = bigram_surprise(learned, held)
    if quick:
        learned = LineDataset(learned.lines[:QUICK_NAMES], vocabulary=learned.vocabulary)
    net = train(learned, seed, QUICK if quick else RECIPE)
    return Result(surprise(net, held), baseline, written(net, learned.vocabulary, seed))


WORDS = f"""\
An embedding of 32, a GRU of 128 and a linear map, on a list of first names (each once, a tenth held
out); {RECIPE.epochs} epochs of batches of {RECIPE.batch}, AdamW with one cycle of the rate up to
{RECIPE.rate}, decay {RECIPE.decay}. The score is the mean negative log-likelihood of each letter
and each end of the names held out, in nats; the baseline is a table of how often a letter follows
another in the names learned from, plus one."""

NAMES = Case(
    "Names made up",
    WORDS,
    "loss",
    {OURS: run},
    below_baseline(0.25),
    "2 minutes",
)
