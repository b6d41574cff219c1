"""The small networks that `tinygrad-nn train` trains with its defaults."""

from __future__ import annotations

from functools import partial

from tests.speed.learned.result import OURS, Case, Result, at_least
from tinygrad_nn.train import Experiment, Settings, load_images


def run(data: str, seed: int, quick: bool) -> Result:
    settings = Settings(data=data, seed=seed, **({"epochs": 1} if quick else {}))
    experiment = Experiment(settings, *load_images(settings))
    experiment.fit()
    return Result(experiment.history.epochs[-1].scores["test_accuracy"])


def _case(data: str, title: str, promised: float, takes: str) -> Case:
    recipe = (
        f"`tinygrad-nn train {data}` with its defaults: a network 784-16-16-10 of 13,002 "
        f"parameters, {Settings(data=data).epochs} epochs."
    )
    contenders = {OURS: partial(run, data)}
    seeds = (0, 1, 2, 3, 4)
    return Case(title, recipe, "test accuracy", contenders, at_least(promised), takes, seeds)


DIGITS = _case("digits", "Digits, the held-out quarter", 0.95, "2 s")
MNIST = _case("mnist", "MNIST with the smallest network", 0.94, "5 s")
