"""A small convolutional network learns MNIST."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import tinygrad_nn as tg
from tests.speed.learned.result import OURS, Case, Result, at_least
from tinygrad_nn import nn, optim
from tinygrad_nn.data import DataLoader, Dataset
from tinygrad_nn.data.transforms import RandomShift
from tinygrad_nn.nn import functional as F  # noqa: N812


@dataclass(frozen=True)
class Recipe:
    """How it is trained. Chosen on the last 10,000 training images, not on the test images."""

    epochs: int = 10
    batch: int = 128
    rate: float = 5e-3
    warm: float = 0.2
    shift: int = 2


RECIPE = Recipe()
QUICK = replace(RECIPE, epochs=1)
QUICK_EXAMPLES = 2000


def network(rng: np.random.Generator) -> nn.Module:
    """Two convolutions and two linear maps; 215,274 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2, rng=rng), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(16, 32, 5, padding=2, rng=rng), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.25, rng=rng), nn.Linear(32 * 7 * 7, 128, rng=rng), nn.ReLU(),
        nn.Dropout(0.5, rng=rng), nn.Linear(128, 10, rng=rng),
    )  # fmt: skip


def train(data: Dataset, seed: int, recipe: Recipe) -> nn.Module:
    rng = np.random.default_rng(seed)
    net = network(rng)
    loader = DataLoader(
        data, recipe.batch, transform=RandomShift(recipe.shift), drop_last=True, rng=rng
    )
    optimizer = optim.AdamW(net.parameters(), lr=recipe.rate)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, recipe.epochs * len(loader), pct_start=recipe.warm
    )
    for _ in range(recipe.epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(net(channelled(images)), labels).backward()
            optimizer.step()
            schedule.step()
    return net


def channelled(images: np.ndarray) -> tg.Tensor:
    """(N, 28, 28) -> (N, 1, 28, 28)."""
    return tg.tensor(images[:, None])


def accuracy(net: nn.Module, data: Dataset) -> float:
    net.eval()
    right = 0
    with tg.no_grad():
        for images, labels in DataLoader(data, 500, shuffle=False):
            right += int((net(channelled(images)).argmax(axis=1) == labels).sum().item())
    return right / len(data)


def run(seed: int, quick: bool) -> Result:
    learned, held = (tg.data.load_mnist(split=split) for split in ("train", "test"))
    if quick:
        learned = Dataset(learned.inputs[:QUICK_EXAMPLES], learned.targets[:QUICK_EXAMPLES])
    return Result(accuracy(train(learned, seed, QUICK if quick else RECIPE), held))


WORDS = f"""\
Two convolutions of 5x5 (16 and 32 channels), each with a 2x2 max pool, a hidden layer of 128,
dropout; all 60,000 images, moved by up to {RECIPE.shift} pixels, {RECIPE.epochs} epochs of batches
of {RECIPE.batch}, AdamW with one cycle of the rate up to {RECIPE.rate}. The score is that of the
10,000 test images after the last step; the recipe was chosen on training images held out."""

CNN = Case(
    "MNIST with a small convolutional network",
    WORDS,
    "test accuracy",
    {OURS: run},
    at_least(0.992, 360),
    "3 to 4 minutes",
)
