"""The drawings of the documentation, made by the code that they show: `python docs/generate.py`.

Each is a function that computes something small and returns the drawing. Seeds are fixed, and
the layout is our own, so that they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from captured import program  # beside this file, which is no package

import tinygrad_nn as tg
from tinygrad_nn import nn

__all__ = ["DRAWINGS", "PAGES"]

F = nn.functional


def value() -> Any:
    """The README's first example."""
    a, b, c = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b"), tg.Value(5.0, name="c")
    d = a * b + c
    d.name = "d"
    y = d.tanh()
    y.name = "y"
    return tg.trace(y).draw(engine="own")


def chain_rule() -> Any:
    """`L = tanh((a*b + c)*f) + a**2`, in which `a` is used twice."""
    return _chain_rule().draw(engine="own")


def _chain_rule() -> Any:
    values = {"a": 2.0, "b": -3.0, "c": 6.5, "f": -2.0}
    a, b, c, f = (tg.Value(number, name=name) for name, number in values.items())
    loss = tg.tanh((a * b + c) * f) + a**2
    loss.name = "L"
    return tg.trace(loss)


class Digits(nn.Module):
    """The network of the 3Blue1Brown films: 784-16-16-10."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(784, 16, rng=0), nn.Sigmoid(), nn.Linear(16, 16, rng=1), nn.Sigmoid()
        )
        self.output = nn.Linear(16, 10, rng=2)

    def forward(self, x: Any) -> Any:
        """Scores of the ten digits, (N, 784) -> (N, 10)."""
        return self.output(self.hidden(x))


class LeNet(nn.Module):
    """LeNet-5 with rectifiers (LeCun et al. 1998, Proc. IEEE 86(11))."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2, rng=0)
        self.conv2 = nn.Conv2d(6, 16, 5, rng=1)
        self.fc1 = nn.Linear(400, 120, rng=2)
        self.fc2 = nn.Linear(120, 84, rng=3)
        self.fc3 = nn.Linear(84, 10, rng=4)

    def forward(self, x: Any) -> Any:
        """Scores of the ten digits, (N, 1, 28, 28) -> (N, 10)."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.reshape(-1, 400)))
        return self.fc3(F.relu(self.fc2(x)))


class Transformer(nn.Module):
    """A character model of twelve blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(64, 32, rng=0)
        block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, rng=1)
        self.encoder = nn.TransformerEncoder(block, 12)
        self.output = nn.Linear(32, 64, rng=2)

    def forward(self, letters: Any) -> Any:
        """Scores of the next letter, (N, T) -> (N, T, 64)."""
        return self.output(self.encoder(self.embedding(letters)))


def _network(model: nn.Module, x: Any, classes: int) -> Any:
    """One pass of a classifier, float64 so that the numbers are those of every machine."""
    model.to("float64")
    targets = np.arange(np.size(x) if x.dtype.kind == "i" else len(x)) % classes
    with tg.tracing(model) as watched:
        scores = model(tg.tensor(x, name="input"))
        loss = F.cross_entropy(scores.reshape(-1, classes), tg.tensor(targets, name="targets"))
        loss.name = "loss"
    return watched.trace(loss)


def digits(level: str = "auto") -> Any:
    """The 784-16-16-10 network on eight random images."""
    images = np.random.default_rng(0).random((8, 784))
    return _network(Digits(), images, 10).draw(engine="own", direction="TB", level=level)


def digits_operations() -> Any:
    """The same with a box for each operation."""
    return digits("op")


def lenet() -> Any:
    """LeNet on eight random images."""
    images = np.random.default_rng(0).random((8, 1, 28, 28))
    return _network(LeNet(), images, 10).draw(engine="own", direction="TB")


def transformer() -> Any:
    """A transformer of twelve blocks on two lines of sixteen letters."""
    letters = np.random.default_rng(0).integers(0, 64, (2, 16))
    return _network(Transformer(), letters, 64).draw(engine="own", direction="TB")


def not_a_number() -> Any:
    """The distance of a point from where it is: a value of 0, and gradients of NaN."""
    x, y = tg.Value(0.0, name="x"), tg.Value(0.0, name="y")
    distance = tg.sqrt(x * x + y * y)
    distance.name = "distance"
    return tg.trace(distance).draw(engine="own")


DRAWINGS: dict[str, Callable[[], Any]] = {
    "value": value,
    "chain-rule": chain_rule,
    "digits-784-16-16-10": digits,
    "digits-operations": digits_operations,
    "lenet": lenet,
    "transformer-12-blocks": transformer,
    "not-a-number": not_a_number,
    "captured-step": lambda: tg.draw(program(), engine="own"),
}
"""File name, without the suffix, of each drawing in docs/images."""

PAGES: dict[str, Callable[[], Any]] = {"chain-rule": _chain_rule}
"""File name, without the suffix, of each trace whose stepper is in docs/pages."""
