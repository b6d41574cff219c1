"""Small random networks of each family, with the shape of an input that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tinygrad_nn import nn

__all__ = ["FAMILIES", "Network"]

Pick = Callable[[Sequence[Any]], Any]
"""One of some options, the first of which is the simplest."""
Made = tuple[nn.Module, tuple[int, ...]]

_SEEDS = range(16)


class Network(NamedTuple):
    """A module with inputs that fit.

    Attributes:
        family: Its kind.
        module: In float64, without randomness.
        inputs: Arrays.
    """

    family: str
    module: nn.Module
    inputs: tuple[Any, ...]


class Output(nn.Module):
    """The first of a module's results: the outputs of a recurrent layer, without its state."""

    def __init__(self, inner: nn.Module, repeated: int = 1) -> None:
        super().__init__()
        self.inner = inner
        self.repeated = repeated

    def forward(self, x: Any) -> Any:
        """`inner(x)[0]`, or `inner(x, x, x)[0]` for one that takes its input several times."""
        return self.inner(*(x,) * self.repeated)[0]


def _activation(pick: Pick) -> nn.Module:
    made: nn.Module = pick([nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Softplus, nn.ELU])()
    return made


def _mlp(pick: Pick) -> Made:
    sides = [pick([1, 2, 3]) for _ in range(pick([2, 3, 4]))]
    layers: list[nn.Module] = []
    for given, made in pairwise(sides):
        layers += [nn.Linear(given, made, bias=pick([True, False]), rng=pick(_SEEDS))]
        layers += [_activation(pick)]
    return nn.Sequential(*layers), (pick([1, 2, 3]), sides[0])


def _conv(pick: Pick) -> Made:
    channels, sides, kernel = pick([1, 2]), (pick([3, 4, 5]), pick([3, 4])), pick([1, 2, 3])
    conv = nn.Conv2d(
        channels, 2, kernel, stride=pick([1, 2]), padding=pick([0, 1]), rng=pick(_SEEDS)
    )
    rest = pick([[], [nn.AvgPool2d(1)], [nn.Flatten()]])
    return nn.Sequential(conv, _activation(pick), *rest), (pick([1, 2]), channels, *sides)


def _recurrent(pick: Pick) -> Made:
    given, hidden = pick([1, 2, 3]), pick([1, 2])
    layer = pick([nn.RNN, nn.GRU, nn.LSTM])(
        given,
        hidden,
        num_layers=pick([1, 2]),
        bidirectional=pick([False, True]),
        batch_first=True,
        rng=pick(_SEEDS),
    )
    return Output(layer), (pick([1, 2]), pick([1, 2, 3]), given)


def _attention(pick: Pick) -> Made:
    heads = pick([1, 2])
    width = heads * pick([1, 2])
    shape = (pick([1, 2]), pick([1, 2, 3]), width)
    seed = pick(_SEEDS)
    if pick([True, False]):
        attention = nn.MultiheadAttention(width, heads, batch_first=True, rng=seed)
        return Output(attention, repeated=3), shape
    # Of width 1 or 2 a layer norm would be constant or a step.
    layer = nn.TransformerEncoderLayer(
        2 * width,
        heads,
        dim_feedforward=3,
        dropout=0.0,
        activation=nn.functional.gelu,
        batch_first=True,
        norm_first=pick([False, True]),
        rng=seed,
    )
    return layer, (*shape[:2], 2 * width)


def _norm(pick: Pick) -> Made:
    samples, features = pick([3, 4]), pick([3, 4])
    norm = pick(
        [
            nn.LayerNorm(features),
            nn.RMSNorm(features),
            nn.GroupNorm(1, features),
            nn.BatchNorm1d(features),
            nn.BatchNorm1d(features).eval(),
        ]
    )
    layers = [nn.Linear(features, features, rng=pick(_SEEDS)), norm, _activation(pick)]
    return nn.Sequential(*layers), (samples, features)


FAMILIES: dict[str, Callable[[Pick], Made]] = {
    "mlp": _mlp,
    "conv": _conv,
    "recurrent": _recurrent,
    "attention": _attention,
    "norm": _norm,
}
"""Makers of modules, by the name of the family."""
