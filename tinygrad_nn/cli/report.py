"""What a trained network is judged by: numbers, texts and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn
from tinygrad_nn.train import (
    Experiment,
    confusion_matrix,
    confusion_picture,
    confusion_text,
    history_picture,
    mistakes_picture,
    weights_picture,
    worst_mistakes,
)
from tinygrad_nn.train.experiment import IMAGE
from tinygrad_nn.viz import draw

__all__ = ["Report", "draw_backward", "gradient_lengths"]

_MISTAKES: Final = 24
_POOR: Final = 0.8


@dataclass(frozen=True)
class Report:
    """How an experiment came out on its test examples.

    Attributes:
        experiment: the trained one.
        given: what the network gives each class, shape (n, classes).
        counts: the confusion matrix.
    """

    experiment: Experiment
    given: NDArray[Any]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """Ask the network about all test examples."""
        given = experiment.probabilities(experiment.test.inputs)
        return cls(experiment, given, confusion_matrix(given, experiment.test.targets))

    @property
    def accuracy(self) -> float:
        """Share of the test examples that are answered right."""
        return float(self.counts.trace() / self.counts.sum())

    @property
    def verdict(self) -> str:
        """The result in one line."""
        right, total = int(self.counts.trace()), int(self.counts.sum())
        seconds = sum(epoch.seconds for epoch in self.experiment.history.epochs)
        return (
            f"test accuracy {100 * self.accuracy:.2f} %: {right:,} of {total:,} right, after "
            f"{seconds:.1f} s of learning"
        )

    @property
    def confusion_text(self) -> str:
        """The confusion matrix as a table."""
        return confusion_text(self.counts, self.experiment.test.classes)

    @property
    def advice(self) -> str:
        """What to try when little was learned; empty otherwise."""
        if self.accuracy >= _POOR:
            return ""
        return (
            f"little was learned ({100 * self.accuracy:.0f} %): try another --lr (now "
            f"{self.experiment.settings.lr:g}), more --epochs, or the defaults"
        )

    def pictures(self) -> dict[str, str]:
        """The pictures, by the names of their files."""
        e = self.experiment
        images = e.test.inputs.reshape(-1, *IMAGE)
        mistakes = worst_mistakes(self.given, e.test.targets, _MISTAKES)
        first = next(part for part in e.model.modules() if isinstance(part, nn.Linear))
        return {
            "confusion.svg": confusion_picture(self.counts, e.test.classes),
            "mistakes.svg": mistakes_picture(
                mistakes, images, e.test.classes, int(self.counts.sum() - self.counts.trace())
            ),
            "weights.svg": weights_picture(first.weight.numpy(), IMAGE),
            "history.svg": history_picture(e.history),
        }

    def numbers(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        mistakes = worst_mistakes(self.given, self.experiment.test.targets, _MISTAKES)
        return {
            "test_accuracy": self.accuracy,
            "classes": list(self.experiment.test.classes),
            "confusion": self.counts.tolist(),
            "worst_mistakes": [mistake._asdict() for mistake in mistakes],
        }


def gradient_lengths(model: nn.Module) -> list[float]:
    """Euclidean length of the gradient of each weight matrix, first layer first."""
    layers = [part for part in model.modules() if isinstance(part, nn.Linear)]
    gradients = [layer.weight.grad for layer in layers]
    return [sqrt(float((g.numpy() ** 2).sum())) for g in gradients if g is not None]


def draw_backward(loss: Any, model: nn.Module) -> str:
    """The graph of `loss`, with the gradients of a backward pass, as SVG."""
    loss.name = "loss"
    for name, parameter in model.named_parameters():
        parameter.name = name
    # Our own layout: the picture is the same whether or not Graphviz is installed.
    return draw(loss, "svg", backward=True, engine="own").svg
