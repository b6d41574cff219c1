"""What is given to a metric, as arrays that fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import shown
from tinygrad_nn.errors import DataError, DTypeError, OptionError, ShapeError

__all__ = ["array", "class_scores", "known", "labels_of", "matched", "predicted"]


def array(caller: str, word: str, given: Any) -> NDArray[Any]:
    """Return an array of numbers: of a tensor, an array or a list.

    Raises:
        DTypeError: It holds other things.
    """
    numbers = np.asarray(given.numpy() if hasattr(given, "numpy") else given)
    if numbers.dtype.kind not in "biuf":
        raise DTypeError(
            f"{caller}: got {word} of dtype {numbers.dtype}, expected numbers; encode names of "
            "classes as 0, 1, ..."
        )
    return numbers


def matched(caller: str, outputs: Any, targets: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return two arrays of one shape as float64.

    Raises:
        ShapeError: The shapes differ.
        DataError: They are empty.
    """
    y, t = array(caller, "outputs", outputs), array(caller, "targets", targets)
    if y.shape != t.shape:
        step = "pass as many of both"
        if y.size == t.size:
            step = f"bring them into one shape, for instance by outputs.reshape({t.shape})"
        raise ShapeError(
            f"{caller}: got outputs {y.shape} and targets {t.shape}, expected one shape; {step}"
        )
    _not_empty(caller, len(t) if t.ndim else 1)
    return y.astype(np.float64), t.astype(np.float64)


def labels_of(caller: str, targets: Any, word: str = "targets") -> NDArray[np.int64]:
    """Return classes as int64: of integers, bools, or floats that are whole.

    Raises:
        DTypeError: They have fractions.
        OptionError: One is negative.
    """
    labels = array(caller, word, targets)
    if labels.dtype.kind == "f" and not (labels == np.round(labels)).all():
        raise DTypeError(
            f"{caller}: got {word} of dtype {labels.dtype} with fractions, expected classes "
            "0, 1, ...; of one-hot or soft rows take argmax(axis=1)"
        )
    labels = labels.astype(np.int64)
    if labels.size and labels.min() < 0:
        raise OptionError(
            f"{caller}: got {word} with {labels.min()}, expected classes from 0 on; leave out "
            "what is to be ignored: outputs[keep], targets[keep]"
        )
    return labels


def predicted(
    caller: str, outputs: Any, targets: Any, threshold: float | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return answers and true classes, both (n,), and how many classes the outputs tell of.

    Integers and bools are classes. Floats (n, classes, ...) are probabilities or logits, of which
    the greatest counts. Floats of the shape of the targets are of two classes, and `threshold`
    says from where on the answer is 1. The number of classes is 0 where the outputs do not tell.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: `threshold` is missing, or a class is out of range.
        DataError: There are no examples.
    """
    y, t = array(caller, "outputs", outputs), labels_of(caller, targets)
    if y.ndim >= 2 and y.ndim == t.ndim + 1 and y.dtype.kind == "f":
        if (y.shape[0], *y.shape[2:]) != t.shape or y.shape[1] == 1:
            raise _misfit(caller, y, t)
        _not_empty(caller, t.size)
        classes = y.shape[1]
        if t.max() >= classes:
            raise OptionError(
                f"{caller}: got a target of class {t.max()}, expected 0 to {classes - 1} for "
                f"outputs of {classes} classes"
            )
        return y.argmax(axis=1).reshape(-1), t.reshape(-1), classes
    if y.shape != t.shape:
        raise _misfit(caller, y, t)
    _not_empty(caller, t.size)
    if y.dtype.kind == "f":
        if threshold is None:
            raise OptionError(
                f"{caller}: got float outputs of two classes {y.shape}, expected threshold=; pass "
                "threshold=0.5 for probabilities, 0 for logits, or integers for classes"
            )
        answers = (y > threshold).astype(np.int64)
        if t.max() > 1:
            raise OptionError(
                f"{caller}: got a target of class {t.max()}, expected 0 or 1 for one output each"
            )
        return answers.reshape(-1), t.reshape(-1), 2
    return labels_of(caller, y, "outputs").reshape(-1), t.reshape(-1), 0


def class_scores(caller: str, outputs: Any, targets: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return scores (n, classes) and true classes (n,).

    Raises:
        ShapeError: The shapes are others.
        OptionError: A class is out of range.
        DataError: There are no examples.
    """
    y, t = array(caller, "outputs", outputs), labels_of(caller, targets)
    if y.ndim < 2 or (y.shape[0], *y.shape[2:]) != t.shape or y.shape[1] == 1:
        raise _misfit(caller, y, t)
    _not_empty(caller, t.size)
    if t.max() >= y.shape[1]:
        raise OptionError(
            f"{caller}: got a target of class {t.max()}, expected 0 to {y.shape[1] - 1} for "
            f"outputs of {y.shape[1]} classes"
        )
    rows = np.moveaxis(y, 1, -1).reshape(-1, y.shape[1])
    return rows, t.reshape(-1)


def _misfit(caller: str, y: NDArray[Any], t: NDArray[Any]) -> ShapeError:
    step = "pass outputs and targets of the same examples"
    if y.ndim == t.ndim + 1 and y.shape[-1] == 1:
        step = "drop the last axis of the outputs: outputs.squeeze(-1)"
    elif t.ndim == y.ndim and y.ndim == 2 and (t.shape[1] == 1 or t.shape == y.shape):
        step = "pass targets of shape (n,): targets.squeeze(-1), or argmax(axis=1) of one-hot rows"
    return ShapeError(
        f"{caller}: got outputs {y.shape} and labels {t.shape}, expected (n, classes) and (n,), or "
        f"(n,) both; {step}"
    )


def _not_empty(caller: str, count: int) -> None:
    if not count:
        raise DataError(f"{caller}: got 0 examples, expected at least 1; check the data set")


def known(caller: str, name: str, value: Any, among: tuple[Any, ...]) -> None:
    """Refuse what is not among the known values."""
    if value not in among:
        raise OptionError(f"{caller}: got {name}={shown(value)}, expected one of {among}")
