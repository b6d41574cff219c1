"""Which examples a classifier gets wrong, and its outputs for many examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import DataError, ShapeError
from tinygrad_nn.nn import Module
from tinygrad_nn.train.modes import evaluating

__all__ = [
    "Mistake",
    "confusion_text",
    "predict",
    "worst_mistakes",
]


class Mistake(NamedTuple):
    """An example that was answered wrong.

    Attributes:
        example: its number.
        truth: its class.
        answer: the class that the network gave.
        confidence: what the network gave that class, 0 to 1.
        true_confidence: what it gave the true class.
    """

    example: int
    truth: int
    answer: int
    confidence: float
    true_confidence: float


def predict(model: Module, inputs: NDArray[Any], batch_size: int = 1000) -> NDArray[Any]:
    """Return the outputs of `model`, as an array, without recording a graph.

    The model computes in evaluation mode and every part is left in the mode that it was in.

    Args:
        model: what to ask.
        inputs: shape (n, ...).
        batch_size: examples at a time, so that memory stays small.

    Returns:
        Shape (n, outputs).
    """
    if not len(inputs):
        raise DataError("predict: got 0 examples, expected at least 1; check the data set")
    with evaluating(model):
        starts = range(0, len(inputs), batch_size)
        return np.concatenate([model(inputs[i : i + batch_size]).numpy() for i in starts])


def confusion_text(counts: NDArray[Any], classes: Sequence[str]) -> str:
    """Return a confusion matrix as a table of text, zeros as dots.

    Example:
        >>> import numpy as np
        >>> print(confusion_text(np.array([[9, 1], [0, 5]]), ("cat", "dog")))
        truth  cat  dog   found
          cat    9    1  90.0 %
          dog    ·    5   100 %
    """
    side = max(*(len(name) for name in classes), len(str(counts.max()))) + 2
    head = max(len("truth"), *(len(name) for name in classes))
    lines = ["truth".rjust(head) + "".join(name.rjust(side) for name in classes) + "   found"]
    for name, row, right in zip(classes, counts, np.diag(counts), strict=True):
        cells = "".join((str(count) if count else "·").rjust(side) for count in row)
        share = f"{100 * right / row.sum():.3g}" if row.sum() else "-"
        share = f"{100 * right / row.sum():.1f} %" if 0 < right < row.sum() else f"{share} %"
        lines.append(name.rjust(head) + cells + share.rjust(8))
    return "\n".join(lines)


def worst_mistakes(
    probabilities: NDArray[Any], labels: NDArray[Any], count: int = 24
) -> list[Mistake]:
    """Return the wrong answers that gave the true class the least, worst first.

    Args:
        probabilities: shape (n, classes).
        labels: classes, shape (n,).
        count: at most so many.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> [mistake] = worst_mistakes(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]))
        >>> mistake.example, mistake.truth, mistake.answer, mistake.confidence
        (1, 0, 1, 0.8)
    """
    _check(probabilities, labels)
    answers = probabilities.argmax(axis=1)
    given = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(answers != labels)
    # Equal ones in the order of the examples, so that the list is always the same.
    worst = wrong[np.argsort(given[wrong], kind="stable")][:count]
    return [
        Mistake(
            int(i), int(labels[i]), int(answers[i]),
            float(probabilities[i, answers[i]]), float(given[i]),
        )
        for i in worst
    ]  # fmt: skip


def _check(outputs: NDArray[Any], labels: NDArray[Any]) -> None:
    if outputs.ndim != 2 or labels.shape != outputs.shape[:1]:
        raise ShapeError(
            f"got outputs {outputs.shape} and labels {labels.shape}, expected (n, classes) and "
            "(n,); pass what predict() returned and the labels of the same examples"
        )
