"""Containers and what only rearranges: Sequential, lists, dicts, Flatten, Unflatten, Identity."""

from typing import Any

import tinygrad_nn as tg
from tests.parity.case import ModuleCase, modules
from tests.parity.draws import Draw


@modules("Identity")
def _identity(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((3,), {"unused": True}, (draw.array(2, 3),))


@modules("Flatten")
def _flatten(draw: Draw, name: str) -> ModuleCase:
    ndim = draw.integer(1, 4)
    start = draw.integer(0, ndim - 1)
    end = draw.integer(start, ndim - 1)
    signed = (start, draw.choice([end, end - ndim]))
    sides = [draw.integer(1, 3) for _ in range(ndim)]
    return ModuleCase(signed, {}, (draw.array(*sides),))


@modules("Unflatten")
def _unflatten(draw: Draw, name: str) -> ModuleCase:
    sizes = draw.choice([(2, 3), (3, 2), (-1, 2), (6,), (1, 6, 1)])
    at, ndim = draw.integer(0, 2), 3
    sides = [2, 3, 2]
    sides[at] = 6
    return ModuleCase((draw.choice([at, at - ndim]), sizes), {}, (draw.array(*sides),))


@modules("Sequential")
def _sequential(draw: Draw, name: str) -> ModuleCase:
    depth = draw.integer(0, 3)

    def build(nn: Any) -> Any:
        layers = [nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(depth)]
        return nn.Sequential(*layers)

    return ModuleCase(build=build, inputs=(draw.array(2, 3),))


@modules("ModuleList", "ModuleDict")
def _modules(draw: Draw, name: str) -> ModuleCase:
    depth = draw.integer(1, 3)

    def build(nn: Any) -> Any:
        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                layers = [nn.Linear(3, 3) for _ in range(depth)]
                if name == "ModuleList":
                    self.held = nn.ModuleList([*layers, nn.Tanh()])
                else:
                    self.held = nn.ModuleDict({f"l{i}": layer for i, layer in enumerate(layers)})

            def forward(self, x: Any) -> Any:
                for part in self.held if name == "ModuleList" else self.held.values():
                    x = part(x)
                return x

        return Model()

    return ModuleCase(build=build, inputs=(draw.array(2, 3),))


@modules("ParameterList", "ParameterDict")
def _parameters(draw: Draw, name: str) -> ModuleCase:
    arrays = [draw.array(3) for _ in range(draw.integer(1, 3))]

    def build(nn: Any) -> Any:
        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                made = [nn.Parameter(_like(nn, a)) for a in arrays]
                if name == "ParameterList":
                    self.held = nn.ParameterList(made)
                else:
                    # PyTorch takes the entries of a plain dict in the order of their names.
                    self.held = nn.ParameterDict({f"p{9 - i}": p for i, p in enumerate(made)})

            def forward(self, x: Any) -> Any:
                for p in self.held if name == "ParameterList" else self.held.values():
                    x = x * p
                return x

            def __repr__(self) -> str:  # names the library's dtypes
                return "Model"

        return Model()

    return ModuleCase(build=build, inputs=(draw.array(2, 3),))


def _like(nn: Any, array: Any) -> Any:
    """The array as a tensor of the library that `nn` belongs to."""
    if nn.__name__.startswith("tinygrad_nn"):
        return tg.tensor(array)
    return nn.Linear(1, 1).double().weight.new_tensor(array)
