"""Metrics of regressions, of language models, and of scores that rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.train.metrics.base import Metric
from tinygrad_nn.train.metrics.given import array, class_scores, known, labels_of, matched

__all__ = [
    "ROCAUC",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Perplexity",
    "R2Score",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "r2_score",
    "roc_auc",
]


class MeanAbsoluteError(Metric):
    """Mean of |output − target| over all numbers."""

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        y, t = matched(self.name, outputs, targets)
        self.add(total=float(abs(y - t).sum()), count=y.size)

    def result(self) -> float:
        """The mean."""
        return float(self.kept["total"] / self.kept["count"])


class MeanSquaredError(Metric):
    """Mean of (output − target)² over all numbers."""

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        y, t = matched(self.name, outputs, targets)
        self.add(total=float(((y - t) ** 2).sum()), count=y.size)

    def result(self) -> float:
        """The mean."""
        return float(self.kept["total"] / self.kept["count"])


class R2Score(Metric):
    """Coefficient of determination; see `r2_score`."""

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in; means and squares are merged as by Chan, Golub and LeVeque 1979."""
        y, t = matched(self.name, outputs, targets)
        y, t = (x.reshape(len(x), -1) if x.ndim else x.reshape(1, 1) for x in (y, t))
        count, mean = len(t), t.mean(axis=0)
        spread, error = ((t - mean) ** 2).sum(axis=0), ((y - t) ** 2).sum(axis=0)
        if self.kept:
            old, total = self.kept["count"], self.kept["count"] + count
            shift = mean - self.kept["mean"]
            spread = spread + self.kept["spread"] + shift**2 * (old * count / total)
            mean, error = self.kept["mean"] + shift * (count / total), error + self.kept["error"]
            count = total
        self.kept = {"count": count, "mean": mean, "spread": spread, "error": error}

    def result(self) -> float:
        """The mean over the outputs of an example."""
        if self.kept["count"] < 2:
            raise DataError("r2_score: got 1 example, expected at least 2: one has no spread")
        spread, error = self.kept["spread"], self.kept["error"]
        flat = spread == 0
        scores = np.where(flat, error == 0, 1 - error / np.where(flat, 1, spread))
        return float(scores.mean())


class Perplexity(Metric):
    """How many equally likely classes the model wavers between; see `perplexity`.

    Args:
        ignore_index: Targets that are left out.
    """

    def __init__(self, ignore_index: int | None = -100) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        y, t = array(self.name, "outputs", outputs), array(self.name, "targets", targets)
        keep = np.ones(t.shape, bool) if self.ignore_index is None else t != self.ignore_index
        # The place of what is left out needs a class that there is.
        rows, labels = class_scores(self.name, y, np.where(keep, t, 0))
        rows, labels = rows[keep.reshape(-1)].astype(np.float64), labels[keep.reshape(-1)]
        top = rows.max(axis=1, keepdims=True, initial=-np.inf)
        whole = np.log(np.exp(rows - top).sum(axis=1)) + top[:, 0]
        own = rows[np.arange(len(labels)), labels]
        self.add(total=float((whole - own).sum()), count=len(labels))

    def result(self) -> float:
        """The perplexity."""
        if not self.kept["count"]:
            raise DataError("perplexity: got 0 targets that count, expected at least 1")
        mean = self.kept["total"] / self.kept["count"]
        return math.exp(mean) if mean < math.log(np.finfo(np.float64).max) else math.inf


class ROCAUC(Metric):
    """Area under the ROC curve; see `roc_auc`. All scores are kept.

    Args:
        average: Of several classes: "macro" or "weighted".
    """

    def __init__(self, average: str = "macro") -> None:
        super().__init__()
        known(self.name, "average", average, ("macro", "weighted"))
        self.average = average

    @property
    def name(self) -> str:
        """`roc_auc`."""
        return "roc_auc"

    def update(self, outputs: Any, targets: Any) -> None:
        """Keep a batch."""
        y = array(self.name, "outputs", outputs)
        if y.ndim == 1:
            rows, labels = matched(self.name, y, labels_of(self.name, targets))
            if labels.max() > 1:
                raise OptionError(
                    f"roc_auc: got a target of class {labels.max():g}, expected 0 or 1 for one "
                    "score each; pass scores of shape (n, classes)"
                )
            rows, labels = rows[:, None], labels.astype(np.int64)
        else:
            rows, labels = class_scores(self.name, y, targets)
        if np.isnan(rows).any():
            raise DataError("roc_auc: got scores that are NaN, expected numbers that can be ranked")
        self.kept.setdefault("scores", []).append(rows.astype(np.float64))
        self.kept.setdefault("targets", []).append(labels.copy())

    def result(self) -> float:
        """The area."""
        scores = np.concatenate(self.kept["scores"])
        labels = np.concatenate(self.kept["targets"])
        if scores.shape[1] <= 2:
            return _area(scores[:, -1], labels == 1, 1)
        counts = np.bincount(labels, minlength=scores.shape[1])
        areas = [_area(column, labels == i, i) for i, column in enumerate(scores.T)]
        weights = counts if self.average == "weighted" else None
        return float(np.average(areas, weights=weights))


def _area(scores: NDArray[Any], is_positive: NDArray[Any], which: int) -> float:
    """Share of the pairs of a positive and a negative that are ranked right, ties as half."""
    positives = int(is_positive.sum())
    negatives = len(scores) - positives
    if not positives or not negatives:
        raise DataError(
            f"roc_auc: got {positives} examples of class {which} and {negatives} others, expected "
            "both; measure on more examples"
        )
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks = (last - (counts - 1) / 2)[place.reshape(-1)]
    above = ranks[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def mean_absolute_error(outputs: Any, targets: Any) -> float:
    """Return the mean of |output − target|; both have one shape.

    Example:
        >>> mean_absolute_error([1.0, 2.0], [0.0, 4.0])
        1.5
    """
    return MeanAbsoluteError().of(outputs, targets)  # type: ignore[no-any-return]


def mean_squared_error(outputs: Any, targets: Any) -> float:
    """Return the mean of (output − target)²; both have one shape.

    Example:
        >>> mean_squared_error([1.0, 2.0], [0.0, 4.0])
        2.5
    """
    return MeanSquaredError().of(outputs, targets)  # type: ignore[no-any-return]


def r2_score(outputs: Any, targets: Any) -> float:
    """Return 1 − Σ(output − target)² / Σ(target − mean)²: 1 is perfect, 0 as good as the mean.

    Of several outputs for each example the mean of their scores. Where all targets are equal it is
    1 if the outputs are right, and 0 otherwise.

    Raises:
        DataError: There are fewer than two examples.

    Example:
        >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
        0.7857142857142857
    """
    return R2Score().of(outputs, targets)  # type: ignore[no-any-return]


def perplexity(outputs: Any, targets: Any, *, ignore_index: int | None = -100) -> float:
    """Return exp of the mean cross-entropy.

    Args:
        outputs: Logits, or logarithms of probabilities, (n, classes, ...).
        targets: Classes (n, ...).
        ignore_index: Targets that are left out.

    Example:
        >>> round(perplexity([[0.0, 0.0, 0.0, 0.0]], [2]), 9)
        4.0
    """
    return Perplexity(ignore_index).of(outputs, targets)  # type: ignore[no-any-return]


def roc_auc(outputs: Any, targets: Any, *, average: str = "macro") -> float:
    """Return how probably an example of class 1 has a greater score than one of class 0.

    Args:
        outputs: Scores (n,) of any scale; or (n, classes), each class against all others.
        targets: Classes (n,).
        average: Of several classes: "macro", or "weighted" by how often they occur.

    Raises:
        DataError: A class has no examples, or has all.

    Example:
        >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        0.75
    """
    return ROCAUC(average).of(outputs, targets)  # type: ignore[no-any-return]
