"""Recurrent layers and cells."""

from typing import Any

from tests.parity.case import ModuleCase, modules
from tests.parity.draws import Draw


def options(draw: Draw, name: str) -> dict[str, Any]:
    given: dict[str, Any] = {
        "num_layers": draw.integer(1, 2),
        "bias": draw.boolean(),
        "batch_first": draw.boolean(),
        "bidirectional": draw.boolean(),
    }
    if name == "RNN":
        given["nonlinearity"] = draw.choice(["tanh", "relu"])
    if name == "LSTM":
        given["proj_size"] = draw.choice([0, 2])
    return given


@modules("RNN", "LSTM", "GRU")
def layers(draw: Draw, name: str) -> ModuleCase:
    inputs, hidden = draw.integer(1, 3), draw.integer(3, 4)
    length, batch = draw.integer(1, 4), draw.choice([(), (1,), (3,)])
    given = options(draw, name)
    shape = (*batch, length, inputs) if given["batch_first"] else (length, *batch, inputs)
    data: tuple[Any, ...] = (draw.array(*shape),)
    if draw.boolean():
        count = given["num_layers"] * (2 if given["bidirectional"] else 1)
        h = draw.array(count, *batch, given.get("proj_size") or hidden)
        data = (*data, (h, draw.array(count, *batch, hidden)) if name == "LSTM" else h)
    return ModuleCase((inputs, hidden), given, data, modes=("train", "eval"))


@modules("RNNCell", "LSTMCell", "GRUCell")
def cells(draw: Draw, name: str) -> ModuleCase:
    inputs, hidden = draw.integer(1, 3), draw.integer(1, 3)
    batch = draw.choice([(), (1,), (3,)])
    given: dict[str, Any] = {"bias": draw.boolean()}
    if name == "RNNCell":
        given["nonlinearity"] = draw.choice(["tanh", "relu"])
    data: tuple[Any, ...] = (draw.array(*batch, inputs),)
    if draw.boolean():
        h = draw.array(*batch, hidden)
        data = (*data, (h, draw.array(*batch, hidden)) if name == "LSTMCell" else h)
    return ModuleCase((inputs, hidden), given, data, modes=("train", "eval"))
