"""What a step finds outside of itself is changed between calls, wherever it is kept."""

import collections
import dataclasses
import functools
import random
import types
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.compiler.beside import ENGINE, rows
from tests.compiler.twins import bits
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import CaptureError

FACTOR = 1.0
SETTINGS = types.ModuleType("settings")


def scaled(x):
    return x * FACTOR


class Constants:
    rate = 1.0

    @classmethod
    def apply(cls, x):
        return cls.by_factor(x)

    @staticmethod
    def by_factor(x):
        return scaled(x)


class Slotted:
    __slots__ = ("rate",)


@dataclasses.dataclass(slots=True)
class Data:
    rate: float = 1.0


class Trainer:
    kept = 1.0

    def __init__(self):
        self.rate, self._hidden = 1.0, 1.0

    @property
    def hidden(self):
        return self._hidden * 2

    def loss(self, x):
        return x * self.rate * self.kept

    def step(self, x):
        return self.loss(x) * self.hidden

    def __call__(self, x):
        return self.loss(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.rate = nn.Linear(3, 2, rng=0), 1.0
        self.settings, self.table = SimpleNamespace(rate=1.0), np.ones(3, "float32")

    def helper(self, x):
        return x * FACTOR * self.settings.rate

    def encode(self, x):
        return self.layer(x) * self.rate

    def forward(self, x):
        return self.helper(self.layer(x * np.sqrt(self.table)))


def changed_names(kind: str) -> tuple[Any, Any]:  # noqa: PLR0911, PLR0912  (one line for each)
    """A step, and what changes something that it names."""
    SETTINGS.rate, Constants.rate, Trainer.kept = 1.0, 1.0, 1.0
    thing: Any = SimpleNamespace(rate=1.0)
    if kind == "class":
        return lambda x: x * Constants.rate, lambda: setattr(Constants, "rate", 2.0)
    if kind == "module":
        return lambda x: x * SETTINGS.rate, lambda: setattr(SETTINGS, "rate", 2.0)
    if kind == "static":
        return Constants.apply, lambda: globals().update(FACTOR=FACTOR + 1)
    if kind == "slots":
        thing = Slotted()
        thing.rate = 1.0
        return lambda x: x * thing.rate, lambda: setattr(thing, "rate", 2.0)
    if kind == "dataclass":
        thing = Data()
        return lambda x: x * thing.rate, lambda: setattr(thing, "rate", 2.0)
    if kind in ("method", "hidden", "class of self", "new attribute", "called"):
        thing = Trainer()
        name = {"hidden": "_hidden", "class of self": "kept", "new attribute": "kept"}
        where = Trainer if kind == "class of self" else thing
        step = thing if kind == "called" else thing.step
        return step, lambda: setattr(where, name.get(kind, "rate"), 2.0)
    if kind == "another's method":
        thing = Trainer()
        return thing.loss, lambda: setattr(thing, "rate", 2.0)
    if kind == "getattr":
        return lambda x: x * getattr(thing, "rate"), lambda: setattr(thing, "rate", 2.0)  # noqa: B009
    if kind in ("ordered", "default dict"):
        thing = {"ordered": collections.OrderedDict, "default dict": collections.defaultdict}[kind]
        made = thing() if kind == "ordered" else thing(list)
        made["rate"] = [1.0]
        return lambda x: x * made["rate"][0], lambda: made["rate"].__setitem__(0, 2.0)
    if kind == "queue":
        queue = collections.deque([1.0])
        return lambda x: x * queue[0], lambda: queue.__setitem__(0, 2.0)
    if kind == "default argument":
        return lambda x, s=thing: x * s.rate, lambda: setattr(thing, "rate", 2.0)
    if kind == "keyword of a partial":
        step = functools.partial(lambda x, s: x * s.rate, s=thing)
        return step, lambda: setattr(thing, "rate", 2.0)
    if kind == "transformed":
        step = tg.grad(lambda x: (x * thing.rate).sum())
        return step, lambda: setattr(thing, "rate", 2.0)
    if kind == "minus zero":
        thing.rate = 0.0
        return lambda x: abs(x) * thing.rate, lambda: setattr(thing, "rate", -0.0)
    model = Encoder()
    if kind == "method of a module":
        return model.encode, lambda: setattr(model, "rate", 2.0)
    if kind == "part of a module":
        return model.encode, lambda: setattr(model, "layer", nn.Linear(3, 2, rng=7))
    if kind == "parameters":
        weight = nn.Parameter(np.ones((2, 3), "float32"))
        step = lambda x: sum((p**2).sum() for p in model.parameters())  # noqa: E731
        return step, lambda: setattr(model.layer, "weight", weight)
    if kind == "object of a module":
        return model, lambda: setattr(model.settings, "rate", 2.0)
    if kind == "helper of a module":
        return model, lambda: globals().update(FACTOR=FACTOR + 1)
    if kind == "array of a module":
        return model, lambda: model.table.__setitem__(0, 9.0)
    if kind == "training":
        return lambda x: x * (2 if model.training else 1), model.eval
    if kind == "second hook":
        model.register_forward_hook(lambda module, args, out: out * 2)
        return model, lambda: model.register_forward_hook(lambda module, args, out: out + 1)
    leaf = tg.tensor(np.ones(3, "float32"))
    if kind == "requires a gradient":
        step = lambda x: x * (2 if leaf.requires_grad else 1)  # noqa: E731
        return step, lambda: leaf.requires_grad_(True)
    optimizer = optim.SGD([leaf.requires_grad_()], lr=0.5)
    group = optimizer.param_groups[0]
    assert kind == "rate"
    return lambda x: x * optimizer.param_groups[0]["lr"], lambda: group.update(lr=0.25)


@pytest.mark.parametrize(
    "kind",
    [
        "class", "module", "static", "slots", "dataclass", "method", "hidden", "class of self",
        "new attribute", "called", "another's method", "getattr", "ordered", "default dict",
        "queue", "default argument", "keyword of a partial", "transformed", "minus zero",
        "method of a module", "part of a module", "parameters", "object of a module",
        "helper of a module", "array of a module", "training", "second hook",
        "requires a gradient", "rate",
    ],
)  # fmt: skip
def test_what_is_changed_between_calls_counts(kind):
    step, change = changed_names(kind)
    captured, x = tg.jit(step, engine=ENGINE), rows(1)
    before = bits(step(x))
    for _ in range(2):
        assert bits(captured(x)) == before
    change()
    after = bits(step(x))
    assert after != before
    for _ in range(2):
        assert bits(captured(x)) == after


def test_what_an_argument_names_counts():
    settings, factor = SimpleNamespace(rate=1.0), 1.0

    def step(x, function, settings):
        return function(x) * settings.rate

    def function(x):
        return x * factor

    captured = tg.jit(step, engine=ENGINE)
    for turn in range(4):
        settings.rate, factor = 1.0 + turn // 2, 1.0 + turn % 2
        assert bits(captured(rows(0), function, settings)) == bits(
            step(rows(0), function, settings)
        )


def counting_in_a_method():
    class Counter:
        count = 0

        def bump(self):
            self.count += 1

        def step(self, x):
            self.bump()
            return x * 1.0

    return Counter().step


def counting_in_a_class():
    class Counter:
        count = 0

    def step(x):
        Counter.count += 1
        return x * 1.0

    return step


def drawing(rng):
    return lambda: lambda x: x * (rng.random() if isinstance(rng, random.Random) else rng.rand())


def drawing_in_a_method():
    class Noisy:
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def noise(self, x):
            return x + self.rng.normal(size=3)

        def step(self, x):
            return self.noise(x)

    return Noisy().step


def setting_the_rate():
    optimizer = optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)

    def step(x, rate=0.25):
        optimizer.param_groups[0]["lr"] = rate
        return x * 1.0

    return step


@pytest.mark.parametrize(
    "make",
    [
        counting_in_a_method,
        counting_in_a_class,
        drawing(random.Random(0)),
        drawing(np.random.RandomState(0)),
        drawing_in_a_method,
        setting_the_rate,
    ],
)
def test_what_a_replay_would_not_do_is_refused(make):
    with pytest.raises(CaptureError):
        tg.jit(make(), engine=ENGINE)(rows(0))


def test_a_refused_rate_is_a_number():
    optimizer = optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)

    @tg.jit(engine=ENGINE)
    def step(rate):
        optimizer.param_groups[0]["lr"] = rate

    with pytest.raises(CaptureError, match="param_groups"):
        step(0.25)
    assert type(optimizer.param_groups[0]["lr"]) is float
