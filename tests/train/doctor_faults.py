"""Trainings with one fault each, by the name of the finding that must name it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.train.doctor_models import LOSS, TRAIN, mlp, with_everything
from tinygrad_nn import data, nn, optim


def adam(model: nn.Module, lr: float = 0.003) -> optim.Adam:
    return optim.Adam(model.parameters(), lr=lr)


def inputs(scale: float = 1.0) -> tuple[Any, Any]:
    return TRAIN.inputs * np.float32(scale), TRAIN.targets


def unnamed(y: Any, t: Any) -> Any:
    """A loss that is known by what it does only."""
    return LOSS(y, t)


FAULTS: dict[str, Callable[[], Any]] = {}
"""Name of a finding to a function that gives a model, a loss, data and options that have it."""


def fault(name: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        FAULTS[name] = function
        return function

    return keep


@fault("dead-units")
def _():
    model = mlp(0, nn.ReLU, 2)
    model[0].bias.data = model[0].bias.data - 50
    return model, LOSS, TRAIN, {}


@fault("saturated-units")
def _():
    model = mlp(0, nn.Tanh)
    model[0].weight.data = model[0].weight.data * 100
    return model, LOSS, TRAIN, {}


@fault("symmetric-units")
def _():
    model = mlp(0, nn.Tanh)
    for p in model.parameters():
        p.data = p.data * 0 + 0.1
    return model, LOSS, TRAIN, {}


@fault("constant-predictions")
def _():
    model = mlp()
    model[0].weight.data = model[0].weight.data * 1e-8
    return model, LOSS, TRAIN, {}


@fault("vanishing-gradients")
def _():
    return mlp(0, nn.Sigmoid, 10), LOSS, TRAIN, {}


@fault("exploding-gradients")
def _():
    model = mlp(0, nn.LeakyReLU, 8)
    for p in model.parameters():
        p.data = p.data * 8
    return model, LOSS, TRAIN, {}


@fault("unused-parameters")
def _():
    model = mlp()
    model.extra = nn.Linear(3, 3, rng=0)
    model.forward = lambda x: model[2](model[1](model[0](x)))  # type: ignore[method-assign]
    return model, LOSS, TRAIN, {}


@fault("frozen-in-optimizer")
def _():
    model = mlp()
    model[0].bias.requires_grad_(False)
    return model, LOSS, TRAIN, {"optimizer": adam(model)}


@fault("missing-from-optimizer")
def _():
    model = mlp()
    return model, LOSS, TRAIN, {"optimizer": adam(model[0])}


@fault("update-ratio")
def _():
    model = mlp()
    return model, LOSS, TRAIN, {"optimizer": adam(model, 1.0)}


@fault("learning-rate-too-high")
def _():
    model = mlp()
    return model, LOSS, TRAIN, {"optimizer": optim.SGD(model.parameters(), lr=100.0)}


@fault("learning-rate-too-low")
def _():
    model = mlp()
    return model, LOSS, TRAIN, {"optimizer": optim.SGD(model.parameters(), lr=1e-5)}


@fault("loss-not-falling")
def _():
    model = mlp()
    return model, LOSS, TRAIN, {"optimizer": optim.SGD(model.parameters(), lr=0.01, maximize=True)}


@fault("loss-not-finite")
def _():
    class Log(nn.Module):
        def forward(self, x):
            return (x - x.max()).log()

    return nn.Sequential(nn.Linear(64, 10, rng=0), Log()), LOSS, TRAIN, {}


@fault("softmax-before-cross-entropy")
def _():
    return nn.Sequential(mlp(), nn.Softmax(-1)), unnamed, TRAIN, {}


@fault("missing-sigmoid")
def _():
    model = nn.Sequential(nn.Linear(64, 1, rng=0))
    y = (TRAIN.targets > 4).astype("float32")[:, None]
    return model, nn.BCELoss(), (TRAIN.inputs, y), {}


@fault("sigmoid-before-logits-loss")
def _():
    model = nn.Sequential(nn.Linear(64, 1, rng=0), nn.Sigmoid())
    y = (TRAIN.targets > 4).astype("float32")[:, None]
    return model, nn.BCEWithLogitsLoss(), (TRAIN.inputs, y), {}


@fault("logits-into-nll")
def _():
    return mlp(), nn.NLLLoss(), TRAIN, {}


@fault("unscaled-inputs")
def _():
    return mlp(), LOSS, inputs(255.0), {}


@fault("class-imbalance")
def _():
    rare = np.flatnonzero(TRAIN.targets == 1)[:6]
    zeros = np.flatnonzero(TRAIN.targets == 0)
    return mlp(), LOSS, TRAIN.subset(np.concatenate([rare, zeros])), {}


@fault("label-leak")
def _():
    leaky = np.concatenate([TRAIN.inputs, TRAIN.targets[:, None] / 10], axis=1).astype("float32")
    return nn.Linear(65, 10, rng=0), LOSS, (leaky, TRAIN.targets), {}


@fault("duplicates-in-validation")
def _():
    return mlp(), LOSS, TRAIN, {"validation": TRAIN.subset(slice(50))}


@fault("single-sample-batch")
def _():
    return with_everything(), LOSS, data.DataLoader(TRAIN.subset(slice(65)), 32, rng=0), {}


@fault("training-in-eval-mode")
def _():
    model = with_everything()
    model[3].eval()
    return model, LOSS, TRAIN, {}


@fault("shared-layer")
def _():
    layer = nn.Linear(32, 32, rng=4)
    both = [nn.Linear(64, 32, rng=0), *[layer, nn.ReLU()] * 2, nn.Linear(32, 10, rng=1)]
    return nn.Sequential(*both), LOSS, TRAIN, {}


IN_LOOPS = {"gradients-never-zeroed", "measuring-in-train-mode"}
