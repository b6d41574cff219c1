"""Metrics of classifiers that follow from which class was answered."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import OptionError
from tinygrad_nn.train.metrics.base import Metric
from tinygrad_nn.train.metrics.given import class_scores, known, predicted

__all__ = [
    "Accuracy",
    "ConfusionMatrix",
    "F1Score",
    "PerClass",
    "Precision",
    "Recall",
    "TopKAccuracy",
    "accuracy",
    "confusion_matrix",
    "f1_score",
    "precision",
    "recall",
    "top_k_accuracy",
]

_AVERAGES = ("macro", "micro", "weighted", "binary", None)


class Accuracy(Metric):
    """Share of right answers; see `accuracy`.

    Args:
        threshold: From where on a single output means class 1.
    """

    def __init__(self, threshold: float | None = None) -> None:
        super().__init__()
        self.threshold = threshold

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        answers, labels, _ = predicted(self.name, outputs, targets, self.threshold)
        self.add(right=int((answers == labels).sum()), count=len(labels))

    def result(self) -> float:
        """The share."""
        return float(self.kept["right"] / self.kept["count"])


class TopKAccuracy(Metric):
    """Share of examples whose class is among the k likeliest; see `top_k_accuracy`.

    Args:
        k: How many.
    """

    def __init__(self, k: int = 5) -> None:
        super().__init__()
        self.k = whole_number("k", k, 1)

    @property
    def name(self) -> str:
        """`top_5_accuracy`."""
        return f"top_{self.k}_accuracy"

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        scores, labels = class_scores(self.name, outputs, targets)
        if self.k > scores.shape[1]:
            raise OptionError(
                f"{self.name}: got k={self.k} for {scores.shape[1]} classes, expected at most that"
            )
        own = scores[np.arange(len(labels)), labels][:, None]
        # Of equal ones the first counts, as with argmax.
        before = np.arange(scores.shape[1]) < labels[:, None]
        better = ((scores > own) | ((scores == own) & before)).sum(axis=1)
        # A NaN is beaten by nothing and must not pass for a hit.
        hits = (better < self.k) & ~np.isnan(own[:, 0])
        self.add(right=int(hits.sum()), count=len(labels))

    def result(self) -> float:
        """The share."""
        return float(self.kept["right"] / self.kept["count"])


class ConfusionMatrix(Metric):
    """Counts of what each class was taken for; see `confusion_matrix`.

    Args:
        classes: How many classes; by default as many as outputs or answers tell of.
        threshold: From where on a single output means class 1.
    """

    def __init__(self, classes: int | None = None, threshold: float | None = None) -> None:
        super().__init__()
        self.classes = None if classes is None else whole_number("classes", classes, 1)
        self.threshold = threshold

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in."""
        answers, labels, told = predicted(self.name, outputs, targets, self.threshold)
        side = max(told, int(max(answers.max(), labels.max())) + 1)
        if self.classes is not None:
            if side > self.classes:
                raise OptionError(
                    f"{self.name}: got class {side - 1}, expected 0 to {self.classes - 1} for "
                    f"classes={self.classes}"
                )
            side = self.classes
        before = self.kept.get("counts")
        side = side if before is None else max(side, len(before))
        counts = np.bincount(labels * side + answers, minlength=side * side).reshape(side, side)
        if before is not None:
            counts[: len(before), : len(before)] += before
        self.kept["counts"] = counts

    @property
    def counts(self) -> NDArray[np.int64]:
        """The matrix so far."""
        counts: NDArray[np.int64] = self.kept["counts"]
        return counts

    def result(self) -> Any:
        """The matrix."""
        return self.counts.copy()


class PerClass(ConfusionMatrix):
    """Right answers over something, for each class, averaged.

    Args:
        average: "macro": mean over the classes that occur or were answered; "weighted": the same,
            weighted by how often they occur; "micro": over all examples together; "binary": of
            class 1 alone; None: an array with all classes.
        zero_division: What 0/0 is: 0, 1 or NaN, which averages leave out. By default 0, told by a
            warning.
        classes: How many classes; by default as many as outputs or answers tell of.
        threshold: From where on a single output means class 1.
    """

    def __init__(
        self,
        average: str | None = "macro",
        zero_division: float | None = None,
        classes: int | None = None,
        threshold: float | None = None,
    ) -> None:
        super().__init__(classes, threshold)
        known(self.name, "average", average, _AVERAGES)
        is_nan = isinstance(zero_division, float) and np.isnan(zero_division)
        if not is_nan:
            known(self.name, "zero_division", zero_division, (None, 0, 1))
        self.average, self.zero_division = average, zero_division

    def parts(self, right: Any, true: Any, answered: Any) -> tuple[Any, Any]:
        """Numerator and denominator, of right answers, true examples and answers of a class."""
        raise NotImplementedError(f"{type(self).__name__} must define parts")

    def result(self) -> Any:
        """The average, or one number for each class."""
        counts = self.counts
        right, true, answered = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        if self.average == "micro":
            return float(self._divided(*self.parts(right.sum(), true.sum(), answered.sum())))
        occurs = (true > 0) | (answered > 0)
        over, under = self.parts(right, true, answered)
        if self.average is None:
            return self._divided(over, under)
        if self.average == "binary":
            if len(counts) > 2:
                raise OptionError(
                    f"{self.name}: got average='binary' for {len(counts)} classes, expected two; "
                    "pass average='macro'"
                )
            if len(counts) < 2:
                return float(self._divided(np.array([0]), np.array([0]))[0])
            return float(self._divided(over[1:], under[1:])[0])
        shares, weights = self._divided(over[occurs], under[occurs]), true[occurs]
        weights = weights if self.average == "weighted" else np.ones(len(shares))
        kept = ~np.isnan(shares)
        if not weights[kept].sum():
            return float("nan")
        return float(np.average(shares[kept], weights=weights[kept]))

    def _divided(self, over: Any, under: Any) -> Any:
        is_none = np.asarray(under) == 0
        if is_none.any() and self.zero_division is None:
            which = np.flatnonzero(is_none).tolist()
            warnings.warn(
                f"{self.name}: 0/0 for {len(which)} of {is_none.size} classes counts as 0; pass "
                "zero_division= to say so",
                stacklevel=4,
            )
        filler = 0.0 if self.zero_division is None else float(self.zero_division)
        return np.where(is_none, filler, over / np.where(is_none, 1, under))


class Precision(PerClass):
    """Share of right answers among all answers of a class; see `precision`.

    The arguments are those of `PerClass`.
    """

    def parts(self, right: Any, true: Any, answered: Any) -> tuple[Any, Any]:
        """Right answers and answers."""
        return right, answered


class Recall(PerClass):
    """Share of the examples of a class that were found; see `recall`.

    The arguments are those of `PerClass`.
    """

    def parts(self, right: Any, true: Any, answered: Any) -> tuple[Any, Any]:
        """Right answers and examples."""
        return right, true


class F1Score(PerClass):
    """Harmonic mean of precision and recall; see `f1_score`.

    The arguments are those of `PerClass`.
    """

    def parts(self, right: Any, true: Any, answered: Any) -> tuple[Any, Any]:
        """2 · right answers, and answers plus examples."""
        return 2 * right, true + answered


def accuracy(outputs: Any, targets: Any, *, threshold: float | None = None) -> float:
    """Return the share of right answers.

    Args:
        outputs: Probabilities or logits (n, classes, ...), of which the greatest counts; integers
            (n, ...), the classes themselves; or floats (n, ...) of two classes.
        targets: Classes (n, ...).
        threshold: With floats of two classes: from where on the answer is 1, that is 0.5 for
            probabilities and 0 for logits.

    Raises:
        ShapeError: The shapes do not fit.
        DataError: There are no examples.
        OptionError: A class is out of range, or `threshold` is missing.

    Example:
        >>> import numpy as np
        >>> accuracy(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]))
        0.5
    """
    return Accuracy(threshold).of(outputs, targets)  # type: ignore[no-any-return]


def top_k_accuracy(outputs: Any, targets: Any, k: int = 5) -> float:
    """Return the share of examples whose class is among the `k` greatest outputs.

    Of equal outputs the first counts as greater, so that k=1 is `accuracy`.

    Args:
        outputs: Probabilities or logits (n, classes, ...).
        targets: Classes (n, ...).
        k: At most the number of classes.

    Example:
        >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]], [1, 2], k=2)
        0.5
    """
    return TopKAccuracy(k).of(outputs, targets)  # type: ignore[no-any-return]


def confusion_matrix(
    outputs: Any, targets: Any, *, classes: int | None = None, threshold: float | None = None
) -> NDArray[np.int64]:
    """Count, for each class, what its examples were taken for.

    Args:
        outputs: As for `accuracy`.
        targets: Classes.
        classes: How many; by default as many as outputs or answers tell of.
        threshold: As for `accuracy`.

    Returns:
        Shape (classes, classes); entry [i, j] counts the examples of class i read as j.

    Example:
        >>> import numpy as np
        >>> confusion_matrix(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0])).tolist()
        [[1, 1], [0, 0]]
    """
    counts: NDArray[np.int64] = ConfusionMatrix(classes, threshold).of(outputs, targets)
    return counts


def precision(
    outputs: Any,
    targets: Any,
    *,
    average: str | None = "macro",
    zero_division: float | None = None,
    threshold: float | None = None,
) -> Any:
    """Right answers over all answers of a class; arguments as for `accuracy` and `PerClass`.

    Example:
        >>> precision([0, 1, 1, 1], [0, 1, 0, 1], average="binary")
        0.6666666666666666
    """
    return Precision(average, zero_division, None, threshold).of(outputs, targets)


def recall(
    outputs: Any,
    targets: Any,
    *,
    average: str | None = "macro",
    zero_division: float | None = None,
    threshold: float | None = None,
) -> Any:
    """Right answers over all examples of a class; arguments as for `accuracy` and `PerClass`.

    Example:
        >>> recall([0, 1, 1, 1], [0, 1, 0, 1], average=None).tolist()
        [0.5, 1.0]
    """
    return Recall(average, zero_division, None, threshold).of(outputs, targets)


def f1_score(
    outputs: Any,
    targets: Any,
    *,
    average: str | None = "macro",
    zero_division: float | None = None,
    threshold: float | None = None,
) -> Any:
    """2 · precision · recall / (precision + recall) of a class; arguments as for `precision`.

    Example:
        >>> round(f1_score([0, 1, 1, 1], [0, 1, 0, 1]), 3)
        0.733
    """
    return F1Score(average, zero_division, None, threshold).of(outputs, targets)
