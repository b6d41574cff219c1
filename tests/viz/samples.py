"""Drawings of every kind and size, with everything in them that may go wrong."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.viz.drawing import Drawing, draw
from tinygrad_nn.viz.trace.model import Failure, Trace
from tinygrad_nn.viz.trace.recorder import record
from tinygrad_nn.viz.tracing import tracing

NASTY = (
    "</script><img src=x onerror=alert(1)>", '"quotes" & <tags>', "{braces} | \\N \\l",
    "two\nlines", "name" * 100, "\u202eright to left", "\ud800 lone", "名前 é ß 🎲 ﷽",
    "W" * 24, "iiii" * 6,
)  # fmt: skip


def lesson() -> tg.Value:
    """`L = tanh((a*b + c)*f) + a**2`."""
    a, b, c, f = (tg.Value(v, name=n) for n, v in zip("abcf", (2.0, -3.0, 6.5, -2.0), strict=True))
    loss = ((a * b + c) * f).tanh() + a**2
    loss.name = "L"
    return loss


class Block(nn.Module):
    """Two layers beside a direct way."""

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width, rng=seed)
        self.outer = nn.Linear(width, width, rng=seed + 1)

    def forward(self, x: Any) -> Any:
        """The sum of both ways."""
        return x + self.outer(self.inner(x).tanh())


class Attention(nn.Module):
    """A block of a transformer, with one head."""

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.key, self.query, self.value = (nn.Linear(width, width, rng=seed + k) for k in range(3))
        self.up = nn.Linear(width, 4 * width, rng=seed + 3)
        self.down = nn.Linear(4 * width, width, rng=seed + 4)

    def forward(self, x: Any) -> Any:
        """Attention, then two layers, each beside a direct way."""
        y = self.first(x)
        weights = tg.softmax(self.query(y) @ self.key(y).mT * 0.35, axis=-1)
        x = x + weights @ self.value(y)
        return x + self.down(self.up(self.second(x)).tanh())


def perceptron() -> nn.Module:
    """784-16-16-10."""
    sizes = (784, 16, 16, 10)
    layers: list[nn.Module] = []
    for k in range(3):
        layers += [nn.Linear(sizes[k], sizes[k + 1], rng=k), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def sigmoids(depth: int = 10) -> nn.Module:
    """A net whose first gradients vanish."""
    layers = [m for k in range(depth) for m in (nn.Linear(16, 16, rng=k), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(16, 3, rng=99))


def blocks(count: int = 12, kind: Callable[[int, int], nn.Module] = Block) -> nn.Module:
    """Equal blocks between two layers."""
    inner = [kind(16, 10 * k) for k in range(count)]
    return nn.Sequential(nn.Linear(8, 16, rng=1), *inner, nn.Linear(16, 3, rng=2))


def lenet() -> nn.Module:
    """Two convolutions and three layers."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, rng=0), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5, rng=1), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(256, 120, rng=2), nn.Tanh(), nn.Linear(120, 84, rng=3), nn.Tanh(),
        nn.Linear(84, 10, rng=4),
    )  # fmt: skip


@cache
def passed(make: Callable[[], nn.Module], *shape: int) -> Trace:
    """Trace of one loss of a model."""
    net, generator = make(), np.random.default_rng(0)
    x = generator.normal(size=shape).astype("f4")
    with tracing(net) as watch:
        out = net(x)
        targets = generator.integers(0, out.shape[-1], out.shape[:-1])
        loss = nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), targets.ravel())
        loss.name = "loss"
    return watch.trace(loss)


def chain(count: int) -> tg.Value:
    """A long computation."""
    x = tg.Value(0.1, name="x")
    for k in range(count):
        x = x * tg.Value(1.0001) if k % 2 else x.tanh()
    x.name = "y"
    return x


def tangle(count: int, seed: int = 0) -> tg.Value:
    """Numbers used here and there."""
    generator = np.random.default_rng(seed)
    nodes = [tg.Value(float(k)) for k in range(5)]
    for _ in range(count):
        i, j = generator.integers(max(0, len(nodes) - 40), len(nodes), 2)
        nodes.append(nodes[i] * 0.5 + nodes[j])
    nodes[-1].name = "out"
    return nodes[-1]


def nasty() -> tg.Value:
    """Every name that may be mistaken for something else."""
    nodes = [tg.Value(float(k + 1), name=name) for k, name in enumerate(NASTY)]
    total = nodes[0]
    for node in nodes[1:]:
        total = total + node * 0.5
    total.name = "</text></svg>"
    return total


def odd() -> tg.Value:
    """NaN and infinity."""
    z = tg.Value(0.0, name="z")
    loss = z.log() * z + 1.0
    loss.name = "L"
    return loss


def odd_arrays() -> tg.Tensor:
    """The same in arrays."""
    x = tg.tensor([[1.0, 0.0], [2.0, 3.0], [4.0, 5.0]], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        return (tg.log(x) * x).sum()


def broken() -> Trace:
    """A pass that ended early."""
    trace = record(lesson())
    failure = Failure("forward", "ShapeError: add: got (3,), (5,)", "add", "net.py:10", 6)
    return replace(trace, failure=failure)


def square() -> tg.Value:
    """One number, used three times."""
    a = tg.Value(3.0, name="a")
    return a * a + a


def neuron(weights: Any, inputs: list[tg.Value]) -> tg.Value:
    """Weighted sum of single numbers."""
    total = tg.Value(0.1)
    for w, v in zip(weights, inputs, strict=True):
        total = total + tg.Value(float(w)) * v
    return total.tanh()


def numbers(*sizes: int) -> tg.Value:
    """A net of single numbers."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=sizes[0])
    layer = [tg.Value(float(v), name=f"x{k}") for k, v in enumerate(inputs)]
    for width in sizes[1:]:
        rows = generator.normal(size=(width, len(layer)))
        layer = [neuron(row, layer) for row in rows]
    layer[0].name = "loss"
    return layer[0]


@cache
def traces() -> dict[str, Trace]:
    """One of each kind."""
    with np.errstate(all="ignore"):
        return {
            "lesson": record(lesson(), backward=True),
            "before backward": record(lesson()),
            "square": record(square(), backward=True),
            "leaf": record(tg.Value(2.0, name="a")),
            "nasty": record(nasty(), backward=True),
            "odd": record(odd(), backward=True),
            "odd arrays": record(odd_arrays(), backward=True),
            "broken": broken(),
            "numbers": record(numbers(2, 4, 1), backward=True),
            "more numbers": record(numbers(2, 8, 8, 1), backward=True),
            "tangle": record(tangle(40), backward=True),
            "large tangle": record(tangle(500), backward=True),
            "chain": record(chain(100), backward=True),
            "perceptron": passed(perceptron, 32, 784),
            "sigmoids": passed(sigmoids, 8, 16),
            "residual": passed(residual, 8, 8),
            "transformer": passed(transformer, 2, 6, 8),
            "lenet": passed(lenet, 4, 1, 28, 28),
        }


def residual() -> nn.Module:
    """Four blocks."""
    return blocks(4)


def transformer() -> nn.Module:
    """Twelve blocks with attention."""
    return blocks(12, Attention)


LARGE = {"more numbers", "large tangle", "transformer", "chain"}
"""Drawn as `auto` does only, since all of it is far more than a screen."""


def drawings() -> list[str]:
    """Each trace at each level, in both directions of flow."""
    return [
        f"{name}, {level}, {flow}"
        for name in traces()
        for level in (("auto",) if name in LARGE else ("scalar", "op", "module"))
        for flow in ("forward", "backward")
    ]


@cache
def drawing(which: str, theme: str = "light") -> Drawing:
    """One of `drawings`, by the built-in layout."""
    name, level, flow = which.split(", ")
    return draw(traces()[name], level=level, flow=flow, theme=theme, engine="own")
